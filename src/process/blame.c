#include "process/blame.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/outside.h"

static const double moment_s = 0.3; /* within which a signal to all processes of a run reaches each of them */

/* The signal by which it ended, also where a shell or an interpreter turned it into an exit code; 0: by none. */
static int signal_of(int status) {
    if (WIFSIGNALED(status))
        return WTERMSIG(status);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return code > 128 && code < 128 + 32 ? code - 128 : 0;
}

static bool comes_from_outside(int number) {
    return sheaf_outside_is_end(number) || number == SIGKILL || number == SIGUSR1 || number == SIGUSR2;
}

static bool heard_since(double s) {
    return sheaf_outside_heard_s() >= s;
}

/* Waits until one has come, also to this process, so that nothing more is begun; but not for long. */
static bool hear_soon(double since_s) {
    const struct timespec pause = {0, 5000000};
    const double until_s = sheaf_clock_s() + moment_s;
    while ((!heard_since(since_s) || sheaf_interrupt_seen() == INTERRUPT_NONE) && sheaf_clock_s() < until_s)
        nanosleep(&pause, NULL);
    return heard_since(since_s);
}

bool sheaf_blame_is_outside(const struct program_end *end) {
    if (end->step == START_LOST || end->asked_to_end)
        return true;
    if (end->step != START_OK || end->timed_out || end->status == 0)
        return false;
    if (comes_from_outside(signal_of(end->status)) && hear_soon(end->began_s))
        return true;
    return !WIFSIGNALED(end->status) && (end->heard || sheaf_interrupt_seen() == INTERRUPT_LEAVE);
}
