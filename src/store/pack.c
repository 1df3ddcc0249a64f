#include "store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "plan/journal.h"
#include "plan/journal_index.h"
#include "plan/row_sink.h"
#include "store/collection.h"
#include "store/finish.h"
#include "store/h5.h"
#include "store/identity.h"
#include "store/layout.h"
#include "store/sums_file.h"
#include "store/text_look.h"
#include "store/texts.h"

/* What is in memory at a time: texts known of, items whose status is, and texts that are written. */
enum { WINDOW_TEXTS = 1 << 20, BATCH_TEXTS = 4096, BATCH_BYTES = 8 << 20 };

struct pack {
    const char *path;  /* of the results file itself, */
    const char *stage; /* of it, or NULL, */
    const char *aside; /* and of the copy */
    uint64_t token;    /* 0: of an older version, without journals */
    char *identity;
    int n_outputs;
    struct journal_index *journals;
    bool trusts_unsafe;       /* plan/status.h */
    hid_t file, status, text; /* of the copy, the first borrowed; type of texts */
    hid_t *datasets;          /* [n_outputs], of those that are texts */
    int64_t n_items;
    uint8_t *statuses;              /* [window] of the items of the window under way, */
    struct text_expected *expected; /* [window] */
    uint8_t *verdicts;              /* and [window], where it is known which texts there are */
    int fd;                         /* of the copy, beside HDF5 */
    struct sums sums;
    struct text_look look;
    struct {
        int64_t items[BATCH_TEXTS];
        size_t offsets[BATCH_TEXTS]; /* into the bytes */
        const char *texts[BATCH_TEXTS];
        struct sheaf_buffer bytes; /* terminated texts */
        size_t n;
    } batch;
    struct packed *packed;
    struct sheaf_error *error;
};

static int h5_fail(const struct pack *p, const char *what) {
    return sheaf_h5_fail(p->error, p->aside, what);
}

/* --- what there is to pack ----------------------------------------------------------------------------------------- */

static int64_t count_items(hid_t file) {
    hid_t status = H5Dopen2(file, "status", H5P_DEFAULT);
    const int64_t n_items = sheaf_h5_count(status);
    if (status >= 0)
        H5Dclose(status);
    return n_items;
}

static int look_inside(struct pack *p) {
    if (access(p->path, R_OK | W_OK))
        return sheaf_refuse(p->error, "%s: cannot open for reading and writing: %s", p->path, strerror(errno));
    struct interrupt_reading reading;
    if (sheaf_file_check_regular(p->path, p->error))
        return -1;
    hid_t file = sheaf_h5_open_watched(p->path, p->stage, &reading);
    p->identity = file >= 0 ? sheaf_h5_get_dataset_text(file, IDENTITY_TEXT) : NULL;
    p->token = p->identity ? sheaf_h5_get_token(file) : 0;
    p->n_items = p->packed->n_items = p->identity ? count_items(file) : 0;
    p->packed->lost = p->token && sheaf_texts_are_lost(file, p->path, p->token);
    sheaf_h5_close_watched(file, &reading);
    if (p->n_items < 0)
        return sheaf_h5_fail_dataset(p->error, p->path, "status");
    return p->identity ? 0 : sheaf_refuse(p->error, "%s: is not a results file of Sheaf", p->path);
}

/* --- writing into the copy ----------------------------------------------------------------------------------------- */

/* Opens the datasets of outputs that are texts; the others stay invalid. */
static int open_outputs(struct pack *p) {
    const char *at = p->identity, *from;
    size_t n_bytes;
    int room = 0, rc = 0;
    while (rc == 0 && sheaf_identity_next_output(&at, &from, &n_bytes)) {
        if (p->n_outputs == room) {
            room = room ? 2 * room : 16;
            hid_t *more = realloc(p->datasets, (size_t)room * sizeof *more);
            if (!more) {
                rc = sheaf_fail_memory(p->error, "the fields");
                continue;
            }
            p->datasets = more;
        }
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)n_bytes, from);
        hid_t dataset = H5Dopen2(p->file, name, H5P_DEFAULT);
        if (dataset < 0) {
            rc = sheaf_h5_fail_dataset(p->error, p->path, name);
        } else if (sheaf_h5_classify(dataset) != SHEAF_TEXT) {
            H5Dclose(dataset);
            dataset = H5I_INVALID_HID;
        }
        p->datasets[p->n_outputs++] = dataset;
    }
    return rc;
}

