#include "cmd/cells.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "plan/row_sink.h"

enum { LONGEST_LINE = 200 }; /* characters; a table shows fewer */

size_t sheaf_cell_bytes(enum sheaf_type type) {
    return type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(type);
}

const char *sheaf_cell_exact(enum sheaf_type type, const char *value, struct sheaf_arena *arena) {
    char buffer[32];
    int64_t whole;
    float single;
    if (type == SHEAF_TEXT) {
        const char *text;
        memcpy(&text, value, sizeof text);
        return text;
    }
    if (type == SHEAF_FLOAT64) {
        sheaf_text_double(sheaf_type_to_double(type, value), buffer);
    } else if (type == SHEAF_FLOAT32) {
        memcpy(&single, value, sizeof single);
        snprintf(buffer, sizeof buffer, "%.9g", (double)single);
    } else if (type == SHEAF_INT64) {
        memcpy(&whole, value, sizeof whole); /* a double would round it */
        snprintf(buffer, sizeof buffer, "%lld", (long long)whole);
    } else {
        snprintf(buffer, sizeof buffer, "%.0f", sheaf_type_to_double(type, value));
    }
    return sheaf_arena_text(arena, buffer, strlen(buffer));
}

const char *sheaf_cell_line(const char *text, struct sheaf_arena *arena) {
    static const char more[] = "…";
    const char *line = text;
    for (const char *p = text; *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'; p++)
        if (*p == '\n')
            line = p + 1;
    size_t length = strcspn(line, "\n"), behind = length + strspn(line + length, " \t\r\n");
    size_t shown = sheaf_text_prefix(line, LONGEST_LINE);
    shown = shown < length ? shown : length;
    bool cut = shown < length || line[behind];
    char *cell = sheaf_arena_take(arena, shown + sizeof more);
    if (cell) {
        memcpy(cell, line, shown);
        memcpy(cell + shown, more, cut ? sizeof more : 0);
    }
    return cell;
}

const char *sheaf_cell_status(uint8_t status) {
    static const char *const names[] = {"pending", "done", "failed", "timed out", "crashed", "skipped"};
    return status <= ITEM_SKIPPED ? names[status] : "?";
}

bool sheaf_cell_is_fill(enum sheaf_type type, const void *value) {
    int64_t fill = 0;
    if (type == SHEAF_TEXT || type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32)
        return false;
    sheaf_type_fill(type, &fill, 1);
    return memcmp(value, &fill, sheaf_type_bytes(type)) == 0;
}
