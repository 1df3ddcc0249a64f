#include "app/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/interrupt.h"
#include "core/type.h"

static const double check_remote_s = 1; /* looking at a file on a server takes a question to it */

/* What rank 0 tells the others; places[n_inputs] and columns[n_outputs] follow. */
struct invitation {
    int32_t all;      /* to every rank, not only to rank 0's node */
    int32_t required; /* to go on with less would not be what the job asks for */
    int32_t maps_input, maps_results, writes;
    int32_t durable;
    int32_t in_segments;
    int64_t n_items, n_tiles;
    char input[4096], output[4096], results[4096]; /* absolute paths */
    uint64_t token, last_journal;                  /* of journals, which lie beside `results` */
    struct sheaf_stamp stamp;
    double check_s, mark;
    off_t mark_offset;
    struct row_layout layout; /* columns to be replaced */
    int32_t mixed, trusted;   /* of plan/row_sink.h */
    ino_t inode;              /* of the results file */
    off_t n_bytes;
};

/* What a rank answers. */
struct answer {
    int32_t maps, writes;
    int32_t sees; /* the results file, whether it opens it or not */
};

static void parts(const struct sheaf_buffer *buffer, const struct binding *kernel, struct invitation **head,
                  struct field_place **places, struct row_column **columns) {
    *head = (struct invitation *)(void *)buffer->data;
    *places = (struct field_place *)(void *)(buffer->data + sheaf_round_up(sizeof **head, SHEAF_ALIGN));
    *columns = (struct row_column *)(void *)(*places + kernel->n_inputs);
}

static size_t message_bytes(const struct binding *kernel) {
    return sheaf_round_up(sizeof(struct invitation), SHEAF_ALIGN) +
           (size_t)kernel->n_inputs * sizeof(struct field_place) +
           (size_t)kernel->n_outputs * sizeof(struct row_column);
}

static bool maps_any(const struct invitation *head) {
    return head->maps_input || head->maps_results;
}

static int stamp_output(struct invitation *head, struct sheaf_error *error) {
    struct stat about;
    if (stat(head->output, &about))
        return sheaf_fail_errno(error, "%s: cannot be found", head->output);
    head->inode = about.st_ino;
    head->n_bytes = about.st_size;
    return 0;
}

static bool sees_output(const struct invitation *head) {
    struct stat about;
    return stat(head->output, &about) == 0 && about.st_ino == head->inode && about.st_size == head->n_bytes;
}

/* --- rank 0: who is asked to open files ----------------------------------------------------------------------------- */

static int absolute(const char *path, char to[4096], struct sheaf_error *error) {
    char *real = realpath(path, NULL);
    if (!real)
        return sheaf_fail_errno(error, "%s: cannot be found", path);
    int n = snprintf(to, 4096, "%s", real);
    free(real);
    return n < 4096 ? 0 : sheaf_fail(error, "%s: its path is too long", path);
}

/* Where a field of the items lies for who reads it as `type`. Its copy has what the source says, in the source's type. */
static struct field_place find_place(const struct transport_setup *setup, int field, enum sheaf_type type,
                                     bool in_results, int64_t *n_tiles) {
    const struct items *items = setup->items;
    const int64_t offset = sheaf_items_offset(items, field, type);
    struct field_place place = {.file = FIELD_NOWHERE,
                                .proof_table = setup->proof_tables ? setup->proof_tables[field] : 0};
    if (field < sheaf_items_n_along(items)) /* any rank works it out */
        return place;
    if (offset >= 0) {
        place.file = FIELD_IN_INPUT;
        place.offset = offset;
        return place;
    }
    if (in_results && setup->copies[field] >= 0 && items->fields[field].type == type)
        return (struct field_place){.file = FIELD_IN_RESULTS, .offset = setup->copies[field]};
    const struct sheaf_tiling *tiling = sheaf_items_tiling(items, field, type);
    if (tiling) {
        place.file = FIELD_IN_TILES;
        sheaf_tiled_describe(&place.tiled, tiling, items->links[field], n_tiles);
    }
    return place;
}

/* Where the inputs lie. In the results file only for who writes it: others may see it late. */
static void find_places(struct invitation *head, const struct transport_setup *setup, bool alone,
                        struct field_place *places) {
    const struct binding *kernel = setup->kernel;
    for (int k = 0; k < kernel->n_inputs; k++) {
        if (kernel->field[k] >= 0)
            places[k] =
                find_place(setup, kernel->field[k], kernel->inputs[k].type, head->writes || alone, &head->n_tiles);
        head->maps_input = head->maps_input || places[k].file == FIELD_IN_INPUT || places[k].file == FIELD_IN_TILES;
        head->maps_results = head->maps_results || places[k].file == FIELD_IN_RESULTS;
    }
}

