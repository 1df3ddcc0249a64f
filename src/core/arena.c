#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_piece {
    struct arena_piece *next;
    size_t used, capacity;
    alignas(max_align_t) char data[];
};

void *sheaf_arena_take(struct sheaf_arena *arena, size_t n_bytes) {
    enum { LEAST = 16384 };
    size_t align = alignof(max_align_t);
    if (n_bytes > SIZE_MAX / 2)
        return NULL;
    n_bytes = n_bytes ? (n_bytes + align - 1) / align * align : align;
    struct arena_piece *piece = arena->pieces;
    if (!piece || piece->capacity - piece->used < n_bytes) {
        size_t capacity = n_bytes > LEAST ? n_bytes : LEAST;
        piece = calloc(1, sizeof *piece + capacity);
        if (!piece)
            return NULL;
        piece->capacity = capacity;
        piece->next = arena->pieces;
        arena->pieces = piece;
    }
    void *data = piece->data + piece->used;
    piece->used += n_bytes;
    return data;
}

char *sheaf_arena_text(struct sheaf_arena *arena, const char *text, size_t length) {
    char *copy = sheaf_arena_take(arena, length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

void sheaf_arena_free(struct sheaf_arena *arena) {
    while (arena->pieces) {
        struct arena_piece *next = arena->pieces->next;
        free(arena->pieces);
        arena->pieces = next;
    }
}
