#include "app/pairing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/hash.h"
#include "core/text.h"
#include "core/type.h"

enum { WINDOW = 4096 };

/* --- what tells places apart --------------------------------------------------------------------------------------- */

static size_t row_bytes(const struct sheaf_field *f) {
    return (f->type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(f->type)) * (size_t)f->width;
}

/* The same number has the same hash, whatever its type in each file. */
static uint64_t hash_number(int32_t type, const char *value, uint64_t hash) {
    double number = sheaf_type_to_double(type, value);
    int64_t whole = 0;
    if (type == SHEAF_INT64)
        memcpy(&whole, value, sizeof whole);
    if (type == SHEAF_INT64 && (whole > (INT64_C(1) << 53) || whole < -(INT64_C(1) << 53)))
        return sheaf_hash_word(&whole, sizeof whole, hash);
    number = isnan(number) ? (double)NAN : number + 0.0; /* 0 and -0 are one */
    return sheaf_hash_word(&number, sizeof number, hash);
}

static void hash_values(const struct sheaf_field *f, const char *values, int64_t n, uint64_t *hashes) {
    const size_t n_bytes = row_bytes(f);
    for (int64_t i = 0; i < n; i++)
        for (int64_t w = 0; w < f->width; w++) {
            const char *value = values + (size_t)i * n_bytes + (size_t)w * (n_bytes / (size_t)f->width), *text;
            if (f->type == SHEAF_TEXT) {
                memcpy(&text, value, sizeof text);
                hashes[i] = sheaf_hash_word(text, strlen(text), hashes[i]);
            } else {
                hashes[i] = hash_number(f->type, value, hashes[i]);
            }
        }
}

/* hashes[n] of the keys of places first … first + n - 1. */
static int hash_places(struct reader *reader, const int *keys, int n_keys, int64_t first, int64_t n, uint64_t *hashes,
                       struct sheaf_error *error) {
    int n_fields, rc = 0;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    memset(hashes, 0, (size_t)n * sizeof *hashes);
    for (int k = 0; k < n_keys && rc == 0; k++) {
        struct sheaf_arena arena = {0};
        const struct reader_field *f = &fields[keys[k]];
        char *values = sheaf_arena_take(&arena, (size_t)n * row_bytes(&f->field));
        if (!values)
            rc = sheaf_fail_memory(error, "the values that tell items apart");
        else if (f->axis >= 0)
            rc = sheaf_reader_along(reader, keys[k], first, n, values, &arena, error);
        else
            rc = sheaf_reader_range(reader, keys[k], first, n, values, &arena, error);
        if (rc == 0)
            hash_values(&f->field, values, n, hashes);
        sheaf_arena_free(&arena);
    }
    return rc;
}

/* --- places of B by what they are ---------------------------------------------------------------------------------- */

/* A slot: the places that have a hash, in order, by the first of them and which is next; -1 ends it. */
struct slot {
    uint64_t hash;
    int64_t first;
    bool used;
};

struct places {
    struct slot *slots; /* [mask + 1] */
    uint64_t mask;
    int64_t *next; /* [n] */
};

enum { NO_PLACE = -1, TAKEN = -2 };

static struct slot *find_slot(const struct places *p, uint64_t hash) {
    uint64_t at = hash & p->mask;
    while (p->slots[at].used && p->slots[at].hash != hash)
        at = (at + 1) & p->mask;
    return &p->slots[at];
}

static int make_places(struct places *p, int64_t n, struct sheaf_error *error) {
    uint64_t n_slots = 16;
    while (n_slots < (uint64_t)n + (uint64_t)n / 2)
        n_slots *= 2;
    p->mask = n_slots - 1;
    p->slots = calloc((size_t)n_slots, sizeof *p->slots);
    p->next = malloc(((size_t)n + 1) * sizeof *p->next);
    return p->slots && p->next ? 0 : sheaf_fail_memory(error, "which item is which");
}