static int choose_mode(struct invitation *head, const struct transport_setup *setup, const struct comm_self *self,
                       struct sheaf_error *error) {
    enum sheaf_disk disk = sheaf_disk_of(head->output);
    const bool one_node = self->n_nodes == 1;
    head->durable = setup->durable || disk != DISK_LOCAL || !setup->sink->trusted;
    head->writes = disk != DISK_NETWORK || setup->job->transport == JOB_DIRECT;
    if (setup->job->transport == JOB_DIRECT && disk == DISK_NETWORK && !one_node)
        return sheaf_refuse(error,
                            "transport: direct: %s lies on a network file system (NFS or the like), which loses "
                            "writes of several nodes; use transport: auto or gather",
                            head->output);
    head->required = setup->job->transport == JOB_DIRECT;
    head->all = head->required || (setup->job->transport == JOB_TRANSPORT_AUTO &&
                                   (one_node ? disk != DISK_NETWORK : disk == DISK_CLUSTER));
    return 0;
}

static int invite(struct sheaf_buffer *buffer, const struct transport_setup *setup, const struct comm_self *self,
                  struct sheaf_error *error) {
    struct invitation *head;
    struct field_place *places;
    struct row_column *columns;
    if (sheaf_buffer_resize(buffer, message_bytes(setup->kernel), error))
        return -1;
    memset(buffer->data, 0, buffer->n_bytes);
    parts(buffer, setup->kernel, &head, &places, &columns);
    head->in_segments = setup->items->in_segments;
    head->n_items = setup->items->n_items;
    head->layout = setup->sink->layout;
    head->mixed = setup->sink->mixed;
    head->trusted = setup->sink->trusted;
    head->mark = setup->mark;
    head->mark_offset = setup->mark_offset;
    head->stamp = setup->items->stamp;
    memcpy(columns, setup->sink->layout.columns, (size_t)setup->kernel->n_outputs * sizeof *columns);
    char *results = sheaf_path_absolute(setup->results);
    int n = results ? snprintf(head->results, sizeof head->results, "%s", results) : -1;
    free(results);
    head->token = setup->token;
    head->last_journal = setup->last_journal;
    if (n < 0 || n >= (int)sizeof head->results)
        return sheaf_fail(error, "%s: its path is too long", setup->results);
    if (absolute(setup->output, head->output, error) || stamp_output(head, error) ||
        choose_mode(head, setup, self, error))
        return -1;
    find_places(head, setup, self->n_ranks == 1, places);
    if (head->maps_input && absolute(setup->items->name, head->input, error))
        return -1;
    head->check_s = head->maps_input && sheaf_disk_of(head->input) != DISK_LOCAL ? check_remote_s : 0;
    return 0;
}

/* --- a rank that was asked ------------------------------------------------------------------------------------------ */

/* Maps the input, if it is the file that rank 0 has. */
static int map_input(struct transport *t, const struct invitation *head, struct sheaf_error *error) {
    t->input = strdup(head->input);
    t->check_s = head->check_s;
    if (!t->input)
        return sheaf_fail_memory(error, "the input");
    if (sheaf_mapping_open(&t->mapping, head->input, error) || sheaf_stamp_take(&t->stamp, head->input, error))
        return -1;
    if (!sheaf_stamp_same(&t->stamp, &head->stamp) || t->mapping.n_bytes != (size_t)head->stamp.n_bytes)
        return sheaf_fail(error, "%s: is not the same file here as on rank 0, or is changing", head->input);
    return 0;
}

/* Maps the results file, which is the one that rank 0 has. */
static int map_results(struct transport *t, const struct invitation *head, struct sheaf_error *error) {
    if (sheaf_mapping_open(&t->copies, head->output, error))
        return -1;
    if (t->copies.n_bytes != (size_t)head->n_bytes)
        return sheaf_fail(error, "%s: was cut while the run began", head->results);
    sheaf_interrupt_name_results(t->copies.data, t->copies.n_bytes);
    return 0;
}

/* For fields that lie in tiles of the input, which is mapped. */
static int open_tiles(struct transport *t, const struct field_place *places, int n_inputs, int n_threads,
                      struct sheaf_error *error) {
    struct tiled_place *tiled = calloc((size_t)n_inputs + 1, sizeof *tiled);
    if (!tiled)
        return sheaf_fail_memory(error, "the input");
    for (int k = 0; k < n_inputs; k++)
        tiled[k] = places[k].tiled;
    return sheaf_tiled_open(&t->tiled, tiled, n_inputs, n_threads, t->input, t->mapping.data, error);
}

