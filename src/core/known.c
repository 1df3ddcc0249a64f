#include "core/known.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SETTLED_S = 2 };

/* What a file is told by, with its path: " DEVICE INODE BYTES MODIFIED CHANGED PATH\n", after its fingerprint. NULL if it
   is not there, is no plain file, or its path has more than one line. */
static char *describe(const char *path, struct stat *about) {
    struct sheaf_string text = {0};
    if (stat(path, about) || !S_ISREG(about->st_mode) || strchr(path, '\n'))
        return NULL;
    sheaf_string_add(&text, " %ju %ju %jd %jd.%09ld %jd.%09ld %s\n", (uintmax_t)about->st_dev, (uintmax_t)about->st_ino,
                     (intmax_t)about->st_size, (intmax_t)about->st_mtim.tv_sec, about->st_mtim.tv_nsec,
                     (intmax_t)about->st_ctim.tv_sec, about->st_ctim.tv_nsec, path);
    if (text.failed)
        sheaf_string_free(&text);
    return text.data;
}

/* Finds the line that ends so, and copies the fingerprint before it. */
static bool find(const char *lines, const char *description, char hash[SHEAF_HASH_BYTES]) {
    const size_t n = SHEAF_HASH_BYTES - 1;
    for (const char *line = lines, *end; line && (end = strchr(line, '\n')); line = end + 1)
        if ((size_t)(end - line) > n && strspn(line, "0123456789abcdef") == n &&
            strncmp(line + n, description, strlen(description)) == 0) {
            memcpy(hash, line, n);
            hash[n] = '\0';
            return true;
        }
    return false;
}

static bool has_settled(const struct stat *about) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return about->st_ctim.tv_sec + SETTLED_S < now.tv_sec && about->st_mtim.tv_sec + SETTLED_S < now.tv_sec;
}

int sheaf_known_hash(struct known *known, const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error) {
    struct stat about, later;
    if (!known)
        return sheaf_hash_file(path, hash, error);
    if (!strchr(path, '\n'))
        sheaf_string_add(&known->paths, "%s\n", path);
    char *description = describe(path, &about), *after = NULL;
    const bool settled = description && has_settled(&about);
    int rc = 0;
    if (!description || !known->before || !find(known->before, description, hash))
        rc = sheaf_hash_file(path, hash, error);
    if (rc == 0 && settled)
        after = describe(path, &later);
    if (after && strcmp(after, description) == 0)
        sheaf_string_add(&known->now, "%s%s", hash, description);
    free(after);
    free(description);
    return rc;
}

void sheaf_known_free(struct known *known) {
    free(known->before);
    sheaf_string_free(&known->now);
    sheaf_string_free(&known->paths);
    known->before = NULL;
}
