/*
 * sameness - whether all ranks run the same: one that has another plugin, or was called otherwise, would compute other
 * rows than the rest.
 */
#ifndef SHEAF_APP_SAMENESS_H
#define SHEAF_APP_SAMENESS_H

#include "app/stage.h"

/* Whether all ranks are of one version of Sheaf, and were called with the same values for the job. Collective; agrees on
   the outcome. */
int sheaf_same_call(struct session *session);

/* Whether all have opened the same kernel, and see the same files that its params name: those on disks of a node's own are
   read by one rank of each node, of others there is only one. Collective; agrees on the outcome. */
int sheaf_same_kernel(struct stage *stage);

#endif
