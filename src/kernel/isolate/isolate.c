/* The rank's side: has blocks computed by children, and replaces those that die. */
#include "kernel/isolate/isolate.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/type.h"
#include "kernel/isolate/isolate_hand.h"
#include "process/blame.h"
#include "process/wire.h"

enum { MOST_TURNS = 3 }; /* for a block whose child dies before it has begun with it */

struct isolated {
    struct kernel_entry inner;
    void *self; /* the inner kernel's */
    bool opened;
    const struct kernel_host *host;
    double timeout_s;
    struct isolate_order order; /* path, name, stamp and seed; the rest is in the image */
    bool single;                /* the kernel takes one item at a time */
    int n_inputs, n_outputs;
    struct sheaf_field *inputs;        /* [n_inputs] */
    const struct sheaf_field *outputs; /* [n_outputs] the inner kernel's own */
    struct sheaf_arena arena;
    struct sheaf_buffer image;
    pthread_mutex_t lock; /* guards image_fd while it is made */
    int image_fd;         /* the image with the shared data behind it, or -1 */
    struct isolated_hand *hands[HOST_MOST_THREADS];
};

/* --- children ------------------------------------------------------------------------------------------------------ */

/* Writes what all children of the rank map; the first thread that needs it does. */
static int make_image(struct isolated *iso, const struct sheaf_context *context, struct sheaf_error *error) {
    static const char what[] = "the kernel's setup";
    struct isolate_order *order = (struct isolate_order *)(void *)iso->image.data;
    int rc = 0;
    pthread_mutex_lock(&iso->lock);
    if (iso->image_fd < 0) {
        order->shared_at = sheaf_round_up(order->n_bytes, SHEAF_ALIGN);
        order->shared_bytes = context->shared_bytes;
        int fd = memfd_create("image", MFD_CLOEXEC);
        rc = fd < 0 ? sheaf_fail_errno(error, "cannot make memory for %s", what)
                    : sheaf_file_pwrite(fd, order, order->n_bytes, 0, what, error);
        if (rc == 0 && context->shared_bytes)
            rc = sheaf_file_pwrite(fd, context->shared, context->shared_bytes, (off_t)order->shared_at, what, error);
        if (rc == 0)
            iso->image_fd = fd;
        else if (fd >= 0)
            close(fd);
    }
    pthread_mutex_unlock(&iso->lock);
    return rc;
}

/* Says again what the child's kernel has said. -1: the notes make no sense. */
static int replay(const struct isolated_hand *h, const struct sheaf_context *context) {
    const char *at = h->notes.data, *end = at + h->notes.n_bytes;
    struct isolate_note note;
    struct sheaf_random stream;
    for (; at < end; at += note.n_bytes) {
        if ((size_t)(end - at) < sizeof note)
            return -1;
        memcpy(&note, at, sizeof note);
        at += sizeof note;
        if ((size_t)(end - at) < note.n_bytes)
            return -1;
        if (note.service == ISOLATE_FAIL)
            context->fail_text(context, note.k, at, note.n_bytes);
        else if (note.service == ISOLATE_END)
            context->end_text(context, note.k, note.detail, at, note.n_bytes);
        else if (note.service == ISOLATE_TEXT)
            context->emit_text(context, note.k, note.detail, at, note.n_bytes);
        else if (note.service == ISOLATE_GIVE_BACK)
            context->give_back(context, note.k);
        else if (note.service == ISOLATE_WARNING)
            context->warn_text(context, at, note.n_bytes);
        else
            context->random(context, note.k, &stream);
    }
    return 0;
}

static int start_child(struct isolated *iso, struct isolated_hand *h, const struct sheaf_context *context,
                       struct sheaf_error *error) {
    if (make_image(iso, context, error))
        return -1;
    const struct isolate_birth birth = {context->thread, context->slot};
    if (sheaf_isolate_start(h, iso->host->server, iso->image_fd, &birth, iso->inner.table.head.name, error))
        return -1;
    return replay(h, context)
               ? sheaf_fail(error, "kernel %s: its own process answered nonsense", iso->inner.table.head.name)
               : 0;
}

/* --- blocks -------------------------------------------------------------------------------------------------------- */

