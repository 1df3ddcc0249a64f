/* The child's side: opens the kernel, and computes one block after the other. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/npy.h"
#include "core/random.h"
#include "kernel/isolate/isolate.h"
#include "kernel/services.h"
#include "process/wire.h"

enum { MOST_MESSAGE = 1024 };           /* what is kept is less */
static const double most_many_s = 5e-3; /* no item of many is begun later */

struct child {
    const int *fds;
    struct isolate_order *order;
    struct kernel_entry kernel;
    void *self;
    struct sheaf_context context;
    struct sheaf_block block;
    struct sheaf_buffer scratch, notes;
    struct arrays arrays;              /* that all items share: the node's memory, mapped */
    struct warnings warnings;          /* to be told with the next answer */
    bool has_thread;                   /* thread_open has succeeded */
    bool lost;                         /* no memory for a note */
    bool odd;                          /* of many items: this one needs the engine's judgement, alone */
    int64_t item;                      /* of many: the one at work; else 0 */
    const struct isolate_block *head;  /* of the block at work */
    const struct sheaf_field *outputs; /* the kernel's own */
    const void **in;
    void **out;
    char *memory; /* of blocks, or NULL */
    size_t n_bytes;
};

/* --- the services of struct sheaf_context -------------------------------------------------------------------------- */

static void note(const struct sheaf_context *context, enum isolate_service service, int detail, int64_t k,
                 const char *data, size_t n_bytes) {
    struct child *c = context->engine;
    struct sheaf_error ignored;
    const struct isolate_note head = {(int32_t)service, detail, k < 0 ? k : c->item + k, n_bytes};
    c->odd = c->odd || k != 0;
    const size_t at = c->notes.n_bytes, end = at + sizeof head + n_bytes;
    if (end > c->notes.capacity && sheaf_buffer_resize(&c->notes, 2 * end, &ignored)) {
        c->lost = true;
        return;
    }
    c->notes.n_bytes = end;
    memcpy(c->notes.data + at, &head, sizeof head);
    if (n_bytes)
        memcpy(c->notes.data + at + sizeof head, data, n_bytes);
}

SHEAF_PRINTF(5, 0)
static void note_message(const struct sheaf_context *context, enum isolate_service service, int detail, int64_t k,
                         const char *format, va_list values) {
    char message[MOST_MESSAGE] = "";
    vsnprintf(message, sizeof message, format, values);
    note(context, service, detail, k, message, strlen(message));
}

SHEAF_PRINTF(3, 4) static void fail(const struct sheaf_context *context, int64_t k, const char *format, ...) {
    va_list values;
    va_start(values, format);
    note_message(context, ISOLATE_FAIL, 0, k, format, values);
    va_end(values);
}

SHEAF_PRINTF(4, 5)
static void end(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *format, ...) {
    va_list values;
    va_start(values, format);
    note_message(context, ISOLATE_END, outcome, k, format, values);
    va_end(values);
}

static void emit_text(const struct sheaf_context *context, int64_t k, int32_t output, const char *data, size_t length) {
    struct child *c = context->engine;
    note(context, ISOLATE_TEXT, output, k, data, length);
    if (output < 0 || output >= c->order->n_outputs || c->outputs[output].type != SHEAF_TEXT)
        c->odd = true;
}

static void give_back(const struct sheaf_context *context, int64_t k) {
    note(context, ISOLATE_GIVE_BACK, 0, k, NULL, 0);
}

static int32_t should_stop(const struct sheaf_context *context) {
    const struct child *c = context->engine;
    return atomic_load_explicit(&c->head->stop, memory_order_relaxed);
}

SHEAF_PRINTF(2, 3) static void warn(const struct sheaf_context *context, const char *format, ...) {
    struct child *c = context->engine;
    va_list values;
    va_start(values, format);
    sheaf_warnings_format(&c->warnings, format, values);
    va_end(values);
}

/* Adds the warnings since the last time to the notes. */
static void note_warnings(struct child *c) {
    char text[WARNING_BYTES];
    while (sheaf_warnings_take(&c->warnings, text))
        note(&c->context, ISOLATE_WARNING, 0, 0, text, strlen(text));
}

