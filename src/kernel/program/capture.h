/*
 * capture - runs a program to its end and keeps what it wrote, up to a size: the beginning and the end of it.
 */
#ifndef SHEAF_KERNEL_CAPTURE_H
#define SHEAF_KERNEL_CAPTURE_H

#include <stddef.h>

#include "core/buffer.h"
#include "core/error.h"
#include "process/keeper.h"

/* What came through one pipe. Starts as {0} but for `most`; may be used again and again. */
struct capture {
    size_t most;               /* bytes to keep, at least 2 */
    size_t n_bytes;            /* that were written */
    struct sheaf_buffer front; /* the first most/2, or all */
    struct sheaf_buffer back;  /* a ring of the rest */
    size_t end_at;            /* where in `text` the first whole line behind what was left out begins; 0: nothing was */
    struct sheaf_buffer text; /* both together, terminated, with a line in between where some were left out */
};

/* Puts data[n_bytes] behind what is there. */
int sheaf_capture_add(struct capture *capture, const char *data, size_t n_bytes, struct sheaf_error *error);

/* What was kept, as capture->text.data[capture->text.n_bytes - 1], terminated. */
int sheaf_capture_finish(struct capture *capture, struct sheaf_error *error);

void sheaf_capture_begin(struct capture *capture);
void sheaf_capture_free(struct capture *capture);

/* Starts the program, with captures[2] for its standard output and error in place of program->fds[1] and [2], and waits
   for its end. */
int sheaf_capture_run(struct keeper *keeper, struct program *program, struct capture captures[2],
                      struct program_end *end, struct sheaf_error *error);

#endif
