#include "app/reducing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/reducing_inside.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/type.h"
#include "report/reduced.h"

/* --- names --------------------------------------------------------------------------------------------------------- */

/* The datasets of a reduction beside the one of its name; NULL behind the last. */
static const char *const *parts_of(enum reduction_kind kind) {
    static const char *const none[] = {NULL}, *const of_histogram[] = {REDUCTION_BINS, REDUCTION_BOUNDS, NULL},
                             *const of_quantiles[] = {REDUCTION_QUANTILES, NULL};
    return kind == REDUCE_HISTOGRAM ? of_histogram : kind == REDUCE_QUANTILES ? of_quantiles : none;
}

static bool is_taken(const struct reducing *r, const char *name) {
    const struct stage *stage = r->stage;
    const struct extent extent = sheaf_items_extent(&stage->items);
    bool taken = sheaf_items_find(stage->items.fields, stage->items.n_fields, name) >= 0 ||
                 sheaf_items_find(stage->kernel.outputs, stage->kernel.n_outputs, name) >= 0;
    for (int d = 0; d < extent.n_dims; d++)
        taken = taken || strcmp(extent.dims[d].name, name) == 0;
    return taken;
}

/* Nothing else is called as its datasets are; names of reductions themselves differ. */
static int check_parts(const struct reducing *r, const struct job_reduction *asked, struct sheaf_error *error) {
    for (const char *const *part = parts_of(asked->kind); *part; part++) {
        char name[256];
        snprintf(name, sizeof name, "%.200s%s", asked->name, *part);
        bool taken = is_taken(r, name);
        for (int k = 0; k < r->n; k++)
            taken = taken || strcmp(r->asked[k].name, name) == 0;
        if (taken || strlen(name) > 200)
            return sheaf_yaml_refuse(asked->node, error,
                                     taken ? "reduce.%s: its dataset '%s' is called as something else is; choose "
                                             "another name"
                                           : "reduce.%s: the name of its dataset '%s' is too long; choose a shorter "
                                             "name",
                                     asked->name, name);
    }
    return 0;
}

static int check_name(const struct reducing *r, const struct job_reduction *asked, struct sheaf_error *error) {
    const struct stage *stage = r->stage;
    char what[64];
    snprintf(what, sizeof what, "%s:%d: a reduction", stage->job->file, asked->node->line);
    if (sheaf_items_check_name(asked->name, what, error))
        return -1;
    if (strstr(asked->name, ": ")) /* ends the name in the job's identity */
        return sheaf_yaml_refuse(asked->node, error, "reduce.%s: the name of a reduction has no ': '; rename it",
                                 asked->name);
    return is_taken(r, asked->name)
               ? sheaf_yaml_refuse(asked->node, error,
                                   "reduce.%s: a field, an output or an axis is called so; choose another name",
                                   asked->name)
               : check_parts(r, asked, error);
}

/* --- axes ---------------------------------------------------------------------------------------------------------- */

static bool names(const struct yaml_node *over, const char *axis) {
    if (!over)
        return true;
    if (over->kind == YAML_SCALAR)
        return strcmp(over->text, axis) == 0;
    for (int i = 0; i < over->n; i++)
        if (strcmp(over->value[i]->text, axis) == 0)
            return true;
    return false;
}

static int check_axis(const struct extent *extent, const struct yaml_node *node, const char *name,
                      struct sheaf_error *error) {
    struct sheaf_string axes = {0};
    for (int d = 0; d < extent->n_dims; d++) {
        if (strcmp(extent->dims[d].name, node->text) == 0) {
            sheaf_string_free(&axes);
            return 0;
        }
        sheaf_string_add(&axes, "%s%s", d ? ", " : "", extent->dims[d].name);
    }
    sheaf_yaml_refuse(node, error, "reduce.%s.over: the items have no axis '%s'; there is %s", name, node->text,
                      axes.failed ? "another" : axes.data);
    sheaf_string_free(&axes);
    return -1;
}

static int check_axes(const struct extent *extent, const struct job_reduction *asked, struct sheaf_error *error) {
    const struct yaml_node *over = asked->over;
    if (over && over->kind == YAML_SCALAR)
        return check_axis(extent, over, asked->name, error);
    for (int i = 0; over && i < over->n; i++)
        if (check_axis(extent, over->value[i], asked->name, error))
            return -1;
    return 0;
}

