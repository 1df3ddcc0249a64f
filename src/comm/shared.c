#include "comm/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/node_name.h"
#include "core/random.h"

static const char prefix[] = "sheaf-memory-", what[] = "cannot share memory on a node (/dev/shm)";

int sheaf_shared_alone(struct shared *shared, size_t n_bytes, struct sheaf_error *error) {
    void *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return sheaf_fail_memory(error, "the node");
    shared->pages = pages;
    shared->n_bytes = n_bytes;
    return 0;
}

static int map(struct shared *shared, int fd, size_t n_bytes, struct sheaf_error *error) {
    void *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED)
        return sheaf_fail_errno(error, "%s", what);
    shared->pages = pages;
    shared->n_bytes = n_bytes;
    return 0;
}

/* A name that others look for, held. */
static int make_name(struct shared *shared, struct sheaf_error *error) {
    for (int i = 0; i < NODE_NAME_ATTEMPTS; i++) {
        uint64_t token;
        if (sheaf_random_token(&token, error))
            return -1;
        snprintf(shared->name, sizeof shared->name, "/%s%016" PRIx64, prefix, token);
        shared->fd = shm_open(shared->name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (shared->fd >= 0 && sheaf_node_name_hold(shared->fd))
            return 0;
        sheaf_fail_errno(error, "%s", what);
        if (shared->fd < 0)
            break;
        sheaf_shared_unname(shared);
    }
    shared->name[0] = '\0';
    return -1;
}

int sheaf_shared_no_room(size_t n_bytes, struct sheaf_error *error) {
    return sheaf_fail(error,
                      "/dev/shm has no room for the %zu MB that the ranks of a node share; make it larger, or use "
                      "fewer ranks and more threads",
                      (n_bytes >> 20) + 1);
}

/* Others may take what is free while this run only looks, so what is needed is taken at once. */
static int reserve(int fd, size_t n_bytes, struct sheaf_error *error) {
    int why;
    do
        why = posix_fallocate(fd, 0, (off_t)n_bytes);
    while (why == EINTR);
    errno = why;
    return why == 0 ? 0 : why == ENOSPC ? sheaf_shared_no_room(n_bytes, error) : sheaf_fail_errno(error, "%s", what);
}

int sheaf_shared_make(struct shared *shared, size_t n_bytes, bool reserves, struct sheaf_error *error) {
    if (make_name(shared, error))
        return -1;
    if (ftruncate(shared->fd, (off_t)n_bytes))
        return sheaf_fail_errno(error, "%s", what);
    return (reserves && reserve(shared->fd, n_bytes, error)) || map(shared, shared->fd, n_bytes, error) ? -1 : 0;
}

int sheaf_shared_find(struct shared *shared, const char *name, size_t n_bytes, struct sheaf_error *error) {
    int fd = shm_open(name, O_RDWR, 0);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s", what);
    int rc = map(shared, fd, n_bytes, error);
    close(fd);
    return rc;
}

static void remove_name(const char *path) {
    unlink(path);
}

void sheaf_shared_sweep(void) {
    sheaf_node_name_sweep(prefix, remove_name);
}

int sheaf_shared_link(const struct shared *shared, const char *path, struct sheaf_error *error) {
    char own[sizeof "/dev/shm" + SHARED_NAME_BYTES];
    snprintf(own, sizeof own, "/dev/shm%s", shared->name);
    return link(own, path) ? sheaf_fail_errno(error, "%s: %s", what, path) : 0;
}

void sheaf_shared_unname(struct shared *shared) {
    if (shared->name[0]) {
        shm_unlink(shared->name);
        close(shared->fd);
    }
    shared->name[0] = '\0';
}

void sheaf_shared_close(struct shared *shared) {
    sheaf_shared_unname(shared);
    if (shared->pages)
        munmap(shared->pages, shared->n_bytes);
    *shared = (struct shared){0};
}
