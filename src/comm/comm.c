#include "comm/comm.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "comm/shared.h"
#include "core/nap.h"
#include "core/type.h"

struct comm {
    struct comm_self self;
    bool solo; /* no launcher: MPI is not used */
    MPI_Comm all, node, leaders;
    MPI_Datatype unit; /* SHEAF_ALIGN bytes: an int count of them reaches 2^37 bytes */
    MPI_Request sends[COMM_SLOTS];
    struct {
        struct comm_region what;
        struct shared memory;
    } regions[COMM_REGIONS]; /* that a node has in common; without a name: unused */
    bool failed;             /* MPI did: nothing is done together any more, */
    struct sheaf_error why;
    MPI_Message found; /* looked at and not taken */
    int found_units;
};

/* The variables by which launchers tell a process that it is one of many: PMIx (mpirun, srun --mpi=pmix), PMI (MPICH,
   Intel MPI, srun --mpi=pmi2), Open MPI's own, HPE's PALS, Flux. */
static bool launched(void) {
    static const char *const names[] = {
        "OMPI_COMM_WORLD_SIZE", "PMIX_RANK",           "PMI_RANK",      "PMI_SIZE", "PMI_FD",
        "PALS_RANKID",          "MV2_COMM_WORLD_SIZE", "FLUX_TASK_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            return true;
    return false;
}

bool sheaf_comm_is_first(void) {
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK",           "PMI_RANK",
                                        "PALS_RANKID",          "MV2_COMM_WORLD_RANK", "FLUX_TASK_RANK"};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        const char *rank = getenv(ranks[i]);
        if (rank)
            return strcmp(rank, "0") == 0;
    }
    return true;
}

/* Passes on why nothing is done together any more. */
static int cannot(const struct comm *comm, struct sheaf_error *error) {
    if (error)
        *error = comm->why;
    return -1;
}

/* What MPI returned. Where a call of it failed the others may be waiting in theirs: this rank takes part in nothing any
   more, until the run is aborted. */
static int check(struct comm *comm, int rc, const char *what, struct sheaf_error *error) {
    if (rc == MPI_SUCCESS)
        return 0;
    comm->failed = true;
    char text[MPI_MAX_ERROR_STRING];
    int n = 0;
    MPI_Error_string(rc, text, &n);
    sheaf_fail(&comm->why, "MPI: rank %d cannot %s: %.*s", comm->self.rank, what, n, text);
    return cannot(comm, error);
}

/* Waits asleep. */
static int wait_asleep(struct comm *comm, MPI_Request *request, const char *what, struct sheaf_error *error) {
    int done = 0;
    for (struct sheaf_nap nap = {0};;) {
        if (check(comm, MPI_Test(request, &done, MPI_STATUS_IGNORE), what, error))
            return -1;
        if (done)
            return 0;
        nanosleep(&(struct timespec){0, (long)(1e9 * sheaf_nap_next(&nap))}, NULL);
    }
}

/* The ranks that share a node: those of a machine, or as many of them as SHEAF_RANKS_PER_NODE says. */
static int find_node(struct comm *comm, struct sheaf_error *error) {
    const char *text = getenv("SHEAF_RANKS_PER_NODE");
    long most = text ? strtol(text, NULL, 10) : 0;
    int local_rank = 0;
    MPI_Comm machine = MPI_COMM_NULL;
    if (check(comm, MPI_Comm_split_type(comm->all, MPI_COMM_TYPE_SHARED, comm->self.rank, MPI_INFO_NULL, &machine),
              "find the ranks of a machine", error))
        return -1;
    MPI_Comm_size(machine, &comm->self.n_local_ranks);
    MPI_Comm_rank(machine, &local_rank);
    int group = most > 0 && most < INT_MAX ? local_rank / (int)most : 0;
    int rc =
        check(comm, MPI_Comm_split(machine, group, comm->self.rank, &comm->node), "find the ranks of a node", error);
    MPI_Comm_free(&machine);
    if (rc == 0)
        MPI_Comm_rank(comm->node, &comm->self.node_rank);
    if (rc == 0)
        MPI_Comm_size(comm->node, &comm->self.n_node_ranks);
    return rc;
}