static int grow_memory(struct isolated_hand *h, size_t n_bytes, struct sheaf_error *error) {
    if (n_bytes <= h->n_bytes)
        return 0;
    if (h->memory)
        munmap(h->memory, h->n_bytes);
    h->memory = NULL;
    h->n_bytes = 0;
    if (ftruncate(h->memory_fd, (off_t)n_bytes))
        return sheaf_fail_errno(error, "no memory for a block of %zu MB", n_bytes >> 20);
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, h->memory_fd, 0);
    if (memory == MAP_FAILED)
        return sheaf_fail_errno(error, "no memory for a block of %zu MB", n_bytes >> 20);
    h->memory = memory;
    h->n_bytes = n_bytes;
    return 0;
}

/* A block, or of many that the engine has given at once the first n, for the child to compute one at a time. */
struct task {
    const struct sheaf_context *context;
    const struct sheaf_block *block;
    bool many;
    int64_t n, n_padded;
    bool is_cut;            /* of many: the item behind these n has ended a child, in this way */
    struct program_end end; /* of the child that died last */
    bool timed_out;
};

/* Gives a column its place, if there is one. */
static void place(const struct task *task, const void *column, const struct sheaf_field *field, size_t *at,
                  size_t *n_bytes) {
    *at = column ? *n_bytes : 0;
    if (column)
        *n_bytes += sheaf_round_up((size_t)task->n_padded * sheaf_isolate_stride(field, task->many), SHEAF_ALIGN);
}

static bool is_text(const struct isolated *iso, int i) {
    return iso->inputs[i].type == SHEAF_TEXT;
}

/* Where all columns, and behind them the bytes of texts, are to lie; the size of it all. */
static size_t lay_out(const struct isolated *iso, struct isolated_hand *h, const struct task *task, size_t *texts_at) {
    const int n = iso->n_inputs + iso->n_outputs;
    size_t n_bytes = sheaf_round_up(sizeof(struct isolate_block) + (size_t)n * sizeof(int64_t), SHEAF_ALIGN);
    for (int i = 0; i < iso->n_inputs; i++)
        place(task, task->block->in[i], &iso->inputs[i], &h->at[i], &n_bytes);
    for (int o = 0; o < iso->n_outputs; o++)
        place(task, task->block->out[o], &iso->outputs[o], &h->at[iso->n_inputs + o], &n_bytes);
    *texts_at = n_bytes;
    for (int i = 0; i < iso->n_inputs; i++) {
        const struct sheaf_text *texts = task->block->in[i];
        for (int64_t v = 0; texts && is_text(iso, i) && v < task->n_padded * iso->inputs[i].width; v++)
            n_bytes += texts[v].length;
    }
    return n_bytes;
}

/* Copies rows between columns whose rows lie so far apart. */
static void copy_rows(char *to, size_t to_stride, const char *from, size_t from_stride, size_t row, int64_t n) {
    if (to_stride == row && from_stride == row)
        memcpy(to, from, row * (size_t)n);
    for (int64_t k = 0; (to_stride != row || from_stride != row) && k < n; k++)
        memcpy(to + (size_t)k * to_stride, from + (size_t)k * from_stride, row);
}

/* Puts the texts of an item at `to`, with offsets in place of pointers; *at is where the next text's bytes go. */
static void put_texts(struct isolated_hand *h, size_t to, const struct sheaf_text *texts, int64_t n, size_t *at) {
    struct sheaf_text *row = (struct sheaf_text *)(void *)(h->memory + to);
    for (int64_t v = 0; v < n; v++) {
        row[v] = (struct sheaf_text){(const char *)*at, texts[v].length};
        if (texts[v].length)
            memcpy(h->memory + *at, texts[v].data, texts[v].length);
        *at += texts[v].length;
    }
}

static void put_input(const struct isolated *iso, struct isolated_hand *h, const struct task *task, int i,
                      size_t *texts_at) {
    const struct sheaf_field *field = &iso->inputs[i];
    const char *from = task->block->in[i];
    const size_t row = sheaf_field_row_bytes(field), stride = sheaf_isolate_stride(field, task->many);
    if (from && !is_text(iso, i))
        copy_rows(h->memory + h->at[i], stride, from, row, row, task->n_padded);
    for (int64_t k = 0; from && is_text(iso, i) && k < task->n_padded; k++)
        put_texts(h, h->at[i] + (size_t)k * stride, (const struct sheaf_text *)(const void *)(from + (size_t)k * row),
                  field->width, texts_at);
}

