#include "cmd/slice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cells.h"
#include "core/arena.h"
#include "core/text.h"
#include "core/type.h"

enum { WINDOW = 4096 }; /* coordinates looked at at a time */

/* Relative; 0.3 and 3 × 0.1 are the same to who types them. */
static const double same = 1e-12;

/* --- places -------------------------------------------------------------------------------------------------------- */

static void count_cells(struct slice *slice) {
    slice->n_cells = 1;
    for (int d = 0; d < slice->extent->n_dims; d++)
        slice->n_cells *= slice->axes[d].n;
}

void sheaf_slice_begin(struct slice *slice, const struct reader *reader) {
    int64_t stride = 1;
    *slice = (struct slice){.extent = sheaf_reader_extent(reader)};
    for (int d = slice->extent->n_dims - 1; d >= 0; d--) {
        slice->axes[d].n = slice->extent->dims[d].size;
        slice->strides[d] = stride;
        stride *= slice->extent->dims[d].size;
    }
    count_cells(slice);
}

/* Takes the list. */
static void set_places(struct slice *slice, int d, int64_t *places, int64_t n) {
    free(slice->axes[d].places);
    slice->axes[d].places = places;
    slice->axes[d].n = n;
    count_cells(slice);
}

int sheaf_slice_thin(struct slice *slice, int d, int64_t most, int64_t *step, struct sheaf_error *error) {
    const int64_t n = slice->axes[d].n;
    *step = n > most ? (n + most - 1) / most : 1;
    if (*step == 1)
        return 0;
    const int64_t n_kept = (n + *step - 1) / *step;
    int64_t *places = malloc((size_t)n_kept * sizeof *places);
    if (!places)
        return sheaf_fail_memory(error, "the cells");
    for (int64_t k = 0; k < n_kept; k++)
        places[k] = sheaf_slice_place(slice, d, k * *step);
    set_places(slice, d, places, n_kept);
    return 0;
}

int sheaf_slice_first(struct slice *slice, int d, struct sheaf_error *error) {
    int64_t *places = malloc(sizeof *places);
    if (!places)
        return sheaf_fail_memory(error, "the cells");
    places[0] = sheaf_slice_place(slice, d, 0);
    set_places(slice, d, places, 1);
    return 0;
}

void sheaf_slice_items(const struct slice *slice, int64_t first, int64_t n, int64_t *items) {
    const int n_dims = slice->extent->n_dims;
    bool all = true;
    for (int d = 0; d < n_dims; d++)
        all = all && !slice->axes[d].places;
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = first + i;
        items[i] = all ? rest : 0;
        for (int d = n_dims - 1; d >= 0 && !all; rest /= slice->axes[d--].n)
            items[i] += slice->strides[d] * sheaf_slice_place(slice, d, rest % slice->axes[d].n);
    }
}

void sheaf_slice_free(struct slice *slice) {
    for (int d = 0; d < EXTENT_MOST; d++)
        free(slice->axes[d].places);
}

/* --- looking for a value ------------------------------------------------------------------------------------------- */

/* Without the blanks around it. */
static char *strip(char *word) {
    word += strspn(word, " ");
    for (size_t n = strlen(word); n > 0 && word[n - 1] == ' '; n--)
        word[n - 1] = '\0';
    return word;
}

/* A value that is looked for among the coordinates of a field. */
struct search {
    const char *path;
    char *text; /* what the user wrote */
    const struct sheaf_field *about;
    double number;    /* that it is */
    double best, off; /* the nearest one so far, and how far it is */
    int64_t whole;    /* as a whole number of an int64, which a double may not hold */
    bool is_whole;
    int64_t *places, n, room; /* those of the nearest one, or of the text */
    char named[64];           /* the nearest one */
    struct sheaf_error *error;
};

static int add_place(struct search *s, int64_t place) {
    if (s->n == s->room) {
        const int64_t room = s->room ? 2 * s->room : 16;
        int64_t *places = realloc(s->places, (size_t)room * sizeof *places);
        if (!places)
            return sheaf_fail_memory(s->error, "so many items");
        s->places = places;
        s->room = room;
    }
    s->places[s->n++] = place;
    return 0;
}

/* How far a number is from the one that is wanted; NaN is no number. */
static double distance(const struct search *s, const char *value) {
    int64_t whole;
    const double number = sheaf_type_to_double(s->about->type, value);
    if (s->about->type == SHEAF_INT64 && s->is_whole) {
        memcpy(&whole, value, sizeof whole);
        return whole == s->whole ? 0 : fmax(fabs((double)whole - (double)s->whole), 1);
    }
    if (s->about->type == SHEAF_FLOAT32 && (float)s->number == (float)number)
        return 0;
    return number == s->number ? 0 : fabs(number - s->number);
}

