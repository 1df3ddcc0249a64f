/*
 * children - what this process has under it: its children, and orphans of theirs where it is their reaper.
 */
#ifndef SHEAF_PROCESS_CHILDREN_H
#define SHEAF_PROCESS_CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

/* Sends KILL to all children but spared[n_spared], and says how many there were. Their own children come under us when
   they have died, so it is to be called until it gives 0. Where /proc is not mounted it finds none. */
int sheaf_children_kill(const pid_t *spared, size_t n_spared);

#endif