/* Numbers the nodes, through their leaders. */
static int find_nodes(struct comm *comm, struct sheaf_error *error) {
    int node[2] = {0, 0};
    bool leads = comm->self.node_rank == 0;
    if (check(comm, MPI_Comm_split(comm->all, leads ? 0 : MPI_UNDEFINED, comm->self.rank, &comm->leaders),
              "find the nodes", error))
        return -1;
    if (leads) {
        MPI_Comm_rank(comm->leaders, &node[0]);
        MPI_Comm_size(comm->leaders, &node[1]);
    }
    if (check(comm, MPI_Bcast(node, 2, MPI_INT, 0, comm->node), "count the nodes", error))
        return -1;
    comm->self.node = node[0];
    comm->self.n_nodes = node[1];
    return 0;
}

static int open_mpi(struct comm *comm, struct sheaf_error *error) {
    int provided = 0;
    if (check(comm, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "start", error))
        return -1;
    if (provided < MPI_THREAD_FUNNELED)
        return sheaf_fail(error, "MPI: does not allow threads (MPI_THREAD_FUNNELED); use a library that does");
    if (check(comm, MPI_Comm_dup(MPI_COMM_WORLD, &comm->all), "copy the communicator", error))
        return -1;
    MPI_Comm_set_errhandler(comm->all, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm->all, &comm->self.rank);
    MPI_Comm_size(comm->all, &comm->self.n_ranks);
    if (find_node(comm, error) || find_nodes(comm, error) ||
        check(comm, MPI_Type_contiguous(SHEAF_ALIGN, MPI_BYTE, &comm->unit), "make a type", error))
        return -1;
    return check(comm, MPI_Type_commit(&comm->unit), "make a type", error);
}

int sheaf_comm_open(struct comm **made, struct sheaf_error *error) {
    struct comm *comm = calloc(1, sizeof *comm);
    *made = comm;
    if (!comm)
        return sheaf_fail_memory(error, "the ranks");
    comm->all = comm->node = comm->leaders = MPI_COMM_NULL;
    comm->unit = MPI_DATATYPE_NULL;
    for (int i = 0; i < COMM_SLOTS; i++)
        comm->sends[i] = MPI_REQUEST_NULL;
    comm->solo = !launched();
    comm->self =
        (struct comm_self){.launched = !comm->solo, .n_ranks = 1, .n_local_ranks = 1, .n_node_ranks = 1, .n_nodes = 1};
    if (!comm->solo && open_mpi(comm, error))
        return -1;
    if (comm->self.node_rank == 0)
        sheaf_shared_sweep();
    return 0;
}

struct comm_self sheaf_comm_self(const struct comm *comm) {
    return comm->self;
}

static void close_regions(struct comm *comm, enum comm_life last) {
    for (int i = 0; i < COMM_REGIONS; i++)
        if (comm->regions[i].what.name && comm->regions[i].what.life <= last) {
            sheaf_shared_close(&comm->regions[i].memory);
            comm->regions[i].what.name = NULL;
        }
}

void sheaf_comm_end_stage(struct comm *comm) {
    if (comm)
        close_regions(comm, COMM_STAGE);
}

void sheaf_comm_close(struct comm *comm) {
    if (!comm)
        return;
    if (!comm->solo) {
        int started = 0;
        MPI_Initialized(&started);
        if (comm->failed && started) /* the others would wait for ever, and so would we */
            MPI_Abort(MPI_COMM_WORLD, SHEAF_EXIT_ENVIRONMENT);
        if (comm->unit != MPI_DATATYPE_NULL)
            MPI_Type_free(&comm->unit);
        if (comm->leaders != MPI_COMM_NULL)
            MPI_Comm_free(&comm->leaders);
        if (comm->node != MPI_COMM_NULL)
            MPI_Comm_free(&comm->node);
        if (comm->all != MPI_COMM_NULL)
            MPI_Comm_free(&comm->all);
        if (started)
            MPI_Finalize();
    }
    close_regions(comm, COMM_SESSION);
    free(comm);
}

