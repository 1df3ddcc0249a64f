/*
 * collection - HDF5's global heap, in which texts of any length lie, read without HDF5: a piece of the file, a collection,
 * has objects with numbers, and a dataset of texts refers to each by its collection's address and its number.
 *
 * Whatever bytes are there, nothing is read but what lies in the file: HDF5 itself crashes on some damage, or gives other
 * texts without a word. One thread at a time for each heap.
 */
#ifndef SHEAF_STORE_COLLECTION_H
#define SHEAF_STORE_COLLECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/* What a dataset has of each text, little-endian: its length, address and number. */
enum { HEAP_REFERENCE = 16, HEAP_WINDOW = 64 << 10 };

struct heap_reference {
    uint32_t n_bytes;
    uint64_t address;
    uint32_t number;
};

struct heap_object {
    off_t offset; /* in the file; 0: there is none of this number */
    uint64_t n_bytes;
};

struct heap {
    int fd;
    const char *path;
    uint64_t file_bytes;
    uint64_t address;            /* of the collection that was looked at last; 0: none */
    struct heap_object *objects; /* [n_objects] of it */
    uint32_t n_objects, room;
    char *window; /* [HEAP_WINDOW] bytes of the file, at … at + n - 1 */
    uint64_t at, n;
};

/* Of an open file, which stays as it is. Release with sheaf_heap_close, also after an error. */
int sheaf_heap_open(struct heap *heap, int fd, const char *path, struct sheaf_error *error);
void sheaf_heap_close(struct heap *heap);

struct heap_reference sheaf_heap_reference(const char bytes[HEAP_REFERENCE]);

/* Where the object lies that a reference is of; *found is false if there is none of that length. -1 if the file cannot be
   read. */
int sheaf_heap_find(struct heap *heap, struct heap_reference reference, off_t *offset, bool *found,
                    struct sheaf_error *error);

/* n_bytes of the file, at most HEAP_WINDOW, in memory until the next call; NULL if they cannot be read. */
const char *sheaf_heap_fetch(struct heap *heap, uint64_t offset, size_t n_bytes, struct sheaf_error *error);

#endif
