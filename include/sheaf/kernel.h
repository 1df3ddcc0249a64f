/*
 * sheaf/kernel.h - the interface between Sheaf and a kernel.
 *
 * A kernel turns the input fields of items into output fields. It is one table of functions: a shared object exports
 * it as `sheaf_kernel_NAME` and a job names it as `kernel: ./my.so:NAME`; the built-in kernels go through the same
 * table. The engine decides which items a kernel sees, on which thread and node, and stores what it returns; a kernel
 * calls neither MPI nor HDF5, starts no threads and keeps no global state.
 *
 * The life of a kernel, in every process of a run:
 *
 *     open ─▶ (shared_bytes ─▶ prepare, in one process) ─▶ thread_open ─▶ map, map … ─▶ thread_close ─▶ close
 *                                                          ╰────────── in each compute thread ─────────╯
 *
 * This header is C11 and C++, depends on nothing but the C library, and is the only one Sheaf installs; sheaf_kernel.f90 beside
 * it says the same in Fortran. For other languages: enumerations travel as int32_t, and what takes a format has
 * a sister that takes bytes and their number. Structs that the engine makes begin with `struct_size` and grow at their
 * end; the kernel's table says with `abi`, `struct_size`, `field_bytes` and `param_bytes` what it was compiled against.
 * What a Sheaf does not know, a flag or a longer table, it refuses. See sheaf-kernel(7).
 */
#ifndef SHEAF_KERNEL_H
#define SHEAF_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHEAF_KERNEL_ABI 2u

#if defined(__GNUC__)
#define SHEAF_PRINTF(format_at, values_at) __attribute__((format(printf, format_at, values_at)))
#define SHEAF_EXPORT __attribute__((visibility("default")))
#else
#define SHEAF_PRINTF(format_at, values_at)
#define SHEAF_EXPORT
#endif

/* What a field or a parameter holds. */
enum sheaf_type {
    SHEAF_NO_TYPE = -1, /* of nothing; keeps the enumeration signed, as int32_t is */
    SHEAF_FLOAT64 = 1,  /* double; fields, params */
    SHEAF_FLOAT32 = 2,  /* float; fields */
    SHEAF_INT64 = 3,    /* int64_t; fields, params */
    SHEAF_INT32 = 4,    /* int32_t; fields */
    SHEAF_UINT8 = 5,    /* uint8_t; fields */
    SHEAF_TEXT = 6,     /* inputs: struct sheaf_text; outputs: given by context->emit_text, no column; params */
    SHEAF_FILE =
        7 /* params: a file to read. The job says where it lies, seen from the job file, and its content belongs
                      to the job's identity */
};

/* One text value: `length` bytes at `data`, not terminated by NUL. */
struct sheaf_text {
    const char *data;
    size_t length;
};

/* sheaf_field.flags */
#define SHEAF_OPTIONAL 1u /* an input field the job may leave out; its column is then NULL */

/* A named column of items. */
struct sheaf_field {
    const char *name;      /* no '/'; an output may not be called item, block, status, seconds, … */
    int32_t type;          /* enum sheaf_type: what the kernel reads or writes; inputs are converted to it */
    int64_t width;         /* values per item, at least 1; in the table's inputs 0 takes any width */
    uint32_t flags;        /* SHEAF_OPTIONAL, for inputs */
    const char *unit;      /* "au", "deg", "m s-1" (UDUNITS style), or NULL */
    const char *long_name; /* one line for people, or NULL */
};

/* A scalar the job may set under `params:`. */
struct sheaf_param {
    const char *name;
    int32_t type; /* enum sheaf_type: SHEAF_FLOAT64, SHEAF_INT64, SHEAF_TEXT or SHEAF_FILE */
    const char
        *initial;     /* its value, as text, where the job is silent; NULL: the job must set it. Of a file "" is none */
    const char *unit; /* or NULL */
    const char *help; /* one line for people, or NULL */
};

/* Data that all items share, as the job has them under `shared:`, in C's order: the last index fastest. */
struct sheaf_array {
    const void
        *data; /* [shape[0]] … [shape[n_dims - 1]], 64-byte aligned, read-only, one copy on each node; as long as the
                         kernel lives */
    int32_t type;   /* enum sheaf_type: of a number */
    int32_t n_dims; /* 0: a single number */
    int64_t shape[8];
};