static int take_text(struct search *s, const char *const *values, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (strcmp(values[i], s->text) == 0 && add_place(s, first + i))
            return -1;
    return 0;
}

/* Keeps the places of the nearest number; of two that are equally near, of the first. */
static int take_numbers(struct search *s, const char *values, int64_t first, int64_t n, struct sheaf_arena *arena) {
    const size_t n_bytes = sheaf_type_bytes(s->about->type);
    for (int64_t i = 0; i < n; i++) {
        const char *value = values + (size_t)i * n_bytes;
        const double number = sheaf_type_to_double(s->about->type, value), off = distance(s, value);
        if (isnan(off) || off > s->off || (s->n > 0 && off == s->off && number != s->best))
            continue;
        if (s->n == 0 || off < s->off) {
            const char *named = sheaf_cell_exact(s->about->type, value, arena);
            snprintf(s->named, sizeof s->named, "%s", named ? named : "");
            s->off = off;
            s->best = number;
            s->n = 0;
        }
        if (add_place(s, first + i))
            return -1;
    }
    return 0;
}

/* Looks at all coordinates of a field, some at a time. */
static int look_along(struct search *s, struct reader *reader, int field, int64_t size) {
    int rc = 0;
    for (int64_t first = 0; first < size && rc == 0; first += WINDOW) {
        const int64_t n = size - first < WINDOW ? size - first : WINDOW;
        struct sheaf_arena arena = {0};
        void *values = sheaf_arena_take(&arena, (size_t)n * sizeof(int64_t));
        rc = values ? sheaf_reader_along(reader, field, first, n, values, &arena, s->error)
                    : sheaf_fail_memory(s->error, "coordinates");
        if (rc == 0)
            rc = s->about->type == SHEAF_TEXT ? take_text(s, values, first, n)
                                              : take_numbers(s, values, first, n, &arena);
        sheaf_arena_free(&arena);
    }
    return rc;
}

/* "; did you mean 'a'?" of the first texts along the axis. */
static int refuse_text(const struct search *s, struct reader *reader, int field, int64_t size) {
    char hint[512] = "";
    struct sheaf_arena arena = {0};
    const int64_t n = size < WINDOW ? size : WINDOW;
    const char **names = sheaf_arena_take(&arena, (size_t)n * sizeof *names);
    if (names && sheaf_reader_along(reader, field, 0, n, names, &arena, s->error) == 0)
        sheaf_text_suggest(s->text, names, (int)n, true, hint, sizeof hint);
    sheaf_refuse(s->error, "%s: no '%s' along the axis of '%s'%s", s->path, s->text, s->about->name, hint);
    sheaf_arena_free(&arena);
    return -1;
}

static int find_places(struct search *s, struct reader *reader, int field, int64_t size) {
    const bool is_text = s->about->type == SHEAF_TEXT;
    s->text = is_text ? s->text : strip(s->text);
    const size_t length = strlen(s->text);
    s->is_whole = sheaf_text_to_int64(s->text, length, &s->whole) == 0;
    if (!is_text && (sheaf_text_to_double(s->text, length, &s->number) || isnan(s->number)))
        return sheaf_refuse(s->error, "--sel %s=%s: '%s' should be a number", s->about->name, s->text, s->text);
    s->off = INFINITY;
    if (look_along(s, reader, field, size))
        return -1;
    if (s->n == 0 && is_text)
        return refuse_text(s, reader, field, size);
    if (s->n == 0)
        return sheaf_refuse(s->error, "%s: no numbers along the axis of '%s'", s->path, s->about->name);
    if (!is_text && s->off > same * fabs(s->number))
        fprintf(stderr, "sheaf: %s: %s is nearest to %s\n", s->about->name, s->named, s->text);
    return 0;
}

/* --- what the words mean ------------------------------------------------------------------------------------------- */

/* Keeps the places of a dimension that are among those found; both lists ascend. */
static int keep_found(struct slice *slice, int d, struct search *s) {
    int64_t n = 0;
    for (int64_t i = 0, k = 0; i < s->n && k < slice->axes[d].n;) {
        const int64_t place = sheaf_slice_place(slice, d, k), found = s->places[i];
        if (place == found)
            s->places[n++] = found;
        i += found <= place;
        k += place <= found;
    }
    set_places(slice, d, s->places, n);
    s->places = NULL;
    slice->axes[d].is_chosen = true;
    return n > 0 ? 0 : sheaf_refuse(s->error, "%s: no item has all that --sel asks for", s->path);
}