static void begin_random(const struct sheaf_context *context, int64_t k, struct sheaf_random *stream) {
    const struct child *c = context->engine;
    if (k < 0 || k >= c->block.n_padded)
        note(context, ISOLATE_RANDOM, 0, k, NULL, 0); /* the engine has a word for this mistake */
    sheaf_random_begin(stream, (uint64_t)c->order->seed, (uint64_t)c->block.first + (uint64_t)k);
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* The image in memory of our own, the shared data behind it as all children of the rank have it. */
static char *map_image(int fd, struct sheaf_error *error) {
    struct stat about;
    char *memory = MAP_FAILED;
    if (fstat(fd, &about) == 0)
        memory = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (memory != MAP_FAILED)
        return memory;
    sheaf_fail_errno(error, "cannot map the kernel's setup");
    return NULL;
}

/* What items share, as the ranks of the node have it. */
static int map_arrays(struct child *c, struct sheaf_error *error) {
    const struct isolate_order *order = c->order;
    for (int k = 0; k < order->n_arrays; k++) {
        struct sheaf_mapping file = {0};
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.npy", order->array_folder, order->arrays[k]);
        if (sheaf_mapping_open(&file, path, error) ||
            sheaf_npy_read(path, file.data, file.n_bytes, &c->arrays.list[k], error))
            return -1;
        c->arrays.names[c->arrays.n++] = order->arrays[k];
    }
    c->order->setup.arrays = &c->arrays;
    return 0;
}

static int open_kernel(struct child *c, struct sheaf_error *error) {
    struct sheaf_shape shape = {.struct_size = sizeof shape};
    struct isolate_order *order = c->order;
    if (c->kernel.table.open(&order->setup, &shape, &c->self))
        return -1; /* setup.refuse has said why */
    if (shape.n_outputs != order->n_outputs)
        return sheaf_refuse(error, "declares %d outputs this time, and had %d", shape.n_outputs, order->n_outputs);
    c->outputs = shape.outputs;
    c->in = calloc((size_t)order->setup.n_inputs + 1, sizeof *c->in);
    c->out = calloc((size_t)order->n_outputs + 1, sizeof *c->out);
    if (!c->in || !c->out)
        return sheaf_fail_memory(error, "a block");
    return shape.scratch_bytes ? sheaf_buffer_resize(&c->scratch, shape.scratch_bytes, error) : 0;
}

/* What the kernel has for a thread: we are the one whose blocks we compute. */
static int open_thread(struct child *c, const char *image, struct sheaf_error *error) {
    struct isolate_birth birth;
    struct sheaf_setup *setup = &c->order->setup;
    if (sheaf_wire_read(c->fds[ISOLATE_SOCKET], &birth, sizeof birth, NULL, NULL))
        return sheaf_fail(error, "the thread is gone");
    setup->thread = birth.thread;
    setup->slot = birth.slot;
    setup->shared = c->order->shared_bytes ? image + c->order->shared_at : NULL;
    setup->shared_bytes = c->order->shared_bytes;
    if (c->kernel.table.thread_open && c->kernel.table.thread_open(c->self, setup, &c->context.thread_self))
        return -1; /* setup.refuse has said why */
    c->has_thread = true;
    return 0;
}

static int open_child(struct child *c, struct sheaf_error *error) {
    struct setup_listener listener = {error, &c->warnings};
    char *image = map_image(c->fds[ISOLATE_IMAGE], error);
    if (!image || sheaf_isolate_unpack(image, &c->kernel, &c->order, error))
        return -1;
    sheaf_setup_serve(&c->order->setup, &listener);
    if (map_arrays(c, error) || open_kernel(c, error) || open_thread(c, image, error))
        return -1;
    c->context = (struct sheaf_context){
        .struct_size = sizeof(struct sheaf_context),
        .thread_self = c->context.thread_self,
        .should_stop = should_stop,
        .warn = warn,
        .shared = c->order->shared_bytes ? image + c->order->shared_at : NULL,
        .shared_bytes = c->order->shared_bytes,
        .scratch = c->scratch.data,
        .fail = fail,
        .engine = c,
        .random = begin_random,
        .emit_text = emit_text,
        .end = end,
        .give_back = give_back,
    };
    sheaf_context_serve(&c->context, &c->arrays);
    c->block = (struct sheaf_block){.struct_size = sizeof(struct sheaf_block), .in = c->in, .out = c->out};
    return 0;
}

/* --- blocks -------------------------------------------------------------------------------------------------------- */

static int answer(const struct child *c, int result, int64_t n_done, const char *notes, size_t n_bytes) {
    const struct isolate_answer head = {result, c->lost, n_done, n_bytes};
    if (sheaf_wire_write(c->fds[ISOLATE_SOCKET], &head, sizeof head, NULL, 0))
        return -1;
    return n_bytes ? sheaf_wire_write(c->fds[ISOLATE_SOCKET], notes, n_bytes, NULL, 0) : 0;
}

static int map_memory(struct child *c, size_t n_bytes) {
    if (n_bytes == c->n_bytes)
        return 0;
    if (c->memory)
        munmap(c->memory, c->n_bytes);
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fds[ISOLATE_MEMORY], 0);
    c->memory = memory != MAP_FAILED ? memory : NULL;
    c->n_bytes = c->memory ? n_bytes : 0;
    return c->memory ? 0 : -1;
}

