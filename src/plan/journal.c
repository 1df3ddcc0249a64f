#include "plan/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/hash.h"

static_assert(sizeof(struct journal_head) == 32, "the head of a record has no gaps");

struct journal {
    char *folder;
    uint64_t token;
    struct journal_numbers numbers;
    pthread_mutex_t lock; /* guards what follows; `fd` and `path` stay once they are set */
    int fd;               /* -1 until there is a record */
    char *path;
    bool named;     /* the file's name lasts a power cut */
    int n_restored; /* how often it was removed under us, and written again */
    bool failed;    /* an append failed: the file may end in a torn record */
};

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* Bytes of the character that begins at text[left], by the table of well-formed UTF-8 of the Unicode standard (3-7);
   0 if there is none, and then *bad is how many bytes U+FFFD takes the place of: those that might have begun one. */
static size_t character(const unsigned char *text, size_t left, size_t *bad) {
    unsigned char lead = text[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    *bad = 1;
    for (size_t i = 1; i < n; i++, least = 0x80, most = 0xbf) {
        if (i == left || text[i] < least || text[i] > most) {
            *bad = i;
            return 0;
        }
    }
    return n;
}

/* How many bytes from text[at] on are plain or well-formed, without NUL. */
static size_t clean_run(const unsigned char *text, size_t at, size_t n_bytes) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t from = at, bad;
    while (at < n_bytes) {
        uint64_t word;
        while (n_bytes - at >= sizeof word) { /* eight plain bytes at a time: no high bit, none is zero */
            memcpy(&word, text + at, sizeof word);
            if ((word | (word - ones)) & highs)
                break;
            at += sizeof word;
        }
        size_t n = at < n_bytes && text[at] ? character(text + at, n_bytes - at, &bad) : 0;
        if (n == 0)
            break;
        at += n;
    }
    return at - from;
}

/* Bytes of the text made clean; they are written to `to` unless it is NULL. */
static size_t clean(const char *text, size_t n_bytes, char *to) {
    static const char unknown[] = "\xef\xbf\xbd", nul[] = "\xe2\x90\x80";
    const unsigned char *from = (const unsigned char *)text;
    size_t n_clean = 0;
    for (size_t at = 0; at < n_bytes;) {
        size_t n = clean_run(from, at, n_bytes), bad = 1;
        if (to && n)
            memcpy(to + n_clean, from + at, n);
        n_clean += n;
        at += n;
        if (at == n_bytes)
            break;
        const char *instead = from[at] ? unknown : nul;
        if (from[at])
            character(from + at, n_bytes - at, &bad);
        if (to)
            memcpy(to + n_clean, instead, 3);
        n_clean += 3;
        at += bad;
    }
    return n_clean;
}

uint64_t sheaf_journal_checksum(const struct journal_head *head) {
    struct journal_head bare = *head;
    bare.checksum = 0;
    return sheaf_hash_word(&bare, sizeof bare, 0);
}

int sheaf_journal_put(struct sheaf_buffer *records, int64_t item, int32_t output, const char *text, size_t n_bytes,
                      struct sheaf_error *error) {
    size_t before = records->n_bytes, n_clean = clean(text, n_bytes, NULL);
    struct journal_head head = {.magic = JOURNAL_MAGIC, .output = output, .item = item, .n_bytes = n_clean};
    if (sheaf_buffer_resize(records, before + sizeof head + n_clean, error))
        return -1;
    char *to = records->data + before + sizeof head;
    clean(text, n_bytes, to);
    uint64_t checksum = sheaf_journal_checksum(&head);
    for (size_t at = 0; at < n_clean; at += JOURNAL_PIECE)
        checksum = sheaf_hash_word(to + at, n_clean - at < JOURNAL_PIECE ? n_clean - at : JOURNAL_PIECE, checksum);
    head.checksum = checksum;
    memcpy(records->data + before, &head, sizeof head);
    return 0;
}

/* --- the files ----------------------------------------------------------------------------------------------------- */

static const char ending[] = ".h5";

/* The length of a path without its ".h5", or 0 if it has none. */
static size_t stem(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name), n = sizeof ending - 1;
    return length > n && strcmp(name + length - n, ending) == 0 ? strlen(path) - n : 0;
}

char *sheaf_journal_folder(const char *path) {
    char *followed = sheaf_path_follow(path);
    if (!followed)
        return NULL;
    if (stem(followed))
        followed[stem(followed)] = '\0';
    char *folder = sheaf_path_with(followed, ".d");
    free(followed);
    return folder;
}

char *sheaf_journal_path(const char *folder, struct journal_file file) {
    char name[64];
    snprintf(name, sizeof name, "/%016" PRIx64 ".%04" PRIu64 ".texts", file.token, file.number);
    return sheaf_path_with(folder, name);
}

/* Whether the name is a journal's, as sheaf_journal_path writes it. */
static bool read_name(const char *name, struct journal_file *file) {
    char again[64];
    if (sscanf(name, "%16" SCNx64 ".%19" SCNu64 ".texts", &file->token, &file->number) != 2)
        return false;
    snprintf(again, sizeof again, "%016" PRIx64 ".%04" PRIu64 ".texts", file->token, file->number);
    return strcmp(name, again) == 0;
}