bool sheaf_comm_failed(const struct comm *comm) {
    return comm->failed;
}

void sheaf_comm_abort(struct comm *comm, int exit_code) {
    if (comm && !comm->solo)
        MPI_Abort(MPI_COMM_WORLD, exit_code);
}

/* --- together ------------------------------------------------------------------------------------------------------ */

int sheaf_comm_agree(struct comm *comm, int rc, struct sheaf_error *error) {
    if (comm->failed)
        return cannot(comm, error);
    if (comm->solo)
        return rc ? -1 : 0;
    struct sheaf_error own = {0};
    MPI_Request request;
    int failed = rc ? comm->self.rank : INT_MAX, lowest = INT_MAX;
    if (check(comm, MPI_Iallreduce(&failed, &lowest, 1, MPI_INT, MPI_MIN, comm->all, &request), "agree", error) ||
        wait_asleep(comm, &request, "agree", error))
        return -1;
    if (lowest == INT_MAX)
        return 0;
    if (lowest == comm->self.rank && error)
        own = *error;
    if (check(comm, MPI_Ibcast(&own, sizeof own, MPI_BYTE, lowest, comm->all, &request), "agree", error) ||
        wait_asleep(comm, &request, "agree", error))
        return -1;
    if (error)
        *error = own;
    return -1;
}

/* Broadcast in pieces that an int can count. */
static int broadcast_bytes(struct comm *comm, MPI_Comm among, void *data, size_t n_bytes, struct sheaf_error *error) {
    static const size_t most = (size_t)1 << 30;
    MPI_Request request;
    if (comm->failed)
        return cannot(comm, error);
    for (size_t at = 0; at < n_bytes; at += most) {
        int n = (int)(n_bytes - at < most ? n_bytes - at : most);
        if (check(comm, MPI_Ibcast((char *)data + at, n, MPI_BYTE, 0, among, &request), "broadcast", error) ||
            wait_asleep(comm, &request, "broadcast", error))
            return -1;
    }
    return 0;
}

int sheaf_comm_broadcast_value(struct comm *comm, int64_t *value, struct sheaf_error *error) {
    return comm->solo ? 0 : broadcast_bytes(comm, comm->all, value, sizeof *value, error);
}

int sheaf_comm_broadcast(struct comm *comm, struct sheaf_buffer *buffer, struct sheaf_error *error) {
    if (comm->solo)
        return 0;
    int64_t n_bytes = (int64_t)buffer->n_bytes;
    if (sheaf_comm_broadcast_value(comm, &n_bytes, error))
        return -1;
    int rc = comm->self.rank == 0 ? 0 : sheaf_buffer_resize(buffer, (size_t)n_bytes, error);
    if (sheaf_comm_agree(comm, rc, error))
        return -1;
    return broadcast_bytes(comm, comm->all, buffer->data, (size_t)n_bytes, error);
}

int sheaf_comm_scatter(struct comm *comm, const void *rows, void *row, size_t n_bytes, struct sheaf_error *error) {
    MPI_Request request;
    if (comm->solo) {
        memcpy(row, rows, n_bytes);
        return 0;
    }
    if (comm->failed)
        return cannot(comm, error);
    if (check(comm, MPI_Iscatter(rows, (int)n_bytes, MPI_BYTE, row, (int)n_bytes, MPI_BYTE, 0, comm->all, &request),
              "scatter", error))
        return -1;
    return wait_asleep(comm, &request, "scatter", error);
}

