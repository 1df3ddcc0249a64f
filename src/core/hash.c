#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

static void write_hex(XXH128_hash_t value, char hash[SHEAF_HASH_BYTES]) {
    snprintf(hash, SHEAF_HASH_BYTES, "%016llx%016llx", (unsigned long long)value.high64,
             (unsigned long long)value.low64);
}

void sheaf_hash_bytes(const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES]) {
    write_hex(XXH3_128bits(data, n_bytes), hash);
}

uint64_t sheaf_hash_word(const void *data, size_t n_bytes, uint64_t seed) {
    return XXH3_64bits_withSeed(data, n_bytes, seed);
}

int sheaf_hash_file(const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error) {
    enum { PIECE = 1 << 20 };
    int rc = -1;
    XXH3_state_t *state = XXH3_createState();
    char *piece = malloc(PIECE);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        sheaf_refuse(error, "%s: cannot open: %m", path);
        goto out;
    }
    if (!state || !piece || XXH3_128bits_reset(state) != XXH_OK) {
        sheaf_fail_memory(error, "hashing a file");
        goto out;
    }
    for (;;) {
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sheaf_fail_errno(error, "%s: cannot read", path);
            goto out;
        }
        if (n == 0)
            break;
        XXH3_128bits_update(state, piece, (size_t)n);
    }
    write_hex(XXH3_128bits_digest(state), hash);
    rc = 0;
out:
    if (fd >= 0)
        close(fd);
    free(piece);
    XXH3_freeState(state);
    return rc;
}
