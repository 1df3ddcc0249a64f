#include "kernel/expression/condition.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/crew.h"
#include "kernel/expression/compile.h"
#include "kernel/expression/row_formulas.h"

enum { BATCH = ROW_FORMULAS_BATCH };

struct condition {
    struct items_filter filter;
    struct row_formulas rows;
    enum sheaf_type *types; /* [n_fields] of the items, all float64 */
    struct sheaf_arena arena;
};

/* --- asking -------------------------------------------------------------------------------------------------------- */

/* Items first … first + n - 1, at most BATCH. */
static int ask(const struct condition *c, struct items *items, int64_t first, int64_t n, uint8_t *left_out,
               struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    double **in, **out;
    void **columns = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *columns);
    int rc = columns && sheaf_row_formulas_columns(&c->rows, n, &in, &out, &arena) == 0
                 ? 0
                 : sheaf_fail_memory(error, "the condition");
    for (int k = 0; rc == 0 && k < c->rows.formulas.n_inputs; k++)
        columns[c->rows.formulas.inputs[k]] = in[k];
    if (rc == 0)
        rc = items->source->read(items, first, n, columns, c->types, &arena, error);
    if (rc == 0) {
        sheaf_row_formulas_compute(&c->rows, first, n, in, out);
        for (int64_t i = 0; i < n; i++)
            left_out[i] = out[0][i] == 0;
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
    const struct sheaf_field **list = sheaf_arena_take(&c->arena, ((size_t)items->n_fields + 1) * sizeof *list);
    c->types = sheaf_arena_take(&c->arena, ((size_t)items->n_fields + 1) * sizeof *c->types);
    if (!list || !c->types)
        return sheaf_fail_memory(error, "the condition");
    for (int k = 0; k < items->n_fields; k++) {
        list[k] = &items->fields[k];
        c->types[k] = SHEAF_FLOAT64;
    }
    return sheaf_row_formulas_list(&c->rows, list, items->n_fields, error);
}

int sheaf_condition_open(struct condition **made, struct job *job, struct items *items, struct server *server,
                         struct sheaf_error *error) {
    const struct yaml_node *node = sheaf_yaml_get(job->items.node, "where");
    *made = NULL;
    if (!node)
        return 0;
    struct condition *c = *made = calloc(1, sizeof *c);
    if (!c)
        return sheaf_fail_memory(error, "the condition");
    if (list_fields(c, items, error) || sheaf_row_formulas_add(&c->rows, node, "items.where", error))
        return -1;
    if (sheaf_row_formulas_compile(&c->rows, job, server, sheaf_cpu_level(), "the compiled condition", error))
        return sheaf_yaml_prefix(node, error);
    sheaf_string_add(&items->identity, "where: ");
    sheaf_formulas_print(&c->rows.formulas, 0, &items->identity);
    sheaf_string_add(&items->identity, "\n");
    c->filter = (struct items_filter){.self = c, .text = node->text, .leave_out = leave_out};
    items->filter = &c->filter;
    return items->identity.failed ? sheaf_fail_memory(error, "the condition") : 0;
}

void sheaf_condition_close(struct condition *c) {
    if (!c)
        return;
    sheaf_row_formulas_close(&c->rows);
    sheaf_arena_free(&c->arena);
    free(c);
}
