#include "plan/proof.h"

#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/type.h"

enum { WINDOW = 4096, WORD = 64 }; /* hashes that are read or written at a time; bits of a word */

static int64_t segments_of(int64_t n_bytes) {
    return (n_bytes + PROOF_SEGMENT - 1) / PROOF_SEGMENT;
}

int64_t sheaf_proof_segments(const struct sheaf_field *field, const struct sheaf_tiling *tiling, int64_t n_items) {
    return tiling ? tiling->n_tiles : segments_of(n_items * (int64_t)sheaf_field_row_bytes(field));
}

/* --- one segment --------------------------------------------------------------------------------------------------- */

/* The stored bytes of a tile, and how its values are made of them. */
static uint64_t hash_tile(const struct proof_field *f, int64_t i) {
    const struct sheaf_tiling *tiling = f->tiling;
    const struct sheaf_tile *tile = &tiling->tiles[i];
    int64_t how[4 + SHEAF_TILE_FILTERS] = {tiling->rows, tiling->n_filters, tiling->element, tile->skipped};
    for (int k = 0; k < tiling->n_filters; k++)
        how[4 + k] = tiling->filters[k];
    return sheaf_hash_word(f->data + tile->offset, tile->n_bytes, sheaf_hash_word(how, sizeof how, 0));
}

/* Segment i of a field; never 0, which says that there is none. */
static uint64_t hash_segment(const struct proof_field *f, int64_t i) {
    const int64_t at = i * PROOF_SEGMENT, left = f->n_bytes - at;
    const uint64_t hash = f->tiling
                              ? hash_tile(f, i)
                              : sheaf_hash_word(f->data + at, (size_t)(left < PROOF_SEGMENT ? left : PROOF_SEGMENT), 0);
    return hash ? hash : 1;
}

/* The segment that the first byte of an item lies in, or the last one. */
static int64_t first_segment(const struct proof_field *f, int64_t item) {
    return f->tiling ? item / f->tiling->rows : item * (int64_t)f->row_bytes / PROOF_SEGMENT;
}

static int64_t last_segment(const struct proof_field *f, int64_t item) {
    return f->tiling ? item / f->tiling->rows : ((item + 1) * (int64_t)f->row_bytes - 1) / PROOF_SEGMENT;
}

/* The items that have a part in segment i. */
static void find_items(const struct proof_field *f, int64_t i, int64_t *first, int64_t *n) {
    const int64_t row = (int64_t)f->row_bytes, n_items = f->n_bytes / row;
    int64_t end = f->tiling ? (i + 1) * f->tiling->rows : ((i + 1) * PROOF_SEGMENT - 1) / row + 1;
    end = end < n_items ? end : n_items;
    *first = f->tiling ? i * f->tiling->rows : i * PROOF_SEGMENT / row;
    *n = end - *first;
}

static bool is_known(const struct proof *p, int64_t segment) {
    return atomic_load_explicit(&p->known[segment / WORD], memory_order_acquire) >> (segment % WORD) & 1;
}

static void mark_known(struct proof *p, int64_t segment) {
    atomic_fetch_or_explicit(&p->known[segment / WORD], UINT64_C(1) << (segment % WORD), memory_order_release);
}

static int write_hashes(struct proof *p, const struct proof_field *f, const uint64_t *hashes, int64_t from, int64_t n,
                        struct sheaf_error *error) {
    if (sheaf_stamp_check(p->stamp, p->input, error) || /* what was hashed before that was as it should be */
        sheaf_file_pwrite(p->fd, hashes, (size_t)n * sizeof *hashes, f->table + from * (off_t)sizeof *hashes, p->path,
                          error))
        return -1;
    for (int64_t i = from; i < from + n; i++) /* another thread may trust it only now */
        mark_known(p, f->first + i);
    return 0;
}

/* Segments from … end - 1 of a field: those that are not known, in runs. */
static int cover(struct proof *p, const struct proof_field *f, int64_t from, int64_t end, struct sheaf_error *error) {
    uint64_t hashes[16];
    const int64_t most = sizeof hashes / sizeof *hashes;
    for (int64_t at = from, n; at < end; at += n + 1) {
        for (n = 0; n < most && at + n < end && !is_known(p, f->first + at + n); n++)
            hashes[n] = hash_segment(f, at + n);
        if (n > 0 && write_hashes(p, f, hashes, at, n, error))
            return -1;
        n -= n == most; /* else the one behind is known, or there is none */
    }
    return 0;
}

int sheaf_proof_cover(struct proof *p, int64_t first_item, int64_t n, struct sheaf_error *error) {
    for (int k = 0; k < p->n_fields; k++) {
        const struct proof_field *f = &p->fields[k];
        if (f->data && n > 0 &&
            cover(p, f, first_segment(f, first_item), last_segment(f, first_item + n - 1) + 1, error))
            return -1;
    }
    return 0;
}

/* --- all of them, side by side ------------------------------------------------------------------------------------- */

/* A piece is WINDOW segments of a field at most. */
struct passage {
    struct proof *proof;
    const struct proof_field *field;
    _Atomic(int64_t) differs; /* the first segment that does, or its field's number of segments */
    _Atomic(bool) failed;
    struct sheaf_error why; /* of the first that failed */
};