/* What is known of the texts, and where those lie that were packed before. */
static int find_sums(struct pack *p) {
    p->fd = open(p->aside, O_RDWR | O_CLOEXEC);
    if (p->fd < 0)
        return sheaf_fail_errno(p->error, "%s: cannot open", p->aside);
    if (sheaf_sums_find(&p->sums, p->file, p->path, p->identity, p->error))
        return -1;
    p->packed->knows = p->sums.text_sums_offset[SEGMENT_OUTPUTS] && !p->sums.moved_texts;
    p->look = (struct text_look){.sums = &p->sums,
                                 .part = SEGMENT_OUTPUTS,
                                 .fd = p->fd,
                                 .path = p->aside,
                                 .trusts_unsafe = p->trusts_unsafe,
                                 .passes_packed = !p->packed->lost, /* that may be over */
                                 .journals = p->journals};
    return 0;
}

static int open_datasets(struct pack *p) {
    p->status = H5Dopen2(p->file, "status", H5P_DEFAULT);
    int rc = p->status >= 0 ? 0 : h5_fail(p, "open the copy");
    p->trusts_unsafe = sheaf_h5_trusts_unsafe(p->file);
    return rc || find_sums(p) ? -1 : 0;
}

static int close_outputs(struct pack *p) {
    int rc = 0;
    for (int k = 0; k < p->n_outputs; k++)
        if (p->datasets[k] >= 0 && H5Dclose(p->datasets[k]) < 0)
            rc = -1;
    p->n_outputs = 0;
    return rc;
}

static int close_datasets(struct pack *p) {
    int rc = close_outputs(p);
    if (p->status >= 0)
        H5Dclose(p->status);
    p->status = H5I_INVALID_HID;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    return rc;
}

/* Writes the texts of the batch into their rows. */
static int write_batch(struct pack *p, hid_t dataset) {
    size_t n = p->batch.n;
    if (n == 0)
        return 0;
    for (size_t k = 0; k < n; k++)
        p->batch.texts[k] = p->batch.bytes.data + p->batch.offsets[k];
    int rc = sheaf_h5_write_these(dataset, p->text, p->batch.items, (int64_t)n, p->batch.texts)
                 ? h5_fail(p, "write texts")
                 : 0;
    p->packed->n_texts += (int64_t)n;
    p->packed->n_bytes += (int64_t)(p->batch.bytes.n_bytes - n);
    p->batch.n = p->batch.bytes.n_bytes = 0;
    return rc;
}

static int add_text(struct pack *p, hid_t dataset, const struct journal_entry *entry) {
    size_t n_bytes = (size_t)entry->n_bytes, before = p->batch.bytes.n_bytes;
    if (p->batch.n == BATCH_TEXTS || (p->batch.n > 0 && before + n_bytes > BATCH_BYTES)) {
        if (write_batch(p, dataset))
            return -1;
        before = 0;
    }
    if (sheaf_buffer_resize(&p->batch.bytes, before + n_bytes + 1, p->error) ||
        sheaf_journal_index_read(p->journals, entry, p->batch.bytes.data + before, p->error))
        return -1;
    p->batch.bytes.data[before + n_bytes] = '\0';
    p->batch.items[p->batch.n] = entry->item;
    p->batch.offsets[p->batch.n++] = before;
    return 0;
}

/* Reads the statuses of items first … first + n - 1. Those that are not safe and do not count on this machine are made
   pending in the copy, which will not have their texts: where the run was they would count. */
static int read_statuses(struct pack *p, int64_t first, int64_t n) {
    bool bad = sheaf_h5_read_rows(p->status, H5T_NATIVE_UINT8, first, n, 1, p->statuses) != 0;
    if (!bad && sheaf_status_judge(p->statuses, n, p->trusts_unsafe) > 0 && !p->trusts_unsafe)
        bad = sheaf_h5_write_rows(p->status, H5T_NATIVE_UINT8, first, n, 1, p->statuses) != 0;
    return bad ? h5_fail(p, "read the status") : 0;
}

