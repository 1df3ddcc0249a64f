#include "core/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "core/outside.h"

static _Atomic(int) seen;

static const int leave_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum { N = sizeof leave_signals / sizeof *leave_signals };
static struct sigaction before[N];

static void note(int number) {
    sheaf_outside_note(number);
    int wanted = number == SIGUSR1 ? INTERRUPT_DRAIN : INTERRUPT_LEAVE;
    if (atomic_load(&seen) < wanted)
        atomic_store(&seen, wanted);
}

/* What the user has chosen to ignore (nohup) stays ignored. */
static void watch(int number, void (*handler)(int), int flags, struct sigaction *old) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, old) == 0 && old->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void sheaf_interrupt_watch_drain(void) {
    struct sigaction old;
    watch(SIGUSR1, note, SA_RESTART, &old);
}

/* --- leaving at once ------------------------------------------------------------------------------------------------ */

static struct {
    _Atomic(bool) set;
    char path[4096];
} half_made[INTERRUPT_FILES];
static _Atomic(bool) says_so;
static _Atomic(int) leave_with = SHEAF_EXIT_INTERRUPTED;

void sheaf_interrupt_remove(const char *path) {
    for (int i = 0; i < INTERRUPT_FILES && strlen(path) < sizeof half_made->path; i++)
        if (!atomic_load(&half_made[i].set)) {
            strcpy(half_made[i].path, path);
            atomic_store(&half_made[i].set, true);
            return;
        }
}

void sheaf_interrupt_forget(const char *path) {
    for (int i = 0; i < INTERRUPT_FILES; i++)
        if (atomic_load(&half_made[i].set) && strcmp(half_made[i].path, path) == 0)
            atomic_store(&half_made[i].set, false);
}

/* In the main thread, which makes these files: while another one removes them it would go on, and fail. */
static void leave_now(int number) {
    if (gettid() != getpid()) {
        tgkill(getpid(), getpid(), number);
        return;
    }
    for (int i = 0; i < INTERRUPT_FILES; i++)
        if (atomic_load(&half_made[i].set))
            unlink(half_made[i].path);
    if (atomic_load(&says_so))
        sheaf_interrupt_say("sheaf: interrupted; run the same command again to go on\n");
    _exit(atomic_load(&leave_with));
}

void sheaf_interrupt_end_with(int exit) {
    atomic_store(&says_so, false);
    atomic_store(&leave_with, exit);
}

void sheaf_interrupt_leave_at_once(bool speaks) {
    struct sigaction old;
    atomic_store(&says_so, speaks);
    for (int i = 0; i < N; i++)
        watch(leave_signals[i], leave_now, SA_RESTART, &old);
}

static struct sigaction before_drain;

void sheaf_interrupt_leave_on_drain(void) {
    watch(SIGUSR1, leave_now, SA_RESTART, &before_drain);
}

void sheaf_interrupt_unleave_on_drain(void) {
    sigaction(SIGUSR1, &before_drain, NULL);
}

/* --- requests that are remembered ----------------------------------------------------------------------------------- */

void sheaf_interrupt_watch_leave(void) {
    for (int i = 0; i < N; i++)
        watch(leave_signals[i], note, (int)(SA_RESTART | SA_RESETHAND), &before[i]);
}

void sheaf_interrupt_unwatch_leave(void) {
    for (int i = 0; i < N; i++)
        sigaction(leave_signals[i], &before[i], NULL);
}

void sheaf_interrupt_leave_if_asked(void) {
    if (atomic_load(&seen) == INTERRUPT_LEAVE)
        leave_now(SIGTERM);
}

/* Async-signal-safe. */
static void die(const char *message) {
    sheaf_interrupt_say(message);
    _exit(SHEAF_EXIT_ENVIRONMENT);
}

static void blame_reading(const char *how);

enum { RESULTS_PLACES = 8 };

static struct { _Atomic(uintptr_t) first, end; } results_pages[RESULTS_PLACES]; /* end 0: none */

void sheaf_interrupt_name_results(const void *pages, size_t n_bytes) {
    for (int i = 0; i < RESULTS_PLACES; i++)
        if (atomic_load(&results_pages[i].end) == 0) {
            atomic_store(&results_pages[i].first, (uintptr_t)pages);
            atomic_store(&results_pages[i].end, (uintptr_t)pages + n_bytes);
            return;
        }
}

void sheaf_interrupt_forget_results(const void *pages) {
    for (int i = 0; i < RESULTS_PLACES; i++)
        if (atomic_load(&results_pages[i].first) == (uintptr_t)pages)
            atomic_store(&results_pages[i].end, 0);
}

static bool is_in_results(uintptr_t at) {
    for (int i = 0; i < RESULTS_PLACES; i++)
        if (at >= atomic_load(&results_pages[i].first) && at < atomic_load(&results_pages[i].end))
            return true;
    return false;
}

static void bus_error(int number, siginfo_t *about, void *context) {
    (void)number, (void)context;
    blame_reading("HDF5 crashed on it (SIGBUS)");
    if (is_in_results((uintptr_t)about->si_addr))
        die("sheaf: the results file was emptied while the run wrote it, and what was computed is lost with it; remove "
            "it and run again to start anew\n");
    die("sheaf: SIGBUS: an input file shrank while it was read, /dev/shm is full, or the kernel is at fault; finished "
        "items are safe\n");
}

