/* What a child of isolate.c goes through, seen from the thread. */
#include "kernel/isolate/isolate_hand.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/stopwatch.h"
#include "process/wire.h"

static const double look_s = 0.1; /* how often a thread looks whether its child is to be told to stop */
static const size_t most_notes = (size_t)1 << 40;

int sheaf_isolate_hand_open(struct isolated_hand **hand, int n_columns, struct sheaf_error *error) {
    struct isolated_hand *h = calloc(1, sizeof *h);
    size_t *at = calloc((size_t)n_columns + 1, sizeof *at);
    *hand = h;
    if (h)
        *h = (struct isolated_hand){.keeper.fd = -1, .socket = -1, .memory_fd = -1, .at = at};
    if (h && at)
        return 0;
    free(h);
    free(at);
    *hand = NULL;
    return sheaf_fail_memory(error, "a thread");
}

void sheaf_isolate_bury(struct isolated_hand *h, struct program_end *end) {
    sheaf_keeper_stop(&h->keeper, 0);
    sheaf_keeper_end(&h->keeper, end);
    close(h->socket);
    h->socket = -1;
    h->running = false;
}

const char *sheaf_isolate_describe(const struct program_end *end, char text[128]) {
    if (end->step == START_LOST)
        snprintf(text, 128, "lost with the process that watched it");
    else if (end->step != START_OK)
        snprintf(text, 128, "not started: %s", strerror(end->error));
    else if (WIFSIGNALED(end->status))
        snprintf(text, 128, "killed by signal %d (%s)", WTERMSIG(end->status), strsignal(WTERMSIG(end->status)));
    else
        snprintf(text, 128, "ended with exit code %d", WEXITSTATUS(end->status));
    return text;
}

/* Tells the child, once, that the run is to end. Gives how long the thread may sleep until it looks again. */
static double pass_stop(const struct isolated_hand *h, const struct sheaf_context *context) {
    struct isolate_block *head = (struct isolate_block *)(void *)h->memory;
    if (!context || atomic_load(&head->stop))
        return INFINITY;
    atomic_store(&head->stop, context->should_stop(context));
    return look_s;
}

enum isolate_news sheaf_isolate_listen(struct isolated_hand *h, double timeout_s, const struct sheaf_context *context,
                                       struct isolate_answer *answer) {
    struct stopwatch watch = {0};
    struct pollfd both[] = {{.fd = h->socket, .events = POLLIN}, {.fd = h->keeper.fd, .events = POLLIN}};
    for (int n = 0; n == 0;) {
        const double left_s = (timeout_s > 0 ? timeout_s : INFINITY) - sheaf_stopwatch_look(&watch);
        const double wait_s = fmin(fmin(fmax(left_s, 0), pass_stop(h, context)), STOPWATCH_LOOK_S);
        const struct timespec timeout = {(time_t)wait_s, (long)((wait_s - (double)(time_t)wait_s) * 1e9)};
        n = ppoll(both, 2, &timeout, NULL);
        if (n < 0 && errno != EINTR)
            return ISOLATE_DEATH;
        n = n < 0 ? 0 : n;
        if (n == 0 && left_s <= 0)
            return ISOLATE_TIMEOUT;
    }
    struct sheaf_error ignored;
    h->notes.n_bytes = 0;
    if (!(both[0].revents & POLLIN) || sheaf_wire_read(h->socket, answer, sizeof *answer, NULL, NULL))
        return ISOLATE_DEATH;
    if (answer->n_bytes > most_notes || sheaf_buffer_resize(&h->notes, answer->n_bytes + 1, &ignored)) {
        h->notes.n_bytes = 0;
        answer->lost = true; /* as if the child had had no memory: the run ends */
        return ISOLATE_ANSWER;
    }
    h->notes.data[answer->n_bytes] = '\0'; /* of an opening the notes are a message */
    h->notes.n_bytes = answer->n_bytes;
    return answer->n_bytes && sheaf_wire_read(h->socket, h->notes.data, answer->n_bytes, NULL, NULL) ? ISOLATE_DEATH
                                                                                                     : ISOLATE_ANSWER;
}

/* Waits until the new child has opened the kernel. */
static int await_opening(struct isolated_hand *h, const char *name, struct sheaf_error *error) {
    struct isolate_answer answer;
    struct program_end end;
    char how[128];
    const enum isolate_news news = sheaf_isolate_listen(h, 0, NULL, &answer);
    if (news == ISOLATE_ANSWER && answer.result == 0)
        return 0;
    sheaf_isolate_bury(h, &end);
    if (news == ISOLATE_ANSWER)
        return sheaf_fail(error, "kernel %s, in a process of its own: %s", name,
                          h->notes.n_bytes > 0 && h->notes.data[0] ? h->notes.data
                                                                   : "refused to open and did not say why");
    return sheaf_fail(error, "kernel %s: its own process was %s when it opened the kernel", name,
                      sheaf_isolate_describe(&end, how));
}

int sheaf_isolate_start(struct isolated_hand *h, struct server *server, int image_fd, const struct isolate_birth *birth,
                        const char *name, struct sheaf_error *error) {
    int ends[2];
    if (sheaf_keeper_open(&h->keeper, server, error))
        return -1;
    if (h->memory_fd < 0)
        h->memory_fd = memfd_create("blocks", MFD_CLOEXEC);
    if (h->memory_fd < 0)
        return sheaf_fail_errno(error, "cannot make memory for blocks");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return sheaf_fail_errno(error, "cannot make a socket");
    const struct program program = {
        .run = sheaf_isolate_child,
        .fds = {[ISOLATE_SOCKET] = ends[1], [ISOLATE_IMAGE] = image_fd, [ISOLATE_MEMORY] = h->memory_fd}};
    const int rc = sheaf_keeper_start(&h->keeper, &program, error);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        return -1;
    }
    h->socket = ends[0];
    h->running = true;
    sheaf_wire_write(h->socket, birth, sizeof *birth, NULL, 0); /* or it has died, and await_opening says how */
    return await_opening(h, name, error);
}

void sheaf_isolate_dismiss(struct isolated_hand *h) {
    if (h->socket >= 0)
        close(h->socket);
    h->socket = -1;
}

/* Waits for the end of the child. Gives whether it came in time. */
static bool await_end(const struct isolated_hand *h, struct stopwatch *watch, double limit_s) {
    struct pollfd end = {.fd = h->keeper.fd, .events = POLLIN};
    for (int n = 0; n <= 0;) {
        const double left_s = limit_s - sheaf_stopwatch_look(watch);
        if (left_s <= 0)
            return false;
        n = poll(&end, 1, (int)(fmin(left_s, STOPWATCH_LOOK_S) * 1e3) + 1);
        if (n < 0 && errno != EINTR)
            return false;
    }
    return true;
}

bool sheaf_isolate_hand_close(struct isolated_hand *h, struct stopwatch *watch, double limit_s) {
    struct program_end end;
    sheaf_isolate_dismiss(h);
    const bool in_time = !h->running || await_end(h, watch, limit_s);
    if (!in_time)
        sheaf_keeper_stop(&h->keeper, 0);
    if (h->running)
        sheaf_keeper_end(&h->keeper, &end);
    sheaf_keeper_close(&h->keeper);
    if (h->memory)
        munmap(h->memory, h->n_bytes);
    if (h->memory_fd >= 0)
        close(h->memory_fd);
    sheaf_buffer_free(&h->notes);
    free(h->at);
    free(h);
    return in_time;
}
