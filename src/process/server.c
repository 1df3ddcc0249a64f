#include "process/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/node_folder.h"
#include "core/outside.h"
#include "core/range_lock.h"
#include "process/children.h"
#include "process/wire.h"

static const double last_wait_s = 6; /* what was forked should have ended when the program has */

struct server {
    int fd;
    pid_t pid;
    pthread_mutex_t lock; /* a request and its answer are one thing */
};

typedef void (*entry_function)(int fd);

/* With a descriptor: the function is to run with it in a fork of the server, which is a copy of the program; or without
   one, it is to be held, and the bytes of its path follow. The answer is a byte, errno or 0. */
struct request {
    entry_function entry;
    size_t n_path;
    bool is_folder;
};

/* --- the server's side --------------------------------------------------------------------------------------------- */

/* A descriptor that is held. */
struct held {
    int fd; /* -1: none */
    char path[4096];
};

/* What was forked and lives. */
struct forked {
    size_t n, room;
    pid_t *pids;
};

static void note_forked(struct forked *forked, pid_t pid) {
    if (forked->n == forked->room) {
        size_t room = 2 * forked->room + 64;
        pid_t *pids = realloc(forked->pids, room * sizeof *pids);
        if (!pids)
            return;
        forked->pids = pids;
        forked->room = room;
    }
    forked->pids[forked->n++] = pid;
}

/* Buries what has died. One that was killed before it could bury its own has left them to us, and they are killed; that
   they come under us is certain only when it has been buried. Gives whether there is anything left. */
static bool bury(struct forked *forked) {
    pid_t pid;
    bool any = false;
    for (; (pid = waitpid(-1, NULL, WNOHANG)) > 0; any = true)
        for (size_t i = 0; i < forked->n; i++)
            if (forked->pids[i] == pid)
                forked->pids[i] = forked->pids[--forked->n];
    if (any)
        sheaf_children_kill(forked->pids, forked->n);
    return pid == 0;
}

/* Waits for those that end because the program has ended, and for what they may leave. */
static void bury_all(struct forked *forked) {
    const struct timespec pause = {0, 500000};
    const double until_s = sheaf_clock_s() + last_wait_s;
    while (bury(forked) && sheaf_clock_s() < until_s)
        nanosleep(&pause, NULL);
}

/* Forks a process for the entry; its socket is the one that came with the request. */
static void fork_one(int server_fd, entry_function entry, int fd, struct forked *forked, const sigset_t *mask) {
    char failed = 0;
    pid_t pid = fork();
    if (pid == 0) {
        close(server_fd);
        signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_SETMASK, mask, NULL);
        entry(fd);
        _exit(0);
    }
    if (pid < 0)
        failed = (char)errno;
    else
        note_forked(forked, pid);
    close(fd);
    sheaf_wire_write(server_fd, &failed, 1, NULL, 0);
}

/* The next folder takes the place of that of the stage before. */
static void leave_folder(struct held *folder) {
    if (folder->fd < 0)
        return;
    sheaf_node_folder_remove(folder->path);
    close(folder->fd);
    folder->fd = -1;
}

/* Takes the descriptor that came with a request. -1: the other side has gone. */
static int hold(int server_fd, const struct request *request, int fd, struct held *held) {
    if (request->is_folder)
        leave_folder(held);
    char failed = held->fd >= 0 ? EBUSY : 0;
    held->fd = failed ? held->fd : fd;
    if (request->n_path >= sizeof held->path || sheaf_wire_read(server_fd, held->path, request->n_path, NULL, NULL))
        return -1;
    held->path[request->n_path] = '\0';
    return sheaf_wire_write(server_fd, &failed, 1, NULL, 0);
}

static void note_child(int number) {
    (void)number;
}

