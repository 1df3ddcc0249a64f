#include "kernel/program/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

/* --- what is kept -------------------------------------------------------------------------------------------------- */

void sheaf_capture_begin(struct capture *c) {
    c->n_bytes = c->front.n_bytes = c->back.n_bytes = c->text.n_bytes = 0;
}

void sheaf_capture_free(struct capture *c) {
    sheaf_buffer_free(&c->front);
    sheaf_buffer_free(&c->back);
    sheaf_buffer_free(&c->text);
}

/* Makes room in large steps: what comes through a pipe comes in small ones. */
static int grow(struct sheaf_buffer *buffer, size_t n_bytes, struct sheaf_error *error) {
    if (n_bytes > buffer->capacity && sheaf_buffer_resize(buffer, 2 * n_bytes, error))
        return -1;
    return sheaf_buffer_resize(buffer, n_bytes, error);
}

/* Half of what is kept is the beginning; what follows goes round in a ring as large as the other half. */
int sheaf_capture_add(struct capture *c, const char *data, size_t n_bytes, struct sheaf_error *error) {
    const size_t most_front = c->most / 2, ring = c->most - most_front;
    size_t n = c->front.n_bytes < most_front ? most_front - c->front.n_bytes : 0;
    n = n < n_bytes ? n : n_bytes;
    if (sheaf_buffer_append(&c->front, data, n, error))
        return -1;
    c->n_bytes += n;
    data += n;
    n_bytes -= n;
    if (n_bytes > ring) { /* only its end can stay */
        c->n_bytes += n_bytes - ring;
        data += n_bytes - ring;
        n_bytes = ring;
    }
    while (n_bytes > 0) {
        const size_t at = (c->n_bytes - most_front) % ring;
        n = n_bytes < ring - at ? n_bytes : ring - at;
        if (at + n > c->back.n_bytes && grow(&c->back, at + n, error))
            return -1;
        memcpy(c->back.data + at, data, n);
        c->n_bytes += n;
        data += n;
        n_bytes -= n;
    }
    return 0;
}

int sheaf_capture_finish(struct capture *c, struct sheaf_error *error) {
    const size_t kept = c->front.n_bytes + c->back.n_bytes, ring = c->most - c->most / 2;
    c->text.n_bytes = c->end_at = 0;
    if (sheaf_buffer_append(&c->text, c->front.data, c->front.n_bytes, error))
        return -1;
    if (kept < c->n_bytes) {
        char line[64];
        int n = snprintf(line, sizeof line, "\n[sheaf: %zu bytes left out]\n", c->n_bytes - kept);
        const size_t oldest = (c->n_bytes - c->most / 2) % ring;
        if (sheaf_buffer_append(&c->text, line, (size_t)n, error) ||
            sheaf_buffer_append(&c->text, c->back.data + oldest, ring - oldest, error) ||
            sheaf_buffer_append(&c->text, c->back.data, oldest, error))
            return -1;
        size_t end = c->text.n_bytes - ring; /* of the line of which something was left out */
        while (end < c->text.n_bytes && c->text.data[end] != '\n' && c->text.data[end] != '\r')
            end++;
        c->end_at = end < c->text.n_bytes ? end + 1 : end;
    } else if (c->back.n_bytes && sheaf_buffer_append(&c->text, c->back.data, c->back.n_bytes, error)) {
        return -1;
    }
    return sheaf_buffer_append(&c->text, "", 1, error);
}

/* --- running ------------------------------------------------------------------------------------------------------- */

/* Takes what has come through a pipe; closes it at its end. With `all` set, until there is no more at present. */
static int drain(int *fd, struct capture *c, bool all, struct sheaf_error *error) {
    char piece[PIECE];
    while (*fd >= 0) {
        ssize_t n = read(*fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0) {
            close(*fd);
            *fd = -1;
            return 0;
        }
        if (sheaf_capture_add(c, piece, (size_t)n, error))
            return -1;
        if (!all && (size_t)n < sizeof piece)
            return 0;
    }
    return 0;
}

/* Reads both pipes until the keeper tells that the program and all it left behind have ended. */
static int listen_to(struct keeper *keeper, int pipes[2], struct capture captures[2], struct sheaf_error *error) {
    for (;;) {
        struct pollfd polls[3] = {{.fd = keeper->fd, .events = POLLIN},
                                  {.fd = pipes[0], .events = POLLIN},
                                  {.fd = pipes[1], .events = POLLIN}};
        if (poll(polls, 3, -1) < 0 && errno != EINTR)
            return sheaf_fail_errno(error, "cannot wait for a program");
        const bool over = polls[0].revents != 0;
        for (int i = 0; i < 2; i++)
            if ((over || polls[i + 1].revents) && drain(&pipes[i], &captures[i], over, error))
                return -1;
        if (over)
            return 0;
    }
}

/* A pipe whose reading end does not wait. */
static int open_pipe(int *reading, int *writing, struct sheaf_error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return sheaf_fail_errno(error, "cannot make a pipe; raise the limit of open files (ulimit -n)");
    *reading = ends[0];
    *writing = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) ? sheaf_fail_errno(error, "cannot make a pipe") : 0;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

int sheaf_capture_run(struct keeper *keeper, struct program *program, struct capture captures[2],
                      struct program_end *end, struct sheaf_error *error) {
    int pipes[2] = {-1, -1}, rc = -1;
    program->fds[1] = program->fds[2] = -1;
    for (int i = 0; i < 2; i++)
        sheaf_capture_begin(&captures[i]);
    if (open_pipe(&pipes[0], &program->fds[1], error) || open_pipe(&pipes[1], &program->fds[2], error) ||
        sheaf_keeper_start(keeper, program, error))
        goto out;
    close_fd(program->fds[1]); /* the program has copies */
    close_fd(program->fds[2]);
    program->fds[1] = program->fds[2] = -1;
    if (listen_to(keeper, pipes, captures, error))
        goto out;
    sheaf_keeper_end(keeper, end);
    if (sheaf_capture_finish(&captures[0], error) || sheaf_capture_finish(&captures[1], error))
        goto out;
    rc = 0;
out:
    close_fd(pipes[0]);
    close_fd(pipes[1]);
    close_fd(program->fds[1]);
    close_fd(program->fds[2]);
    return rc;
}