/* Finds items of which not all is there. */
static int find_lacking(struct pack *p, int64_t first, int64_t n) {
    if (!p->packed->knows)
        return 0;
    if (sheaf_text_expect(&p->look, first, n, p->expected, p->error) ||
        sheaf_text_look(&p->look, first, n, p->expected, p->verdicts, p->error))
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (p->verdicts[i] == TEXTS_CHANGED)
            sheaf_span_list_add(&p->packed->lacking, (struct span){first + i, 1});
    return 0;
}

static bool is_packed(const struct pack *p, const struct journal_entry *entry, int output, int64_t first) {
    return entry->output == output && p->statuses[entry->item - first] != ITEM_PENDING;
}

/* Where texts were packed before, those that are to be written are taken out first, beside HDF5: it would free the space of
   what they refer to, which may be another's text where a reference is damaged. */
static int take_out(struct pack *p, const struct text_column *column, const struct journal_entry *entries,
                    int64_t n_entries, int64_t first) {
    static const char none[BATCH_TEXTS * HEAP_REFERENCE];
    struct span run = {0};
    for (int64_t e = 0; column->offset && e <= n_entries; e++) {
        if (e < n_entries && !is_packed(p, &entries[e], column->output, first))
            continue;
        if (run.n && e < n_entries && run.n < BATCH_TEXTS && entries[e].item == run.first + run.n) {
            run.n++;
            continue;
        }
        if (run.n && sheaf_file_pwrite(p->fd, none, (size_t)run.n * HEAP_REFERENCE,
                                       column->offset + run.first * HEAP_REFERENCE, p->aside, p->error))
            return -1;
        run = e < n_entries ? (struct span){entries[e].item, 1} : (struct span){0};
    }
    return 0;
}

static int write_column(struct pack *p, int output, const struct journal_entry *entries, int64_t n_entries,
                        int64_t first) {
    const hid_t dataset = p->datasets[output];
    for (int64_t e = 0; e < n_entries; e++)
        if (is_packed(p, &entries[e], output, first) && add_text(p, dataset, &entries[e]))
            return -1;
    return write_batch(p, dataset);
}

/* Writes the texts of items first … first + n - 1 that the journals have. */
static int pack_window(struct pack *p, int64_t first, int64_t n) {
    int64_t n_entries = 0;
    if (sheaf_journal_index_scan(p->journals, first, first + n, p->error) || read_statuses(p, first, n) ||
        find_lacking(p, first, n))
        return -1;
    p->packed->n_dropped = sheaf_journal_index_dropped(p->journals);
    const struct journal_entry *entries = sheaf_journal_index_entries(p->journals, &n_entries);
    for (int c = 0; n_entries && c < p->sums.n_texts[SEGMENT_OUTPUTS]; c++)
        if (take_out(p, &p->sums.texts[SEGMENT_OUTPUTS][c], entries, n_entries, first))
            return -1;
    if (n_entries && open_outputs(p))
        return -1;
    for (int k = 0; k < p->n_outputs; k++)
        if (p->datasets[k] >= 0 && write_column(p, k, entries, n_entries, first))
            return -1;
    return close_outputs(p) ? h5_fail(p, "close the texts") : 0;
}

/* How many texts an item may have. */
static int count_texts(struct pack *p) {
    int n = 0;
    if (open_outputs(p))
        return -1;
    for (int k = 0; k < p->n_outputs; k++)
        n += p->datasets[k] >= 0;
    return close_outputs(p) ? h5_fail(p, "close the texts") : n;
}

static int pack_texts(struct pack *p) {
    const int n_texts = count_texts(p);
    if (n_texts < 0)
        return -1;
    int64_t window = WINDOW_TEXTS / (n_texts > 0 ? n_texts : 1);
    window = window < p->n_items ? window : p->n_items;
    p->statuses = malloc((size_t)window + 1);
    p->expected = malloc((size_t)(window + 1) * sizeof *p->expected);
    p->verdicts = malloc((size_t)window + 1);
    if (!p->statuses || !p->expected || !p->verdicts)
        return sheaf_fail_memory(p->error, "the status");
    for (int64_t first = 0; first < p->n_items; first += window)
        if (pack_window(p, first, p->n_items - first < window ? p->n_items - first : window))
            return -1;
    return 0;
}

