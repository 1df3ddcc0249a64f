#include "core/gunzip.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "core/type.h"

enum { LEAST_ROOM = 1 << 20, GZIP_ONLY = 16 + MAX_WBITS };

/* Memory that grows in place where it can: it is as large as the text, which nobody knows before. */
struct room {
    char *data;
    size_t n_bytes, used;
};

static int grow(struct room *room, const char *name, struct sheaf_error *error) {
    const size_t n_bytes = room->n_bytes ? 2 * room->n_bytes : LEAST_ROOM;
    void *data = room->data
                     ? mremap(room->data, room->n_bytes, n_bytes, MREMAP_MAYMOVE)
                     : mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return sheaf_fail_errno(error, "%s: cannot be decompressed into memory", name);
    room->data = data;
    room->n_bytes = n_bytes;
    return 0;
}

/* How much of what is left zlib, which counts in 32 bits, takes at a time. */
static uInt part_of(size_t n_bytes) {
    static const size_t most = 1 << 30;
    return (uInt)(n_bytes < most ? n_bytes : most);
}

static int refuse(const char *name, const char *why, struct sheaf_error *error) {
    return sheaf_refuse(error, "%s: %s; get or make it anew (gzip -t tells whether it is whole)", name, why);
}

/* Whether nothing but zeros is left, which tapes and blocks leave behind a file. */
static bool is_padding(const unsigned char *from, const unsigned char *end) {
    while (from < end && *from == 0)
        from++;
    return from == end;
}

/* One of what may be several behind one another: from z->next_in on. */
static int inflate_one(z_stream *z, struct room *room, const unsigned char *end, const char *name,
                       struct sheaf_error *error) {
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        if (room->used == room->n_bytes && grow(room, name, error))
            return -1;
        z->avail_in = part_of((size_t)(end - z->next_in));
        z->next_out = (unsigned char *)room->data + room->used;
        z->avail_out = part_of(room->n_bytes - room->used);
        const uInt before = z->avail_out;
        rc = inflate(z, Z_NO_FLUSH);
        room->used += before - z->avail_out;
        if (rc == Z_MEM_ERROR)
            return sheaf_fail_memory(error, name);
        if (rc == Z_BUF_ERROR && z->next_in == end)
            return refuse(name, "is compressed, and ends early", error);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return refuse(name, "is compressed, and damaged", error);
    }
    return 0;
}

bool sheaf_gunzip_is_due(const struct sheaf_mapping *file) {
    return file->n_bytes > 2 && memcmp(file->data, "\x1f\x8b\x08", 3) == 0;
}

int sheaf_gunzip(struct sheaf_mapping *mapping, const struct sheaf_mapping *file, const char *name,
                 struct sheaf_error *error) {
    z_stream z = {.next_in = (z_const Bytef *)file->data};
    const unsigned char *end = (const unsigned char *)file->data + file->n_bytes;
    struct room room = {0};
    *mapping = (struct sheaf_mapping){0};
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return sheaf_fail_memory(error, name);
    int rc = 0;
    do
        rc = inflate_one(&z, &room, end, name, error);
    while (rc == 0 && !is_padding(z.next_in, end) && inflateReset(&z) == Z_OK);
    inflateEnd(&z);
    if (rc || room.used == 0) {
        if (room.data)
            munmap(room.data, room.n_bytes);
        return rc;
    }
    const size_t kept = sheaf_round_up(room.used, (size_t)sysconf(_SC_PAGESIZE));
    if (kept < room.n_bytes)
        munmap(room.data + kept, room.n_bytes - kept);
    *mapping = (struct sheaf_mapping){room.data, room.used};
    return 0;
}
