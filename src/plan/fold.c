#include "plan/fold.h"

#include <stdbool.h>
#include <string.h>

#include "core/type.h"
#include "plan/status.h"
#include "reduce/reduction.h"

enum { PADDING = 16 /* of compiled formulas */, HEAD_BYTES = sizeof(int64_t) };

/* --- blocks -------------------------------------------------------------------------------------------------------- */

static size_t states_bytes(const struct fold_one *one) {
    return (size_t)one->n_cells * one->state_bytes;
}

size_t sheaf_fold_bytes(const struct fold_plan *plan) {
    size_t n_bytes = HEAD_BYTES;
    for (int k = 0; k < plan->n; k++)
        n_bytes += states_bytes(&plan->list[k]);
    return n_bytes;
}

int64_t sheaf_fold_count(const char *block) {
    int64_t n;
    memcpy(&n, block, sizeof n);
    return n;
}

static void count(char *block, int64_t n) {
    n += sheaf_fold_count(block);
    memcpy(block, &n, sizeof n);
}

const char *sheaf_fold_states(const struct fold_plan *plan, const char *block, int k) {
    block += HEAD_BYTES;
    for (int i = 0; i < k; i++)
        block += states_bytes(&plan->list[i]);
    return block;
}

void sheaf_fold_merge_cells(const struct fold_one *one, char *states, const char *others, int64_t n) {
    for (; n > 0; n--, states += one->state_bytes, others += one->state_bytes) {
        *(int64_t *)(void *)states += *(const int64_t *)(const void *)others;
        sheaf_reduction_merge((enum reduction_kind)one->kind, states + sizeof(int64_t), others + sizeof(int64_t));
    }
}

void sheaf_fold_merge(const struct fold_plan *plan, char *block, const char *other) {
    count(block, sheaf_fold_count(other));
    block += HEAD_BYTES;
    other += HEAD_BYTES;
    for (int k = 0; k < plan->n; k++) {
        sheaf_fold_merge_cells(&plan->list[k], block, other, plan->list[k].n_cells);
        block += states_bytes(&plan->list[k]);
        other += states_bytes(&plan->list[k]);
    }
}

/* --- values -------------------------------------------------------------------------------------------------------- */

int64_t sheaf_fold_cell(const struct fold_one *one, int64_t item) {
    int64_t cell = 0;
    for (int k = 0; k < one->n_axes; k++)
        cell += item / one->axes[k].below % one->axes[k].size * one->axes[k].stride;
    return cell;
}

int64_t sheaf_fold_run(const struct fold_one *one, int64_t item, int64_t most) {
    if (one->n_axes == 0)
        return most;
    const int64_t below = one->axes[one->n_axes - 1].below, run = below - item % below;
    return run < most ? run : most;
}

/* n is not 0. */
static bool are_done(const uint8_t *status, int64_t n) {
    return status[0] == ITEM_DONE && memcmp(status, status + 1, (size_t)n - 1) == 0;
}

/* Items of one cell, of which not all count: those that do are put side by side. */
static void add_some(const struct fold_one *one, char *state, int64_t first, int64_t n, const uint8_t *status,
                     const double *of, const double *where) {
    const enum reduction_kind kind = (enum reduction_kind)one->kind;
    const bool alone = sheaf_reduction_has_item(kind);
    double values[FOLD_BATCH];
    int64_t n_values = 0, n_undone = 0;
    for (int64_t i = 0; i < n; i++) {
        if (status[i] != ITEM_DONE) {
            n_undone += status[i] != ITEM_SKIPPED; /* what is left out is missed by nobody */
            continue;
        }
        if (where && where[i] == 0)
            continue;
        if (alone)
            sheaf_reduction_add(kind, state + sizeof(int64_t), first + i, of[i]);
        else
            values[n_values++] = of[i];
    }
    *(int64_t *)(void *)state += n_undone;
    sheaf_reduction_add_many(kind, state + sizeof(int64_t), first, values, n_values);
}

