#include "store/input_identity.h"

#include <inttypes.h>
#include <string.h>

#include "core/arena.h"
#include "core/hash.h"
#include "core/type.h"
#include "store/input.h"

/* Whether all fields lie in the file in one piece or in tiles, as the numbers they are; *n_bytes of them. */
static bool lie_plain(const struct items *items, int64_t *n_bytes) {
    *n_bytes = 0;
    for (int k = 0; k < items->n_fields; k++) {
        const enum sheaf_type own = (enum sheaf_type)items->fields[k].type;
        if (sheaf_items_offset(items, k, own) < 0 && !sheaf_items_tiling(items, k, own))
            return false;
        *n_bytes += items->n_items * (int64_t)sheaf_field_row_bytes(&items->fields[k]);
    }
    return items->n_others == 0;
}

/* Whether the values prove themselves as they are read, so that nobody reads them first: linked ones that threads read where
   they lie. Where programs compute, rows take so long that it does not matter; and a condition reads all of them first, of
   items too that no thread reads. A results file that is there goes on as it was begun. */
static bool goes_in_segments(const struct items *items, const struct job *job, const struct known *known) {
    int64_t n_bytes;
    if (!known || items->source->lacks || job->kind == JOB_COMMAND || job->kind == JOB_WORKER ||
        sheaf_yaml_get(job->items.node, "where") || !lie_plain(items, &n_bytes))
        return false;
    if (known->goes_on)
        return sheaf_known_any_added(known->before);
    return job->inputs == JOB_INPUTS_LINK || (job->inputs == JOB_INPUTS_AUTO && n_bytes > SHEAF_INPUTS_SMALL);
}

/* What the items are, but for their values. */
static int identify_segments(struct items *items, const char *kind, struct known *known, struct sheaf_error *error) {
    sheaf_string_add(&items->identity, "items: %s %" PRId64 "\n", kind, items->n_items);
    for (int k = 0; k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        const struct sheaf_tiling *tiling = sheaf_items_tiling(items, k, (enum sheaf_type)field->type);
        sheaf_string_add(&items->identity, "field %s: %s %s[%" PRId64 "]", field->name, items->links[k],
                         sheaf_type_name(field->type), field->width);
        if (tiling)
            sheaf_string_add(&items->identity, " in chunks of %" PRId64, tiling->rows);
        sheaf_string_add(&items->identity, "\n");
    }
    return items->identity.failed ? sheaf_fail_memory(error, items->name) : sheaf_known_add(known, items->name, error);
}

/* What the items are: the bytes of the file and of those that its fields reach, and which datasets are which fields. A
   file that is reached counts by its name alone: with all the others it may be moved. */
static int write_identity(struct items *items, const char *kind, struct known *known, struct sheaf_error *error) {
    char hash[SHEAF_HASH_BYTES];
    if (sheaf_known_hash(known, items->name, hash, error))
        return -1;
    sheaf_string_add(&items->identity, "items: %s %" PRId64 " %s\n", kind, items->n_items, hash);
    for (int i = 0; i < items->n_others; i++) {
        const char *path = items->others[i].path, *slash = strrchr(path, '/');
        if (sheaf_known_hash(known, path, hash, error))
            return -1;
        sheaf_string_add(&items->identity, "items also from %s: %s\n", slash ? slash + 1 : path, hash);
    }
    for (int k = sheaf_items_n_along(items); k < items->n_fields; k++)
        sheaf_string_add(&items->identity, "field %s: %s\n", items->fields[k].name, items->links[k]);
    return items->identity.failed ? sheaf_fail_memory(error, items->name) : 0;
}

/* --- by what the values are ---------------------------------------------------------------------------------------- */

/* Two short fingerprints with different seeds. */
struct print {
    uint64_t words[2];
};

static void add_bytes(struct print *print, const void *bytes, size_t n) {
    print->words[0] = sheaf_hash_word(bytes, n, print->words[0] + n);
    print->words[1] = sheaf_hash_word(bytes, n, print->words[1] ^ ~(uint64_t)n);
}

static void add_texts(struct print *print, const struct sheaf_text *texts, const uint8_t *lacks, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!lacks[i])
            add_bytes(print, texts[i].data ? texts[i].data : "", texts[i].length);
}

