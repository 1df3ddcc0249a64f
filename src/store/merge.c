#include "store/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/interrupt.h"
#include "core/random.h"
#include "core/type.h"
#include "store/identity.h"
#include "store/lock.h"
#include "store/merge_inside.h"
#include "store/pack.h"
#include "store/results.h"
#include "store/texts.h"
#include "store/verify.h"

/* --- parts --------------------------------------------------------------------------------------------------------- */

/* A new sum would say of what has changed that it is right. */
static int check_bytes(const struct merge_part *part, struct sheaf_error *error) {
    struct verified found;
    struct span_list changed;
    struct sheaf_string items = {0};
    int rc = sheaf_verify(part->path, NULL, &found, error);
    sheaf_span_list_join(&found.changed[SEGMENT_OUTPUTS], &found.changed_texts[SEGMENT_OUTPUTS], &changed);
    sheaf_span_list_say(&changed, SPANS_KEPT, ",", &items);
    if (rc == 0 && changed.n)
        rc = sheaf_refuse(error,
                          "%s: items %s are not as they were written (sheaf verify tells how to compute them again); "
                          "nothing was made",
                          part->path, items.data && !items.failed ? items.data : "");
    sheaf_string_free(&items);
    sheaf_verified_free(&found);
    return rc;
}

static int open_part(struct merge_part *part, struct sheaf_error *error) {
    struct lock_holder holder;
    if (sheaf_lock_is_held(part->path, &holder))
        return sheaf_refuse(error, "%s: a run writes it; wait for its end, or stop it", part->path);
    if (sheaf_stamp_take(&part->stamp, part->path, error) || sheaf_reader_open(&part->reader, part->path, error))
        return -1;
    if (sheaf_reader_texts_are_lost(part->reader))
        return sheaf_refuse(error,
                            "%s: texts of items are lost (sheaf status tells); bring the folder back, or leave "
                            "this part out",
                            part->path);
    sheaf_reader_rest(part->reader);
    part->file = sheaf_h5_open_watched(part->path, NULL, &part->reading);
    if (part->file >= 0 && H5Lexists(part->file, GROUP, H5P_DEFAULT) <= 0)
        return sheaf_refuse(error, "%s: has several stages, and such files cannot be merged", part->path);
    if (check_bytes(part, error))
        return -1;
    part->identity = part->file >= 0 ? sheaf_h5_get_dataset_text(part->file, IDENTITY_TEXT) : NULL;
    if (!part->identity)
        return sheaf_h5_fail(error, part->path, "read what job it is of");
    const int32_t layout = sheaf_h5_get_layout(part->file);
    if (layout < LAYOUT_OLDEST || layout > LAYOUT_VERSION)
        return sheaf_refuse(error,
                            "%s: was made by another version of Sheaf (layout %" PRId32 "), and cannot be merged",
                            part->path, layout);
    part->text_sums = H5Lexists(part->file, TEXT_SUMS, H5P_DEFAULT) > 0 ? H5Dopen2(part->file, TEXT_SUMS, H5P_DEFAULT)
                                                                        : H5I_INVALID_HID;
    part->is_packed = sheaf_texts_are_packed(part->file, part->path, sheaf_h5_get_token(part->file));
    return 0;
}

static void close_part(struct merge_part *part) {
    if (part->text_sums >= 0)
        H5Dclose(part->text_sums);
    sheaf_h5_close_watched(part->file, &part->reading);
    sheaf_reader_close(part->reader);
    free(part->identity);
    free(part->fields);
}

/* The first lines of two identities that differ. */
static int refuse_identity(const struct merge *m, int p) {
    const char *a = m->parts[0].identity, *b = m->parts[p].identity;
    size_t n_a = strcspn(a, "\n"), n_b = strcspn(b, "\n");
    while (*a && *b && n_a == n_b && memcmp(a, b, n_a) == 0) {
        a += n_a + (a[n_a] == '\n');
        b += n_b + (b[n_b] == '\n');
        n_a = strcspn(a, "\n");
        n_b = strcspn(b, "\n");
    }
    return sheaf_refuse(m->error, "%s is of another job than %s: it has \"%.*s\", and not \"%.*s\"", m->parts[p].path,
                        m->parts[0].path, sheaf_text_precision(n_b < 300 ? n_b : 300), b,
                        sheaf_text_precision(n_a < 300 ? n_a : 300), a);
}