static void cover_piece(void *context, int64_t i) {
    struct passage *s = context;
    struct sheaf_error why;
    const int64_t n = s->field->n_segments, from = i * WINDOW, end = from + WINDOW < n ? from + WINDOW : n;
    if (cover(s->proof, s->field, from, end, &why) && !atomic_exchange(&s->failed, true))
        s->why = why;
}

static void note_failure(struct passage *s) {
    struct sheaf_error why;
    sheaf_fail(&why, "%s: cannot read the hashes of the inputs", s->proof->path);
    if (!atomic_exchange(&s->failed, true))
        s->why = why;
}

static void compare_piece(void *context, int64_t i) {
    struct passage *s = context;
    const struct proof *p = s->proof;
    struct sheaf_error ignored;
    const int64_t all = s->field->n_segments, from = i * WINDOW, n = all - from < WINDOW ? all - from : WINDOW;
    uint64_t *stored = malloc((size_t)n * sizeof *stored);
    if (!stored || sheaf_file_pread(p->fd, stored, (size_t)n * sizeof *stored,
                                    s->field->table + from * (off_t)sizeof *stored, p->path, &ignored))
        note_failure(s);
    else
        for (int64_t at = 0; at < n && from + at < atomic_load(&s->differs); at++)
            if (stored[at] && hash_segment(s->field, from + at) != stored[at]) {
                int64_t before = atomic_load(&s->differs);
                while (from + at < before && !atomic_compare_exchange_weak(&s->differs, &before, from + at)) {
                }
                break;
            }
    free(stored);
}

static int pass(struct proof *p, int k, void (*piece)(void *context, int64_t i), int64_t *differs,
                struct sheaf_error *error) {
    struct passage s = {.proof = p, .field = &p->fields[k]};
    const int64_t n = s.field->n_segments;
    atomic_store(&s.differs, n);
    sheaf_crew_do((n + WINDOW - 1) / WINDOW, piece, &s);
    *differs = atomic_load(&s.differs);
    if (!atomic_load(&s.failed))
        return 0;
    if (error)
        *error = s.why;
    return -1;
}

int sheaf_proof_cover_all(struct proof *p, struct sheaf_error *error) {
    int64_t ignored;
    for (int k = 0; k < p->n_fields; k++)
        if (p->fields[k].data && pass(p, k, cover_piece, &ignored, error))
            return -1;
    return 0;
}

int sheaf_proof_compare(struct proof *p, int *field, int64_t *first_item, int64_t *n, struct sheaf_error *error) {
    *field = -1;
    for (int k = 0; k < p->n_fields && *field < 0; k++) {
        const struct proof_field *f = &p->fields[k];
        int64_t at;
        if (!f->data)
            continue;
        if (pass(p, k, compare_piece, &at, error))
            return -1;
        if (at == f->n_segments)
            continue;
        *field = k;
        find_items(f, at, first_item, n);
    }
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* Which segments have a hash from an earlier run. */
static int read_known(struct proof *p, const struct proof_field *f, struct sheaf_error *error) {
    uint64_t hashes[WINDOW];
    const int64_t all = f->n_segments;
    for (int64_t at = 0, n; at < all; at += n) {
        n = all - at < WINDOW ? all - at : WINDOW;
        if (sheaf_file_pread(p->fd, hashes, (size_t)n * sizeof *hashes, f->table + at * (off_t)sizeof *hashes, p->path,
                             error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            if (hashes[i])
                mark_known(p, f->first + at + i);
    }
    return 0;
}

int sheaf_proof_open(struct proof *p, const struct sheaf_field *fields, int n_fields, int64_t n_items, int fd,
                     const int64_t *tables, const char *path, struct proof_values values, struct sheaf_error *error) {
    *p = (struct proof){.fd = fd, .path = path, .n_fields = n_fields};
    p->fields = calloc((size_t)n_fields + 1, sizeof *p->fields);
    if (!p->fields)
        return sheaf_fail_memory(error, "the hashes of the inputs");
    for (int k = 0; k < n_fields; k++) {
        struct proof_field *f = &p->fields[k];
        if (!values.data[k])
            continue;
        f->data = values.data[k];
        f->tiling = values.tilings[k];
        f->row_bytes = sheaf_field_row_bytes(&fields[k]);
        f->n_bytes = n_items * (int64_t)f->row_bytes;
        f->table = tables[k];
        f->first = p->n_segments;
        f->n_segments = sheaf_proof_segments(&fields[k], f->tiling, n_items);
        p->n_segments += f->n_segments;
    }
    p->known = calloc((size_t)(p->n_segments / WORD) + 1, sizeof *p->known);
    if (!p->known)
        return sheaf_fail_memory(error, "the hashes of the inputs");
    for (int k = 0; k < n_fields; k++)
        if (values.data[k] && read_known(p, &p->fields[k], error))
            return -1;
    return 0;
}

void sheaf_proof_set_input(struct proof *p, const char *input, const struct sheaf_stamp *stamp) {
    p->input = input;
    p->stamp = stamp;
}

void sheaf_proof_close(struct proof *p) {
    free(p->fields);
    free((void *)p->known);
    p->fields = NULL;
    p->known = NULL;
}