/* The value of a parameter; the member that its declared type says is set. */
union sheaf_value {
    double number;    /* SHEAF_FLOAT64 */
    int64_t integer;  /* SHEAF_INT64 */
    const char *text; /* SHEAF_TEXT; SHEAF_FILE: the path to open, or "". Terminated by NUL */
};

/* What open, prepare and thread_open are told. Everything here is valid only during the call; copy what is needed
   later. */
struct sheaf_setup {
    size_t struct_size;
    void *engine;                     /* the engine's own */
    const union sheaf_value *params;  /* [n of the table's params], in the table's order */
    const struct sheaf_field *inputs; /* [n_inputs] the table's inputs with their actual widths;
                                          .name is NULL for an optional field that the items do not have */
    const struct sheaf_field *fields; /* [n_fields] all that the items offer, whether the kernel takes it or not */
    int32_t n_inputs;                 /* as many as the table declares */
    int32_t n_fields;
    /* Compute threads of this rank: so many calls of map at a time. What open declares must not depend on it, but for
       scratch_bytes. */
    int32_t n_threads;
    /* For thread_open, zero else: which thread it is, as in struct sheaf_context, and what prepare wrote. */
    int32_t thread, slot;
    int32_t reserved;
    const void *shared;
    size_t shared_bytes;
    /* Says why the setup cannot be used, naming the parameter or field: `return setup->refuse(setup, "…", …);`.
       Returns -1. */
    int32_t (*refuse)(const struct sheaf_setup *setup, const char *format, ...) SHEAF_PRINTF(2, 3);
    int32_t (*refuse_text)(const struct sheaf_setup *setup, const char *message, size_t length);
    /* Says one line on stderr to who runs the job; once, however many ranks, threads and calls say the same, and not
       more than some lines in all. */
    void (*warn)(const struct sheaf_setup *setup, const char *format, ...) SHEAF_PRINTF(2, 3);
    void (*warn_text)(const struct sheaf_setup *setup, const char *message, size_t length);
    /* Fills in what the job shares by this name; 1, or 0 where it shares nothing so called. */
    int32_t (*find_shared)(const struct sheaf_setup *setup, const char *name, struct sheaf_array *array);
    const void *arrays; /* the engine's own */
};

/* sheaf_shape.flags */
#define SHEAF_PURE                                                                                                     \
    1u                  /* the outputs depend on input fields, params and shared data only: not on the item's index, nor
                           on random numbers */
#define SHEAF_SERIAL 2u /* map is not thread-safe: one call at a time in each process */
#define SHEAF_MANY                                                                                                     \
    4u /* for blocks of one item: map may get several at a time, as many as take a few milliseconds, where a call costs
          more than an item; what an item gives does not depend on the others */

/* What open declares; all but struct_size is zero before the call. What it points to belongs to the kernel and lives until close. */
struct sheaf_shape {
    size_t struct_size;
    const struct sheaf_field *outputs; /* [n_outputs], at least one; names and widths may depend on the params */
    int32_t n_outputs;
    uint32_t flags;       /* SHEAF_PURE, SHEAF_SERIAL, SHEAF_MANY */
    int64_t block;        /* items a map call gets; 0 means 1. Costly items: 1; vectorised: thousands. Part of the job's
                             identity: block k is items k*block … (k+1)*block-1 for every number of ranks and threads */
    size_t scratch_bytes; /* private memory of each thread, 64-byte aligned; contents undefined */
};

/* A stream of random numbers, for the kernel to keep where it likes; begun by context->random. A copy gives the numbers
   that follow once more. The members are the engine's own. */
struct sheaf_random {
    uint64_t key[2];   /* the job's seed, the item's index */
    uint64_t n_drawn;  /* how many numbers were drawn */
    uint64_t block[4]; /* the numbers at hand; those from n_drawn % 4 on are still to be drawn */
    uint64_t reserved;
};

#define SHEAF_WHOLE_BLOCK ((int64_t)-1)