/* As one goes on with the other: files that a command names and that were not there when one was begun do not count.
   Reductions are worked out from the rows, and are those of the first part. */
static bool is_same_job(const struct merge_part *a, const struct merge_part *b) {
    struct sheaf_string becomes = {0}, changed = {0};
    const bool same = strcmp(a->identity, b->identity) == 0 ||
                      sheaf_identity_differs_in_reductions(b->identity, a->identity, &becomes) ||
                      sheaf_identity_check(a->path, a->identity, b->identity, false, &changed, NULL) == 0 ||
                      sheaf_identity_check(b->path, b->identity, a->identity, false, &changed, NULL) == 0;
    sheaf_string_free(&becomes);
    sheaf_string_free(&changed);
    return same;
}

static int check_part(const struct merge *m, int p) {
    const struct merge_part *first = &m->parts[0], *part = &m->parts[p];
    const bool same = is_same_job(first, part);
    if (!same)
        return refuse_identity(m, p);
    for (int k = 0; k < p; k++)
        if (sheaf_stamp_same(&m->parts[k].stamp, &part->stamp) && m->parts[k].stamp.device == part->stamp.device)
            return sheaf_refuse(m->error, "%s and %s are one file", m->parts[k].path, part->path);
    if (sheaf_h5_get_layout(first->file) != sheaf_h5_get_layout(part->file) ||
        sheaf_reader_n_items(first->reader) != sheaf_reader_n_items(part->reader) ||
        sheaf_reader_block(first->reader) != sheaf_reader_block(part->reader))
        return sheaf_refuse(m->error, "%s: was made by another version of Sheaf than %s, and cannot be merged with it",
                            part->path, first->path);
    return 0;
}

static int open_parts(struct merge *m) {
    const int n = m->plan->n_parts;
    m->parts = calloc((size_t)n, sizeof *m->parts);
    m->merged->n_rows = calloc((size_t)n, sizeof *m->merged->n_rows);
    if (!m->parts || !m->merged->n_rows)
        return sheaf_fail_memory(m->error, "merging");
    for (int p = 0; p < n; p++) {
        m->parts[p].path = m->plan->parts[p];
        m->parts[p].file = m->parts[p].text_sums = H5I_INVALID_HID;
    }
    for (int p = 0; p < n; p++)
        if (open_part(&m->parts[p], m->error) || check_part(m, p))
            return -1;
    m->merged->n_items = m->n_items = sheaf_reader_n_items(m->parts[0].reader);
    m->block = sheaf_reader_block(m->parts[0].reader);
    return 0;
}

/* --- columns ------------------------------------------------------------------------------------------------------- */

static bool is_of_machine(const struct reader *reader, int field, const char *name) {
    return sheaf_reader_is_trace(reader, field) && strcmp(name, "exit_code") != 0 && strcmp(name, "stdout") != 0 &&
           strcmp(name, "stderr") != 0;
}

static int find_named(const struct reader *reader, const char *name) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    for (int k = 0, n = n_fields + sheaf_reader_n_about(reader); k < n; k++)
        if (fields[k].is_output && strcmp(fields[k].field.name, name) == 0)
            return k;
    return -1;
}

