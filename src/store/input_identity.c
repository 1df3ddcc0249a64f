#include "store/input_identity.h"

#include <inttypes.h>
#include <string.h>

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
    return items->in_segments ? identify_segments(items, kind, known, error)
                              : write_identity(items, kind, known, error);
}
