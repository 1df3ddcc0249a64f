/*
 * team - the threads of a rank: one parallel region for the length of a run, in which thread 0 talks and the others
 * compute (R3). OpenMP lives here only.
 *
 * Thread 0 posts chunks; compute threads take grains of blocks from them in order, run the kernel, and either write
 * the rows through the sink or leave them in the chunk for thread 0 to ship. Whoever has nothing to do sleeps on a
 * futex: no barriers, no spinning.
 */
#ifndef SHEAF_EXEC_TEAM_H
#define SHEAF_EXEC_TEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "kernel/binding.h"
#include "plan/chunk.h"
#include "plan/row_sink.h"

/* Chunks that may be posted and unfinished at a time. */
#define TEAM_CHUNKS 4

struct team;

/* Cores that this process may use: what it was bound to from outside, also where OMP_PROC_BIND has bound the calling
   thread to one of them since. */
int sheaf_team_cores(void);

/* What the team has done so far; a snapshot. */
struct team_counts {
    int64_t n_done, n_failed; /* items written through the sink */
    double busy_s;            /* inside the kernel, summed over threads */
    double block_s;           /* what a block costs at present, 0 while unknown */
};

/* A team of n_threads compute threads for an opened kernel. `shared` is its shared data, `sink` where rows go or NULL
   where they wait in the chunk. All are borrowed. */
int sheaf_team_open(struct team **team, int n_threads, const struct binding *kernel, const void *shared,
                    struct row_sink *sink, struct sheaf_error *error);

/* Runs talk(context) on the calling thread while the others compute; returns when talk has returned and every thread
   has left its grain. Unfinished chunks are abandoned then. */
int sheaf_team_run(struct team *team, void (*talk)(void *context), void *context, struct sheaf_error *error);

/* For thread 0, inside talk. */

/* Gives the team a chunk to compute; it belongs to the team until chunk->n_unfinished is 0. */
void sheaf_team_post(struct team *team, struct chunk *chunk);

/* Begins no more grains; those at work are finished. What was posted and not taken is given back. */
void sheaf_team_drain(struct team *team);

/* Whether the team drains and every grain is finished. */
bool sheaf_team_idle(struct team *team);

/* Moves the messages of items that failed, since the last call, to the end of failures[*n]; the array grows and is the
   caller's. Only where there is no sink. */
int sheaf_team_failures(struct team *team, struct failure **failures, int64_t *n, int64_t *most,
                        struct sheaf_error *error);

struct team_counts sheaf_team_counts(struct team *team);

/* Whether a thread had to give up (a write failed, no memory); *error says why. */
bool sheaf_team_broken(struct team *team, struct sheaf_error *error);

/* Sleeps until a chunk is finished, the team is broken or has drained, for at most timeout_s seconds. `seen` is what
   sheaf_team_events gave before the caller looked around; nothing that happened since is missed. */
uint32_t sheaf_team_events(struct team *team);
void sheaf_team_wait(struct team *team, uint32_t seen, double timeout_s);

void sheaf_team_close(struct team *team);

#endif