/* Puts the task into the child's memory. */
static int put_task(const struct isolated *iso, struct isolated_hand *h, const struct task *task,
                    struct sheaf_error *error) {
    size_t texts_at;
    const size_t n_bytes = lay_out(iso, h, task, &texts_at);
    if (grow_memory(h, sheaf_round_up(n_bytes, 4096), error))
        return -1;
    struct isolate_block *head = (struct isolate_block *)(void *)h->memory;
    *head = (struct isolate_block){.first = task->block->first,
                                   .n = task->n,
                                   .n_padded = task->n_padded,
                                   .thread = task->context->thread,
                                   .slot = task->context->slot,
                                   .attempt = task->context->attempt,
                                   .stop = task->context->should_stop(task->context),
                                   .many = task->many};
    for (int c = 0; c < iso->n_inputs + iso->n_outputs; c++)
        head->at[c] = (int64_t)h->at[c];
    for (int i = 0; i < iso->n_inputs; i++)
        put_input(iso, h, task, i, &texts_at);
    return 0;
}

static void take_outputs(const struct isolated *iso, const struct isolated_hand *h, const struct task *task,
                         int64_t n) {
    for (int o = 0; o < iso->n_outputs; o++) {
        const struct sheaf_field *field = &iso->outputs[o];
        const size_t row = sheaf_field_row_bytes(field);
        if (task->block->out[o])
            copy_rows(task->block->out[o], row, h->memory + h->at[iso->n_inputs + o],
                      sheaf_isolate_stride(field, task->many), row, n);
    }
}

/* Items first … first+n-1 have no value: their process has died, or was killed when the time was up. */
static void end_items(const struct isolated *iso, const struct task *task, int64_t first, int64_t n) {
    const struct sheaf_context *context = task->context;
    char how[128], others[64] = "";
    for (int o = 0; o < iso->n_outputs; o++) {
        const struct sheaf_field *field = &iso->outputs[o];
        if (task->block->out[o])
            sheaf_type_fill(field->type, (char *)task->block->out[o] + (size_t)first * sheaf_field_row_bytes(field),
                            n * field->width);
    }
    if (sheaf_blame_is_outside(&task->end) && !task->timed_out) {
        for (int64_t k = first; k < first + n; k++)
            context->give_back(context, k);
        return;
    }
    if (n > 1)
        snprintf(others, sizeof others, ", with the block of %" PRId64 " items that it is in", n);
    for (int64_t k = first; k < first + n; k++) {
        if (task->timed_out)
            context->end(context, k, SHEAF_TIMED_OUT, "took longer than %g s%s", iso->timeout_s, others);
        else
            context->end(context, k, SHEAF_CRASHED, "%s%s", sheaf_isolate_describe(&task->end, how), others);
    }
}

/* --- map ----------------------------------------------------------------------------------------------------------- */

static struct isolated_hand *find_hand(struct isolated *iso, int thread, struct sheaf_error *error) {
    struct isolated_hand **place = &iso->hands[thread]; /* each thread has its own */
    return *place || sheaf_isolate_hand_open(place, iso->n_inputs + iso->n_outputs, error) == 0 ? *place : NULL;
}

/* What the child has answered, for the engine; *result is what map returned there, whatever that is. */
static int take_answer(const struct isolated *iso, const struct isolated_hand *h, const struct task *task,
                       const struct isolate_answer *answer, int *result, struct sheaf_error *error) {
    int64_t n_done = task->many ? answer->n_done : task->n;
    if (answer->lost)
        return sheaf_fail_memory(error, "the texts of an item");
    const bool known = n_done >= 0 && n_done <= task->n;
    if (known)
        take_outputs(iso, h, task, n_done);
    if (!known || replay(h, task->context))
        return sheaf_fail(error, "kernel %s: its own process answered nonsense", iso->inner.table.head.name);
    if (task->is_cut && n_done == task->n)
        end_items(iso, task, n_done++, 1);
    if (task->many)
        iso->host->did(task->context, n_done);
    else
        *result = answer->result;
    return 0;
}