/* From the last to the first, so that each slot's places are in order. */
static int enter_places(struct places *p, struct pairing_axis *axis, struct reader *b, struct sheaf_error *error) {
    uint64_t hashes[WINDOW];
    for (int64_t upto = axis->n_b, n; upto > 0; upto -= n) {
        n = upto < WINDOW ? upto : WINDOW;
        if (hash_places(b, axis->key_b, axis->n_keys, upto - n, n, hashes, error))
            return -1;
        for (int64_t i = n - 1; i >= 0; i--) {
            struct slot *slot = find_slot(p, hashes[i]);
            axis->n_shared += slot->used;
            p->next[upto - n + i] = slot->used ? slot->first : NO_PLACE;
            *slot = (struct slot){hashes[i], upto - n + i, true};
        }
    }
    return 0;
}

static int take_places(struct places *p, struct pairing_axis *axis, struct reader *a, struct sheaf_error *error) {
    uint64_t hashes[WINDOW];
    for (int64_t first = 0, n; first < axis->n_a; first += n) {
        n = axis->n_a - first < WINDOW ? axis->n_a - first : WINDOW;
        if (hash_places(a, axis->key_a, axis->n_keys, first, n, hashes, error))
            return -1;
        for (int64_t i = 0; i < n; i++) {
            struct slot *slot = find_slot(p, hashes[i]);
            const int64_t place = slot->used ? slot->first : NO_PLACE;
            axis->place[first + i] = place;
            if (place >= 0) {
                slot->first = p->next[place];
                p->next[place] = TAKEN;
                axis->n_both++;
            }
        }
    }
    return 0;
}

/* The first places that only one of both has. */
static void note_alone(struct pairing_axis *axis, const int64_t *next) {
    for (int64_t i = 0, n = 0; i < axis->n_a && n < PAIRING_TOLD; i++)
        if (axis->place[i] < 0)
            axis->only_a[n++] = i;
    for (int64_t i = 0, n = 0; i < axis->n_b && n < PAIRING_TOLD; i++)
        if (next[i] != TAKEN)
            axis->only_b[n++] = i;
}

static bool has_same_places(const struct pairing_axis *axis) {
    for (int64_t i = 0; i < axis->n_a; i++)
        if (axis->place[i] != (i < axis->n_b ? i : NO_PLACE))
            return false;
    return true;
}

static int pair_by_values(struct pairing_axis *axis, struct reader *a, struct reader *b, struct sheaf_error *error) {
    struct places places = {0};
    axis->place = malloc(((size_t)axis->n_a + 1) * sizeof *axis->place);
    int rc = axis->place ? make_places(&places, axis->n_b, error) : sheaf_fail_memory(error, "which item is which");
    if (rc == 0)
        rc = enter_places(&places, axis, b, error) || take_places(&places, axis, a, error) ? -1 : 0;
    if (rc == 0) {
        note_alone(axis, places.next);
        if (has_same_places(axis)) {
            free(axis->place);
            axis->place = NULL;
        }
    }
    free(places.slots);
    free(places.next);
    return rc;
}

static void pair_by_number(struct pairing_axis *axis) {
    axis->n_both = axis->n_a < axis->n_b ? axis->n_a : axis->n_b;
    for (int64_t i = 0; i < PAIRING_TOLD; i++)
        axis->only_a[i] = axis->only_b[i] = axis->n_both + i;
}

/* Whether the values are the same at the same places, as mostly; then nothing need be kept of them. */
static int look_whether_same(struct pairing_axis *axis, struct reader *a, struct reader *b, bool *same,
                             struct sheaf_error *error) {
    uint64_t of_a[WINDOW], of_b[WINDOW];
    *same = axis->n_a == axis->n_b;
    for (int64_t first = 0, n; *same && first < axis->n_a; first += n) {
        n = axis->n_a - first < WINDOW ? axis->n_a - first : WINDOW;
        if (hash_places(a, axis->key_a, axis->n_keys, first, n, of_a, error) ||
            hash_places(b, axis->key_b, axis->n_keys, first, n, of_b, error))
            return -1;
        *same = memcmp(of_a, of_b, (size_t)n * sizeof *of_a) == 0;
    }
    return 0;
}