/* The row of a column that belongs to item k, or NULL where there is no column. */
static char *find_row(const struct child *c, int column, const struct sheaf_field *field, int64_t k) {
    const int64_t at = c->head->at[column];
    return at ? c->memory + at + (size_t)k * sheaf_isolate_stride(field, c->head->many) : NULL;
}

/* Points the kernel at the columns from item k on, of n; texts have offsets in place of pointers. */
static void point_columns(struct child *c, int64_t k, int64_t n) {
    const struct sheaf_setup *setup = &c->order->setup;
    for (int i = 0; i < setup->n_inputs; i++) {
        char *row = find_row(c, i, &setup->inputs[i], k);
        struct sheaf_text *texts = (struct sheaf_text *)(void *)row;
        c->in[i] = row;
        for (int64_t v = 0; row && setup->inputs[i].type == SHEAF_TEXT && v < n * setup->inputs[i].width; v++)
            texts[v].data = c->memory + (uintptr_t)texts[v].data;
    }
    for (int o = 0; o < c->order->n_outputs; o++)
        c->out[o] = find_row(c, setup->n_inputs + o, &c->outputs[o], k);
}

/* Calls the kernel for items k … k+n-1. */
static int call(struct child *c, int64_t k, int64_t n, int64_t n_padded) {
    c->block.first = c->head->first + k;
    c->block.n = n;
    c->block.n_padded = n_padded;
    point_columns(c, k, n_padded);
    return c->kernel.table.map(c->self, &c->context, &c->block);
}

/* Many items, until there is something to say that is not of one item alone. */
static int compute_many(struct child *c, struct isolate_block *head) {
    const double until_s = sheaf_clock_s() + most_many_s;
    c->item = 0;
    for (; c->item < head->n && (c->item == 0 || sheaf_clock_s() < until_s); c->item++) {
        const size_t n_bytes = c->notes.n_bytes;
        c->odd = false;
        atomic_store_explicit(&head->computes, c->item, memory_order_relaxed);
        if (call(c, c->item, 1, 1) || c->odd) {
            c->notes.n_bytes = n_bytes; /* it will say so again */
            break;
        }
    }
    const int64_t n_done = c->item;
    c->item = 0;
    note_warnings(c);
    return answer(c, 0, n_done, c->notes.data, c->notes.n_bytes);
}

static int compute(struct child *c, uint64_t number) {
    struct isolate_block *head = (struct isolate_block *)(void *)c->memory;
    c->head = head;
    c->notes.n_bytes = 0;
    c->lost = false;
    c->context.thread = head->thread;
    c->context.slot = head->slot;
    c->context.attempt = head->attempt;
    atomic_store(&head->begun, number);
    if (head->many)
        return compute_many(c, head);
    const int result = call(c, 0, head->n, head->n_padded);
    note_warnings(c);
    return answer(c, result, 0, c->notes.data, c->notes.n_bytes);
}

void sheaf_isolate_child(const int *fds) {
    struct child c = {.fds = fds, .warnings = WARNINGS_NONE};
    struct isolate_request request;
    struct sheaf_error error = {0};
    prctl(PR_SET_NAME, "sheaf-kernel");
    const int rc = open_child(&c, &error);
    if (rc) {
        answer(&c, rc, 0, error.text, strlen(error.text));
        return;
    }
    note_warnings(&c);
    if (answer(&c, 0, 0, c.notes.data, c.notes.n_bytes))
        return;
    while (sheaf_wire_read(fds[ISOLATE_SOCKET], &request, sizeof request, NULL, NULL) == 0)
        if (map_memory(&c, request.n_bytes) || compute(&c, request.number))
            break;
    if (c.has_thread && c.kernel.table.thread_close)
        c.kernel.table.thread_close(c.self, c.context.thread_self);
    if (c.kernel.table.close)
        c.kernel.table.close(c.self);
    fflush(NULL); /* what the kernel has printed */
}
