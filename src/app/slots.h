/*
 * slots - how many items may run at once on a node, for the sake of its memory and its GPUs.
 */
#ifndef SHEAF_APP_SLOTS_H
#define SHEAF_APP_SLOTS_H

#include "comm/comm.h"
#include "core/error.h"
#include "job/job.h"

/* Lowers *n_threads, this rank's, where the job says what an item needs; refuses where not even one item a rank fits.
   Not collective. */
int sheaf_slots_limit(const struct job *job, const struct comm_self *self, int *n_threads, struct sheaf_error *error);

/* The number of this rank's first thread among those of its node. Collective; agrees on the outcome. */
int sheaf_slots_number(struct comm *comm, int n_threads, int *first, struct sheaf_error *error);

#endif