/* Maps the files that fields lie in, and points to these. */
static int map_fields(struct transport *t, const struct invitation *head, const struct field_place *places,
                      const struct transport_setup *setup, struct sheaf_error *error) {
    const struct binding *kernel = setup->kernel;
    t->mapped = calloc((size_t)kernel->n_inputs + 1, sizeof *t->mapped);
    if (!t->mapped)
        return sheaf_fail_memory(error, "the input");
    if ((head->maps_input && map_input(t, head, error)) || (head->maps_results && map_results(t, head, error)))
        return -1;
    if (head->n_tiles > 0 && open_tiles(t, places, kernel->n_inputs, setup->n_threads, error))
        return -1;
    for (int k = 0; k < kernel->n_inputs; k++)
        if (places[k].file == FIELD_IN_INPUT || places[k].file == FIELD_IN_RESULTS)
            t->mapped[k] = (places[k].file == FIELD_IN_INPUT ? t->mapping.data : t->copies.data) + places[k].offset;
    return 0;
}

/* Opens the results file, if it is the one that rank 0 has: it holds when this run began. */
static int open_output(struct transport *t, const struct invitation *head, const struct row_column *columns,
                       const struct binding *kernel, struct sheaf_error *error) {
    double mark = 0;
    t->output = strdup(head->results); /* its name when anything is said of it */
    t->own = (struct row_sink){
        .layout = head->layout, .path = t->output, .mixed = head->mixed != 0, .trusted = head->trusted != 0};
    t->own.layout.columns = malloc((size_t)kernel->n_outputs * sizeof *columns);
    t->own.fd = open(head->output, O_RDWR | O_CLOEXEC);
    if (!t->output || !t->own.layout.columns)
        return sheaf_fail_memory(error, "the results file");
    memcpy(t->own.layout.columns, columns, (size_t)kernel->n_outputs * sizeof *columns);
    if (t->own.fd < 0)
        return sheaf_fail_errno(error, "%s: cannot open for writing", head->output);
    if (sheaf_file_pread(t->own.fd, &mark, sizeof mark, head->mark_offset, head->output, error))
        return -1;
    return mark == head->mark ? 0 : sheaf_fail(error, "%s: is not the same file here as on rank 0", head->output);
}

static void drop_input(struct transport *t) {
    sheaf_tiled_close(&t->tiled);
    if (t->copies.data)
        sheaf_interrupt_forget_results(t->copies.data);
    sheaf_mapping_close(&t->copies);
    sheaf_mapping_close(&t->mapping);
    free(t->mapped);
    free(t->input);
    t->mapped = NULL;
    t->input = NULL;
}

static void drop_output(struct transport *t) {
    if (t->output && t->own.fd >= 0)
        close(t->own.fd);
    free(t->own.layout.columns);
    free(t->output);
    t->own = (struct row_sink){.fd = -1};
    t->output = NULL;
}

/* --- together ------------------------------------------------------------------------------------------------------- */

/* All ranks learn who can: maps and writes only count where every rank of the group can. Rank 0's error of a rank that
   cannot, where direct was asked for, is everybody's. */
static int fix_roles(struct transport *t, struct comm *comm, const struct invitation *head, bool asked,
                     const struct answer *own, int rc, struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    struct answer *answers = self.rank == 0 ? calloc((size_t)self.n_ranks, sizeof *answers) : NULL;
    int64_t maps = 1, writes = 1;
    int failed = self.rank == 0 && !answers ? sheaf_fail_memory(error, "the ranks") : 0;
    failed = sheaf_comm_agree(comm, failed, error);
    if (failed == 0 && head->required)
        failed = sheaf_comm_agree(comm, rc, error);
    if (failed == 0)
        failed = sheaf_comm_gather(comm, own, answers, sizeof *own, error);
    if (failed) {
        free(answers);
        return -1;
    }
    for (int r = 0; answers && r < self.n_ranks; r++) {
        maps = maps && answers[r].maps;
        writes = writes && answers[r].writes;
        t->n_blind += !answers[r].sees;
    }
    free(answers);
    if (sheaf_comm_broadcast_value(comm, &maps, error))
        return -1;
    if (sheaf_comm_broadcast_value(comm, &writes, error))
        return -1;
    /* A rank that was not asked answers yes: it does not stand in the way of those that were. */
    t->maps = asked && maps && maps_any(head);
    t->writes = self.rank == 0 || (asked && own->writes && head->writes && (writes || !head->all));
    t->notes = self.n_ranks == 1 || (t->writes && head->writes && (writes || !head->all));
    t->direct = head->all && writes && (maps || !maps_any(head));
    t->proves = head->in_segments && maps && maps_any(head) && (self.n_ranks == 1 || (head->writes && writes)) &&
                (head->all || self.n_nodes == 1); /* the same on all ranks: rank 0 hashes what threads do not */
    return 0;
}

