#include "kernel/expression/condition.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/crew.h"
#include "core/type.h"
#include "kernel/expression/compile.h"
#include "kernel/expression/formula.h"
#include "kernel/library.h"

enum { BATCH = 4096, PADDING = 16 /* of the compiled function */ };

typedef void (*compiled)(int64_t first, int64_t n, const double *const *in, double *const *out,
                         void (*const *functions)(void), const void *const *arrays);

struct condition {
    struct items_filter filter;
    struct formulas formulas;
    enum sheaf_type *types; /* [n_fields] of the items, all float64 */
    struct sheaf_library object;
    compiled compute;
    struct sheaf_arena arena;
};

/* --- asking -------------------------------------------------------------------------------------------------------- */

/* Columns of n_padded values for the fields that the formula reads, NULL for others; and one for what it says, which is
   returned. */
static double *make_columns(const struct condition *c, const struct items *items, int64_t n_padded, void **columns,
                            struct sheaf_arena *arena) {
    const size_t n_bytes = (size_t)n_padded * sizeof(double);
    char *room = sheaf_arena_take(arena, ((size_t)c->formulas.n_inputs + 1) * n_bytes + SHEAF_ALIGN);
    if (!room)
        return NULL;
    char *at = room + (SHEAF_ALIGN - (uintptr_t)room % SHEAF_ALIGN) % SHEAF_ALIGN;
    memset(columns, 0, (size_t)items->n_fields * sizeof *columns);
    for (int k = 0; k < c->formulas.n_inputs; k++, at += n_bytes)
        columns[c->formulas.inputs[k]] = at;
    return (double *)(void *)at;
}

/* Items first … first + n - 1, at most BATCH. */
static int ask(const struct condition *c, struct items *items, int64_t first, int64_t n, uint8_t *left_out,
               struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    const int64_t n_padded = (n + PADDING - 1) / PADDING * PADDING;
    void **columns = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *columns);
    const double **in = sheaf_arena_take(&arena, ((size_t)c->formulas.n_inputs + 1) * sizeof *in);
    double *out = columns && in ? make_columns(c, items, n_padded, columns, &arena) : NULL;
    int rc = out ? items->source->read(items, first, n, columns, c->types, &arena, error)
                 : sheaf_fail_memory(error, "the condition");
    for (int k = 0; rc == 0 && k < c->formulas.n_inputs; k++)
        in[k] = columns[c->formulas.inputs[k]];
    if (rc == 0) {
        c->compute(first, n_padded, in, &out, NULL, NULL);
        for (int64_t i = 0; i < n; i++)
            left_out[i] = out[i] == 0;
    }
    sheaf_arena_free(&arena);
    return rc;
}

struct asking {
    const struct condition *condition;
    struct items *items;
    int64_t first, n;
    uint8_t *left_out;
    atomic_bool failed;
};

static int ask_batch(struct asking *a, int64_t at, struct sheaf_error *error) {
    return ask(a->condition, a->items, a->first + at, a->n - at < BATCH ? a->n - at : BATCH, a->left_out + at, error);
}

static void try_batch(void *context, int64_t k) {
    struct asking *a = context;
    struct sheaf_error ignored;
    if (!atomic_load(&a->failed) && ask_batch(a, k * BATCH, &ignored))
        atomic_store(&a->failed, true);
}

/* Side by side where values are worked out; other sources are read by one thread. */
static int leave_out(const struct items_filter *filter, struct items *items, int64_t first, int64_t n,
                     uint8_t *left_out, struct sheaf_error *error) {
    struct asking a = {.condition = filter->self, .items = items, .first = first, .n = n, .left_out = left_out};
    const bool beside = sheaf_items_are_generated(items);
    if (beside)
        sheaf_crew_do((n + BATCH - 1) / BATCH, try_batch, &a);
    int rc = 0;
    for (int64_t at = 0; rc == 0 && (!beside || atomic_load(&a.failed)) && at < n; at += BATCH)
        rc = ask_batch(&a, at, error);
    return rc ? rc : sheaf_items_unchanged(items, error);
}

/* --- making it ----------------------------------------------------------------------------------------------------- */

static int list_fields(struct condition *c, const struct items *items, struct sheaf_error *error) {
    struct formula_field *list = sheaf_arena_take(&c->arena, ((size_t)items->n_fields + 1) * sizeof *list);
    c->types = sheaf_arena_take(&c->arena, ((size_t)items->n_fields + 1) * sizeof *c->types);
    if (!list || !c->types)
        return sheaf_fail_memory(error, "the condition");
    for (int k = 0; k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        list[k].name = field->name;
        list[k].refusal = field->width != 1           ? "has several values an item; a condition takes fields with one"
                          : field->type == SHEAF_TEXT ? "holds text; a condition takes numbers"
                                                      : NULL;
        c->types[k] = SHEAF_FLOAT64;
    }
    c->formulas.names = (struct formula_names){.n_fields = items->n_fields, .fields = list};
    return 0;
}

static int compile(struct condition *c, const struct job *job, struct server *server, struct sheaf_error *error) {
    struct sheaf_string source = {0};
    struct sheaf_buffer object = {0};
    sheaf_formulas_write_c(&c->formulas, &source);
    const struct compile_request request = {server, job->compiler, source.data, sheaf_cpu_level(), false};
    int rc = source.failed ? sheaf_fail_memory(error, "the condition") : sheaf_compile(&request, &object, error);
    if (rc == 0)
        rc = sheaf_library_load(&c->object, &object, "the compiled condition", error);
    void *address = rc == 0 ? sheaf_library_find(&c->object, "sheaf_expression") : NULL;
    if (rc == 0 && !address)
        rc = sheaf_fail(error, "the compiled condition has no function; the compiler made something else");
    if (address)
        memcpy(&c->compute, &address, sizeof address);
    sheaf_buffer_free(&object);
    sheaf_string_free(&source);
    return rc;
}

int sheaf_condition_open(struct condition **made, struct job *job, struct items *items, struct server *server,
                         struct sheaf_error *error) {
    const struct yaml_node *node = sheaf_yaml_get(job->items.node, "where");
    const char *text;
    size_t at = 0;
    *made = NULL;
    if (!node)
        return 0;
    struct condition *c = *made = calloc(1, sizeof *c);
    if (!c)
        return sheaf_fail_memory(error, "the condition");
    if (sheaf_yaml_text(node, "items.where", &text, error) || list_fields(c, items, error))
        return -1;
    if (sheaf_formulas_add(&c->formulas, "where", text, strlen(text), &at, error)) {
        sheaf_error_prefix(error, "items.where, character %zu: ", sheaf_text_columns(text, at) + 1);
        return sheaf_yaml_prefix(node, error);
    }
    if (compile(c, job, server, error))
        return sheaf_yaml_prefix(node, error);
    sheaf_string_add(&items->identity, "where: ");
    sheaf_formulas_print(&c->formulas, 0, &items->identity);
    sheaf_string_add(&items->identity, "\n");
    c->filter = (struct items_filter){.self = c, .text = text, .leave_out = leave_out};
    items->filter = &c->filter;
    return items->identity.failed ? sheaf_fail_memory(error, "the condition") : 0;
}

void sheaf_condition_close(struct condition *c) {
    if (!c)
        return;
    sheaf_library_close(&c->object);
    sheaf_formulas_free(&c->formulas);
    sheaf_arena_free(&c->arena);
    free(c);
}