static _Atomic(bool) exit_is_armed;

/* Of a thread that runs kernels. */
static _Thread_local struct {
    void (*tell)(void *context, const char *what);
    void *context;
    void *stack;
} kernels;

static void tell(const char *what) {
    void (*call)(void *, const char *) = kernels.tell;
    kernels.tell = NULL; /* once */
    if (call)
        call(kernels.context, what);
}

static void left_by_exit(void) {
    if (!atomic_load(&exit_is_armed))
        return;
    if (!kernels.tell) /* not in a kernel: libgomp, that cannot start a thread, has said so and exits with 1 */
        die("sheaf: the program was ended by a library that it uses (see above); finished items are safe\n");
    tell("exit()");
    die("sheaf: the kernel ended the program (exit, or STOP in Fortran), which it must not; finished items are "
        "safe\n");
}

void sheaf_interrupt_guard(void) {
    struct sigaction action = {.sa_sigaction = bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    atexit(left_by_exit);
}

void sheaf_interrupt_arm_exit(bool armed) {
    atomic_store(&exit_is_armed, armed);
}

/* --- crashes ------------------------------------------------------------------------------------------------------- */

enum { STACK_BYTES = 1 << 16 };

static const struct {
    int number;
    const char *name;
} crashes[] = {{SIGSEGV, "SIGSEGV"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

static void crashed(int number) {
    blame_reading("HDF5 crashed on it");
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (crashes[i].number == number)
            tell(crashes[i].name);
    signal(number, SIG_DFL);
    raise(number); /* unblocked when the handler returns */
}

static void watch_crashes(void) {
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i].number, &action, NULL);
}

int sheaf_interrupt_enter_kernels(void (*tell_now)(void *context, const char *what), void *context) {
    stack_t stack = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    if (!stack.ss_sp || sigaltstack(&stack, NULL)) {
        free(stack.ss_sp);
        return -1;
    }
    kernels.tell = tell_now;
    kernels.context = context;
    kernels.stack = stack.ss_sp;
    watch_crashes(); /* also where MPI has put handlers of its own since */
    return 0;
}

void sheaf_interrupt_leave_kernels(void) {
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(kernels.stack);
    kernels.tell = NULL;
    kernels.stack = NULL;
}

/* --- files that may be damaged ------------------------------------------------------------------------------------- */

static _Thread_local struct interrupt_reading *readings; /* the files that this thread has open, the last one first */

/* Ends the process if it reads a file, or has read one whose damage may show later: HDF5 may have written anywhere. */
static void blame_reading(const char *how) {
    const struct interrupt_reading *r = readings;
    while (r && !r->what)
        r = r->before;
    if (!r)
        return;
    sheaf_interrupt_say("sheaf: ");
    sheaf_interrupt_say(r->path);
    sheaf_interrupt_say(": ");
    sheaf_interrupt_say(r->what);
    sheaf_interrupt_say(" is damaged: ");
    sheaf_interrupt_say(how);
    die("; take the file from a copy, or compute it anew\n");
}

static void too_long(int number) {
    (void)number;
    blame_reading("HDF5 did not come to an end with it");
}

#ifndef sigev_notify_thread_id /* glibc before 2.38 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void watch_reading(void) {
    static char stack[STACK_BYTES]; /* one thread uses HDF5 */
    stack_t now = {0};
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_handler = too_long, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGVTALRM, &action, NULL);
    action = (struct sigaction){.sa_sigaction = bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    watch_crashes();
}

void sheaf_interrupt_open_reading(struct interrupt_reading *r, const char *path, int most_cpu_s, bool lasting) {
    *r = (struct interrupt_reading){
        .path = path, .most_cpu_s = most_cpu_s, .lasting = lasting, .is_open = true, .before = readings};
    readings = r;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM};
    event.sigev_notify_thread_id = gettid();
    r->has_timer = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &r->timer) == 0;
    watch_reading();
}

static void set_timer(struct interrupt_reading *r, int cpu_s) {
    if (r->has_timer)
        timer_settime(r->timer, 0, &(struct itimerspec){.it_value.tv_sec = cpu_s}, NULL);
}

void sheaf_interrupt_begin_reading(struct interrupt_reading *r, const char *what) {
    r->what = what;
    set_timer(r, r->most_cpu_s);
}

void sheaf_interrupt_end_reading(struct interrupt_reading *r) {
    set_timer(r, 0);
    r->what = r->lasting ? r->what : NULL;
}

void sheaf_interrupt_close_reading(struct interrupt_reading *r) {
    struct interrupt_reading **at = &readings;
    if (!r->is_open)
        return;
    while (*at && *at != r)
        at = &(*at)->before;
    if (*at)
        *at = r->before;
    if (r->has_timer)
        timer_delete(r->timer);
    r->is_open = false;
}

void sheaf_interrupt_say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody listens */
}

void sheaf_interrupt_say_number(int64_t number) {
    char digits[24], *at = digits + sizeof digits - 1;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    *at = '\0';
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--at = '-';
    sheaf_interrupt_say(at);
}

enum interrupt sheaf_interrupt_seen(void) {
    return (enum interrupt)atomic_load(&seen);
}