static void explain(struct transport *t, const struct invitation *head, const struct comm_self *self,
                    enum job_transport wanted) {
    if (wanted != JOB_TRANSPORT_AUTO)
        t->why = "as the job says";
    else if (t->direct)
        t->why = self->n_nodes == 1 ? "one node" : "a parallel file system";
    else if (!head->writes)
        t->why = "the results are on a network file system";
    else
        t->why = head->all ? "not all ranks see the files" : "several nodes";
}

/* Statuses follow their rows to the disk: at once, and marked as unsafe, where nobody but this machine caches them. */
static int open_ledger(struct row_sink *sink, bool durable, struct sheaf_error *error) {
    sink->waits = durable;
    sink->writes_early = sheaf_disk_of_open(sink->fd) == DISK_LOCAL && !sheaf_disk_forgets(sink->fd);
    return !durable && sheaf_disk_forgets(sink->fd) ? 0 : sheaf_ledger_open(&sink->ledger, error);
}

/* --- what the input is --------------------------------------------------------------------------------------------- */

/* For threads that hash what they read: the fields that they do. */
static int open_proof(struct transport *t, const struct transport_setup *setup, const struct field_place *places,
                      int64_t n_items, struct sheaf_error *error) {
    const struct binding *kernel = setup->kernel;
    const size_t n = (size_t)kernel->n_inputs + 1;
    int64_t *tables = calloc(n, sizeof *tables);
    const char **data = calloc(n, sizeof *data);
    const struct sheaf_tiling **tilings = calloc(n, sizeof *tilings);
    int rc = tables && data && tilings ? 0 : sheaf_fail_memory(error, "the inputs");
    for (int k = 0; rc == 0 && k < kernel->n_inputs; k++) {
        tables[k] = places[k].proof_table;
        tilings[k] = sheaf_tiled_find(&t->tiled, k);
        data[k] = tilings[k] ? t->mapping.data : t->mapped[k];
    }
    if (rc == 0)
        rc = sheaf_proof_open(&t->proof, kernel->inputs, kernel->n_inputs, n_items, t->sink->fd, tables, t->sink->path,
                              (struct proof_values){data, tilings}, error);
    free(tilings);
    free(data);
    free(tables);
    sheaf_proof_set_input(&t->proof, t->input, &t->stamp);
    return rc;
}

/* Whether threads hash a field of the items. */
static bool threads_prove(const struct transport *t, const struct binding *kernel, int field) {
    for (int k = 0; t->proves && k < kernel->n_inputs; k++)
        if (kernel->field[k] == field && (t->mapped[k] || sheaf_tiled_find(&t->tiled, k)))
            return true;
    return false;
}