/* What map returns. Any other value is a mistake in the kernel, and fails the block. */
enum sheaf_result {
    SHEAF_OK = 0,            /* each item is done, or context says what else became of it */
    SHEAF_BLOCK_FAILED = -1, /* all items of the block failed, with the message that was given to fail, if any */
    /* Nothing can be computed here and no item is to blame (no process can be started, the disk is full): the run ends
       with the message that was given to fail, and the items stay pending. */
    SHEAF_BROKEN = -2
};

/* How an item ended that is not done; values of the dataset `status`. */
enum sheaf_outcome { SHEAF_FAILED = 2, SHEAF_TIMED_OUT = 3, SHEAF_CRASHED = 4 };

/* What map is told besides the block: the services of the engine. k is an item of the block, 0 … n-1; any other is a
   mistake in the kernel and fails the block. */
struct sheaf_context {
    size_t struct_size;
    void *engine;       /* the engine's own */
    const void *shared; /* what prepare wrote, read-only, one copy on each node; NULL if there is none */
    size_t shared_bytes;
    void *thread_self; /* what thread_open stored */
    void *scratch;     /* [scratch_bytes] of this thread, or NULL */
    int32_t thread;    /* which of this rank's threads calls, from 0 */
    int32_t slot;      /* which of the node's, over all ranks there */
    int32_t attempt;   /* 1, and more when items that failed are tried again (retries) */
    int32_t reserved;

    /* Marks item k as failed, with a one-line message that is kept in the results file (about 240 bytes). Its outputs are
       replaced by the fill value; the other items go on. k = SHEAF_WHOLE_BLOCK marks them all. */
    void (*fail)(const struct sheaf_context *context, int64_t k, const char *format, ...) SHEAF_PRINTF(3, 4);
    void (*fail_text)(const struct sheaf_context *context, int64_t k, const char *message, size_t length);
    /* As fail, for item k, but says how it ended (enum sheaf_outcome), and its outputs stay as map has set them: it sets
       all. */
    void (*end)(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *format, ...)
        SHEAF_PRINTF(4, 5);
    void (*end_text)(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *message,
                     size_t length);
    /* Leaves item k as it was: pending, to be computed by a later run, with nobody to blame. k = SHEAF_WHOLE_BLOCK leaves
       them all. What the kernel says of such an item besides does not count. */
    void (*give_back)(const struct sheaf_context *context, int64_t k);
    /* Whether the run is to end: 1 once it drains (a time limit, a signal, too many failures), else 0. What takes long may
       ask now and then, and give its item back. */
    int32_t (*should_stop)(const struct sheaf_context *context);
    /* As in struct sheaf_setup: one line to who runs the job. */
    void (*warn)(const struct sheaf_context *context, const char *format, ...) SHEAF_PRINTF(2, 3);
    void (*warn_text)(const struct sheaf_context *context, const char *message, size_t length);

    /* Gives item k's value of output number `output`, declared with type SHEAF_TEXT; copied. Once an item and output; an
       item without has an empty text, and so has one that is tried again, until then. Bytes that are no UTF-8 are
       replaced by U+FFFD. */
    void (*emit_text)(const struct sheaf_context *context, int64_t k, int32_t output, const char *data, size_t length);

    /* Random numbers. Every item has a stream of its own, which depends on the job's seed and the item's index alone:
       not on ranks, threads, the place in the block, or a resumed run. A kernel that uses them is not SHEAF_PURE.

           struct sheaf_random stream;
           double xy[2];
           context->random(context, k, &stream);
           context->uniform(&stream, 2, xy);

       `random` begins the stream of item k, up to n_padded-1, at its first number. `uniform` gives the next n numbers as
       doubles in [0, 1), multiples of 2^-53; `bits` gives them whole, 64 random bits each, of which `uniform` takes the
       upper 53. The same numbers come one at a time and in bulk, and bulk is faster, some hundreds at a time. They never
       fail.

       Philox4x64-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. In Python they
       are numpy.random.Generator(numpy.random.Philox(key=[seed, item])).random(n). */
    void (*random)(const struct sheaf_context *context, int64_t k, struct sheaf_random *stream);
    void (*uniform)(struct sheaf_random *stream, int64_t n, double *values);
    void (*bits)(struct sheaf_random *stream, int64_t n, uint64_t *values);

