#include "kernel/worker/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"
#include "kernel/program/template.h"

static const double grace_s = 2; /* between TERM and KILL for one that does not end with its input */
enum { PIECE = 1 << 16, SAID_BYTES = 4096, FAREWELL_MS = 1000, MUTE_MS = 500 };

void sheaf_conversation_init(struct conversation *c) {
    *c = (struct conversation){.keeper.fd = -1, .to = -1, .from = -1, .err = -1, .said.most = SAID_BYTES};
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe of which our end does not wait; `ours` is 0 where we read. */
static int open_pipe(int *our_end, int *its_end, int ours, struct sheaf_error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return sheaf_fail_errno(error, "cannot make a pipe; raise the limit of open files (ulimit -n)");
    *our_end = ends[ours];
    *its_end = ends[1 - ours];
    return fcntl(*our_end, F_SETFL, O_NONBLOCK) ? sheaf_fail_errno(error, "cannot make a pipe") : 0;
}

int sheaf_conversation_start(struct conversation *c, struct server *server, struct program *program,
                             struct sheaf_error *error) {
    int rc = -1;
    sheaf_capture_begin(&c->said);
    c->answer.n_bytes = 0;
    c->mute = false;
    c->begun = false;
    c->n_written = 0;
    c->leave_s = 0;
    for (int i = 0; i < 3; i++)
        program->fds[i] = -1;
    if (sheaf_keeper_open(&c->keeper, server, error) || open_pipe(&c->to, &program->fds[0], 1, error) ||
        open_pipe(&c->from, &program->fds[1], 0, error) || open_pipe(&c->err, &program->fds[2], 0, error) ||
        sheaf_keeper_start(&c->keeper, program, error))
        goto out;
    c->running = true;
    rc = 0;
out:
    for (int i = 0; i < 3; i++)
        close_fd(&program->fds[i]);
    return rc;
}

size_t sheaf_conversation_write(struct conversation *c, const char *data, size_t n_bytes) {
    const ssize_t n = write(c->to, data, n_bytes);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->n_written += n_bytes; /* it does not listen any more */
        return n_bytes;
    }
    c->n_written += n > 0 ? (size_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

bool sheaf_conversation_look(struct conversation *c) {
    int n_unread = 0;
    if (c->begun || c->n_written == 0)
        return false;
    c->begun = ioctl(c->to, FIONREAD, &n_unread) || (size_t)n_unread < c->n_written;
    return c->begun;
}

void sheaf_conversation_hear(struct conversation *c) {
    char piece[PIECE];
    struct sheaf_error ignored;
    ssize_t n = 1;
    while (c->err >= 0 && n > 0) {
        n = read(c->err, piece, sizeof piece);
        if (n > 0)
            sheaf_capture_add(&c->said, piece, (size_t)n, &ignored);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            close_fd(&c->err);
    }
}

/* It can say nothing any more: mostly since it has just ended. */
static void part(struct conversation *c) {
    struct pollfd poll_end = {.fd = c->keeper.fd, .events = POLLIN};
    close_fd(&c->from);
    c->mute = poll(&poll_end, 1, MUTE_MS) == 0;
    if (c->mute)
        sheaf_keeper_stop(&c->keeper, 0);
}

int sheaf_conversation_read(struct conversation *c, struct sheaf_error *error) {
    char piece[PIECE];
    ssize_t n = PIECE;
    while (c->from >= 0 && n == PIECE) {
        n = read(c->from, piece, sizeof piece);
        if (n > 0 && sheaf_template_append(&c->answer, piece, (size_t)n, error))
            return -1;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            part(c);
    }
    return 0;
}

const char *sheaf_conversation_last_words(struct conversation *c, char text[256]) {
    struct sheaf_error ignored;
    text[0] = '\0';
    if (sheaf_capture_finish(&c->said, &ignored) || c->said.text.n_bytes < 2)
        return text;
    const char *said = c->said.text.data;
    size_t n = c->said.text.n_bytes - 1;
    while (n > 0 && strchr(" \t\r\n", said[n - 1]))
        n--;
    size_t first = n;
    while (first > 0 && said[first - 1] != '\n')
        first--;
    if (n > first)
        snprintf(text, 256, ": %.*s", (int)(n - first), said + first);
    return text;
}

void sheaf_conversation_end(struct conversation *c, bool kill) {
    if (!c->running)
        return;
    if (kill)
        sheaf_keeper_stop(&c->keeper, 0);
    sheaf_keeper_end(&c->keeper, &c->end);
    sheaf_conversation_hear(c);
    close_fd(&c->to);
    close_fd(&c->from);
    close_fd(&c->err);
    c->running = false;
}

void sheaf_conversation_leave(struct conversation *c) {
    close_fd(&c->to);
    c->leave_s = sheaf_clock_s();
}

void sheaf_conversation_close(struct conversation *c) {
    if (c->running) { /* the end of its input is the end of its work */
        struct pollfd poll_end = {.fd = c->keeper.fd, .events = POLLIN};
        const double left_s = c->leave_s + FAREWELL_MS / 1e3 - sheaf_clock_s();
        if (poll(&poll_end, 1, left_s > 0 ? (int)(left_s * 1e3) + 1 : 0) == 0)
            sheaf_keeper_stop(&c->keeper, grace_s);
        sheaf_conversation_end(c, false);
    }
    sheaf_keeper_close(&c->keeper);
    sheaf_buffer_free(&c->answer);
    sheaf_capture_free(&c->said);
    sheaf_conversation_init(c);
}