int sheaf_comm_gather(struct comm *comm, const void *row, void *rows, size_t n_bytes, struct sheaf_error *error) {
    MPI_Request request;
    if (comm->solo) {
        memcpy(rows, row, n_bytes);
        return 0;
    }
    if (comm->failed)
        return cannot(comm, error);
    if (check(comm, MPI_Igather(row, (int)n_bytes, MPI_BYTE, rows, (int)n_bytes, MPI_BYTE, 0, comm->all, &request),
              "gather", error))
        return -1;
    return wait_asleep(comm, &request, "gather", error);
}

static const size_t spare_bytes = (size_t)1 << 20; /* for what MPI adds */

int sheaf_comm_broadcast_node(struct comm *comm, void *bytes, size_t n_bytes, struct sheaf_error *error) {
    return comm->solo ? 0 : broadcast_bytes(comm, comm->node, bytes, n_bytes, error);
}

/* --- memory of a node ---------------------------------------------------------------------------------------------- */

static bool has_room(size_t n_bytes) {
    struct statvfs about;
    return statvfs("/dev/shm", &about) == 0 && n_bytes + spare_bytes <= (size_t)about.f_bavail * about.f_frsize;
}

bool sheaf_comm_has_room(const struct comm *comm, size_t n_bytes) {
    return comm->self.n_node_ranks == 1 || has_room(n_bytes);
}

/* The leader's part, before the others look for it. */
static int make_memory(struct comm *comm, struct shared *shared, size_t n_bytes, const char *file, bool reserves,
                       struct sheaf_error *error) {
    if (comm->self.n_node_ranks == 1 && !file)
        return sheaf_shared_alone(shared, n_bytes, error);
    if (!has_room(n_bytes))
        return sheaf_shared_no_room(n_bytes, error);
    return sheaf_shared_make(shared, n_bytes, reserves, error);
}

/* All ranks agree before they find the leader's memory, and after. */
static int find_memory(struct comm *comm, struct shared *shared, size_t n_bytes, struct sheaf_error *error) {
    char name[SHARED_NAME_BYTES] = "";
    memcpy(name, shared->name, sizeof name);
    if (broadcast_bytes(comm, comm->node, name, sizeof name, error))
        return -1;
    int rc = comm->self.node_rank == 0 ? 0 : sheaf_shared_find(shared, name, n_bytes, error);
    return sheaf_comm_agree(comm, rc, error);
}

/* A place in the table, the same on all ranks, or -1. */
static int free_region(const struct comm *comm) {
    for (int i = 0; i < COMM_REGIONS; i++)
        if (!comm->regions[i].what.name)
            return i;
    return -1;
}

static int make_region(struct comm *comm, struct comm_region region, size_t n_bytes, bool reserves, void **memory,
                       struct sheaf_error *error) {
    const int which = free_region(comm);
    int rc = 0;
    *memory = NULL;
    if (which < 0)
        return sheaf_comm_agree(
            comm, sheaf_fail(error, "%s: more than %d memories are shared", region.name, COMM_REGIONS), error);
    struct shared *shared = &comm->regions[which].memory;
    comm->regions[which].what = region;
    n_bytes = sheaf_round_up(n_bytes, (size_t)sysconf(_SC_PAGESIZE));
    if (comm->self.node_rank == 0)
        rc = make_memory(comm, shared, n_bytes, region.file, reserves, error);
    if (rc == 0 && comm->self.node_rank == 0 && region.file)
        rc = sheaf_shared_link(shared, region.file, error);
    rc = sheaf_comm_agree(comm, rc, error);
    if (rc == 0 && !comm->solo)
        rc = find_memory(comm, shared, n_bytes, error);
    sheaf_shared_unname(shared);
    *memory = shared->pages;
    return rc;
}

/* Of chunks many pages may never be used: they are taken as they are. */
int sheaf_comm_node_memory(struct comm *comm, struct comm_region region, size_t n_bytes, void **memory,
                           struct sheaf_error *error) {
    return make_region(comm, region, n_bytes, false, memory, error);
}

