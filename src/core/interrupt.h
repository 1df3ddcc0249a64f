/*
 * interrupt - what signals ask of a run (R8). The only global state of the program.
 *
 * SIGUSR1 asks to drain: finish the items at work and end in order. TERM, INT and HUP ask to leave at once; a second
 * one of these ends the process as if nobody watched. While items are computed these requests are remembered, and the
 * loop looks for them; before and after, when a step may take long and nobody looks, the signal's handler leaves: it
 * removes the files that are half made and ends the process with exit code 75.
 */
#ifndef SHEAF_CORE_INTERRUPT_H
#define SHEAF_CORE_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum interrupt { INTERRUPT_NONE, INTERRUPT_DRAIN, INTERRUPT_LEAVE };

/* From now on SIGUSR1 is remembered. It may come while a run is still setting up, or already closing. */
void sheaf_interrupt_watch_drain(void);

/* From now on TERM, INT and HUP leave, in order; with a line on stderr if it `speaks`. Those that were ignored stay so. */
void sheaf_interrupt_leave_at_once(bool speaks);

/* The run has come to its end, with this exit code: the launcher asks the others to leave when one rank has, and that is no
   news. */
void sheaf_interrupt_end_with(int exit);

/* Between these two SIGUSR1 does the same: while nothing is computed any more. */
void sheaf_interrupt_leave_on_drain(void);
void sheaf_interrupt_unleave_on_drain(void);

/* A file to be removed by who leaves, until it is forgotten. At most INTERRUPT_FILES, of paths that are not too long:
   what is beyond is left behind. */
#define INTERRUPT_FILES 4
void sheaf_interrupt_remove(const char *path);
void sheaf_interrupt_forget(const char *path);

/* Between these two TERM, INT and HUP are remembered; before and after they do what they did before. */
void sheaf_interrupt_watch_leave(void);
void sheaf_interrupt_unwatch_leave(void);

/* Leaves now if such a signal has come meanwhile that nobody looked at any more. In the main thread. */
void sheaf_interrupt_leave_if_asked(void);

/* From now on two ways of dying have a message and exit code 3: SIGBUS, which an input file that shrinks while it is
   mapped raises, and, while `armed`, exit() called by a kernel, in a
   thread that runs kernels, which would look like success. */
void sheaf_interrupt_guard(void);
void sheaf_interrupt_arm_exit(bool armed);

/* Where the results file is mapped in this process: a SIGBUS there has a message of its own. To be forgotten before it is
   unmapped. Of more than a few places some are not known, and have the message of an input. */
void sheaf_interrupt_name_results(const void *pages, size_t n_bytes);
void sheaf_interrupt_forget_results(const void *pages);

/* Between these two, tell(context, what) is called in this thread when SIGSEGV, SIGFPE, SIGILL or SIGABRT hits it, or
   exit() is called in it while armed; `what` names that. It must be async-signal-safe; afterwards the program dies as it
   would have. It runs on a stack of its own, so that a full one does no harm. -1: no memory. */
int sheaf_interrupt_enter_kernels(void (*tell)(void *context, const char *what), void *context);
void sheaf_interrupt_leave_kernels(void);

/* A file that may be damaged, and is read by a library that follows whatever it finds (HDF5). While it is open, a crash
   in this thread while something of it is read, or more than most_cpu_s of CPU time, has a message with the file and what
   was read, and exit code 3. lasting: also a crash between reads, which may come from what was read before; for a program
   that does nothing else. */
struct interrupt_reading {
    const char *path, *what; /* borrowed */
    int most_cpu_s;
    bool lasting, is_open, has_timer;
    timer_t timer;
    struct interrupt_reading *before;
};

/* The struct stays where it is until it is closed, by the same thread; closing what was not opened ({0}) does nothing. */
void sheaf_interrupt_open_reading(struct interrupt_reading *reading, const char *path, int most_cpu_s, bool lasting);
void sheaf_interrupt_close_reading(struct interrupt_reading *reading);

/* Around each read; `what`, as "the dataset 'y'", is borrowed until the next one. */
void sheaf_interrupt_begin_reading(struct interrupt_reading *reading, const char *what);
void sheaf_interrupt_end_reading(struct interrupt_reading *reading);

/* Write to stderr; async-signal-safe. */
void sheaf_interrupt_say(const char *text);
void sheaf_interrupt_say_number(int64_t number);

/* The strongest request so far. */
enum interrupt sheaf_interrupt_seen(void);

#endif