/* The child has died, or was killed, at its task. Gives whether there is something left for the next child: of many
   items those before the one at work, since who knows what that has done to their values. */
static bool cut(const struct isolated *iso, const struct isolated_hand *h, struct task *task) {
    const struct isolate_block *head = (const struct isolate_block *)(const void *)h->memory;
    const int64_t k = task->many ? atomic_load(&head->computes) : 0;
    task->is_cut = task->many;
    task->n = task->n_padded = k >= 0 && k < task->n ? k : 0;
    if (task->n == 0)
        end_items(iso, task, 0, task->many ? 1 : task->block->n);
    return task->n > 0;
}

/* Has the task computed by the child, which must run. `again`: by the next one, since it has died. -1: nothing can be
   computed here. */
static int compute(struct isolated *iso, struct isolated_hand *h, struct task *task, bool *again, int *result,
                   struct sheaf_error *error) {
    const struct isolate_request request = {++h->number, h->n_bytes};
    const struct isolate_block *head = (const struct isolate_block *)(const void *)h->memory;
    struct isolate_answer answer = {0};
    enum isolate_news news = ISOLATE_DEATH;
    if (sheaf_wire_write(h->socket, &request, sizeof request, NULL, 0) == 0)
        news = sheaf_isolate_listen(h, iso->timeout_s, task->context, &answer);
    if (news == ISOLATE_ANSWER)
        return take_answer(iso, h, task, &answer, result, error);
    struct program_end end;
    sheaf_isolate_bury(h, &end);
    *again = atomic_load(&head->begun) != request.number;
    if (*again)
        return 0;
    task->end = end;
    task->timed_out = news == ISOLATE_TIMEOUT;
    *again = cut(iso, h, task);
    if (!*again && task->many)
        iso->host->did(task->context, 1);
    return 0;
}

static int32_t map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    struct isolated *iso = (struct isolated *)(uintptr_t)self; /* its hands are the threads' own */
    struct task task = {.context = context,
                        .block = block,
                        .many = iso->single && block->n > 1,
                        .n = block->n,
                        .n_padded = block->n_padded};
    struct sheaf_error error = {0};
    struct isolated_hand *h = find_hand(iso, context->thread, &error);
    int rc = h ? 0 : -1, result = 0;
    bool again = rc == 0;
    for (int turn = 0; rc == 0 && again;) {
        const int64_t n = task.n;
        again = false;
        if (turn == MOST_TURNS)
            rc = sheaf_fail(&error, "kernel %s: its own processes die before they begin with a block",
                            iso->inner.table.head.name);
        else if ((!h->running && start_child(iso, h, context, &error)) || put_task(iso, h, &task, &error))
            rc = -1;
        else
            rc = compute(iso, h, &task, &again, &result, &error);
        turn = task.n == n ? turn + 1 : 0;
    }
    if (rc == 0)
        return result;
    context->fail(context, SHEAF_WHOLE_BLOCK, "%s", error.text);
    return SHEAF_BROKEN;
}

/* --- opening and closing ------------------------------------------------------------------------------------------- */

/* Children are to open the same files. */
static int stamp_files(struct isolated *iso, const struct sheaf_setup *setup, struct isolate_order *order,
                       struct sheaf_error *error) {
    struct sheaf_stamp *stamps = sheaf_arena_take(&iso->arena, (size_t)order->n_params * sizeof *stamps);
    if (!stamps)
        return sheaf_fail_memory(error, "the params");
    for (int i = 0; i < order->n_params; i++)
        if (iso->inner.table.params[i].type == SHEAF_FILE && *setup->params[i].text &&
            sheaf_stamp_take(&stamps[i], setup->params[i].text, error))
            return -1;
    order->files = stamps;
    return 0;
}