/* From rank 0's node to the others. */
static int spread(struct comm *comm, void *memory, size_t n_bytes, struct sheaf_error *error) {
    MPI_Request request;
    int rc = comm->leaders != MPI_COMM_NULL ? broadcast_bytes(comm, comm->leaders, memory, n_bytes, error) : 0;
    return sheaf_comm_agree(comm, rc, error) ||
                   check(comm, MPI_Ibarrier(comm->node, &request), "share memory on a node", error) ||
                   wait_asleep(comm, &request, "share memory on a node", error)
               ? -1
               : 0;
}

int sheaf_comm_share(struct comm *comm, struct comm_region region, size_t n_bytes,
                     int (*fill)(void *context, void *memory, struct sheaf_error *), void *context, const void **memory,
                     struct sheaf_error *error) {
    void *at = NULL;
    size_t n_pages_bytes = sheaf_round_up(n_bytes, (size_t)sysconf(_SC_PAGESIZE));
    *memory = NULL;
    if (n_bytes == 0)
        return 0;
    if (make_region(comm, region, n_bytes, true, &at, error))
        return -1;
    int rc = 0;
    if (comm->self.rank == 0) {
        memset(at, 0, n_pages_bytes);
        rc = fill(context, at, error);
    }
    if (sheaf_comm_agree(comm, rc, error))
        return -1;
    *memory = at;
    if (!comm->solo && spread(comm, at, n_bytes, error))
        return -1;
    mprotect(at, n_pages_bytes, PROT_READ); /* a kernel that writes there is caught; no harm where it cannot be done */
    if (region.file && comm->self.node_rank == 0)
        chmod(region.file, S_IRUSR); /* and so is another program that does */
    return 0;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

int sheaf_comm_send(struct comm *comm, int slot, int to, int tag, const struct sheaf_buffer *buffer,
                    struct sheaf_error *error) {
    /* A buffer's capacity is a multiple of a unit, so the last unit is whole. */
    size_t n_units = sheaf_round_up(buffer->n_bytes, SHEAF_ALIGN) / SHEAF_ALIGN;
    if (comm->failed)
        return cannot(comm, error);
    if (n_units > INT_MAX)
        return sheaf_fail(error, "a message of %zu GB is too large; make blocks smaller", buffer->n_bytes >> 30);
    return check(comm, MPI_Isend(buffer->data, (int)n_units, comm->unit, to, tag, comm->all, &comm->sends[slot]),
                 "send", error);
}

int sheaf_comm_sent(struct comm *comm, int slot, bool *sent, struct sheaf_error *error) {
    int done = 1;
    if (comm->failed)
        return cannot(comm, error);
    if (comm->sends[slot] != MPI_REQUEST_NULL &&
        check(comm, MPI_Test(&comm->sends[slot], &done, MPI_STATUS_IGNORE), "send", error))
        return -1;
    *sent = done != 0;
    return 0;
}

int sheaf_comm_look(struct comm *comm, bool *got, int *from, int *tag, size_t *n_bytes, struct sheaf_error *error) {
    MPI_Status status;
    int waiting = 0;
    *got = false;
    if (comm->solo)
        return 0;
    if (comm->failed)
        return cannot(comm, error);
    if (check(comm, MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm->all, &waiting, &comm->found, &status), "receive",
              error))
        return -1;
    if (!waiting)
        return 0;
    if (check(comm, MPI_Get_count(&status, comm->unit, &comm->found_units), "receive", error))
        return -1;
    *got = true;
    *from = status.MPI_SOURCE;
    *tag = status.MPI_TAG;
    *n_bytes = (size_t)comm->found_units * SHEAF_ALIGN;
    return 0;
}

int sheaf_comm_take(struct comm *comm, void *data, struct sheaf_error *error) {
    return check(comm, MPI_Mrecv(data, comm->found_units, comm->unit, &comm->found, MPI_STATUS_IGNORE), "receive",
                 error);
}
