/*
 * arena - memory that is given piece by piece and released all at once; pieces never move.
 */
#ifndef SHEAF_CORE_ARENA_H
#define SHEAF_CORE_ARENA_H

#include <stddef.h>

/* Starts as {0}. */
struct sheaf_arena {
    struct arena_piece *pieces;
};

/* n_bytes of zeroed memory, aligned for any type; NULL if there is no memory. Never returns NULL for 0 bytes. */
void *sheaf_arena_take(struct sheaf_arena *arena, size_t n_bytes);

/* A terminated copy of text[length]; NULL if there is no memory. */
char *sheaf_arena_text(struct sheaf_arena *arena, const char *text, size_t length);

/* Releases everything; the arena can be used again. */
void sheaf_arena_free(struct sheaf_arena *arena);

#endif