static int32_t open_isolated(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    struct isolated *iso = *self;
    struct isolate_order order = iso->order;
    struct sheaf_error error = {0};
    if (iso->inner.table.open(setup, shape, &iso->self))
        return -1;
    iso->opened = true;
    iso->n_inputs = setup->n_inputs;
    iso->inputs = sheaf_arena_take(&iso->arena, (size_t)setup->n_inputs * sizeof *iso->inputs);
    if (!iso->inputs)
        return setup->refuse(setup, "no memory for the inputs");
    memcpy(iso->inputs, setup->inputs, (size_t)setup->n_inputs * sizeof *iso->inputs);
    iso->n_outputs = shape->n_outputs;
    iso->outputs = shape->outputs;
    order.setup = *setup;
    order.n_params = iso->inner.table.n_params;
    order.n_outputs = shape->n_outputs;
    order.n_arrays = iso->host->arrays ? iso->host->arrays->n : 0;
    order.arrays = order.n_arrays ? (const char **)(uintptr_t)iso->host->arrays->names : NULL;
    order.array_folder = iso->host->shared_folder;
    if (stamp_files(iso, setup, &order, &error) || (order.path && sheaf_stamp_take(&order.stamp, order.path, &error)) ||
        sheaf_isolate_pack(&iso->image, &order, iso->inner.table.params, &error))
        return setup->refuse(setup, "%s", error.text);
    shape->scratch_bytes = 0; /* each child has its own, and is alone with its copy of the kernel */
    shape->flags &= ~(SHEAF_SERIAL | SHEAF_MANY);
    iso->single = shape->block <= 1;
    if (iso->single)
        shape->flags |= SHEAF_MANY; /* for the way there and back, not for the kernel */
    return 0;
}

static size_t shared_bytes(const void *self) {
    const struct isolated *iso = self;
    return iso->inner.table.shared_bytes(iso->self);
}

static int32_t prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    const struct isolated *iso = self;
    return iso->inner.table.prepare(iso->self, setup, memory);
}

/* Lets all children end, for as long as an item may take, or a worker has for its end where that is longer. */
static void close_hands(struct isolated *iso) {
    static const double worker_s = 3;
    const double limit_s = iso->timeout_s > worker_s ? iso->timeout_s : worker_s;
    struct stopwatch watch = {0};
    char text[WARNING_BYTES];
    bool in_time = true;
    for (int i = 0; i < HOST_MOST_THREADS; i++) /* all at once */
        if (iso->hands[i])
            sheaf_isolate_dismiss(iso->hands[i]);
    for (int i = 0; i < HOST_MOST_THREADS; i++)
        if (iso->hands[i] && !sheaf_isolate_hand_close(iso->hands[i], &watch, limit_s))
            in_time = false;
    if (in_time)
        return;
    snprintf(text, sizeof text,
             "close or thread_close took longer than %g s in a process of its own, which was killed; the results are "
             "not touched by that",
             limit_s);
    sheaf_warnings_add(iso->host->warnings, text, strlen(text));
}

static void close_isolated(void *self) {
    struct isolated *iso = self;
    close_hands(iso);
    if (iso->opened && iso->inner.table.close)
        iso->inner.table.close(iso->self);
    if (iso->image_fd >= 0)
        close(iso->image_fd);
    sheaf_buffer_free(&iso->image);
    sheaf_arena_free(&iso->arena);
    pthread_mutex_destroy(&iso->lock);
    free(iso);
}

int sheaf_isolate_wrap(struct kernel_entry *entry, const char *name, const struct kernel_host *host, int64_t seed,
                       double timeout_s, struct sheaf_error *error) {
    struct isolated *iso = calloc(1, sizeof *iso);
    if (!iso)
        return sheaf_fail_memory(error, "the kernel");
    iso->inner = *entry;
    iso->host = host;
    iso->timeout_s = timeout_s;
    iso->order = (struct isolate_order){.path = entry->path, .name = name, .seed = seed};
    iso->image_fd = -1;
    pthread_mutex_init(&iso->lock, NULL);
    entry->made = iso;
    entry->table.open = open_isolated;
    entry->table.close = close_isolated;
    entry->table.map = map;
    entry->table.thread_open = NULL; /* the children do that */
    entry->table.thread_close = NULL;
    entry->table.shared_bytes = iso->inner.table.shared_bytes ? shared_bytes : NULL;
    entry->table.prepare = iso->inner.table.prepare ? prepare : NULL;
    return 0;
}
