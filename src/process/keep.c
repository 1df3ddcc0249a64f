/* The keeper's side: one program at a time, from its start to its last grandchild. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/outside.h"
#include "core/stopwatch.h"
#include "process/children.h"
#include "process/environment.h"
#include "process/keeper.h"
#include "process/message.h"
#include "process/wire.h"

static const double usual_grace_s = 2; /* between TERM and KILL of what ran for too long, or longer than the run */
static const double sweep_s = 2;       /* what was killed should be gone within this time */

/* A program as it was asked for. */
struct order {
    struct start_head head;
    char *texts; /* owns what the others point to */
    const char *folder;
    char **words;    /* [n_words + 1] */
    char **settings; /* [n_settings + 1] */
    int fds[WIRE_FDS];
};

static void drop_order(struct order *order) {
    free(order->texts);
    free(order->words);
    for (int i = 0; i < WIRE_FDS; i++)
        if (order->fds[i] >= 0)
            close(order->fds[i]);
}

/* Reads an order; -1 when no more will come. */
static int read_order(int socket, struct order *order) {
    int n_fds = 0;
    *order = (struct order){.fds = {-1, -1, -1}};
    while (order->head.n_words == 0 && !order->head.run) { /* a stop that came too late */
        n_fds = WIRE_FDS;
        if (sheaf_wire_read(socket, &order->head, sizeof order->head, order->fds, &n_fds))
            return -1;
    }
    if (n_fds != WIRE_FDS)
        return -1;
    const size_t n_words = (size_t)order->head.n_words, n_settings = (size_t)order->head.n_settings;
    order->texts = malloc(order->head.n_bytes);
    order->words = calloc(n_words + n_settings + 2, sizeof *order->words);
    if (!order->texts || !order->words || sheaf_wire_read(socket, order->texts, order->head.n_bytes, NULL, NULL)) {
        drop_order(order);
        return -1;
    }
    order->settings = order->words + n_words + 1;
    char *at = order->texts;
    order->folder = at;
    for (size_t i = 0; i < n_words; i++)
        order->words[i] = at += strlen(at) + 1;
    for (size_t i = 0; i < n_settings; i++)
        order->settings[i] = at += strlen(at) + 1;
    return 0;
}

/* --- starting ------------------------------------------------------------------------------------------------------ */

static void take_signals(const int *numbers, size_t n) {
    for (size_t i = 0; i < n; i++)
        signal(numbers[i], SIG_DFL);
}

