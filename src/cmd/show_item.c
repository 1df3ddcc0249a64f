#include "cmd/show_item.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cells.h"
#include "core/arena.h"
#include "core/text.h"
#include "plan/row_sink.h"

static int find_status(const struct show_item *show, uint8_t *status, struct sheaf_error *error) {
    char a[32], b[32];
    int64_t n_items = sheaf_reader_n_items(show->reader);
    if (n_items == 0)
        return sheaf_refuse(error, "%s: has no items", show->path);
    if (show->item >= n_items)
        return sheaf_refuse(error, "%s: no item %s; they are 0 to %s", show->path, sheaf_text_count(show->item, a),
                            sheaf_text_count(n_items - 1, b));
    return sheaf_reader_status(show->reader, show->item, 1, status, error);
}

/* A text of several lines is put below the name, indented. */
static void print_text(const char *name, const char *text) {
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n')
        length--;
    if (!memchr(text, '\n', length)) {
        printf("%s:%s%.*s\n", name, length ? " " : "", (int)length, text);
        return;
    }
    printf("%s:\n", name);
    for (const char *line = text, *end; line < text + length; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        end = end ? end : text + length;
        printf("%s%.*s\n", end > line ? "    " : "", (int)(end - line), line);
    }
}

/* A field of the item; as `name: value`, or its value alone. */
static int print_field(const struct show_item *show, const struct reader_field *about, int field,
                       struct sheaf_error *error) {
    const struct sheaf_field *f = &about->field;
    const size_t value_bytes = sheaf_cell_bytes(f->type);
    struct sheaf_arena arena = {0};
    char *values = sheaf_arena_take(&arena, (size_t)f->width * value_bytes);
    int rc = values ? 0 : sheaf_fail_memory(error, "the values");
    if (rc == 0)
        rc = sheaf_reader_range(show->reader, field, show->item, 1, values, &arena, error);
    const bool has_unit = f->unit && *f->unit && !show->alone;
    bool is_text = f->type == SHEAF_TEXT && f->width == 1;
    if (rc == 0 && !is_text && !show->alone)
        printf("%s:", f->name);
    for (int64_t w = 0; rc == 0 && w < f->width; w++) {
        const char *cell = sheaf_cell_exact(f->type, values + (size_t)w * value_bytes, &arena);
        if (!cell)
            rc = sheaf_fail_memory(error, "the values");
        else if (is_text && show->alone)
            fputs(cell, stdout);
        else if (is_text)
            print_text(f->name, cell);
        else
            printf("%s%s", w || !show->alone ? " " : "", cell);
    }
    if (rc == 0 && !is_text)
        printf("%s%s\n", has_unit ? " " : "", has_unit ? f->unit : "");
    sheaf_arena_free(&arena);
    return rc;
}

int sheaf_show_item(const struct show_item *show, struct sheaf_error *error) {
    uint8_t status = ITEM_PENDING;
    char a[32];
    int n_all = 0;
    const struct reader_field *all = sheaf_reader_fields(show->reader, &n_all);
    if (find_status(show, &status, error))
        return -1;
    const char *message = sheaf_reader_message(show->reader, show->item);
    if (!*message && status == ITEM_SKIPPED)
        message = sheaf_reader_condition(show->reader);
    if (show->alone) {
        const struct reader_field *field = &all[show->fields[0]];
        if (field->is_output && status == ITEM_PENDING)
            return sheaf_refuse(error, "%s: item %s is pending: it has no '%s' yet", show->path,
                                sheaf_text_count(show->item, a), field->field.name);
        if (field->is_output && status != ITEM_DONE)
            fprintf(stderr, "sheaf show: item %s: %s%s%s\n", sheaf_text_count(show->item, a), sheaf_cell_status(status),
                    *message ? ": " : "", message);
        return print_field(show, field, show->fields[0], error);
    }
    printf("item: %" PRId64 "\nstatus: %s\n", show->item, sheaf_cell_status(status));
    if (status != ITEM_DONE && *message)
        printf("message: %s\n", message);
    else if (sheaf_status_failed(status))
        printf("message: none is kept; a file has room for those of 10,000 items\n");
    for (int k = 0; k < show->n_fields; k++) {
        const struct reader_field *field = &all[show->fields[k]];
        if (field->is_output && status == ITEM_PENDING)
            continue;
        if (print_field(show, field, show->fields[k], error))
            return -1;
    }
    return 0;
}
