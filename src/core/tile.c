#include "core/tile.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHECKSUM = 4 }; /* bytes of fletcher32, behind those that it is of */

size_t sheaf_tile_room(const struct sheaf_tiling *tiling) {
    return (size_t)tiling->n_bytes + CHECKSUM;
}

/* --- fletcher32 ---------------------------------------------------------------------------------------------------- */

/* As HDF5 takes it: of 16-bit words, high byte first. */
static uint32_t fletcher32(const unsigned char *data, size_t n_bytes) {
    enum { NO_OVERFLOW = 360 }; /* words that may be added before the sums are reduced */
    uint32_t a = 0, b = 0;
    for (size_t n = n_bytes / 2, some; n > 0; n -= some) {
        some = n < NO_OVERFLOW ? n : NO_OVERFLOW;
        for (size_t i = 0; i < some; i++, data += 2) {
            a += (uint32_t)data[0] << 8 | data[1];
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if (n_bytes % 2) {
        a += (uint32_t)data[0] << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

/* Some versions of HDF5 before 1.6.3 swapped the bytes of both halves. */
static uint32_t swap_halves(uint32_t sum) {
    return (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff);
}

static int check_sum(const char *data, size_t *n_bytes, struct sheaf_error *error) {
    if (*n_bytes < CHECKSUM)
        return sheaf_fail(error, "too few bytes for their checksum (fletcher32)");
    *n_bytes -= CHECKSUM;
    const unsigned char *end = (const unsigned char *)data + *n_bytes;
    const uint32_t stored = (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    const uint32_t sum = fletcher32((const unsigned char *)data, *n_bytes);
    return stored == sum || stored == swap_halves(sum) ? 0 : sheaf_fail(error, "their checksum (fletcher32) is wrong");
}

/* --- deflate ------------------------------------------------------------------------------------------------------- */

static int reset(struct sheaf_tile_decoder *d, struct sheaf_error *error) {
    if (d->stream)
        return inflateReset(d->stream) == Z_OK ? 0 : sheaf_fail_memory(error, "zlib");
    z_stream *stream = calloc(1, sizeof *stream);
    if (!stream || inflateInit(stream) != Z_OK) {
        free(stream);
        return sheaf_fail_memory(error, "zlib");
    }
    d->stream = stream;
    return 0;
}

static int inflate_to(struct sheaf_tile_decoder *d, const char *from, size_t *n_bytes, char *to, size_t room,
                      struct sheaf_error *error) {
    if (reset(d, error))
        return -1;
    z_stream *stream = d->stream;
    stream->next_in = (z_const Bytef *)(uintptr_t)from;
    stream->avail_in = (uInt)*n_bytes;
    stream->next_out = (Bytef *)to;
    stream->avail_out = (uInt)room;
    const int rc = inflate(stream, Z_FINISH);
    *n_bytes = room - stream->avail_out;
    if (rc == Z_STREAM_END)
        return 0;
    if (rc == Z_MEM_ERROR)
        return sheaf_fail_memory(error, "zlib");
    return sheaf_fail(error, "zlib cannot inflate them: %s",
                      stream->msg              ? stream->msg
                      : stream->avail_out == 0 ? "more bytes than there should be"
                                               : "they end too early");
}

/* --- shuffle ------------------------------------------------------------------------------------------------------- */

/* Eight bytes as a word, the first the lowest. */
static inline uint64_t load(const char *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return le64toh(word);
}

static inline void store(char *to, uint64_t word) {
    word = htole64(word);
    memcpy(to, &word, sizeof word);
}

/* Swaps what the mask leaves of b with what lies as many bits higher in a. */
static inline void swap_bits(uint64_t *a, uint64_t *b, unsigned bits, uint64_t mask) {
    const uint64_t differ = (*a >> bits ^ *b) & mask;
    *a ^= differ << bits;
    *b ^= differ;
}

/* Byte i of word k becomes byte k of word i. */
static inline void transpose(uint64_t w[8]) {
    for (int i = 0; i < 4; i++)
        swap_bits(&w[i], &w[i + 4], 32, 0x00000000ffffffff);
    for (int i = 0; i < 8; i += i % 4 == 1 ? 3 : 1)
        swap_bits(&w[i], &w[i + 2], 16, 0x0000ffff0000ffff);
    for (int i = 0; i < 8; i += 2)
        swap_bits(&w[i], &w[i + 1], 8, 0x00ff00ff00ff00ff);
}

/* Of values of 8 bytes, as many as there are eights of them; returns how many. */
static size_t gather_eights(const char *from, char *to, size_t n) {
    uint64_t w[8];
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (size_t b = 0; b < 8; b++)
            w[b] = load(from + b * n + i);
        transpose(w);
        for (size_t k = 0; k < 8; k++)
            store(to + (i + k) * 8, w[k]);
    }
    return i;
}

/* Of n values of `size` bytes, all first bytes came first, then all second ones, … */
static inline void gather(const char *from, char *to, size_t begin, size_t n, size_t size) {
    for (size_t i = begin; i < n; i++)
        for (size_t b = 0; b < size; b++)
            to[i * size + b] = from[b * n + i];
}

static void unshuffle(const char *from, char *to, size_t n_bytes, size_t size) {
    const size_t n = n_bytes / size;
    if (size == 4)
        gather(from, to, 0, n, 4); /* a constant: the inner loop is a few instructions */
    else
        gather(from, to, size == 8 ? gather_eights(from, to, n) : 0, n, size);
    memcpy(to + n * size, from + n * size, n_bytes - n * size); /* what was no whole value */
}

/* --- a tile -------------------------------------------------------------------------------------------------------- */

static bool is_applied(const struct sheaf_tile *tile, int i) {
    return !(tile->skipped >> i & 1);
}

/* How many filters below `end` write their bytes elsewhere. */
static int count_moves(const struct sheaf_tiling *tiling, const struct sheaf_tile *tile, int end) {
    int n = 0;
    for (int i = 0; i < end; i++)
        n += is_applied(tile, i) && tiling->filters[i] != SHEAF_FLETCHER32;
    return n;
}

int sheaf_tile_decode(struct sheaf_tile_decoder *d, const struct sheaf_tiling *tiling, const struct sheaf_tile *tile,
                      const char *stored, char *values, struct sheaf_error *error) {
    const size_t room = sheaf_tile_room(tiling);
    const char *at = stored;
    size_t n_bytes = tile->n_bytes;
    if (count_moves(tiling, tile, tiling->n_filters) > 1 && sheaf_buffer_resize(&d->scratch, room, error))
        return -1;
    for (int i = tiling->n_filters - 1; i >= 0; i--) {
        char *to = count_moves(tiling, tile, i) == 0 ? values : d->scratch.data; /* there are two moves at most */
        if (!is_applied(tile, i))
            continue;
        if (tiling->filters[i] == SHEAF_FLETCHER32) {
            if (check_sum(at, &n_bytes, error))
                return -1;
            continue;
        }
        if (tiling->filters[i] == SHEAF_DEFLATE && inflate_to(d, at, &n_bytes, to, room, error))
            return -1;
        if (n_bytes > room)
            return sheaf_fail(error, "they are more bytes than there should be");
        if (tiling->filters[i] == SHEAF_SHUFFLE)
            unshuffle(at, to, n_bytes, (size_t)tiling->element);
        at = to;
    }
    if (n_bytes != (size_t)tiling->n_bytes)
        return sheaf_fail(error, "they are %zu bytes, and should be %lld", n_bytes, (long long)tiling->n_bytes);
    if (at != values)
        memcpy(values, at, n_bytes);
    return 0;
}

void sheaf_tile_close(struct sheaf_tile_decoder *d) {
    if (d->stream)
        inflateEnd(d->stream);
    free(d->stream);
    sheaf_buffer_free(&d->scratch);
    d->stream = NULL;
}