void sheaf_fold_values(const struct fold_one *one, char *states, int64_t begin, int64_t end, int64_t first, int64_t n,
                       const uint8_t *status, const double *of, const double *where) {
    for (int64_t at = 0, run; at < n; at += run) {
        run = sheaf_fold_run(one, first + at, n - at < FOLD_BATCH ? n - at : FOLD_BATCH);
        const int64_t cell = sheaf_fold_cell(one, first + at);
        if (cell < begin || cell >= end)
            continue;
        char *state = states + (size_t)(cell - begin) * one->state_bytes;
        if (!where && are_done(status + at, run))
            sheaf_reduction_add_many((enum reduction_kind)one->kind, state + sizeof(int64_t), first + at, of + at, run);
        else
            add_some(one, state, first + at, run, status + at, of + at, where ? where + at : NULL);
    }
}

/* --- a thread's ---------------------------------------------------------------------------------------------------- */

static int make_room(struct sheaf_arena *arena, int n, double ***columns) {
    *columns = sheaf_arena_take(arena, ((size_t)n + 1) * sizeof **columns);
    char *room = sheaf_arena_take(arena, (size_t)n * FOLD_BATCH * sizeof(double) + SHEAF_ALIGN);
    if (!*columns || !room)
        return -1;
    room += (SHEAF_ALIGN - (uintptr_t)room % SHEAF_ALIGN) % SHEAF_ALIGN;
    for (int k = 0; k < n; k++)
        (*columns)[k] = (double *)(void *)room + k * FOLD_BATCH;
    return 0;
}

int sheaf_fold_open(struct fold *fold, const struct fold_plan *plan, struct sheaf_error *error) {
    fold->plan = plan;
    fold->block = sheaf_arena_take(&fold->arena, sheaf_fold_bytes(plan));
    fold->in = sheaf_arena_take(&fold->arena, ((size_t)plan->n_inputs + 1) * sizeof *fold->in);
    fold->columns = sheaf_arena_take(&fold->arena, ((size_t)plan->n_inputs + 1) * sizeof *fold->columns);
    return fold->block && fold->in && fold->columns && make_room(&fold->arena, plan->n_inputs, &fold->raw) == 0 &&
                   make_room(&fold->arena, plan->n_inputs, &fold->room) == 0 &&
                   make_room(&fold->arena, plan->n_outputs, &fold->out) == 0
               ? 0
               : sheaf_fail_memory(error, "the reductions");
}

/* The columns as the formulas read them: in place where they may be. */
static void point(struct fold *fold, int64_t n, const struct fold_column *columns) {
    for (int k = 0; k < fold->plan->n_inputs; k++) {
        const struct fold_column *c = &columns[k];
        if (c->type == SHEAF_FLOAT64 && (uintptr_t)c->values % SHEAF_ALIGN == 0 && n % PADDING == 0) {
            fold->in[k] = c->values;
            continue;
        }
        sheaf_type_to_doubles(c->type, c->values, n, fold->room[k]);
        fold->in[k] = fold->room[k];
    }
}

void sheaf_fold_add(struct fold *fold, int64_t first, int64_t n, const uint8_t *status,
                    const struct fold_column *columns) {
    const struct fold_plan *plan = fold->plan;
    point(fold, n, columns);
    plan->compute(first, (int64_t)sheaf_round_up((size_t)n, PADDING), fold->in, fold->out, NULL, NULL);
    char *states = fold->block + HEAD_BYTES;
    for (int k = 0; k < plan->n; k++) {
        const struct fold_one *one = &plan->list[k];
        sheaf_fold_values(one, states, 0, one->n_cells, first, n, status, fold->out[one->of],
                          one->where < 0 ? NULL : fold->out[one->where]);
        states += states_bytes(one);
    }
    count(fold->block, n);
}

void sheaf_fold_close(struct fold *fold) {
    sheaf_arena_free(&fold->arena);
    *fold = (struct fold){0};
}
