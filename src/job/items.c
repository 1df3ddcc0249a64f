#include "job/items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"

int sheaf_items_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    if (items->fields[field].type == type)
        return 0;
    return items->source->check(items, field, type, error);
}

int sheaf_items_unchanged(const struct items *items, struct sheaf_error *error) {
    if (items->stamp.inode && sheaf_stamp_check(&items->stamp, items->name, error))
        return -1;
    for (int i = 0; i < items->n_others; i++)
        if (sheaf_stamp_check(&items->others[i].stamp, items->others[i].path, error))
            return -1;
    return 0;
}

int sheaf_items_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                     struct sheaf_error *error) {
    return sheaf_items_read_as(items, first, n, columns, NULL, arena, error);
}

int sheaf_items_read_as(struct items *items, int64_t first, int64_t n, void *const *columns,
                        const enum sheaf_type *types, struct sheaf_arena *arena, struct sheaf_error *error) {
    if (items->source->read(items, first, n, columns, types, arena, error)) {
        struct sheaf_error change; /* says it better than a value that cannot be read */
        if (sheaf_items_unchanged(items, &change) && error)
            *error = change;
        return -1;
    }
    return sheaf_items_unchanged(items, error);
}

int64_t sheaf_items_offset(const struct items *items, int field, enum sheaf_type type) {
    return items->source && items->source->offset ? items->source->offset(items, field, type) : -1;
}

const struct sheaf_tiling *sheaf_items_tiling(const struct items *items, int field, enum sheaf_type type) {
    return items->source && items->source->tiling ? items->source->tiling(items, field, type) : NULL;
}

struct extent sheaf_items_extent(const struct items *items) {
    struct extent extent = {1, {{"item", items->n_items}}};
    const struct sweep *sweep = items->sweep;
    for (int a = 0; sweep && a < sweep->n_axes; a++)
        extent.dims[a] = (struct dimension){sweep->axes[a].name, sweep->axes[a].size};
    extent.n_dims = sweep ? sweep->n_axes : 1;
    return extent;
}

void sheaf_items_close(struct items *items) {
    if (items->source)
        items->source->close(items);
    items->source = NULL;
    sheaf_string_free(&items->identity);
    sheaf_string_free(&items->files);
    sheaf_string_free(&items->warnings);
    sheaf_arena_free(&items->arena);
}

int sheaf_items_find(const struct sheaf_field *fields, int n_fields, const char *name) {
    for (int i = 0; i < n_fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return i;
    return -1;
}

int sheaf_items_no_field(const struct items *items, const struct yaml_node *node, const char *what, const char *name,
                         struct sheaf_error *error) {
    const char **names = malloc(((size_t)items->n_fields + 1) * sizeof *names);
    char hint[512];
    if (!names)
        return sheaf_fail_memory(error, "the fields");
    for (int k = 0; k < items->n_fields; k++)
        names[k] = items->fields[k].name;
    sheaf_yaml_refuse(node, error, "%s: no field '%s' in %s%s", what, name, items->name,
                      sheaf_text_suggest(name, names, items->n_fields, true, hint, sizeof hint));
    free(names);
    return -1;
}

int sheaf_items_check_name(const char *name, const char *what, struct sheaf_error *error) {
    static const char *const reserved[] = {"item", "block", "origin", "status", "seconds", "attempts", "sheaf"};
    if (!name || name[0] == '\0')
        return sheaf_refuse(error, "%s has no name", what);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            return sheaf_refuse(error, "%s is called '%s', which the results file needs for itself; rename it", what,
                                name);
    if (strncmp(name, "values_", 7) == 0 && name[7] && strspn(name + 7, "0123456789") == strlen(name + 7))
        return sheaf_refuse(error, "%s is called '%s', which the results file needs for a dimension; rename it", what,
                            name);
    if (strcmp(name, ".") == 0 || strchr(name, '/') || strlen(name) > 200)
        return sheaf_refuse(error, "%s is called '%.*s'; a name has no '/' and at most 200 characters", what,
                            (int)sheaf_text_valid(name, strnlen(name, 60)), name);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return sheaf_refuse(error, "%s has a control character in its name", what);
    return 0;
}

int64_t sheaf_items_window(const struct items *items) {
    enum { OF_TEXTS = 4096, OF_NUMBERS = 65536, MOST_BYTES = 8 << 20 };
    size_t row_bytes = 1;
    for (int k = 0; k < items->n_fields; k++) {
        if (items->fields[k].type == SHEAF_TEXT)
            return OF_TEXTS;
        row_bytes += sheaf_field_row_bytes(&items->fields[k]);
    }
    const int64_t fit = (int64_t)(MOST_BYTES / row_bytes) + 1;
    return fit < OF_NUMBERS ? fit : OF_NUMBERS;
}
