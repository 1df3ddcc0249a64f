#include "core/known.h"

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

#define ADDED "segments" /* in place of a fingerprint; a line of it alone says that there is such a file */

int sheaf_known_add(struct known *known, const char *path, struct sheaf_error *error) {
    struct stat about;
    char *description = describe(path, &about);
    sheaf_string_add(&known->paths, "%s\n", path);
    sheaf_string_add(&known->now, "%s\n", ADDED);
    if (description && has_settled(&about))
        sheaf_string_add(&known->now, "%s%s", ADDED, description);
    free(description);
    return known->now.failed || known->paths.failed ? sheaf_fail_memory(error, path) : 0;
}

/* Whether a line begins with a text. */
static bool has_line(const char *lines, const char *text) {
    const size_t n = strlen(text);
    for (const char *line = lines, *end; line && (end = strchr(line, '\n')); line = end + 1)
        if (strncmp(line, text, n) == 0)
            return true;
    return false;
}

bool sheaf_known_any_added(const char *before) {
    return has_line(before, ADDED "\n");
}

bool sheaf_known_is_same(const char *before, const char *path) {
    struct stat about;
    struct sheaf_string line = {0};
    char *description = describe(path, &about);
    if (description)
        sheaf_string_add(&line, "%s%s", ADDED, description);
    const bool same = line.length && !line.failed && has_line(before, line.data);
    sheaf_string_free(&line);
    free(description);
    return same;
}

void sheaf_known_use(struct known *known, const char *path, const char hash[SHEAF_HASH_BYTES]) {
    struct stat about;
    char *description = known ? describe(path, &about) : NULL;
    if (description && !find(known->used.data, description, (char[SHEAF_HASH_BYTES]){0}))
        sheaf_string_add(&known->used, "%s%s", hash, description);
    free(description);
}

/* Whether the file of a line, as sheaf_known_use() has made it, has other bytes. */
static bool is_changed(const char *line, const char *path) {
    struct stat about;
    struct sheaf_error ignored;
    char hash[SHEAF_HASH_BYTES];
    char *description = describe(path, &about);
    const bool same = description && strncmp(line + SHEAF_HASH_BYTES - 1, description, strlen(description)) == 0;
    free(description);
    return !same && (sheaf_hash_file(path, hash, &ignored) || strncmp(line, hash, SHEAF_HASH_BYTES - 1) != 0);
}

void sheaf_known_say_changed(const struct known *known, struct sheaf_string *said) {
    enum { BEFORE_PATH = 6 }; /* blanks: the fingerprint, and what describes the file */
    for (const char *line = known->used.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        const char *at = line;
        for (int blanks = 0; at < end && blanks < BEFORE_PATH; at++)
            blanks += *at == ' ';
        char *path = strndup(at, (size_t)(end - at));
        if (path && is_changed(line, path))
            sheaf_string_add(said, "%s%s", said->length ? ", " : "", path);
        free(path);
    }
}

void sheaf_known_free(struct known *known) {
    free(known->before);
    sheaf_string_free(&known->now);
    sheaf_string_free(&known->paths);
    sheaf_string_free(&known->used);
    known->before = NULL;
}
