#include "app/messages.h"

#include <string.h>

/* What the ranks of a node share. */
struct shared_rows {
    _Atomic(int64_t) n_failures;
    struct noted noted[]; /* of rank 0's sink, on its node */
};

/* A message that is sent for an item which has a row, which was done before, or which is not asked for, takes no row of the
   table; so where there are such, what was sent does not tell when the table is full. */
static enum messages_way find_way(const struct comm_self *self, const struct row_sink *sink, bool all_take_rows) {
    if (!sink)
        return MESSAGES_SENT;
    if (self->node == 0)
        return MESSAGES_WRITTEN;
    return all_take_rows && !sink->mixed ? MESSAGES_SENT_FIRST : MESSAGES_SENT;
}

int sheaf_messages_share(struct comm *comm, struct row_sink *sink, bool is_whole, enum messages_way *way,
                         struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    int64_t n_used = self.rank == 0 ? atomic_load(&sink->n_failures) : 0;
    int64_t n_noted = self.rank == 0 ? sink->n_noted : 0;
    void *memory = NULL;
    if (sheaf_comm_broadcast_value(comm, &n_used, error))
        return -1;
    if (sheaf_comm_broadcast_value(comm, &n_noted, error))
        return -1;
    if (sheaf_comm_node_memory(comm, (struct comm_region){"the table of errors", COMM_STAGE, NULL},
                               sizeof(struct shared_rows) + (size_t)n_noted * sizeof(struct noted), &memory, error))
        return -1;
    struct shared_rows *rows = memory;
    if (self.node_rank == 0)
        atomic_store(&rows->n_failures, n_used);
    if (self.rank == 0 && n_noted)
        memcpy(rows->noted, sink->noted, (size_t)n_noted * sizeof *rows->noted);
    if (sheaf_comm_agree(comm, 0, error)) /* the leaders have filled it */
        return -1;
    *way = find_way(&self, sink, is_whole && n_noted == 0);
    if (!sink)
        return 0;
    sink->node_failures = &rows->n_failures;
    if (self.node == 0 && self.rank != 0) {
        sink->noted = rows->noted;
        sink->n_noted = n_noted;
    }
    return 0;
}

void sheaf_messages_unshare(struct row_sink *sink) {
    if (!sink || !sink->node_failures)
        return;
    atomic_store(&sink->n_failures, atomic_load(sink->node_failures));
    sink->node_failures = NULL;
}
