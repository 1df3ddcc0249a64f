#include "app/folding.h"

#include <stdlib.h>
#include <string.h>

#include "app/reducing_inside.h"
#include "app/stage.h"
#include "core/type.h"

enum {
    BLOCK_MOST = 256 << 10,  /* bytes of the sums of a thread; where there are more, rows are read in the end */
    BLOCKS_MOST = 256 << 20, /* of those of all ranks, on rank 0 */
};

/* What the other ranks are told; list[n], inputs[n_inputs] and the compiled formulas follow. */
struct head {
    int64_t is_on;
    int32_t n, n_inputs, n_outputs;
};

/* --- rank 0 -------------------------------------------------------------------------------------------------------- */

/* Where threads find what formulas read of a field: among the kernel's inputs, as the same number. */
static bool find_input(const struct stage *stage, int field, int32_t *input) {
    const struct binding *kernel = &stage->kernel;
    const struct items *items = &stage->items;
    if (field >= items->n_fields) {
        *input = -1 - (int32_t)(field - items->n_fields);
        return true;
    }
    for (int k = 0; k < kernel->n_inputs; k++)
        if (kernel->field[k] == field &&
            (kernel->inputs[k].type == SHEAF_FLOAT64 || kernel->inputs[k].type == items->fields[field].type)) {
            *input = k;
            return true;
        }
    return false;
}

static bool find_inputs(const struct reducing *r, int32_t *inputs) {
    for (int k = 0; k < r->rows.formulas.n_inputs; k++)
        if (!find_input(r->stage, r->rows.formulas.inputs[k], &inputs[k]))
            return false;
    return true;
}

/* Whether all items are to be computed now, and their sums are small. */
static bool may_fold(const struct stage *stage) {
    const struct reducing *r = stage->reducing;
    const struct fold_plan plan = {.n = r->n_folded, .list = r->list};
    const size_t n_bytes = sheaf_fold_bytes(&plan);
    return r->n_folded > 0 && stage->before[ITEM_PENDING] == stage->items.n_items && n_bytes <= BLOCK_MOST &&
           n_bytes * (size_t)stage->session->self.n_ranks <= BLOCKS_MOST;
}

static int pack(struct stage *stage) {
    const struct reducing *r = stage->reducing;
    const struct sheaf_buffer *object = &r->rows.bytes;
    struct folding *f = &stage->folding;
    struct head head = {
        .n = r->n_folded, .n_inputs = r->rows.formulas.n_inputs, .n_outputs = r->rows.formulas.n_outputs};
    const size_t list = sizeof head + (size_t)head.n * sizeof *r->list;
    const size_t inputs = list + sheaf_round_up((size_t)head.n_inputs * sizeof(int32_t), 8);
    if (sheaf_buffer_resize(&f->message, inputs + object->n_bytes, &stage->session->error))
        return -1;
    head.is_on = may_fold(stage) && find_inputs(r, (int32_t *)(void *)(f->message.data + list));
    memcpy(f->message.data, &head, sizeof head);
    memcpy(f->message.data + sizeof head, r->list, (size_t)head.n * sizeof *r->list);
    memcpy(f->message.data + inputs, object->data, object->n_bytes);
    return 0;
}

/* --- all ranks ----------------------------------------------------------------------------------------------------- */

static int load(struct stage *stage, size_t at) {
    struct folding *f = &stage->folding;
    const struct sheaf_buffer object = {.data = f->message.data + at, .n_bytes = f->message.n_bytes - at};
    if (sheaf_session_is_first(stage->session))
        f->plan.compute = stage->reducing->rows.compute;
    else if (sheaf_row_formulas_load(&f->rows, &object, "the compiled reductions", &stage->session->error))
        return -1;
    else
        f->plan.compute = f->rows.compute;
    return 0;
}

static int unpack(struct stage *stage) {
    struct folding *f = &stage->folding;
    struct head head;
    memcpy(&head, f->message.data, sizeof head);
    const size_t list = sizeof head + (size_t)head.n * sizeof *f->plan.list;
    f->is_on = head.is_on;
    f->plan = (struct fold_plan){.n = head.n,
                                 .list = (const struct fold_one *)(const void *)(f->message.data + sizeof head),
                                 .n_inputs = head.n_inputs,
                                 .n_outputs = head.n_outputs,
                                 .inputs = (const int32_t *)(const void *)(f->message.data + list)};
    return f->is_on ? load(stage, list + sheaf_round_up((size_t)head.n_inputs * sizeof(int32_t), 8)) : 0;
}

int sheaf_folding_open(struct stage *stage) {
    struct session *session = stage->session;
    if (stage->job->n_reductions == 0)
        return 0;
    if (sheaf_session_agree(session, sheaf_session_is_first(session) ? pack(stage) : 0))
        return -1;
    if (sheaf_comm_broadcast(session->comm, &stage->folding.message, &session->error))
        return -1;
    return sheaf_session_agree(session, unpack(stage));
}

int sheaf_folding_gather(struct stage *stage) {
    struct session *session = stage->session;
    struct folding *f = &stage->folding;
    const size_t n_bytes = sheaf_fold_bytes(&f->plan);
    const size_t n_ranks = sheaf_session_is_first(session) ? (size_t)session->self.n_ranks : 0;
    if (!f->is_on)
        return 0;
    char *own = calloc(1, n_bytes);
    f->block = n_ranks ? calloc(n_ranks, n_bytes) : NULL;
    int rc = sheaf_session_agree(
        session, own && (f->block || !n_ranks) ? 0 : sheaf_fail_memory(&session->error, "the reductions"));
    if (rc == 0) {
        sheaf_team_folded(stage->team, own);
        rc = sheaf_comm_gather(session->comm, own, f->block, n_bytes, &session->error);
    }
    for (size_t k = 1; rc == 0 && k < n_ranks; k++)
        sheaf_fold_merge(&f->plan, f->block, f->block + k * n_bytes);
    free(own);
    return rc;
}

const char *sheaf_folding_whole(const struct stage *stage) {
    const struct folding *f = &stage->folding;
    return f->is_on && f->block && stage->none_pending && sheaf_fold_count(f->block) == stage->items.n_items ? f->block
                                                                                                             : NULL;
}

void sheaf_folding_close(struct folding *f) {
    sheaf_row_formulas_close(&f->rows);
    sheaf_buffer_free(&f->message);
    free(f->block);
    *f = (struct folding){0};
}