/* Outputs in their order, and then what is kept of items beside them. */
static int list_columns(struct merge *m) {
    const struct reader *reader = m->parts[0].reader;
    int n_fields, n_outputs = 0;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    const int n_all = n_fields + sheaf_reader_n_about(reader);
    m->columns = calloc((size_t)n_all + 1, sizeof *m->columns);
    if (!m->columns)
        return sheaf_fail_memory(m->error, "merging");
    for (int k = 0; k < n_fields; k++)
        n_outputs += fields[k].output >= 0;
    m->n_columns = n_outputs;
    for (int k = 0; k < n_all; k++) {
        const bool about = k >= n_fields;
        if (about ? k == n_fields && m->block > 1 : fields[k].output < 0)
            continue;
        struct merge_column *c = &m->columns[about ? m->n_columns++ : fields[k].output];
        *c = (struct merge_column){.name = fields[k].field.name,
                                   .field = fields[k].field,
                                   .is_output = !about,
                                   .must_agree = !about && !is_of_machine(reader, k, fields[k].field.name)};
        m->any_text = m->any_text || c->field.type == SHEAF_TEXT;
    }
    for (int p = 0; p < m->plan->n_parts; p++) {
        struct merge_part *part = &m->parts[p];
        part->fields = calloc((size_t)m->n_columns + 1, sizeof *part->fields);
        for (int k = 0; part->fields && k < m->n_columns; k++)
            if ((part->fields[k] = find_named(part->reader, m->columns[k].name)) < 0)
                return sheaf_refuse(m->error, "%s: has no '%s', as %s has; make them with the same settings",
                                    part->path, m->columns[k].name, m->parts[0].path);
        if (!part->fields)
            return sheaf_fail_memory(m->error, "merging");
    }
    return 0;
}

/* Where a dataset lies in the new file. */
static int find_offset(const struct merge *m, hid_t file, const char *name, off_t *offset) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const haddr_t at = dataset >= 0 ? H5Dget_offset(dataset) : HADDR_UNDEF;
    const bool good = at != HADDR_UNDEF || sheaf_h5_count(dataset) == 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Eclear2(H5E_DEFAULT);
    *offset = at == HADDR_UNDEF ? 0 : (off_t)at;
    return good ? 0
                : sheaf_refuse(m->error,
                               "%s: '%s' is not stored in one piece; the file was repacked; name another part "
                               "first",
                               m->parts[0].path, name);
}

static int find_offsets(struct merge *m, hid_t file) {
    for (int k = 0; k < m->n_columns; k++)
        if (m->columns[k].field.type != SHEAF_TEXT && find_offset(m, file, m->columns[k].name, &m->columns[k].offset))
            return -1;
    if (m->block > 1 && find_offset(m, file, BLOCK_SECONDS, &m->seconds_offset))
        return -1;
    if (m->any_text && H5Lexists(file, TEXT_SUMS, H5P_DEFAULT) > 0 && find_offset(m, file, TEXT_SUMS, &m->sums_offset))
        return -1;
    return find_offset(m, file, "status", &m->status_offset);
}

/* Its journals are not those of the part that it is a copy of. */
static int put_token(const struct merge *m, hid_t file) {
    hid_t group = H5Gopen2(file, GROUP, H5P_DEFAULT);
    hid_t attribute = group >= 0 ? H5Aopen(group, TOKEN_NAME, H5P_DEFAULT) : H5I_INVALID_HID;
    const bool good = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_UINT64, &m->token) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    if (group >= 0)
        H5Gclose(group);
    return good ? 0 : sheaf_h5_fail(m->error, m->aside, "give the new file a number");
}

int sheaf_merge_begin(struct merge *m) {
    hid_t file = H5Fopen(m->aside, H5F_ACC_RDWR, H5P_DEFAULT);
    int rc = file >= 0 ? 0 : sheaf_h5_fail(m->error, m->aside, "open the new file");
    if (rc == 0)
        rc = sheaf_random_token(&m->token, m->error) || put_token(m, file) || find_offsets(m, file) ? -1 : 0;
    m->most_failures = file >= 0 ? 0 : -1;
    if (rc == 0) {
        hid_t table = H5Dopen2(file, ERROR_ITEM, H5P_DEFAULT);
        m->most_failures = sheaf_h5_count(table);
        if (table >= 0)
            H5Dclose(table);
        m->failures = m->most_failures > 0 ? calloc((size_t)m->most_failures, sizeof *m->failures) : NULL;
        rc = m->failures ? 0 : sheaf_h5_fail_dataset(m->error, m->aside, ERROR_ITEM);
    }
    if (file >= 0 && H5Fclose(file) < 0 && rc == 0)
        rc = sheaf_h5_fail(m->error, m->aside, "close the new file");
    m->fd = rc ? -1 : open(m->aside, O_RDWR | O_CLOEXEC);
    if (rc == 0 && m->fd < 0)
        rc = sheaf_fail_errno(m->error, "%s: cannot open", m->aside);
    return rc;
}

/* --- the new file -------------------------------------------------------------------------------------------------- */

