/*
 * compile - C text to the bytes of a shared object, by a C compiler of the machine.
 *
 * Knows nothing of formulas or ranks. The compiler gets a fixed list of words without a shell, and works in a private
 * folder under $TMPDIR (or /tmp), which is removed on every path.
 */
#ifndef SHEAF_KERNEL_COMPILE_H
#define SHEAF_KERNEL_COMPILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "process/server.h"

/* Which instructions a machine has, each level those of the one before: 1 any machine of its kind, 2 SSE 4.2, 3 AVX2
   and FMA, 4 AVX-512 (F, BW, DQ, VL). */
int64_t sheaf_cpu_level(void);

struct compile_request {
    struct server *server; /* starts the compiler */
    const char *compiler;  /* a name that is looked for in PATH, or a path; NULL: $CC, cc, gcc or clang */
    const char *source;    /* C11 */
    int64_t level;         /* the object runs on machines of this level */
    bool fast_math;        /* without it the same source gives the same values on every level */
};

/* Compiles into *object, which the caller releases. Without a compiler, or if it fails, the error says so. */
int sheaf_compile(const struct compile_request *request, struct sheaf_buffer *object, struct sheaf_error *error);

#endif