static int by_token_and_number(const void *a, const void *b) {
    const struct journal_file *x = a, *y = b;
    if (x->token != y->token)
        return x->token < y->token ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

int sheaf_journal_list(const char *folder, struct journal_file **files, size_t *n, struct sheaf_error *error) {
    struct journal_file file;
    struct dirent *entry;
    size_t room = 0;
    *files = NULL;
    *n = 0;
    DIR *listing = opendir(folder);
    if (!listing)
        return errno == ENOENT || errno == ENOTDIR ? 0 : sheaf_fail_errno(error, "%s: cannot list the folder", folder);
    int rc = 0;
    while (rc == 0 && (errno = 0, entry = readdir(listing)) != NULL) {
        if (!read_name(entry->d_name, &file))
            continue;
        if (*n == room) {
            room = room ? 2 * room : 16;
            struct journal_file *more = realloc(*files, room * sizeof *more);
            rc = more ? 0 : sheaf_fail_memory(error, folder);
            *files = more ? more : *files;
        }
        if (rc == 0)
            (*files)[(*n)++] = file;
    }
    if (rc == 0 && errno)
        rc = sheaf_fail_errno(error, "%s: cannot list the folder", folder);
    closedir(listing);
    if (rc) {
        free(*files);
        *files = NULL;
        *n = 0;
    } else if (*n > 1) {
        qsort(*files, *n, sizeof **files, by_token_and_number);
    }
    return rc;
}

/* Whether there is another file with the same folder: OUT beside OUT.h5, whose journals these may be. */
static bool is_shared(const char *path) {
    char *followed = sheaf_path_follow(path);
    char *other = followed ? sheaf_path_with(followed, stem(followed) ? "" : ending) : NULL;
    if (other && stem(followed))
        other[stem(followed)] = '\0';
    bool shared = !other || access(other, F_OK) == 0;
    free(other);
    free(followed);
    return shared;
}

static int sync_file(const char *path, struct sheaf_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? sheaf_fail_errno(error, "%s: cannot sync", path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

int sheaf_journal_sync_all(const char *path, uint64_t token, struct sheaf_error *error) {
    struct journal_file *files = NULL;
    size_t n = 0;
    char *folder = sheaf_journal_folder(path);
    int rc = folder ? sheaf_journal_list(folder, &files, &n, error) : sheaf_fail_memory(error, "a path");
    for (size_t k = 0; rc == 0 && k < n; k++) {
        if (files[k].token != token)
            continue;
        char *name = sheaf_journal_path(folder, files[k]);
        rc = name ? sync_file(name, error) : sheaf_fail_memory(error, "a path");
        if (rc == 0)
            rc = sheaf_file_sync_folder(name, error);
        free(name);
    }
    if (rc == 0 && n > 0)
        rc = sheaf_file_sync_folder(folder, error);
    free(files);
    free(folder);
    return rc;
}

int sheaf_journal_remove(const char *path, uint64_t token, bool others, struct sheaf_error *error) {
    struct journal_file *files = NULL;
    size_t n = 0, n_removed = 0;
    if (others && is_shared(path))
        return 0;
    char *folder = sheaf_journal_folder(path);
    int rc = folder ? sheaf_journal_list(folder, &files, &n, error) : sheaf_fail_memory(error, "a path");
    for (size_t k = 0; rc == 0 && k < n; k++) {
        if ((files[k].token == token) == others)
            continue;
        char *name = sheaf_journal_path(folder, files[k]);
        if (!name)
            rc = sheaf_fail_memory(error, "a path");
        else if (unlink(name) && errno != ENOENT)
            rc = sheaf_fail_errno(error, "%s: cannot remove it", name);
        n_removed++;
        free(name);
    }
    if (rc == 0 && (n_removed || !others))
        rmdir(folder); /* as long as somebody's files are in it, it stays */
    free(files);
    free(folder);
    return rc;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

int sheaf_journal_open(struct journal **made, const char *path, uint64_t token, struct journal_numbers numbers,
                       struct sheaf_error *error) {
    struct journal *j = *made = calloc(1, sizeof *j);
    if (!j)
        return sheaf_fail_memory(error, "a journal");
    j->fd = -1;
    j->token = token;
    j->numbers = numbers;
    pthread_mutex_init(&j->lock, NULL);
    j->folder = sheaf_journal_folder(path);
    return j->folder ? 0 : sheaf_fail_memory(error, "a journal");
}

/* The first number to try: a given one, or that behind the highest that is there. */
static int first_number(const struct journal *j, uint64_t *number, struct sheaf_error *error) {
    struct journal_file *files;
    size_t n;
    *number = j->numbers.first;
    if (*number)
        return 0;
    if (sheaf_journal_list(j->folder, &files, &n, error))
        return -1;
    *number = 1;
    for (size_t k = 0; k < n; k++)
        if (files[k].token == j->token)
            *number = files[k].number + 1;
    free(files);
    return 0;
}

/* Makes the file; others may take the same number at the same time. */
static int make_file(struct journal *j, struct sheaf_error *error) {
    struct journal_file file = {.token = j->token};
    if (mkdir(j->folder, 0777) && errno != EEXIST)
        return sheaf_fail_errno(error, "%s: cannot make the folder, where texts of finished items go", j->folder);
    if (first_number(j, &file.number, error))
        return -1;
    for (;; file.number += j->numbers.step ? j->numbers.step : 1) {
        char *path = sheaf_journal_path(j->folder, file);
        if (!path)
            return sheaf_fail_memory(error, "a path");
        int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            j->fd = fd;
            j->path = path;
            return 0;
        }
        int taken = errno == EEXIST;
        if (!taken)
            sheaf_fail_errno(error, "%s: cannot create it, for texts of finished items", path);
        free(path);
        if (!taken)
            return -1;
    }
}

/* Whether the file is still where it was made, or anything is. */
static bool is_there(const struct journal *j) {
    struct stat about;
    return stat(j->path, &about) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* Somebody has removed the folder, or moved it away, while we use it: what is in the file, which is still open, is written
   there again. The descriptor stays the same, since others may be syncing it. */
static int bring_back(struct journal *j, struct sheaf_error *error) {
    if (mkdir(j->folder, 0777) && errno != EEXIST)
        return sheaf_fail_errno(error, "%s: was removed, and cannot be made again", j->folder);
    int fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s: was removed, and cannot be made again", j->path);
    /* a copy is written at offsets, which Linux does not heed in a file that is appended to */
    int to = open(j->path, O_WRONLY | O_CLOEXEC);
    int rc =
        to < 0 ? sheaf_fail_errno(error, "%s: cannot open", j->path) : sheaf_file_copy_open(j->fd, to, j->path, error);
    if (to >= 0)
        close(to);
    if (rc == 0 && dup3(fd, j->fd, O_CLOEXEC) < 0)
        rc = sheaf_fail_errno(error, "%s: cannot open", j->path);
    close(fd);
    j->named = false;
    j->n_restored++;
    return rc;
}

static int see_to_it(struct journal *j, struct sheaf_error *error) {
    if (j->fd < 0 || j->failed || is_there(j))
        return 0;
    j->failed = bring_back(j, error) != 0;
    return j->failed ? -1 : 0;
}

static int write_all(struct journal *j, const char *records, size_t n_bytes, struct sheaf_error *error) {
    if (j->failed)
        return sheaf_fail(error, "%s: cannot write: an earlier write failed", j->path ? j->path : j->folder);
    if (j->fd < 0 && make_file(j, error)) {
        j->failed = true;
        return -1;
    }
    if (see_to_it(j, error))
        return -1;
    while (n_bytes) {
        /* A full disk shows as a short write first; the next call then says why. */
        ssize_t n = write(j->fd, records, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            j->failed = true;
            return sheaf_fail_errno(error, "%s: cannot write (what is marked done is safe; run again to go on)",
                                    j->path);
        }
        records += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

int sheaf_journal_append(struct journal *j, const char *records, size_t n_bytes, struct sheaf_error *error) {
    if (n_bytes == 0)
        return 0;
    pthread_mutex_lock(&j->lock);
    int rc = write_all(j, records, n_bytes, error);
    pthread_mutex_unlock(&j->lock);
    return rc;
}

/* One try to make it last. *again: the folder was removed just then. */
static int sync_once(struct journal *j, bool *again, struct sheaf_error *error) {
    pthread_mutex_lock(&j->lock);
    const int fd = j->fd, rc = see_to_it(j, error), n_restored = j->n_restored;
    const bool named = j->named;
    pthread_mutex_unlock(&j->lock);
    *again = false;
    if (fd < 0 || rc)
        return rc;
    if (fdatasync(fd))
        return sheaf_fail_errno(error, "%s: cannot sync", j->path);
    if (named)
        return 0;
    if (sheaf_file_sync_folder(j->path, error) || sheaf_file_sync_folder(j->folder, error)) {
        *again = !is_there(j);
        return -1;
    }
    pthread_mutex_lock(&j->lock);
    j->named = j->n_restored == n_restored;
    *again = !j->named;
    pthread_mutex_unlock(&j->lock);
    return 0;
}

int sheaf_journal_sync(struct journal *j, struct sheaf_error *error) {
    enum { TRIES = 10 }; /* of who removes it again and again */
    bool again = true;
    int rc = 0;
    for (int n = 0; again && n < TRIES; n++)
        rc = sync_once(j, &again, error);
    return again && rc == 0 ? sheaf_fail(error, "%s: is removed again and again", j->folder) : rc;
}

bool sheaf_journal_was_restored(struct journal *j) {
    pthread_mutex_lock(&j->lock);
    const bool restored = j->n_restored > 0;
    pthread_mutex_unlock(&j->lock);
    return restored;
}

int sheaf_journal_close(struct journal *j, struct sheaf_error *error) {
    if (!j)
        return 0;
    int rc = j->fd >= 0 && close(j->fd) ? sheaf_fail_errno(error, "%s: cannot close", j->path) : 0;
    pthread_mutex_destroy(&j->lock);
    free(j->path);
    free(j->folder);
    free(j);
    return rc;
}
