#include "plan/ledger.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/file.h"
#include "plan/status.h"

enum entry_kind { IN_FILE, STATUSES, BYTES };

/* Of the last two kinds n bytes follow. */
struct entry {
    int64_t first, n; /* items; of bytes, where they belong in the file, and how many */
    int64_t kind;     /* enum entry_kind */
};

struct ledger {
    pthread_mutex_t lock;
    struct sheaf_buffer kept; /* entries, one behind the other */
};

int sheaf_ledger_open(struct ledger **made, struct sheaf_error *error) {
    struct ledger *ledger = calloc(1, sizeof *ledger);
    *made = ledger;
    if (!ledger)
        return sheaf_fail_memory(error, "the statuses");
    pthread_mutex_init(&ledger->lock, NULL);
    return 0;
}

void sheaf_ledger_close(struct ledger *ledger) {
    if (!ledger)
        return;
    pthread_mutex_destroy(&ledger->lock);
    sheaf_buffer_free(&ledger->kept);
    free(ledger);
}

/* What is in the file and goes on where the last entry ends makes that longer. */
static bool extend_last(struct ledger *ledger, int64_t first, int64_t n) {
    struct entry last;
    if (ledger->kept.n_bytes == 0)
        return false;
    char *at = ledger->kept.data + ledger->kept.n_bytes - sizeof last;
    memcpy(&last, at, sizeof last); /* all entries are of that kind */
    if (last.first + last.n != first)
        return false;
    last.n += n;
    memcpy(at, &last, sizeof last);
    return true;
}

static int add(struct ledger *ledger, struct entry entry, const void *bytes, struct sheaf_error *error) {
    const size_t n_more = entry.kind == IN_FILE ? 0 : (size_t)entry.n;
    int rc = 0;
    pthread_mutex_lock(&ledger->lock);
    size_t at = ledger->kept.n_bytes, n_bytes = at + sizeof entry + n_more;
    if (entry.kind != IN_FILE || !extend_last(ledger, entry.first, entry.n)) {
        rc = n_bytes > ledger->kept.capacity ? sheaf_buffer_resize(&ledger->kept, 2 * n_bytes, error) : 0;
        if (rc == 0) {
            ledger->kept.n_bytes = n_bytes;
            memcpy(ledger->kept.data + at, &entry, sizeof entry);
            if (n_more)
                memcpy(ledger->kept.data + at + sizeof entry, bytes, n_more);
        }
    }
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

int sheaf_ledger_add(struct ledger *ledger, int64_t first, int64_t n, const uint8_t *status,
                     struct sheaf_error *error) {
    return add(ledger, (struct entry){first, n, status ? STATUSES : IN_FILE}, status, error);
}

int sheaf_ledger_add_bytes(struct ledger *ledger, off_t offset, const void *bytes, size_t n,
                           struct sheaf_error *error) {
    return add(ledger, (struct entry){offset, (int64_t)n, BYTES}, bytes, error);
}

size_t sheaf_ledger_bytes(struct ledger *ledger) {
    pthread_mutex_lock(&ledger->lock);
    size_t n_bytes = ledger->kept.n_bytes;
    pthread_mutex_unlock(&ledger->lock);
    return n_bytes;
}

void sheaf_ledger_take(struct ledger *ledger, struct sheaf_buffer *taken) {
    pthread_mutex_lock(&ledger->lock);
    *taken = ledger->kept;
    ledger->kept = (struct sheaf_buffer){0};
    pthread_mutex_unlock(&ledger->lock);
}

/* Of statuses that are in the file as unsafe. */
static int make_safe(const struct entry *entry, int fd, off_t status_offset, const char *path,
                     struct sheaf_error *error) {
    uint8_t status[1 << 15];
    for (int64_t at = entry->first, end = at + entry->n; at < end; at += (int64_t)sizeof status) {
        const size_t n = end - at < (int64_t)sizeof status ? (size_t)(end - at) : sizeof status;
        if (sheaf_file_pread(fd, status, n, status_offset + at, path, error))
            return -1;
        sheaf_status_judge(status, (int64_t)n, true);
        if (sheaf_file_pwrite(fd, status, n, status_offset + at, path, error))
            return -1;
    }
    return 0;
}

int sheaf_ledger_write(struct sheaf_buffer *taken, int fd, off_t status_offset, const char *path,
                       struct sheaf_error *error) {
    struct entry entry;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < taken->n_bytes;) {
        memcpy(&entry, taken->data + at, sizeof entry);
        at += sizeof entry;
        if (entry.kind == IN_FILE) {
            rc = make_safe(&entry, fd, status_offset, path, error);
        } else {
            const off_t offset = entry.kind == STATUSES ? status_offset + entry.first : entry.first;
            rc = sheaf_file_pwrite(fd, taken->data + at, (size_t)entry.n, offset, path, error);
            at += (size_t)entry.n;
        }
    }
    return rc;
}