static int pair_axis(struct pairing_axis *axis, struct reader *a, struct reader *b, struct sheaf_error *error) {
    bool same = true;
    if (axis->n_keys && look_whether_same(axis, a, b, &same, error))
        return -1;
    if (same)
        pair_by_number(axis);
    return same ? 0 : pair_by_values(axis, a, b, error);
}

/* --- which axes and keys ------------------------------------------------------------------------------------------- */

int sheaf_pairing_field(const struct reader *reader, const char *name) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    for (int k = 0, n = n_fields + sheaf_reader_n_about(reader); k < n; k++)
        if (strcmp(fields[k].field.name, name) == 0)
            return k;
    return -1;
}

static bool may_be_same(const struct sheaf_field *a, const struct sheaf_field *b) {
    return a->width == b->width && (a->type == SHEAF_TEXT) == (b->type == SHEAF_TEXT);
}

/* The fields along a dimension of both. */
static void find_keys(struct pairing_axis *axis, const struct reader *a, int dim_a, const struct reader *b, int dim_b) {
    int n_a, n_b;
    const struct reader_field *of_a = sheaf_reader_fields(a, &n_a), *of_b = sheaf_reader_fields(b, &n_b);
    for (int k = 0; k < n_a && axis->n_keys < PAIRING_KEYS; k++) {
        const int other = of_a[k].axis == dim_a ? sheaf_pairing_field(b, of_a[k].field.name) : -1;
        if (other < 0 || of_b[other].axis != dim_b || !may_be_same(&of_a[k].field, &of_b[other].field))
            continue;
        axis->key_a[axis->n_keys] = k;
        axis->key_b[axis->n_keys++] = other;
    }
}

static int find_dimension(const struct extent *extent, const char *name) {
    for (int d = 0; d < extent->n_dims; d++)
        if (strcmp(extent->dims[d].name, name) == 0)
            return d;
    return -1;
}

static void say_axes(const struct extent *extent, struct sheaf_string *text) {
    for (int d = 0; d < extent->n_dims; d++)
        sheaf_string_add(text, "%s%s", d ? ", " : "", extent->dims[d].name);
}

static int refuse_axes(const struct extent *a, const struct extent *b, struct sheaf_error *error) {
    struct sheaf_string of_a = {0}, of_b = {0};
    say_axes(a, &of_a);
    say_axes(b, &of_b);
    sheaf_refuse(error,
                 "the first file has items along %s, the second along %s; name fields that tell them apart with --by "
                 "FIELD,…, or --by item for their index",
                 of_a.failed || !of_a.data ? "" : of_a.data, of_b.failed || !of_b.data ? "" : of_b.data);
    sheaf_string_free(&of_a);
    sheaf_string_free(&of_b);
    return -1;
}

static int choose_axes(struct pairing *p, const struct reader *a, const struct reader *b, struct sheaf_error *error) {
    const struct extent *of_a = sheaf_reader_extent(a), *of_b = sheaf_reader_extent(b);
    if (of_a->n_dims != of_b->n_dims)
        return refuse_axes(of_a, of_b, error);
    for (int d = 0; d < of_a->n_dims; d++) {
        const int other = find_dimension(of_b, of_a->dims[d].name);
        if (other < 0)
            return refuse_axes(of_a, of_b, error);
        struct pairing_axis *axis = &p->axes[p->n_axes++];
        *axis = (struct pairing_axis){
            .name = of_a->dims[d].name, .n_a = of_a->dims[d].size, .n_b = of_b->dims[other].size, .stride_b = 1};
        for (int inner = other + 1; inner < of_b->n_dims; inner++)
            axis->stride_b *= of_b->dims[inner].size;
        find_keys(axis, a, d, b, other);
    }
    p->by_axes = true;
    return 0;
}