/* In the child: a group of its own, and signals that come from within as programs expect them. */
static void leave_keeper(void) {
    static const int own[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_signals(own, sizeof own / sizeof *own);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, which borrows our memory until it has become the program: nothing but system calls. */
static void become(const struct order *order, char **environment, volatile int *step) {
    static const int outside[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
    take_signals(outside, sizeof outside / sizeof *outside);
    leave_keeper();
    *step = START_FOLDER;
    if (!order->head.stays && chdir(order->folder))
        return;
    *step = START_EXEC;
    for (int i = 0; i < 3; i++)
        if (dup2(order->fds[i], i) < 0)
            return;
#ifdef SYS_close_range
    syscall(SYS_close_range, 3U, ~0U, 0U);
#endif
    execvpe(order->words[0], order->words, environment);
}

/* Runs a function of ours in a fork of us; what a launcher or a batch system sends to all processes of a run is not for
   it. */
static pid_t start_function(int socket, const struct order *order, struct program_end *end) {
    pid_t pid = fork();
    if (pid == 0) {
        sheaf_outside_ignore();
        leave_keeper();
        close(socket);
        order->head.run(order->fds);
        _exit(0);
    }
    if (pid > 0)
        setpgid(pid, pid); /* whoever is first: its group must be there when it is to be killed */
    if (pid < 0) {
        end->step = START_FORK;
        end->error = errno;
    }
    return pid;
}

static pid_t start_words(const struct order *order, struct program_end *end) {
    volatile int step = START_FORK, failure = 0;
    char **environment = sheaf_environment_with(order->settings, order->head.n_settings);
    if (!environment) {
        end->step = START_FORK;
        end->error = ENOMEM;
        return -1;
    }
    pid_t pid = vfork();
    if (pid == 0) {
        become(order, environment, &step);
        failure = errno;
        _exit(127);
    }
    if (pid < 0)
        failure = errno;
    free(environment);
    if (failure == 0)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    end->step = step;
    end->error = failure;
    return -1;
}

/* --- ending -------------------------------------------------------------------------------------------------------- */

/* Kills what the program left behind, and buries it: all its orphans are our children, for a while at most. Gives how many
   there were. */
static int sweep(pid_t group) {
    const struct timespec pause = {0, 500000};
    const double until_s = sheaf_clock_s() + sweep_s;
    int n_left = 0;
    kill(-group, SIGKILL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        n_left += pid > 0;
        if ((pid < 0 && errno != EINTR) || (pid == 0 && sheaf_clock_s() > until_s))
            return n_left;
        if (pid == 0) {
            sheaf_children_kill(NULL, 0); /* they may have made groups of their own */
            nanosleep(&pause, NULL);
        }
    }
}

/* How long to wait, and what comes then. */
struct deadline {
    double left_s; /* of the time in which we run; not above 0: it is now */
    int signal;    /* that is sent then; 0: there is no deadline */
};

/* Sends the signal of the deadline; TERM is followed by KILL. */
static void strike(struct deadline *deadline, pid_t group, double grace_s) {
    kill(-group, deadline->signal);
    if (deadline->signal == SIGTERM) {
        kill(-group, SIGCONT);
        *deadline = (struct deadline){grace_s, SIGKILL};
    } else {
        *deadline = (struct deadline){0, 0};
    }
}

/* Waits for a word from the other side (unless it has gone: socket -1), a child's end or the deadline. Gives whether there
   is a word. */
static bool wait_for_news(int socket, struct deadline *deadline, struct stopwatch *watch, const sigset_t *unblocked) {
    struct pollfd poll = {.fd = socket, .events = POLLIN};
    const double from_s = sheaf_stopwatch_look(watch);
    double left_s = deadline->left_s > 0 ? deadline->left_s : 0;
    left_s = left_s < STOPWATCH_LOOK_S ? left_s : STOPWATCH_LOOK_S;
    struct timespec timeout = {(time_t)left_s, (long)((left_s - (double)(time_t)left_s) * 1e9)};
    const bool word = ppoll(&poll, 1, deadline->signal ? &timeout : NULL, unblocked) > 0;
    deadline->left_s -= sheaf_stopwatch_look(watch) - from_s;
    return word;
}

/* Buries the program if it has ended, and orphans of it that have. */
static bool bury(pid_t program, struct program_end *end) {
    struct rusage usage;
    int status;
    bool ended = false;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        if (pid != program)
            continue;
        ended = true;
        end->status = status;
        end->user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6;
        end->system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
        end->peak_rss = (int64_t)usage.ru_maxrss * 1024;
    }
    return ended;
}

/* Watches the program to its end. -1: the other side has gone meanwhile. */
static int watch(int socket, pid_t pid, const struct start_head *head, const sigset_t *unblocked,
                 struct program_end *end) {
    struct deadline deadline = {head->time_s, head->time_s > 0 ? SIGTERM : 0};
    struct stopwatch stopwatch = {0};
    double grace_s = usual_grace_s;
    bool stopped = false, gone = false;
    while (!bury(pid, end)) { /* one that ended in time did, however late we see it */
        if (deadline.signal && deadline.left_s <= 0) {
            end->timed_out = !stopped;
            strike(&deadline, pid, grace_s);
        }
        struct start_head stop = {0};
        if (!wait_for_news(gone ? -1 : socket, &deadline, &stopwatch, unblocked))
            continue;
        gone = sheaf_wire_read(socket, &stop, sizeof stop, NULL, NULL) != 0;
        stopped = true;
        grace_s = gone ? usual_grace_s : stop.time_s;
        deadline = (struct deadline){0, grace_s > 0 && !head->run ? SIGTERM : SIGKILL};
    }
    return gone ? -1 : 0;
}

static void note_child(int number) {
    (void)number;
}

void sheaf_keep(int socket) {
    struct order order;
    sigset_t child, unblocked;
    struct sigaction action = {.sa_handler = note_child}; /* SIGCHLD is to end ppoll, nothing more */
    prctl(PR_SET_NAME, "sheaf-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &unblocked);
    sigdelset(&unblocked, SIGCHLD);
    while (read_order(socket, &order) == 0) {
        struct program_end end = {.step = START_OK, .began_s = sheaf_clock_s()};
        const struct start_head head = order.head;
        pid_t pid = order.head.run ? start_function(socket, &order, &end) : start_words(&order, &end);
        drop_order(&order);
        bool gone = pid > 0 && watch(socket, pid, &head, &unblocked, &end);
        if (pid > 0)
            end.n_left = sweep(pid);
        end.heard = sheaf_outside_own_s() >= end.began_s;
        end.asked_to_end = sheaf_outside_own_end_s() >= end.began_s;
        if (gone || sheaf_wire_write(socket, &end, sizeof end, NULL, 0))
            return;
    }
}