/* A dimension without coordinates of its name: which place of it. */
static int find_place(struct search *s, const struct dimension *dimension) {
    int64_t place;
    s->text = strip(s->text);
    if (sheaf_text_to_int64(s->text, strlen(s->text), &place) || place < 0 || place >= dimension->size)
        return sheaf_refuse(s->error, "--sel %s=%s: '%s' has no values of its own; its places are 0 to %lld",
                            dimension->name, s->text, dimension->name, (long long)dimension->size - 1);
    return add_place(s, place);
}

/* An output, or what is kept beside the fields, has a value in each item. */
static bool is_in_each_item(struct reader *reader, const char *name) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    for (int k = 0; k < n_fields + sheaf_reader_n_about(reader); k++)
        if (strcmp(fields[k].field.name, name) == 0)
            return fields[k].axis < 0;
    return strcmp(name, "status") == 0;
}

static int refuse_name(struct reader *reader, const char *path, const char *name, struct sheaf_error *error) {
    const struct extent *extent = sheaf_reader_extent(reader);
    const char *names[512];
    char hint[512];
    int n_fields, n = 0;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    for (int k = 0; k < n_fields && n < 256; k++)
        if (fields[k].axis >= 0)
            names[n++] = fields[k].field.name;
    const int n_named = n;
    for (int d = 0; d < extent->n_dims; d++) {
        bool is_field = false;
        for (int k = 0; k < n_named; k++)
            is_field = is_field || strcmp(names[k], extent->dims[d].name) == 0;
        if (!is_field)
            names[n++] = extent->dims[d].name;
    }
    if (!is_in_each_item(reader, name))
        return sheaf_refuse(error, "%s: --sel: no axis '%s'%s", path, name,
                            sheaf_text_suggest(name, names, n, true, hint, sizeof hint));
    struct sheaf_string axes = {0};
    for (int k = 0; k < n; k++)
        sheaf_string_add(&axes, "%s'%s'", k ? ", " : "", names[k]);
    sheaf_refuse(error, "%s: --sel: '%s' is of each item, and no axis; axes are %s", path, name,
                 axes.data && !axes.failed ? axes.data : "others");
    sheaf_string_free(&axes);
    return -1;
}

/* "NAME=VALUE". */
static int select_one(struct slice *slice, struct reader *reader, const char *path, char *word,
                      struct sheaf_error *error) {
    char *equals = strchr(word, '=');
    int n_fields, rc = -1, axis = -1;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    if (!equals)
        return sheaf_refuse(error, "--sel %s: should be AXIS=VALUE, and more of them behind commas", word);
    *equals = '\0';
    word = strip(word);
    struct search search = {.path = path, .text = equals + 1, .error = error};
    for (int k = 0; k < n_fields && axis < 0; k++)
        if (fields[k].axis >= 0 && strcmp(fields[k].field.name, word) == 0) {
            axis = fields[k].axis;
            search.about = &fields[k].field;
            rc = find_places(&search, reader, k, slice->extent->dims[axis].size);
        }
    for (int d = 0; d < slice->extent->n_dims && axis < 0; d++)
        if (strcmp(slice->extent->dims[d].name, word) == 0) {
            axis = d;
            rc = find_place(&search, &slice->extent->dims[d]);
        }
    if (axis < 0)
        rc = refuse_name(reader, path, word, error);
    if (rc == 0)
        rc = keep_found(slice, axis, &search);
    free(search.places);
    return rc;
}

/* Where a word ends: at a comma, unless there is no other "NAME=" behind it. */
static char *end_of_word(char *word) {
    for (char *comma = strchr(word, ','); comma; comma = strchr(comma + 1, ',')) {
        const char *equals = strchr(comma + 1, '='), *next = strchr(comma + 1, ',');
        if (equals && (!next || equals < next))
            return comma;
    }
    return word + strlen(word);
}

int sheaf_slice_select(struct slice *slice, struct reader *reader, const char *path, const char *wanted,
                       struct sheaf_error *error) {
    if (!sheaf_reader_is_sweep(reader))
        return sheaf_refuse(error,
                            "%s: --sel is for items that have axes (grid, zip, sample), and these are rows of a table; "
                            "show --csv prints them for other programs, --sort and --where-failed choose among them",
                            path);
    char *words = strdup(wanted);
    int rc = words ? 0 : sheaf_fail_memory(error, "--sel");
    for (char *word = words, *next; rc == 0; word = next) {
        char *end = end_of_word(word);
        next = *end ? end + 1 : NULL;
        *end = '\0';
        rc = select_one(slice, reader, path, word, error);
        if (!next)
            break;
    }
    free(words);
    return rc;
}
