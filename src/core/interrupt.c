#include "core/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

static _Atomic(int) seen;

static const int leave_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum { N = sizeof leave_signals / sizeof *leave_signals };
static struct sigaction before[N];

static void note(int number) {
    int wanted = number == SIGUSR1 ? INTERRUPT_DRAIN : INTERRUPT_LEAVE;
    if (atomic_load(&seen) < wanted)
        atomic_store(&seen, wanted);
}

/* What the user has chosen to ignore (nohup) stays ignored. */
static void watch(int number, int flags, struct sigaction *old) {
    struct sigaction action = {.sa_handler = note, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, old) == 0 && old->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void sheaf_interrupt_watch_drain(void) {
    struct sigaction old;
    watch(SIGUSR1, SA_RESTART, &old);
}

void sheaf_interrupt_watch_leave(void) {
    for (int i = 0; i < N; i++)
        watch(leave_signals[i], (int)(SA_RESTART | SA_RESETHAND), &before[i]);
}

void sheaf_interrupt_unwatch_leave(void) {
    for (int i = 0; i < N; i++)
        sigaction(leave_signals[i], &before[i], NULL);
}

/* Async-signal-safe. */
static void die(const char *message) {
    if (write(STDERR_FILENO, message, strlen(message)) < 0)
        _exit(SHEAF_EXIT_ENVIRONMENT);
    _exit(SHEAF_EXIT_ENVIRONMENT);
}

static void bus_error(int number) {
    (void)number;
    die("sheaf: SIGBUS: an input file shrank while it was read, or the kernel is at fault; finished items are safe\n");
}

static _Atomic(bool) exit_is_armed;

static void left_by_exit(void) {
    if (atomic_load(&exit_is_armed))
        die("sheaf: the kernel ended the program (exit, or STOP in Fortran), which it must not; finished items are "
            "safe\n");
}

void sheaf_interrupt_guard(void) {
    struct sigaction action = {.sa_handler = bus_error};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    atexit(left_by_exit);
}

void sheaf_interrupt_arm_exit(bool armed) {
    atomic_store(&exit_is_armed, armed);
}

enum interrupt sheaf_interrupt_seen(void) {
    return (enum interrupt)atomic_load(&seen);
}
