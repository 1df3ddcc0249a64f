/*
 * comm - the ranks of a run and what they do together. MPI lives here only.
 *
 * One thread of a process calls this module. Every function marked collective must be called by all ranks in the same
 * order. Waits sleep between polls, they do not spin (R5): MPI's own waits would burn the cores of the compute threads.
 * Without a launcher a run is a single rank and MPI is not started at all.
 *
 * What can fail for one rank alone (memory, files, threads) is asked for first and agreed upon, and only then used
 * together. MPI itself may fail for one rank too, while the others wait in the same call: that rank then takes part in
 * nothing any more, sheaf_comm_failed() says so, and it must end the run with sheaf_comm_abort().
 */
#ifndef SHEAF_COMM_COMM_H
#define SHEAF_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

struct comm;

/* Who we are. */
struct comm_self {
    bool launched; /* by mpirun, srun, … */
    int rank, n_ranks;
    int n_local_ranks; /* ranks on this machine */
    int n_nodes;       /* SHEAF_RANKS_PER_NODE=K in the environment makes a node of every K ranks of a machine, to try
                          what happens between nodes without having them */
    int n_node_ranks;
    int node, node_rank; /* 0 … n_nodes - 1; our place on it: 0 is its leader, and the first node's is rank 0 */
};

/* Whether this process is rank 0 or alone, as far as the launcher's environment tells: for what is to be said once
   before MPI is started. */
bool sheaf_comm_is_first(void);

/* Starts MPI where a launcher (mpirun, srun, …) started us. Collective. */
int sheaf_comm_open(struct comm **comm, struct sheaf_error *error);

struct comm_self sheaf_comm_self(const struct comm *comm);

/* Ends MPI; where it has failed, the run. Collective; takes NULL. */
void sheaf_comm_close(struct comm *comm);

/* Whether MPI has failed for this rank. */
bool sheaf_comm_failed(const struct comm *comm);

/* Ends the whole run at once, for a rank that cannot go on with the others. */
void sheaf_comm_abort(struct comm *comm, int exit_code);

/* All ranks learn whether all succeeded: 0 if every rank passed rc == 0; else -1, with the error of the lowest rank
   that failed in everybody's *error. Collective. */
int sheaf_comm_agree(struct comm *comm, int rc, struct sheaf_error *error);

/* Rank 0's value, to all. Collective. */
int sheaf_comm_broadcast_value(struct comm *comm, int64_t *value, struct sheaf_error *error);

/* Rank 0's bytes, to all. The others' buffers are resized. Collective. */
int sheaf_comm_broadcast(struct comm *comm, struct sheaf_buffer *buffer, struct sheaf_error *error);

/* A node's leader's n_bytes, to the ranks of its node. Collective. */
int sheaf_comm_broadcast_node(struct comm *comm, void *bytes, size_t n_bytes, struct sheaf_error *error);

/* Rank 0's rows[n_ranks][n_bytes], one to each rank. Collective. */
int sheaf_comm_scatter(struct comm *comm, const void *rows, void *row, size_t n_bytes, struct sheaf_error *error);

/* Each rank's row[n_bytes] into rank 0's rows[n_ranks][n_bytes]. Collective. */
int sheaf_comm_gather(struct comm *comm, const void *row, void *rows, size_t n_bytes, struct sheaf_error *error);

/* A region of memory that the ranks of a node share, by its name, for as long as the stage or the session lasts. At most
   COMM_REGIONS at a time. */
enum { COMM_REGIONS = 48 };
enum comm_life { COMM_STAGE, COMM_SESSION };
struct comm_region {
    const char *name; /* borrowed */
    enum comm_life life;
    const char *
        file; /* a name in /dev/shm that it is to have on each node besides, for other programs; NULL: none. The leader's
                         counts, who removes it */
};

/* Memory that all ranks of a node share: rank 0 fills it with `fill(context, memory)`, the bytes are copied once to
   each node and are read-only afterwards. *memory is NULL for 0 bytes, 64-byte aligned else. Collective; agrees on the
   outcome. */
int sheaf_comm_share(struct comm *comm, struct comm_region region, size_t n_bytes,
                     int (*fill)(void *context, void *memory, struct sheaf_error *), void *context, const void **memory,
                     struct sheaf_error *error);

/* Memory that all ranks of a node read and write, 64-byte aligned, its contents undefined; the leader's n_bytes count.
   Collective; agrees on the outcome. */
int sheaf_comm_node_memory(struct comm *comm, struct comm_region region, size_t n_bytes, void **memory,
                           struct sheaf_error *error);

/* Gives up this rank's view of the regions of a stage, which has ended. Those that are left end with sheaf_comm_close. */
void sheaf_comm_end_stage(struct comm *comm);

/* Whether this node has room for them, in /dev/shm where several ranks share. Not collective. */
bool sheaf_comm_has_room(const struct comm *comm, size_t n_bytes);

/* Messages between two ranks. Their size is free, also beyond 2^31 bytes. */

/* Starts to send the buffer's bytes; `slot` says which sending this is, 0 … COMM_SLOTS - 1, and must be free. The
   buffer stays untouched until sheaf_comm_sent says so. */
#define COMM_SLOTS 64
int sheaf_comm_send(struct comm *comm, int slot, int to, int tag, const struct sheaf_buffer *buffer,
                    struct sheaf_error *error);

/* Whether the slot is free: nothing was sent, or it has left. */
int sheaf_comm_sent(struct comm *comm, int slot, bool *sent, struct sheaf_error *error);

/* Looks whether a message has come: *got, who sent it, its tag, and its size, which is a multiple of 64 (the tail
   undefined). It must then be taken, into memory of that size, before the next look. */
int sheaf_comm_look(struct comm *comm, bool *got, int *from, int *tag, size_t *n_bytes, struct sheaf_error *error);
int sheaf_comm_take(struct comm *comm, void *data, struct sheaf_error *error);

#endif