static void serve(int server_fd) {
    struct request request;
    struct forked forked = {0};
    struct held held = {.fd = -1}, folder = {.fd = -1};
    struct sigaction action = {.sa_handler = note_child}; /* SIGCHLD is to end ppoll, nothing more */
    sigset_t child, mask;
    int fd, n_fds;
    setsid(); /* signals to the program's process group are not for us */
    prctl(PR_SET_NAME, "sheaf-server");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sheaf_outside_listen(); /* what is sent to all processes is for the program to act on */
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &mask);
    sigdelset(&mask, SIGCHLD);
    for (int n; (n = open("/dev/null", O_RDWR)) >= 0;)
        if (n > 2) { /* the standard descriptors exist: others never take their numbers */
            close(n);
            break;
        }
    for (;;) {
        struct pollfd poll = {.fd = server_fd, .events = POLLIN};
        bury(&forked);
        if (ppoll(&poll, 1, NULL, &mask) <= 0)
            continue;
        n_fds = 1;
        if (sheaf_wire_read(server_fd, &request, sizeof request, &fd, &n_fds) || n_fds != 1)
            break;
        if (request.entry)
            fork_one(server_fd, request.entry, fd, &forked, &mask);
        else if (hold(server_fd, &request, fd, request.is_folder ? &folder : &held))
            break;
    }
    bury_all(&forked);
    leave_folder(&folder);
    if (held.fd >= 0)
        sheaf_range_leave(held.fd, held.path);
    _exit(0);
}

int sheaf_server_start(struct server **made, struct sheaf_error *error) {
    int ends[2];
    struct server *server = calloc(1, sizeof *server);
    *made = server;
    if (!server)
        return sheaf_fail_memory(error, "the process server");
    server->fd = -1;
    pthread_mutex_init(&server->lock, NULL);
    if (sheaf_outside_open(error))
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return sheaf_fail_errno(error, "cannot make a socket");
    server->pid = fork();
    if (server->pid == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    server->fd = ends[0];
    return server->pid < 0
               ? sheaf_fail_errno(error, "cannot start the process server; allow more processes (ulimit -u)")
               : 0;
}

int sheaf_server_fork(struct server *server, void (*entry)(int fd), int *fd, struct sheaf_error *error) {
    int ends[2], rc = -1;
    char failed = 0;
    *fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return sheaf_fail_errno(error, "cannot make a socket; raise the limit of open files (ulimit -n)");
    pthread_mutex_lock(&server->lock);
    if (sheaf_wire_write(server->fd, &(struct request){.entry = entry}, sizeof(struct request), &ends[1], 1) ||
        sheaf_wire_read(server->fd, &failed, 1, NULL, NULL)) {
        sheaf_fail(error, "the process server has died");
    } else if (failed) {
        errno = failed;
        sheaf_fail_errno(error, "cannot start a process; allow more (ulimit -u)");
    } else {
        rc = 0;
    }
    pthread_mutex_unlock(&server->lock);
    close(ends[1]);
    if (rc)
        close(ends[0]);
    else
        *fd = ends[0];
    return rc;
}

static int ask_to_hold(struct server *server, int fd, const char *path, bool is_folder, struct sheaf_error *error) {
    const struct request request = {.n_path = strlen(path), .is_folder = is_folder};
    char failed = 0;
    pthread_mutex_lock(&server->lock);
    const bool lost = sheaf_wire_write(server->fd, &request, sizeof request, &fd, 1) ||
                      sheaf_wire_write(server->fd, path, request.n_path, NULL, 0) ||
                      sheaf_wire_read(server->fd, &failed, 1, NULL, NULL);
    pthread_mutex_unlock(&server->lock);
    return lost || failed ? sheaf_fail(error, "the process server has died") : 0;
}

int sheaf_server_hold(struct server *server, int fd, const char *path, struct sheaf_error *error) {
    return ask_to_hold(server, fd, path, false, error);
}

int sheaf_server_hold_folder(struct server *server, int fd, const char *path, struct sheaf_error *error) {
    return ask_to_hold(server, fd, path, true, error);
}

void sheaf_server_stop(struct server *server) {
    if (!server)
        return;
    if (server->fd >= 0)
        close(server->fd);
    if (server->pid > 0)
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    pthread_mutex_destroy(&server->lock);
    free(server);
}