    /* As in struct sheaf_setup: what the job shares by this name. */
    int32_t (*find_shared)(const struct sheaf_context *context, const char *name, struct sheaf_array *array);
    const void *arrays; /* the engine's own */
};

/* The items of one call. Columns are contiguous, column[n_padded][width], and 64-byte aligned. For kernels with a block
   of more than one item n_padded is n rounded up to a multiple of 16: inputs repeat the last item there and outputs
   have room, so a vector loop needs no tail. With blocks of one item, which may be large, n_padded is 1. */
struct sheaf_block {
    size_t struct_size;
    int64_t first; /* index of the block's first item in the job */
    int64_t n;     /* items in this block, at least 1; fewer than shape.block only at the job's end */
    int64_t n_padded;
    const void *const *in; /* [n_inputs] a column for each of the table's inputs; NULL for an absent optional one */
    void *const *out;      /* [n_outputs] a column for each declared output, contents undefined before the call */
};

/* The beginning of a kernel's table: what it was compiled against. SHEAF_KERNEL(NAME) is its value. */
struct sheaf_head {
    uint32_t abi;         /* SHEAF_KERNEL_ABI */
    uint32_t struct_size; /* sizeof(struct sheaf_kernel) */
    uint32_t
        field_bytes; /* sizeof(struct sheaf_field): the stride of all arrays of fields, here, in shape and in setup */
    uint32_t param_bytes; /* sizeof(struct sheaf_param): the stride of params */
    const char *name;     /* as in sheaf_kernel_NAME */
};

#define SHEAF_KERNEL(NAME)                                                                                             \
    { SHEAF_KERNEL_ABI, sizeof(struct sheaf_kernel), sizeof(struct sheaf_field), sizeof(struct sheaf_param), #NAME }

/* The kernel table. Where it cannot be a constant (Fortran), export in place of sheaf_kernel_NAME a function
   `const struct sheaf_kernel *sheaf_kernel_NAME_table(void)`, which returns one that lives as long as the program. */
struct sheaf_kernel {
    struct sheaf_head head; /* SHEAF_KERNEL(NAME) */
    const char *version;    /* part of the job's identity: change it when results change */
    const char *summary;    /* one line for `sheaf kernels` */
    uint32_t flags;         /* 0 */
    int32_t n_params;
    const struct sheaf_param *params; /* [n_params] */
    int32_t n_inputs;
    const struct sheaf_field *inputs; /* [n_inputs] the fields map reads; others of the job are left alone */

    /* Checks params and inputs and declares the outputs. Called in every process with the same setup and must answer
       the same everywhere. `*self` is handed to the other functions. Returns 0, or -1 after setup->refuse. */
    int32_t (*open)(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self);

    /* Releases self. May be NULL. Not called where a run ends at once: by a signal, or since the environment failed. */
    void (*close)(void *self);

    /* Size of the shared data, in bytes. NULL: there is none. */
    size_t (*shared_bytes)(const void *self);

    /* Computes or loads the shared data into memory[shared_bytes] (64-byte aligned, zeroed). Runs once in a run, on
       one process; the bytes are copied to each node, so they may hold offsets but no pointers. Returns 0, or -1
       after setup->refuse. NULL where shared_bytes is. */
    int32_t (*prepare)(const void *self, const struct sheaf_setup *setup, void *memory);

    /* Makes what a thread has for itself and uses in each call: an FFT plan, a solver, a GPU context. Called by the thread
       before its first map; no two threads of a process are in thread_open or thread_close at a time. What it stores is
       context->thread_self. Returns 0, or -1 after setup->refuse: the run ends, and no item is to blame. May be NULL. */
    int32_t (*thread_open)(const void *self, const struct sheaf_setup *setup, void **thread_self);

    /* Releases thread_self, in the same thread; like close. May be NULL. */
    void (*thread_close)(const void *self, void *thread_self);

    /* Computes one block. Called from many threads at once (but see SHEAF_SERIAL); self is read-only. The same block
       must give the same bytes every time. Returns enum sheaf_result. */
    int32_t (*map)(const void *self, const struct sheaf_context *context, const struct sheaf_block *block);
};

#ifdef __cplusplus
}
#endif

#endif
