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

#include "core/random.h"
#include "kernel/isolate.h"
#include "process/wire.h"

enum { MOST_MESSAGE = 1024 }; /* what is kept is less */

struct child {
    const int *fds;
    struct isolate_order *order;
    struct kernel_entry kernel;
    void *self;
    struct sheaf_context context;
    struct sheaf_block block;
    struct sheaf_buffer scratch, notes;
    bool lost; /* no memory for a note */
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
    const struct isolate_note head = {service, detail, k, n_bytes};
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
static void end(const struct sheaf_context *context, int64_t k, enum sheaf_outcome outcome, const char *format, ...) {
    va_list values;
    va_start(values, format);
    note_message(context, ISOLATE_END, (int)outcome, k, format, values);
    va_end(values);
}

static void emit_text(const struct sheaf_context *context, int64_t k, int output, const char *data, size_t length) {
    note(context, ISOLATE_TEXT, output, k, data, length);
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

static int open_kernel(struct child *c, struct sheaf_error *error) {
    struct sheaf_shape shape = {.struct_size = sizeof shape};
    const struct isolate_order *order = c->order;
    if (c->kernel.table.open(&order->setup, &shape, &c->self))
        return -1; /* setup.refuse has said why */
    if (shape.n_outputs != order->n_outputs)
        return sheaf_refuse(error, "declares %d outputs this time, and had %d", shape.n_outputs, order->n_outputs);
    c->in = calloc((size_t)order->setup.n_inputs + 1, sizeof *c->in);
    c->out = calloc((size_t)order->n_outputs + 1, sizeof *c->out);
    if (!c->in || !c->out)
        return sheaf_fail_memory(error, "a block");
    return shape.scratch_bytes ? sheaf_buffer_resize(&c->scratch, shape.scratch_bytes, error) : 0;
}

static int open_child(struct child *c, struct sheaf_error *error) {
    char *image = map_image(c->fds[ISOLATE_IMAGE], error);
    if (!image || sheaf_isolate_unpack(image, &c->kernel, &c->order, error) || open_kernel(c, error))
        return -1;
    c->context = (struct sheaf_context){
        .struct_size = sizeof(struct sheaf_context),
        .shared = c->order->shared_bytes ? image + c->order->shared_at : NULL,
        .shared_bytes = c->order->shared_bytes,
        .scratch = c->scratch.data,
        .fail = fail,
        .engine = c,
        .random = begin_random,
        .uniform = sheaf_random_uniform,
        .bits = sheaf_random_bits,
        .emit_text = emit_text,
        .end = end,
    };
    c->block = (struct sheaf_block){.struct_size = sizeof(struct sheaf_block), .in = c->in, .out = c->out};
    return 0;
}

/* --- blocks -------------------------------------------------------------------------------------------------------- */

static int answer(const struct child *c, int result, const char *notes, size_t n_bytes) {
    const struct isolate_answer head = {result, c->lost, n_bytes};
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

/* Points the kernel at the columns; texts have offsets in place of pointers. */
static void point_columns(struct child *c, const struct isolate_block *head) {
    const struct sheaf_setup *setup = &c->order->setup;
    for (int i = 0; i < setup->n_inputs; i++) {
        c->in[i] = head->at[i] ? c->memory + head->at[i] : NULL;
        struct sheaf_text *texts = (struct sheaf_text *)(void *)(c->memory + head->at[i]);
        if (!c->in[i] || setup->inputs[i].type != SHEAF_TEXT)
            continue;
        for (int64_t v = 0; v < head->n_padded * setup->inputs[i].width; v++)
            texts[v].data = c->memory + (uintptr_t)texts[v].data;
    }
    for (int o = 0; o < c->order->n_outputs; o++)
        c->out[o] = head->at[setup->n_inputs + o] ? c->memory + head->at[setup->n_inputs + o] : NULL;
}

static int compute(struct child *c, uint64_t number) {
    struct isolate_block *head = (struct isolate_block *)(void *)c->memory;
    c->notes.n_bytes = 0;
    c->lost = false;
    c->block.first = head->first;
    c->block.n = head->n;
    c->block.n_padded = head->n_padded;
    c->context.thread = head->thread;
    c->context.slot = head->slot;
    c->context.attempt = head->attempt;
    point_columns(c, head);
    atomic_store(&head->begun, number);
    const int result = c->kernel.table.map(c->self, &c->context, &c->block);
    return answer(c, result, c->notes.data, c->notes.n_bytes);
}

void sheaf_isolate_child(const int *fds) {
    struct child c = {.fds = fds};
    struct isolate_request request;
    struct sheaf_error error = {0};
    prctl(PR_SET_NAME, "sheaf-kernel");
    const int rc = open_child(&c, &error);
    if (answer(&c, rc, error.text, strlen(error.text)) || rc)
        return;
    while (sheaf_wire_read(fds[ISOLATE_SOCKET], &request, sizeof request, NULL, NULL) == 0)
        if (map_memory(&c, request.n_bytes) || compute(&c, request.number))
            break;
    if (c.kernel.table.close)
        c.kernel.table.close(c.self);
    fflush(NULL); /* what the kernel has printed */
}