static int add_key(struct pairing_axis *axis, struct reader *a, struct reader *b, const char *name,
                   struct sheaf_error *error) {
    int n_fields;
    const int of_a = sheaf_pairing_field(a, name), of_b = sheaf_pairing_field(b, name);
    if (of_a < 0 || of_b < 0)
        return sheaf_refuse(error, "--by %s: the %s file has no such field", name, of_a < 0 ? "first" : "second");
    const struct reader_field *fa = &sheaf_reader_fields(a, &n_fields)[of_a];
    const struct reader_field *fb = &sheaf_reader_fields(b, &n_fields)[of_b];
    if (!may_be_same(&fa->field, &fb->field))
        return sheaf_refuse(error, "--by %s: it is a number in one file and a text in the other, or has other widths",
                            name);
    if (fa->is_output || fb->is_output)
        return sheaf_refuse(error, "--by %s: is an output, which pending items have not; name an input", name);
    if (fa->axis >= 0 || fb->axis >= 0)
        return sheaf_refuse(error, "--by %s: is a coordinate; items are paired by these without --by", name);
    if (axis->n_keys == PAIRING_KEYS)
        return sheaf_refuse(error, "--by takes %d fields", PAIRING_KEYS);
    axis->key_a[axis->n_keys] = of_a;
    axis->key_b[axis->n_keys++] = of_b;
    return 0;
}

/* All items as one axis. */
static int choose_items(struct pairing *p, struct reader *a, struct reader *b, const char *by,
                        struct sheaf_error *error) {
    p->n_axes = 1;
    p->axes[0] = (struct pairing_axis){
        .name = "item", .n_a = sheaf_reader_n_items(a), .n_b = sheaf_reader_n_items(b), .stride_b = 1};
    char *list = by && strcmp(by, "item") != 0 ? strdup(by) : NULL, *state = NULL;
    int rc = by && strcmp(by, "item") != 0 && !list ? sheaf_fail_memory(error, "--by") : 0;
    for (char *name = list ? strtok_r(list, ", ", &state) : NULL; name && rc == 0; name = strtok_r(NULL, ", ", &state))
        rc = add_key(&p->axes[0], a, b, name, error);
    free(list);
    return rc;
}

int sheaf_pair(struct pairing *p, struct reader *a, struct reader *b, const char *by, struct sheaf_error *error) {
    *p = (struct pairing){.n_a = sheaf_reader_n_items(a), .n_b = sheaf_reader_n_items(b), .n_both = 1, .is_same = true};
    const bool by_axes = !by && (sheaf_reader_is_sweep(a) || sheaf_reader_is_sweep(b));
    if (by_axes ? choose_axes(p, a, b, error) : choose_items(p, a, b, by, error))
        return -1;
    int64_t stride_a = p->n_a;
    for (int d = 0; d < p->n_axes; d++) {
        struct pairing_axis *axis = &p->axes[d];
        if (pair_axis(axis, a, b, error))
            return -1;
        stride_a = axis->n_a ? stride_a / axis->n_a : 0;
        p->n_both *= axis->n_both;
        /* where B is shorter along an inner axis, all behind it move */
        p->is_same = p->is_same && !axis->place && axis->stride_b == stride_a && (d == 0 || axis->n_a == axis->n_b);
    }
    return 0;
}

void sheaf_pairing_free(struct pairing *p) {
    for (int d = 0; d < p->n_axes; d++)
        free(p->axes[d].place);
}

static int64_t find_one(const struct pairing *p, int64_t item) {
    int64_t found = 0, rest = item;
    for (int d = p->n_axes - 1; d >= 0; d--) {
        const struct pairing_axis *axis = &p->axes[d];
        const int64_t at = rest % axis->n_a;
        const int64_t place = axis->place ? axis->place[at] : at < axis->n_b ? at : -1;
        if (place < 0)
            return -1;
        rest /= axis->n_a;
        found += place * axis->stride_b;
    }
    return found;
}

void sheaf_pairing_find(const struct pairing *p, int64_t first, int64_t n, int64_t *items) {
    for (int64_t i = 0; i < n; i++)
        items[i] = p->is_same ? (first + i < p->n_b ? first + i : -1) : find_one(p, first + i);
}
