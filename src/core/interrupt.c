#include "core/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

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

enum interrupt sheaf_interrupt_seen(void) {
    return (enum interrupt)atomic_load(&seen);
}
