#include "store/collection.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"

/* A collection: "GCOL", version 1, three bytes, its size of 8 bytes; then objects, each with a head: its number of 2 bytes
   (0: what is free), 6 bytes, its size of 8 bytes; what follows is filled up to a multiple of 8 bytes. */
enum { COLLECTION_HEAD = 16, OBJECT_HEAD = 16, USUAL = 4096 };

int sheaf_heap_open(struct heap *h, int fd, const char *path, struct sheaf_error *error) {
    struct stat about;
    *h = (struct heap){.fd = fd, .path = path, .window = malloc(HEAP_WINDOW)};
    if (!h->window)
        return sheaf_fail_memory(error, path);
    if (fstat(fd, &about))
        return sheaf_fail_errno(error, "%s: cannot stat", path);
    h->file_bytes = (uint64_t)about.st_size;
    return 0;
}

void sheaf_heap_close(struct heap *h) {
    free(h->objects);
    free(h->window);
    *h = (struct heap){0};
}

struct heap_reference sheaf_heap_reference(const char bytes[HEAP_REFERENCE]) {
    struct heap_reference r;
    memcpy(&r.n_bytes, bytes, sizeof r.n_bytes);
    memcpy(&r.address, bytes + 4, sizeof r.address);
    memcpy(&r.number, bytes + 12, sizeof r.number);
    r.n_bytes = le32toh(r.n_bytes);
    r.address = le64toh(r.address);
    r.number = le32toh(r.number);
    return r;
}

const char *sheaf_heap_fetch(struct heap *h, uint64_t offset, size_t n_bytes, struct sheaf_error *error) {
    if (offset < h->at || offset + n_bytes > h->at + h->n) {
        const uint64_t left = h->file_bytes - offset, n = n_bytes > USUAL ? n_bytes : left < USUAL ? left : USUAL;
        h->n = 0;
        if (sheaf_file_pread(h->fd, h->window, (size_t)n, (off_t)offset, h->path, error))
            return NULL;
        h->at = offset;
        h->n = n;
    }
    return h->window + (offset - h->at);
}

/* A number of 8 bytes at p. */
static uint64_t read_size(const char *p) {
    uint64_t size;
    memcpy(&size, p, sizeof size);
    return le64toh(size);
}

static int add_object(struct heap *h, uint16_t number, struct heap_object object, struct sheaf_error *error) {
    if (number >= h->room) {
        const uint32_t room = 2 * (uint32_t)number + 64;
        struct heap_object *more = realloc(h->objects, room * sizeof *more);
        if (!more)
            return sheaf_fail_memory(error, "the texts of the results");
        h->objects = more;
        h->room = room;
    }
    for (; h->n_objects <= number; h->n_objects++)
        h->objects[h->n_objects] = (struct heap_object){0};
    h->objects[number] = object;
    return 0;
}

/* The objects of a collection that ends at `end`. They and what is free, which stands last as one of number 0, fill it to
   the last bytes, or else its size is not what was written, on which HDF5 crashes: then nothing is in it. */
static int list_objects(struct heap *h, uint64_t end, struct sheaf_error *error) {
    for (uint64_t at = h->address + COLLECTION_HEAD, n; end - at >= OBJECT_HEAD; at += n) {
        uint16_t number;
        const char *head = sheaf_heap_fetch(h, at, OBJECT_HEAD, error);
        if (!head)
            return -1;
        memcpy(&number, head, sizeof number);
        number = le16toh(number);
        const uint64_t n_bytes = read_size(head + 8), left = end - at - OBJECT_HEAD;
        n = OBJECT_HEAD + (n_bytes + 7) / 8 * 8;
        if (number == 0 && n_bytes == end - at)
            return 0;
        if (number == 0 || n_bytes > left || n > end - at) {
            h->n_objects = 0;
            return 0;
        }
        if (add_object(h, number, (struct heap_object){(off_t)(at + OBJECT_HEAD), n_bytes}, error))
            return -1;
    }
    return 0;
}

static int look_at(struct heap *h, uint64_t address, struct sheaf_error *error) {
    h->address = address;
    h->n_objects = 0;
    if (address >= h->file_bytes || h->file_bytes - address < COLLECTION_HEAD)
        return 0;
    const char *head = sheaf_heap_fetch(h, address, COLLECTION_HEAD, error);
    if (!head)
        return -1;
    const uint64_t size = read_size(head + 8);
    if (memcmp(head, "GCOL\1", 5) != 0 || size < COLLECTION_HEAD || size > h->file_bytes - address)
        return 0;
    return list_objects(h, address + size, error);
}

int sheaf_heap_find(struct heap *h, struct heap_reference r, off_t *offset, bool *found, struct sheaf_error *error) {
    *found = false;
    if (r.address == 0)
        return 0;
    if (r.address != h->address && look_at(h, r.address, error)) {
        h->address = 0;
        return -1;
    }
    if (r.number >= h->n_objects || h->objects[r.number].offset == 0 || h->objects[r.number].n_bytes != r.n_bytes)
        return 0;
    *offset = h->objects[r.number].offset;
    *found = true;
    return 0;
}
