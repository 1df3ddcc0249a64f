#include "store/input_texts.h"

#include <stdlib.h>
#include <string.h>

#include "store/h5.h"

enum { WINDOW = 4096 };

bool sheaf_input_is_text(hid_t dataset) {
    hid_t type = H5Dget_type(dataset);
    const bool is = type >= 0 && H5Tget_class(type) == H5T_STRING;
    if (type >= 0)
        H5Tclose(type);
    return is;
}

static int keep(struct sheaf_text *text, const char *data, size_t length, struct sheaf_arena *arena) {
    const char *kept = sheaf_arena_text(arena, data, length);
    *text = (struct sheaf_text){kept, length};
    return kept ? 0 : -1;
}

/* Of any length: HDF5 gives each in memory of its own. */
static int read_free(hid_t dataset, int64_t first, int64_t n, struct sheaf_text *texts, struct sheaf_arena *arena) {
    hid_t type = sheaf_h5_text_type();
    char **given = calloc((size_t)n + 1, sizeof *given);
    int rc = type >= 0 && given ? sheaf_h5_read_rows(dataset, type, first, n, 1, given) : -1;
    const bool read = rc == 0;
    for (int64_t i = 0; read && i < n; i++) {
        const char *text = given[i] ? given[i] : "";
        rc = keep(&texts[i], text, strlen(text), arena) ? -1 : rc;
        H5free_memory(given[i]);
    }
    free(given);
    if (type >= 0)
        H5Tclose(type);
    return rc;
}

/* Of n_bytes, as they are stored. */
static size_t length_of(const char *text, size_t n_bytes, bool ends_with_blanks) {
    size_t length = strnlen(text, n_bytes);
    while (ends_with_blanks && length > 0 && text[length - 1] == ' ')
        length--;
    return length;
}

static int read_fixed(hid_t dataset, hid_t type, int64_t first, int64_t n, struct sheaf_text *texts,
                      struct sheaf_arena *arena) {
    const size_t n_bytes = H5Tget_size(type);
    const bool blanks = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    char *bytes = malloc((size_t)n * n_bytes + 1);
    int rc = bytes ? sheaf_h5_read_rows(dataset, type, first, n, 1, bytes) : -1;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        const char *text = bytes + (size_t)i * n_bytes;
        rc = keep(&texts[i], text, length_of(text, n_bytes, blanks), arena);
    }
    free(bytes);
    return rc;
}

int sheaf_input_read_texts(hid_t dataset, int64_t first, int64_t n, struct sheaf_text *texts,
                           struct sheaf_arena *arena) {
    hid_t type = H5Dget_type(dataset);
    if (type < 0 || n == 0)
        return n == 0 ? 0 : -1;
    int rc = H5Tis_variable_str(type) > 0 ? read_free(dataset, first, n, texts, arena)
                                          : read_fixed(dataset, type, first, n, texts, arena);
    H5Tclose(type);
    return rc;
}

int sheaf_input_measure_texts(hid_t dataset, int64_t n, size_t *most, size_t *all) {
    struct sheaf_text texts[WINDOW];
    *most = *all = 0;
    for (int64_t first = 0; first < n; first += WINDOW) {
        const int64_t n_window = n - first < WINDOW ? n - first : WINDOW;
        struct sheaf_arena arena = {0};
        const int rc = sheaf_input_read_texts(dataset, first, n_window, texts, &arena);
        for (int64_t i = 0; rc == 0 && i < n_window; i++) {
            *most = texts[i].length > *most ? texts[i].length : *most;
            *all += texts[i].length;
        }
        sheaf_arena_free(&arena);
        if (rc)
            return -1;
    }
    return 0;
}