/* Rank 0, side by side: hashes what threads do not. */
static int prove_rest(const struct transport *t, const struct transport_setup *setup, struct sheaf_error *error) {
    const struct items *items = setup->items;
    struct sheaf_mapping mapping = {0};
    struct proof proof = {0};
    const char **data = calloc((size_t)items->n_fields + 1, sizeof *data);
    const struct sheaf_tiling **tilings = calloc((size_t)items->n_fields + 1, sizeof *tilings);
    bool any = false;
    int rc =
        data && tilings ? sheaf_mapping_open(&mapping, items->name, error) : sheaf_fail_memory(error, "the inputs");
    for (int f = 0; rc == 0 && f < items->n_fields; f++) {
        const enum sheaf_type own = (enum sheaf_type)items->fields[f].type;
        if (threads_prove(t, setup->kernel, f))
            continue;
        tilings[f] = sheaf_items_tiling(items, f, own);
        data[f] = mapping.data + (tilings[f] ? 0 : sheaf_items_offset(items, f, own));
        any = true;
    }
    if (rc == 0 && any)
        rc = sheaf_proof_open(&proof, items->fields, items->n_fields, items->n_items, setup->sink->fd,
                              setup->proof_tables, setup->sink->path, (struct proof_values){data, tilings}, error);
    sheaf_proof_set_input(&proof, items->name, &items->stamp);
    if (rc == 0 && any)
        rc = sheaf_proof_cover_all(&proof, error) || sheaf_items_unchanged(items, error) ? -1 : 0;
    sheaf_proof_close(&proof);
    sheaf_mapping_close(&mapping);
    free(tilings);
    free(data);
    return rc;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

static int take_part(struct transport *t, struct comm *comm, const struct sheaf_buffer *buffer,
                     const struct transport_setup *setup, struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    struct invitation *head;
    struct field_place *places;
    struct row_column *columns;
    parts(buffer, setup->kernel, &head, &places, &columns);
    bool asked = head->all || self.node == 0;
    struct answer own = {1, 1, sees_output(head)};
    struct sheaf_error of_output;
    int rc = 0, rc_output = 0;
    if (asked && head->writes && self.rank != 0)
        rc_output = open_output(t, head, columns, setup->kernel, &of_output);
    const bool no_copies = head->maps_results && rc_output; /* it may be another file here */
    if (asked && maps_any(head))
        rc = no_copies ? -1 : map_fields(t, head, places, setup, error);
    own.writes = rc_output == 0;
    own.maps = rc == 0;
    if (rc_output && (rc == 0 || no_copies)) { /* an input that is not there is what is to be said first */
        rc = rc_output;
        if (error)
            *error = of_output;
    }
    if (fix_roles(t, comm, head, asked, &own, rc, error))
        return -1;
    explain(t, head, &self, setup->job->transport);
    if (!t->maps)
        drop_input(t);
    if (!t->writes)
        drop_output(t);
    t->own.asked = setup->asked;
    t->sink = self.rank == 0 ? setup->sink : t->writes ? &t->own : NULL;
    const struct journal_numbers numbers = {head->last_journal + 1 + (uint64_t)self.rank, (uint64_t)self.n_ranks};
    if (t->sink && setup->kernel->has_texts &&
        sheaf_journal_open(&t->sink->journal, head->results, head->token, numbers, error))
        return -1;
    if (t->proves && open_proof(t, setup, places, head->n_items, error))
        return -1;
    if (head->in_segments && self.rank == 0 && prove_rest(t, setup, error))
        return -1;
    return t->sink ? open_ledger(t->sink, head->durable, error) : 0;
}

/* All ranks get the table of tiles, though not all may open the file. */
static int share_tiles(struct transport *t, struct comm *comm, const struct sheaf_buffer *buffer,
                       const struct transport_setup *setup, struct sheaf_error *error) {
    const struct binding *kernel = setup->kernel;
    struct invitation *head;
    struct field_place *places;
    struct row_column *columns;
    parts(buffer, kernel, &head, &places, &columns);
    const struct sheaf_tiling **tilings = calloc((size_t)kernel->n_inputs + 1, sizeof *tilings);
    int rc = sheaf_comm_agree(comm, tilings ? 0 : sheaf_fail_memory(error, "the input"), error);
    for (int k = 0; rc == 0 && setup->items && k < kernel->n_inputs; k++)
        if (places[k].file == FIELD_IN_TILES)
            tilings[k] = sheaf_items_tiling(setup->items, kernel->field[k], kernel->inputs[k].type);
    if (rc == 0)
        rc = sheaf_tiled_share(&t->tiled, comm, tilings, kernel->n_inputs, head->n_tiles, error);
    free(tilings);
    return rc;
}

int sheaf_transport_open(struct transport *t, struct comm *comm, const struct transport_setup *setup,
                         struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    struct sheaf_buffer buffer = {0};
    *t = (struct transport){.own.fd = -1};
    int rc = self.rank == 0 ? invite(&buffer, setup, &self, error) : 0;
    rc = sheaf_comm_agree(comm, rc, error);
    if (rc == 0)
        rc = sheaf_comm_broadcast(comm, &buffer, error);
    if (rc == 0)
        rc = share_tiles(t, comm, &buffer, setup, error);
    if (rc == 0)
        rc = sheaf_comm_agree(comm, take_part(t, comm, &buffer, setup, error), error);
    sheaf_buffer_free(&buffer);
    return rc;
}

int sheaf_transport_close(struct transport *t, struct sheaf_error *error) {
    int rc = 0;
    if (t->sink && t->sink->fd >= 0)
        rc = sheaf_row_sink_flush(t->sink, error);
    if (rc == 0 && t->output && t->own.fd >= 0 && fdatasync(t->own.fd)) /* the statuses */
        rc = sheaf_fail_errno(error, "%s: cannot sync", t->output);
    if (t->sink) {
        t->restored = t->sink->journal && sheaf_journal_was_restored(t->sink->journal);
        if (sheaf_journal_close(t->sink->journal, error))
            rc = -1;
        t->sink->journal = NULL;
        sheaf_ledger_close(t->sink->ledger);
        t->sink->ledger = NULL;
    }
    sheaf_proof_close(&t->proof);
    drop_input(t);
    drop_output(t);
    t->sink = NULL;
    return rc;
}