/* "mass: charge: mean", of the axes that go. */
static const char *say_methods(struct reducing *r, const struct extent *extent, const struct job_reduction *asked) {
    static const char *const methods[REDUCE_KINDS] = {
        [REDUCE_STD] = "standard_deviation", [REDUCE_MIN] = "minimum", [REDUCE_MAX] = "maximum"}; /* as CF has them */
    struct sheaf_string text = {0};
    for (int d = 0; d < extent->n_dims; d++)
        if (names(asked->over, extent->dims[d].name))
            sheaf_string_add(&text, "%s: ", extent->dims[d].name);
    sheaf_string_add(&text, "%s", methods[asked->kind] ? methods[asked->kind] : sheaf_reduction_names[asked->kind]);
    const char *kept = text.failed ? NULL : sheaf_arena_text(&r->arena, text.data, text.length);
    sheaf_string_free(&text);
    return kept;
}

/* Items from one value of dimension d to the next. */
static int64_t find_below(const struct extent *extent, int d) {
    int64_t below = 1;
    for (int k = d + 1; k < extent->n_dims; k++)
        below *= extent->dims[k].size;
    return below;
}

/* The axes that stay, the last one fastest. */
static void find_cells(struct fold_one *one, struct reduction_field *field, const struct job_reduction *asked,
                       const struct extent *extent) {
    field->n_cells = 1;
    for (int d = 0; d < extent->n_dims; d++)
        if (!names(asked->over, extent->dims[d].name))
            field->dims[field->n_dims++] = d;
    one->n_axes = field->n_dims;
    for (int k = field->n_dims - 1; k >= 0; k--) {
        const int d = field->dims[k];
        one->axes[k] = (struct fold_axis){find_below(extent, d), extent->dims[d].size, field->n_cells};
        field->n_cells *= extent->dims[d].size;
    }
    one->n_cells = field->n_cells;
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* What formulas may name: the fields of the items, then the outputs. */
static int list_fields(struct reducing *r, struct sheaf_error *error) {
    const struct items *items = &r->stage->items;
    const struct binding *kernel = &r->stage->kernel;
    const int n = items->n_fields + kernel->n_outputs;
    const struct sheaf_field **list = sheaf_arena_take(&r->arena, ((size_t)n + 1) * sizeof *list);
    r->types = sheaf_arena_take(&r->arena, ((size_t)items->n_fields + 1) * sizeof *r->types);
    if (!list || !r->types)
        return sheaf_fail_memory(error, "the reductions");
    for (int k = 0; k < n; k++)
        list[k] = k < items->n_fields ? &items->fields[k] : &kernel->outputs[k - items->n_fields];
    for (int k = 0; k < items->n_fields; k++)
        r->types[k] = SHEAF_FLOAT64;
    return sheaf_row_formulas_list(&r->rows, list, n, error);
}

/* The unit of a field whose name is all of the formula. */
static const char *find_unit(const struct reducing *r, const char *formula) {
    const struct items *items = &r->stage->items;
    const struct binding *kernel = &r->stage->kernel;
    const int input = sheaf_items_find(items->fields, items->n_fields, formula);
    const int output = sheaf_items_find(kernel->outputs, kernel->n_outputs, formula);
    return input >= 0 ? items->fields[input].unit : output >= 0 ? kernel->outputs[output].unit : NULL;
}

/* How many results a cell has, and where they are. */
static int describe_marks(struct reducing *r, int k, struct sheaf_error *error) {
    struct fold_one *one = &r->list[k];
    struct reduction_field *field = &r->fields[k];
    const struct job_reduction *asked = &r->asked[k];
    const bool is_histogram = asked->kind == REDUCE_HISTOGRAM;
    field->kind = asked->kind;
    field->marks = asked->marks;
    field->about.width = is_histogram                                   ? asked->n_marks - 1
                         : sheaf_reduction_is_distribution(asked->kind) ? asked->n_marks
                                                                        : 1;
    field->unit_of_bins = is_histogram ? find_unit(r, asked->of->text) : NULL;
    one->kind = (int32_t)asked->kind;
    one->state_bytes = sizeof(int64_t) + sheaf_reduction_bytes(asked->kind);
    return field->n_cells < INT64_MAX / 64 / field->about.width
               ? 0
               : sheaf_yaml_refuse(asked->node, error,
                                   "reduce.%s: %" PRId64 " cells of %" PRId64 " values are more than a "
                                   "file holds; put more axes together with over",
                                   asked->name, field->n_cells, field->about.width);
}

static int add_formula(struct reducing *r, const struct yaml_node *node, const char *name, const char *key,
                       int32_t *formula, struct sheaf_error *error) {
    char what[300];
    *formula = r->rows.formulas.n_outputs;
    snprintf(what, sizeof what, "reduce.%.200s.%s", name, key);
    return sheaf_row_formulas_add(&r->rows, node, what, error);
}

static int open_one(struct reducing *r, int k, struct sheaf_error *error) {
    struct fold_one *one = &r->list[k];
    struct reduction_field *field = &r->fields[k];
    const struct job_reduction *asked = &r->asked[k];
    const struct extent extent = sheaf_items_extent(&r->stage->items);
    const char *kind = sheaf_reduction_names[asked->kind];
    one->where = -1;
    if (check_name(r, asked, error) || check_axes(&extent, asked, error) ||
        add_formula(r, asked->of, asked->name, kind, &one->of, error) ||
        (asked->where && add_formula(r, asked->where, asked->name, "where", &one->where, error)))
        return -1;
    find_cells(one, field, asked, &extent);
    struct sheaf_string about = {0};
    sheaf_string_add(&about, "%s of %s%s%s", kind, asked->of->text, asked->where ? " where " : "",
                     asked->where ? asked->where->text : "");
    field->about = (struct sheaf_field){
        .name = asked->name,
        .type = sheaf_reduction_type(asked->kind),
        .width = 1,
        .unit = sheaf_reduction_keeps_unit(asked->kind) ? find_unit(r, asked->of->text) : NULL,
        .long_name = about.failed ? NULL : sheaf_arena_text(&r->arena, about.data, about.length),
    };
    sheaf_string_free(&about);
    field->cell_methods = say_methods(r, &extent, asked);
    return field->about.long_name && field->cell_methods ? describe_marks(r, k, error)
                                                         : sheaf_fail_memory(error, "the reductions");
}

/* ", at 0.05 0.5 0.95", or as a hash where there are many. */
static void identify_marks(const struct job_reduction *asked, struct sheaf_string *identity) {
    enum { LISTED = 64 };
    char hash[SHEAF_HASH_BYTES], number[32];
    if (!sheaf_reduction_is_distribution(asked->kind))
        return;
    sheaf_string_add(identity, ", %s", asked->kind == REDUCE_HISTOGRAM ? "edges" : "at");
    for (int64_t k = 0; asked->n_marks <= LISTED && k < asked->n_marks; k++)
        sheaf_string_add(identity, " %s", sheaf_text_double(asked->marks[k], number));
    if (asked->n_marks <= LISTED)
        return;
    sheaf_hash_bytes(asked->marks, (size_t)asked->n_marks * sizeof *asked->marks, hash);
    sheaf_string_add(identity, " %s", hash);
}

/* "reduce mean_y: mean of (y + 1) where (x > 0), mass: model: mean, nan omit" */
static int identify(const struct reducing *r, struct sheaf_string *identity, struct sheaf_error *error) {
    for (int k = 0; k < r->n; k++) {
        const struct fold_one *one = &r->list[k];
        sheaf_string_add(identity, "reduce %s: %s of ", r->asked[k].name, sheaf_reduction_names[one->kind]);
        sheaf_formulas_print(&r->rows.formulas, one->of, identity);
        if (one->where >= 0) {
            sheaf_string_add(identity, " where ");
            sheaf_formulas_print(&r->rows.formulas, one->where, identity);
        }
        identify_marks(&r->asked[k], identity);
        sheaf_string_add(identity, ", %s, nan %s\n", r->fields[k].cell_methods,
                         r->asked[k].propagates ? "propagate" : "omit");
    }
    return identity->failed ? sheaf_fail_memory(error, "the reductions") : 0;
}

/* Distributions behind the others, each in the order of the job. */
static int sort(struct reducing *r, const struct job *job, struct sheaf_error *error) {
    r->n = job->n_reductions;
    r->asked = sheaf_arena_take(&r->arena, (size_t)r->n * sizeof *r->asked);
    r->list = sheaf_arena_take(&r->arena, (size_t)r->n * sizeof *r->list);
    r->fields = sheaf_arena_take(&r->arena, (size_t)r->n * sizeof *r->fields);
    if (!r->asked || !r->list || !r->fields)
        return sheaf_fail_memory(error, "the reductions");
    for (int k = 0; k < r->n; k++)
        if (!sheaf_reduction_is_distribution(job->reductions[k].kind))
            r->asked[r->n_folded++] = job->reductions[k];
    for (int k = 0, n = r->n_folded; k < r->n; k++)
        if (sheaf_reduction_is_distribution(job->reductions[k].kind))
            r->asked[n++] = job->reductions[k];
    return 0;
}

int sheaf_reducing_open(struct reducing **made, struct stage *stage, int64_t level, struct sheaf_error *error) {
    const struct job *job = stage->job;
    *made = NULL;
    if (job->n_reductions == 0)
        return 0;
    struct reducing *r = *made = calloc(1, sizeof *r);
    if (!r)
        return sheaf_fail_memory(error, "the reductions");
    r->stage = stage;
    if (sort(r, job, error) || list_fields(r, error))
        return -1;
    for (int k = 0; k < r->n; k++)
        if (open_one(r, k, error))
            return -1;
    for (int k = 0; k < r->rows.formulas.n_inputs; k++)
        if (r->rows.formulas.inputs[k] < stage->items.n_fields &&
            sheaf_items_check(&stage->items, r->rows.formulas.inputs[k], SHEAF_FLOAT64, error))
            return -1;
    if (sheaf_row_formulas_compile(&r->rows, job, stage->session->server, level, "the compiled reductions", error))
        return -1;
    return identify(r, &stage->kernel.identity, error);
}

int sheaf_reducing_fields(const struct reducing *r, const struct reduction_field **fields) {
    *fields = r ? r->fields : NULL;
    return r ? r->n : 0;
}

void sheaf_reducing_close(struct reducing *r) {
    if (!r)
        return;
    sheaf_row_formulas_close(&r->rows);
    sheaf_arena_free(&r->arena);
    free(r);
}

/* --- running ------------------------------------------------------------------------------------------------------- */

/* No value in any cell. */
static int clear_one(const struct reducing *r, int k, struct sheaf_error *error) {
    enum { CELLS = 512 };
    static const int64_t counts[CELLS * REDUCED_COUNTS_MOST];
    const struct reduction_field *field = &r->fields[k];
    const int64_t width = field->about.width, most = width < CELLS ? CELLS / width : 1, n_values = most * width;
    int64_t *none = malloc((size_t)n_values * sizeof *none);
    int rc = none ? 0 : sheaf_fail_memory(error, "the reductions");
    for (int64_t i = 0; none && i < n_values; i++)
        none[i] = -1;
    if (none && field->about.type == SHEAF_FLOAT64)
        sheaf_type_fill(SHEAF_FLOAT64, none, n_values);
    for (int64_t at = 0, n; rc == 0 && at < field->n_cells; at += n) {
        n = field->n_cells - at < most ? field->n_cells - at : most;
        rc = sheaf_results_write_reduction(&r->stage->session->results, k, at, n, none, counts, error);
    }
    free(none);
    return rc;
}

/* That there are none is on the disk before a row is another: after a power cut, too. */
static int unmark(struct results *results, struct sheaf_error *error) {
    bool are;
    if (sheaf_results_are_reduced(results, &are, error))
        return -1;
    return are && (sheaf_results_mark_reduced(results, false, error) || sheaf_results_sync(results, error)) ? -1 : 0;
}

int sheaf_reducing_clear(const struct reducing *r, struct sheaf_error *error) {
    if (r && unmark(&r->stage->session->results, error))
        return -1;
    for (int k = 0; r && k < r->n; k++)
        if (clear_one(r, k, error))
            return -1;
    return 0;
}

static int say(const struct reducing *r, int k, struct sheaf_string *said, struct sheaf_error *error) {
    const struct reduction_field *field = &r->fields[k];
    struct reduced reduced = {.name = field->about.name,
                              .unit = field->kind == REDUCE_HISTOGRAM ? field->unit_of_bins : field->about.unit,
                              .kind = field->kind,
                              .n_cells = field->n_cells,
                              .width = field->about.width,
                              .marks = field->marks,
                              .is_whole = field->about.type == SHEAF_INT64};
    struct sheaf_arena arena = {0};
    const int rc = field->n_cells == 1 ? sheaf_reducing_read(r, k, &reduced, &arena, error) : 0;
    if (rc == 0)
        sheaf_reduced_say(&reduced, said);
    sheaf_arena_free(&arena);
    return rc;
}

/* The mark comes last, and what it says of is on the disk before it: after a power cut, too. */
static int work_out(const struct reducing *r, const char *folded, struct sheaf_error *error) {
    struct results *results = &r->stage->session->results;
    return (folded ? sheaf_reducing_take(r, folded, error) : sheaf_reducing_rows(r, error)) ||
                   sheaf_reducing_distributions(r, error) || sheaf_results_sync(results, error) ||
                   sheaf_results_mark_reduced(results, true, error)
               ? -1
               : 0;
}

int sheaf_reducing_end(const struct reducing *r, const char *folded, struct sheaf_string *said,
                       struct sheaf_error *error) {
    enum { SHOWN = 12 };
    bool are;
    if (!r)
        return 0;
    if (sheaf_results_are_reduced(&r->stage->session->results, &are, error) || (!are && work_out(r, folded, error)))
        return -1;
    for (int k = 0; k < r->n && k < SHOWN; k++)
        if (say(r, k, said, error))
            return -1;
    if (r->n > SHOWN)
        sheaf_string_add(said, "  … (%d reductions in all)\n", r->n);
    return said->failed ? sheaf_fail_memory(error, "the reductions") : 0;
}
