#include "plan/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/file.h"

struct entry {
    int64_t first, n; /* status[n] follows */
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

int sheaf_ledger_add(struct ledger *ledger, int64_t first, int64_t n, const uint8_t *status,
                     struct sheaf_error *error) {
    const struct entry entry = {first, n};
    pthread_mutex_lock(&ledger->lock);
    size_t at = ledger->kept.n_bytes;
    int rc = sheaf_buffer_resize(&ledger->kept, at + sizeof entry + (size_t)n, error);
    if (rc == 0) {
        memcpy(ledger->kept.data + at, &entry, sizeof entry);
        memcpy(ledger->kept.data + at + sizeof entry, status, (size_t)n);
    }
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

size_t sheaf_ledger_bytes(struct ledger *ledger) {
    pthread_mutex_lock(&ledger->lock);
    size_t n_bytes = ledger->kept.n_bytes;
    pthread_mutex_unlock(&ledger->lock);
    return n_bytes;
}

int sheaf_ledger_flush(struct ledger *ledger, int fd, off_t status_offset, const char *path,
                       struct sheaf_error *error) {
    struct sheaf_buffer kept;
    struct entry entry;
    pthread_mutex_lock(&ledger->lock);
    kept = ledger->kept;
    ledger->kept = (struct sheaf_buffer){0};
    pthread_mutex_unlock(&ledger->lock);
    int rc = fdatasync(fd) ? sheaf_fail_errno(error, "%s: cannot sync", path) : 0;
    for (size_t at = 0; rc == 0 && at < kept.n_bytes; at += sizeof entry + (size_t)entry.n) {
        memcpy(&entry, kept.data + at, sizeof entry);
        rc = sheaf_file_pwrite(fd, kept.data + at + sizeof entry, (size_t)entry.n, status_offset + entry.first, path,
                               error);
    }
    sheaf_buffer_free(&kept);
    return rc;
}