/* --- a step of finishing (store/finish.h) -------------------------------------------------------------------------- */

static int look(void *self, const char *path, bool *is_due, struct sheaf_error *error) {
    struct pack *p = self;
    *is_due = false;
    p->path = path;
    p->error = error;
    if (look_inside(p))
        return -1;
    if (p->token == 0)
        return 0;
    if (sheaf_journal_index_open(&p->journals, path, p->token, error))
        return -1;
    *is_due = sheaf_journal_index_files(p->journals) > 0;
    return 0;
}

static int write_texts(void *self, hid_t copy, const char *aside, struct sheaf_error *error) {
    struct pack *p = self;
    p->aside = aside;
    p->error = error;
    p->file = p->stage ? H5Gopen2(copy, p->stage, H5P_DEFAULT) : copy;
    int rc = p->file < 0 ? h5_fail(p, "open the stage") : open_datasets(p) || pack_texts(p) ? -1 : 0;
    if (p->packed->knows && p->packed->lacking.n == 0)
        p->packed->lost = false; /* they were computed again */
    if (rc == 0 && sheaf_texts_mark_packed(p->file, p->packed->lost))
        rc = h5_fail(p, "mark the texts");
    if (close_datasets(p) && rc == 0)
        rc = h5_fail(p, "close the texts");
    if (p->stage && p->file >= 0 && H5Gclose(p->file) < 0 && rc == 0)
        rc = h5_fail(p, "close the stage");
    return rc;
}

static int clear(void *self, const char *path, struct sheaf_error *error) {
    const struct pack *p = self;
    return p->token ? sheaf_journal_remove(path, p->token, false, error) : 0;
}

void sheaf_packed_say_lacking(const char *path, const struct packed *packed, struct sheaf_string *said) {
    const int64_t n = packed->n_dropped;
    char count[32];
    if (packed->lacking.n_items == 0 && (n == 0 || packed->knows)) /* others were computed again since */
        return;
    if (n)
        sheaf_string_add(said, "%s damaged record%s could not be read and %s left out: ", sheaf_text_count(n, count),
                         n == 1 ? " of texts" : "s of texts", n == 1 ? "was" : "were");
    if (packed->lacking.n_items == 0) {
        sheaf_string_add(said, "an item that is done may be without its text; --recompute --items computes it again");
        return;
    }
    sheaf_string_add(said,
                     "texts of %s item%s are missing or not as they were computed; the job with --recompute "
                     "--items ",
                     sheaf_text_count(packed->lacking.n_items, count), packed->lacking.n_items == 1 ? "" : "s");
    sheaf_span_list_say(&packed->lacking, SPANS_KEPT, ",", said);
    sheaf_string_add(said, " mends that (sheaf verify %s shows the command)", path);
}

int sheaf_pack(const char *path, const char *stage, struct packed *packed, struct sheaf_error *error) {
    struct pack *p = calloc(1, sizeof *p);
    char *target = sheaf_path_follow(path);
    int rc = -1;
    *packed = (struct packed){0};
    sheaf_h5_start();
    if (!p || !target) {
        sheaf_fail_memory(error, "packing texts");
    } else {
        p->packed = packed;
        p->stage = stage;
        p->file = p->status = H5I_INVALID_HID;
        p->fd = -1;
        p->text = sheaf_h5_text_type();
        const struct finish_step steps[] = {
            {p, look, write_texts, clear, "the texts are still beside the file", "sheaf pack"},
        };
        rc = sheaf_finish(target, steps, sizeof steps / sizeof *steps, &packed->file, error);
        H5Tclose(p->text);
        sheaf_journal_index_close(p->journals);
        sheaf_buffer_free(&p->batch.bytes);
        sheaf_sums_free(&p->sums);
        free(p->statuses);
        free(p->expected);
        free(p->verdicts);
        free(p->datasets);
        free(p->identity);
    }
    free(target);
    free(p);
    return rc;
}
