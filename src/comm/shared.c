#include "comm/shared.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/random.h"

static const char what[] = "cannot share memory on a node (/dev/shm)";

int sheaf_shared_alone(struct shared *shared, size_t n_bytes, struct sheaf_error *error) {
    void *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return sheaf_fail_memory(error, "the node");
    shared->pages = pages;
    shared->n_bytes = n_bytes;
    return 0;
}

/* Takes over the descriptor. */
static int map(struct shared *shared, int fd, size_t n_bytes, struct sheaf_error *error) {
    void *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int rc = pages == MAP_FAILED ? sheaf_fail_errno(error, "%s", what) : 0;
    close(fd);
    if (rc)
        return rc;
    shared->pages = pages;
    shared->n_bytes = n_bytes;
    return 0;
}

int sheaf_shared_make(struct shared *shared, size_t n_bytes, struct sheaf_error *error) {
    uint64_t token;
    if (sheaf_random_token(&token, error))
        return -1;
    snprintf(shared->name, sizeof shared->name, "/sheaf-%016" PRIx64, token);
    int fd = shm_open(shared->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0) {
        shared->name[0] = '\0';
        return sheaf_fail_errno(error, "%s", what);
    }
    if (ftruncate(fd, (off_t)n_bytes)) {
        close(fd);
        return sheaf_fail_errno(error, "%s", what);
    }
    return map(shared, fd, n_bytes, error);
}

int sheaf_shared_find(struct shared *shared, const char *name, size_t n_bytes, struct sheaf_error *error) {
    int fd = shm_open(name, O_RDWR, 0);
    return fd < 0 ? sheaf_fail_errno(error, "%s", what) : map(shared, fd, n_bytes, error);
}

int sheaf_shared_link(const struct shared *shared, const char *path, struct sheaf_error *error) {
    char own[sizeof "/dev/shm" + SHARED_NAME_BYTES];
    snprintf(own, sizeof own, "/dev/shm%s", shared->name);
    return link(own, path) ? sheaf_fail_errno(error, "%s: %s", what, path) : 0;
}

void sheaf_shared_unname(struct shared *shared) {
    if (shared->name[0])
        shm_unlink(shared->name);
    shared->name[0] = '\0';
}

void sheaf_shared_close(struct shared *shared) {
    sheaf_shared_unname(shared);
    if (shared->pages)
        munmap(shared->pages, shared->n_bytes);
    *shared = (struct shared){0};
}