/* What lies along axes. */
static void add_axes(struct print *print, const struct sweep *sweep) {
    static const uint8_t none[1];
    for (int a = 0; sweep && a < sweep->n_axes; a++) {
        add_bytes(print, sweep->axes[a].name, strlen(sweep->axes[a].name));
        add_bytes(print, &sweep->axes[a].size, sizeof sweep->axes[a].size);
    }
    for (int f = 0; sweep && f < sweep->n_fields; f++) {
        const struct sweep_field *field = &sweep->fields[f];
        const enum sheaf_type type = (enum sheaf_type)field->about.type;
        add_bytes(print, field->about.name, strlen(field->about.name));
        if (type != SHEAF_TEXT)
            add_bytes(print, field->values, (size_t)field->n_values * sheaf_type_bytes(type));
        for (int64_t i = 0; type == SHEAF_TEXT && i < field->n_values; i++)
            add_texts(print, (const struct sheaf_text *)field->values + i, none, 1);
    }
}

/* A column of rows; of items that are not done there nothing counts. */
static void add_column(struct print *print, const struct sheaf_field *field, void *column, const uint8_t *lacks,
                       int64_t n) {
    const size_t row = sheaf_field_row_bytes(field);
    if (field->type == SHEAF_TEXT) {
        add_texts(print, column, lacks, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        if (lacks[i])
            memset((char *)column + (size_t)i * row, 0, row);
    add_bytes(print, column, (size_t)n * row);
}

/* Rows first … first + n - 1, and which of them are done. */
static int add_rows(struct print *print, struct items *items, int64_t first, int64_t n, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    void **columns = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *columns);
    uint8_t *lacks = sheaf_arena_take(&arena, (size_t)n);
    int rc = columns && lacks ? 0 : sheaf_fail_memory(error, items->name);
    for (int k = sheaf_items_n_along(items); rc == 0 && k < items->n_fields; k++) {
        columns[k] = sheaf_arena_take(&arena, (size_t)n * sheaf_field_row_bytes(&items->fields[k]));
        rc = columns[k] ? 0 : sheaf_fail_memory(error, items->name);
    }
    if (rc == 0 && items->source->lacks)
        rc = items->source->lacks(items, first, n, lacks, error);
    if (rc == 0)
        rc = sheaf_items_read(items, first, n, columns, &arena, error);
    if (rc == 0)
        add_bytes(print, lacks, (size_t)n);
    for (int k = sheaf_items_n_along(items); rc == 0 && k < items->n_fields; k++)
        add_column(print, &items->fields[k], columns[k], lacks, n);
    sheaf_arena_free(&arena);
    return rc;
}

/* What the items are: their values, and which of them are done. The bytes of a results file also tell how often items were tried
   and when, so one whose job was run again would be another. */
static int write_content(struct items *items, const char *kind, struct sheaf_error *error) {
    struct print print = {{1, 2}};
    const int64_t window = sheaf_items_window(items);
    add_axes(&print, items->sweep);
    for (int64_t first = 0, n; first < items->n_items; first += n) {
        n = items->n_items - first < window ? items->n_items - first : window;
        if (add_rows(&print, items, first, n, error))
            return -1;
    }
    sheaf_string_add(&items->identity, "items: %s %" PRId64 " %016" PRIx64 "%016" PRIx64 "\n", kind, items->n_items,
                     print.words[0], print.words[1]);
    for (int k = sheaf_items_n_along(items); k < items->n_fields; k++)
        sheaf_string_add(&items->identity, "field %s: %s\n", items->fields[k].name, items->links[k]);
    return items->identity.failed ? sheaf_fail_memory(error, items->name) : 0;
}

int sheaf_input_identify(struct items *items, const struct job *job, const char *kind, struct known *known,
                         struct sheaf_error *error) {
    int64_t n_bytes;
    items->in_segments = goes_in_segments(items, job, known);
    if (known && known->goes_on && sheaf_known_any_added(known->before) && !lie_plain(items, &n_bytes))
        return sheaf_refuse(error,
                            "%s: its values do not lie in it as those did that the results in %s were begun "
                            "with: they cannot be compared; choose another place with -o, or start anew with "
                            "--overwrite",
                            items->name, job->output);
    if (job->items.kind == JOB_RESULTS && job->inputs == JOB_INPUTS_COPY)
        return write_content(items, kind, error);
    return items->in_segments ? identify_segments(items, kind, known, error)
                              : write_identity(items, kind, known, error);
}
