#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/crew.h"
#include "core/hash_wide.h"

enum { PIECE = 256 << 10 /* stays in a core's cache between reading and hashing */ };

static void write_hex(XXH128_hash_t value, char hash[SHEAF_HASH_BYTES]) {
    snprintf(hash, SHEAF_HASH_BYTES, "%016llx%016llx", (unsigned long long)value.high64,
             (unsigned long long)value.low64);
}

void sheaf_hash_bytes(const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES]) {
    write_hex(XXH3_128bits(data, n_bytes), hash);
}

void sheaf_hash_print(const void *data, size_t n_bytes, uint64_t print[2]) {
    const XXH128_hash_t hash = XXH3_128bits(data, n_bytes);
    print[0] = hash.low64;
    print[1] = hash.high64;
}

uint64_t sheaf_hash_word(const void *data, size_t n_bytes, uint64_t seed) {
    return n_bytes > 240 && sheaf_hash_wide_can() ? sheaf_hash_wide_word(data, n_bytes, seed)
                                                  : XXH3_64bits_withSeed(data, n_bytes, seed);
}

/* --- segments, side by side ---------------------------------------------------------------------------------- */

struct segments {
    const char *data; /* where they lie in memory, or NULL: */
    int fd;           /* of the file that has them */
    int64_t n_bytes, n;
    XXH128_canonical_t *table; /* [n] their hashes, and behind them how many bytes there are */
    _Atomic(int) failed;       /* errno of one that could not be read; -1: the file is shorter now; -2: no memory */
};

static int read_piece(int fd, char *piece, size_t n, off_t at) {
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, piece + done, n - done, at + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : -1;
        done += (size_t)got;
    }
    return 0;
}

/* Adds bytes of the file to a hash. */
static int update(const struct segments *s, XXH3_state_t *state, char *piece, int64_t first, int64_t n_bytes) {
    for (int64_t done = 0, n; done < n_bytes; done += n) {
        n = n_bytes - done < PIECE ? n_bytes - done : PIECE;
        int why = read_piece(s->fd, piece, (size_t)n, first + done);
        if (why)
            return why;
        XXH3_128bits_update(state, piece, (size_t)n);
    }
    return 0;
}

/* Segment i. */
static void hash_segment(void *context, int64_t i) {
    struct segments *s = context;
    const int64_t first = i * SHEAF_HASH_SEGMENT;
    const int64_t n = s->n_bytes - first < SHEAF_HASH_SEGMENT ? s->n_bytes - first : SHEAF_HASH_SEGMENT;
    if (atomic_load(&s->failed))
        return;
    if (s->data) {
        XXH128_canonicalFromHash(&s->table[i], XXH3_128bits(s->data + first, (size_t)n));
        return;
    }
    XXH3_state_t *state = XXH3_createState();
    char *piece = malloc(PIECE);
    int why = state && piece && XXH3_128bits_reset(state) == XXH_OK ? 0 : -2;
    if (why == 0)
        why = update(s, state, piece, first, n);
    if (why)
        atomic_store(&s->failed, why);
    else
        XXH128_canonicalFromHash(&s->table[i], XXH3_128bits_digest(state));
    free(piece);
    XXH3_freeState(state);
}

/* The hash of all, from those of the segments; `name` is for messages. */
static int hash_all(struct segments *s, const char *name, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error) {
    s->n = (s->n_bytes + SHEAF_HASH_SEGMENT - 1) / SHEAF_HASH_SEGMENT;
    s->table = calloc((size_t)s->n + 1, sizeof *s->table);
    if (!s->table)
        return sheaf_fail_memory(error, name);
    sheaf_crew_do(s->n, hash_segment, s);
    XXH128_canonicalFromHash(&s->table[s->n], (XXH128_hash_t){.low64 = (uint64_t)s->n_bytes});
    if (s->n == 1)
        write_hex(XXH128_hashFromCanonical(&s->table[0]), hash);
    else
        write_hex(XXH3_128bits(s->table, ((size_t)s->n + 1) * sizeof *s->table), hash);
    free(s->table);
    const int why = atomic_load(&s->failed);
    switch (why) {
    case 0:
        return 0;
    case -1:
        return sheaf_fail(error, "%s: became shorter while it was read", name);
    case -2:
        return sheaf_fail_memory(error, name);
    default:
        errno = why;
        return sheaf_fail_errno(error, "%s: cannot read", name);
    }
}

int sheaf_hash_data(const char *name, const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES],
                    struct sheaf_error *error) {
    struct segments segments = {.data = data, .n_bytes = (int64_t)n_bytes};
    if (n_bytes)
        return hash_all(&segments, name, hash, error);
    sheaf_hash_bytes("", 0, hash);
    return 0;
}

/* --- files --------------------------------------------------------------------------------------------------------- */

/* What says no size, as files of /proc: to its end, as it is read. */
static int hash_stream(const char *path, int fd, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error) {
    XXH3_state_t *state = XXH3_createState();
    char *piece = malloc(PIECE);
    ssize_t n = -1;
    int rc = state && piece && XXH3_128bits_reset(state) == XXH_OK ? 0 : sheaf_fail_memory(error, path);
    while (rc == 0 && ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            XXH3_128bits_update(state, piece, (size_t)n);
    if (rc == 0 && n < 0)
        rc = sheaf_fail_errno(error, "%s: cannot read", path);
    if (rc == 0)
        write_hex(XXH3_128bits_digest(state), hash);
    free(piece);
    XXH3_freeState(state);
    return rc;
}

int sheaf_hash_file(const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sheaf_refuse(error, "%s: cannot open: %m", path);
    struct segments segments = {.fd = fd};
    int rc = fstat(fd, &about) ? sheaf_fail_errno(error, "%s: cannot look at it", path) : 0;
    segments.n_bytes = about.st_size;
    if (rc == 0)
        rc = S_ISREG(about.st_mode) && about.st_size > 0 ? hash_all(&segments, path, hash, error)
                                                         : hash_stream(path, fd, hash, error);
    close(fd);
    return rc;
}
