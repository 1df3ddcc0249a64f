#include "core/outside.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "core/clock.h"

/* Microseconds of sheaf_clock_s. */
struct heard {
    _Atomic(int64_t) any_us, end_us;
};

static struct heard own;
static struct heard *all; /* shared by the processes of a rank; NULL where nothing is forked */

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { N = sizeof numbers / sizeof *numbers };

int sheaf_outside_open(struct sheaf_error *error) {
    if (all)
        return 0;
    void *memory = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return sheaf_fail_errno(error, "no memory for what the processes of a rank share");
    all = memory;
    return 0;
}

bool sheaf_outside_is_end(int number) {
    return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

static void store(struct heard *heard, int64_t now_us, bool is_end) {
    atomic_store(&heard->any_us, now_us);
    if (is_end)
        atomic_store(&heard->end_us, now_us);
}

void sheaf_outside_note(int number) {
    const int64_t now_us = (int64_t)(sheaf_clock_s() * 1e6);
    store(&own, now_us, sheaf_outside_is_end(number));
    if (all)
        store(all, now_us, sheaf_outside_is_end(number));
}

void sheaf_outside_listen(void) {
    struct sigaction action = {.sa_handler = sheaf_outside_note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < N; i++)
        sigaction(numbers[i], &action, NULL);
}

void sheaf_outside_ignore(void) {
    for (int i = 0; i < N; i++)
        signal(numbers[i], SIG_IGN);
}

double sheaf_outside_heard_s(void) {
    return 1e-6 * (double)atomic_load(&(all ? all : &own)->any_us);
}

double sheaf_outside_heard_end_s(void) {
    return 1e-6 * (double)atomic_load(&(all ? all : &own)->end_us);
}

double sheaf_outside_own_s(void) {
    return 1e-6 * (double)atomic_load(&own.any_us);
}

double sheaf_outside_own_end_s(void) {
    return 1e-6 * (double)atomic_load(&own.end_us);
}