static int make_writable(const char *path) {
    struct stat about;
    return stat(path, &about) || chmod(path, (about.st_mode & 07777) | S_IRUSR | S_IWUSR) ? -1 : 0;
}

static int make(struct merge *m) {
    struct sheaf_error ignored;
    unlink(m->aside); /* what a killed merge has left */
    if (list_columns(m) || sheaf_file_copy(m->parts[0].path, m->aside, m->error))
        return -1;
    if (make_writable(m->aside)) /* the part may not be */
        return sheaf_fail_errno(m->error, "%s: cannot make it writable", m->aside);
    if (sheaf_merge_begin(m) || (m->any_text && sheaf_journal_open(&m->journal, m->plan->path, m->token,
                                                                   (struct journal_numbers){0}, m->error)))
        return -1;
    int rc = sheaf_merge_rows(m);
    if (rc == 0 && m->journal)
        rc = sheaf_journal_sync(m->journal, m->error);
    if (sheaf_journal_close(m->journal, rc ? &ignored : m->error))
        rc = -1;
    m->journal = NULL;
    if (rc || sheaf_merge_tables(m) || sheaf_merge_sums(m))
        return -1;
    return fsync(m->fd) ? sheaf_fail_errno(m->error, "%s: cannot sync", m->aside) : 0;
}

/* Whether the parts are still what they were. */
static int check_stamps(const struct merge *m) {
    for (int p = 0; p < m->plan->n_parts; p++)
        if (sheaf_stamp_check(&m->parts[p].stamp, m->parts[p].path, m->error))
            return -1;
    return 0;
}

static int find_place(struct merge *m, struct results_found *found) {
    if (sheaf_results_find(m->plan->path, found, m->error))
        return -1;
    if (found->there && !m->plan->overwrite)
        return sheaf_refuse(m->error, "%s: is there already; choose another name, or --overwrite", m->plan->path);
    for (int p = 0; p < m->plan->n_parts && found->there; p++)
        if (sheaf_stamp_names(&found->stamp, m->plan->parts[p]))
            return sheaf_refuse(m->error, "%s: is one of the parts, which stay as they are; choose another name",
                                m->plan->path);
    return (found->there && sheaf_results_may_replace(m->plan->path, m->error)) ||
                   sheaf_results_may_make(m->plan->path, m->error)
               ? -1
               : 0;
}

static int pack(struct merge *m) {
    struct packed packed = {0};
    if (!m->any_text || m->merged->counts[ITEM_PENDING])
        return 0;
    int rc = sheaf_pack(m->plan->path, NULL, &packed, m->error);
    return rc;
}

static void end(struct merge *m) {
    for (int p = m->parts ? m->plan->n_parts - 1 : -1; p >= 0; p--)
        close_part(&m->parts[p]);
    for (int k = 0; m->columns && k < m->n_columns; k++) {
        sheaf_buffer_free(&m->columns[k].rows);
        sheaf_buffer_free(&m->columns[k].other);
    }
    if (m->fd >= 0)
        close(m->fd);
    free(m->parts);
    free(m->columns);
    free(m->failures);
    free(m->aside);
}

int sheaf_merge(const struct merge_plan *plan, struct merged *merged, struct sheaf_error *error) {
    struct merge m = {.plan = plan, .merged = merged, .fd = -1, .error = error};
    struct results_found found;
    struct sheaf_error ignored;
    *merged = (struct merged){0};
    m.aside = sheaf_path_with(plan->path, SUFFIX_NEW);
    int rc = m.aside ? find_place(&m, &found) : sheaf_fail_memory(error, "a path");
    if (rc == 0)
        rc = open_parts(&m);
    if (rc == 0) {
        sheaf_interrupt_remove(m.aside);
        rc = make(&m) || check_stamps(&m) || sheaf_results_publish(plan->path, &found, &merged->said, error) ? -1 : 0;
        if (rc) {
            sheaf_results_discard(plan->path);
            sheaf_journal_remove(plan->path, m.token, false, &ignored);
        }
    }
    if (rc == 0)
        rc = pack(&m);
    end(&m);
    return rc;
}

void sheaf_merged_free(struct merged *merged) {
    free(merged->n_rows);
    sheaf_string_free(&merged->said);
}
