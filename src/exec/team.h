/*
 * team - the threads of a rank: one parallel region for the length of a run, in which thread 0 talks and the others
 * compute (R3). OpenMP lives here only.
 *
 * Compute threads draw grains from a pool, run the kernel into parcels, and either write the rows through the sink or
 * leave the parcels for thread 0 to send. Whoever has nothing to do sleeps on a futex: no barriers, no spinning.
 */
#ifndef SHEAF_EXEC_TEAM_H
#define SHEAF_EXEC_TEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/file.h"
#include "kernel/binding.h"
#include "plan/chunk.h"
#include "plan/flight.h"
#include "plan/fold.h"
#include "plan/parcel.h"
#include "plan/pool.h"
#include "plan/proof.h"
#include "plan/row_sink.h"

struct team;

/* Cores that this process may use: what it was bound to from outside, also where OMP_PROC_BIND has bound the calling
   thread to one of them since. */
int sheaf_team_cores(void);

/* Who writes the messages of failed items into the table of errors: the rank that computed the item, or rank 0, which the
   whole block is sent to for that; always, or until the table is full. */
enum messages_way { MESSAGES_WRITTEN, MESSAGES_SENT, MESSAGES_SENT_FIRST };

/* All pointers are borrowed. */
struct team_setup {
    int n_threads; /* that compute */
    const struct binding *kernel;
    const struct chunk_shape *shape;
    const void *shared; /* the kernel's shared data */
    struct pool *pool;
    bool leads;            /* thread 0 feeds the pool, and is woken when that is due */
    struct row_sink *sink; /* where rows are written, or NULL: all are sent */
    int first_slot;        /* of this rank's threads among those of its node */
    enum messages_way messages;
    int64_t hopeless_failed;         /* items of each thread, see team_counts.hopeless */
    bool tells_failures;             /* thread 0 is woken by each block with failed items: too many end the run */
    double checkpoint_s;             /* how often rows are synced; 0: never */
    struct flight flight;            /* the first thread's row of notes; the others' follow. Without sink: none */
    off_t flights_end;               /* where the table of notes ends */
    const char *input;               /* a file of which fields are mapped, or NULL */
    const struct sheaf_stamp *stamp; /* that it must still have when its values are written */
    struct proof *proof;             /* of the values that are mapped, or NULL; */
    const struct fold_plan *fold;    /* what is put together of all items; NULL: nothing */
    double check_s;                  /* looked at after each grain; where it is not 0, only this often */
};

/* What the team has done so far; a snapshot. */
struct team_counts {
    int64_t n_done, n_failed; /* items written through the sink */
    double longest_s;         /* that the kernel took for a block, */
    double flush_s;           /* and that rows took to be made safe */
    double busy_s;            /* inside the kernel, summed over threads */
    bool hopeless;            /* no item of any thread is done, and setup.hopeless_failed of each have failed */
};

int sheaf_team_open(struct team **team, const struct team_setup *setup, struct sheaf_error *error);

/* Runs talk(context) on the calling thread while the others compute; returns when talk has returned and every thread
   has left its grain. */
int sheaf_team_run(struct team *team, void (*talk)(void *context), void *context, struct sheaf_error *error);

/* For thread 0, inside talk. */

/* Begins no more grains; those at work are finished. */
void sheaf_team_drain(struct team *team);

/* Whether no thread is at work on a grain. After a drain, or when the pool is closed and empty, it stays so. */
bool sheaf_team_idle(struct team *team);

/* Takes the parcels that are to be sent: a list, in order, NULL if there are none. Give them back with
   sheaf_team_return. *n_bytes is their size. */
struct parcel *sheaf_team_parcels(struct team *team, size_t *n_bytes);
void sheaf_team_return(struct team *team, struct parcel *parcels);

/* Syncs rows if that is long due and no other thread has; they do it between grains, which may be hours apart. */
int sheaf_team_checkpoint(struct team *team, struct sheaf_error *error);

/* Voids what the threads have noted, for a run that leaves while they are at work. */
int sheaf_team_clear_notes(struct team *team, struct sheaf_error *error);

struct team_counts sheaf_team_counts(struct team *team);

/* Merges what the threads have folded into a block of plan/fold.h: after the last grain. */
void sheaf_team_folded(const struct team *team, char *block);

/* Whether a thread had to give up (a write failed, no memory); *error says why. */
bool sheaf_team_broken(struct team *team, struct sheaf_error *error);

/* Sleeps until there is something to do for thread 0, for at most timeout_s seconds. `seen` is what sheaf_team_events
   gave before the caller looked around; nothing that happened since is missed. */
uint32_t sheaf_team_events(struct team *team);
void sheaf_team_wait(struct team *team, uint32_t seen, double timeout_s);

void sheaf_team_close(struct team *team);

#endif
