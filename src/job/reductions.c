#include "job/reductions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "job/axes.h"
#include "job/keys.h"
#include "reduce/histogram.h"

/* The one key that says what becomes of the values. */
static int find_kind(struct job_reduction *r, const char *what, struct sheaf_error *error) {
    int n = 0;
    for (int k = 0; k < REDUCE_KINDS; k++) {
        const struct yaml_node *of = sheaf_yaml_get(r->node, sheaf_reduction_names[k]);
        if (!of)
            continue;
        r->kind = (enum reduction_kind)k;
        r->of = of;
        n++;
    }
    return n == 1 ? 0
                  : sheaf_yaml_refuse(r->node, error,
                                      "%s says %d things; it takes exactly one of sum, mean, variance, std, "
                                      "standard_error, min, max, argmin, argmax, count, histogram and quantiles, as in "
                                      "{mean: y}",
                                      what, n);
}

/* over: NAME, or [NAME, …] */
static int check_over(const struct yaml_node *over, const char *what, struct sheaf_error *error) {
    const char *axis;
    if (!over || over->kind == YAML_SCALAR)
        return over ? sheaf_yaml_text(over, what, &axis, error) : 0;
    if (over->kind != YAML_LIST || over->n == 0)
        return sheaf_yaml_refuse(over, error, "%s should be an axis of the grid, or a list of axes: over: [repeat]",
                                 what);
    for (int i = 0; i < over->n; i++)
        if (sheaf_yaml_text(over->value[i], what, &axis, error))
            return -1;
    return 0;
}

/* --- distributions ------------------------------------------------------------------------------------------------- */

static int read_edges(struct job_reduction *r, const struct yaml_node *edges, const char *what,
                      struct sheaf_arena *arena, struct sheaf_error *error) {
    struct bins bins;
    if (!edges)
        return sheaf_yaml_refuse(r->node, error, "%s is missing: the edges of the bins, as in {linspace: [0, 1, 11]}",
                                 what);
    if (sheaf_axis_read_numbers(edges, "reduce.*.histogram.edges", what, arena, &r->marks, &r->n_marks, error))
        return -1;
    if (r->n_marks < 2 || r->n_marks - 1 > HISTOGRAM_MOST_BINS)
        return sheaf_yaml_refuse(edges, error,
                                 "%s are %" PRId64 " numbers; there should be 2 to %d, for a bin between "
                                 "each two of them",
                                 what, r->n_marks, HISTOGRAM_MOST_BINS + 1);
    return sheaf_bins_begin(&bins, r->marks, r->n_marks - 1)
               ? 0
               : sheaf_yaml_refuse(edges, error, "%s should increase: each above the one before it", what);
}

static int read_probabilities(struct job_reduction *r, const struct yaml_node *at, const char *what,
                              struct sheaf_arena *arena, struct sheaf_error *error) {
    if (!at)
        return sheaf_yaml_refuse(r->node, error, "%s is missing: probabilities, as in [0.05, 0.5, 0.95]", what);
    if (at->kind != YAML_LIST)
        return sheaf_yaml_refuse(at, error, "%s should list probabilities: [0.05, 0.5, 0.95]", what);
    if (sheaf_axis_read_numbers(at, "", what, arena, &r->marks, &r->n_marks, error))
        return -1;
    if (r->n_marks < 1 || r->n_marks > QUANTILES_MOST)
        return sheaf_yaml_refuse(at, error, "%s has %" PRId64 " probabilities; there should be 1 to %d", what,
                                 r->n_marks, QUANTILES_MOST);
    for (int64_t k = 0; k < r->n_marks; k++)
        if (!(r->marks[k] >= 0 && r->marks[k] <= 1) || (k > 0 && r->marks[k] <= r->marks[k - 1]))
            return sheaf_yaml_refuse(at->value[k], error,
                                     "%s should be probabilities from 0 to 1 that increase; 5 %% is 0.05", what);
    return 0;
}

/* {of: FORMULA, edges: …} or {of: FORMULA, at: …} */
static int read_distribution(struct job_reduction *r, const char *what, struct sheaf_arena *arena,
                             struct sheaf_error *error) {
    const struct yaml_node *map = r->of;
    const bool is_histogram = r->kind == REDUCE_HISTOGRAM;
    const char *const marks = is_histogram ? "edges" : "at";
    char key[340];
    if (map->kind != YAML_MAP)
        return sheaf_yaml_refuse(map, error,
                                 is_histogram ? "%s should be a map: {of: y, edges: {linspace: [0, 1, 11]}}"
                                              : "%s should be a map: {of: y, at: [0.05, 0.5, 0.95]}",
                                 what);
    if (sheaf_job_keys_check(map, what, is_histogram ? "reduce.*.histogram" : "reduce.*.quantiles", 0, error))
        return -1;
    r->of = sheaf_yaml_get(map, "of");
    if (!r->of)
        return sheaf_yaml_refuse(map, error, "%s.of is missing: the formula of the values", what);
    snprintf(key, sizeof key, "%s.%s", what, marks);
    return is_histogram ? read_edges(r, sheaf_yaml_get(map, marks), key, arena, error)
                        : read_probabilities(r, sheaf_yaml_get(map, marks), key, arena, error);
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

static int read_policy(struct job_reduction *r, const char *what, struct sheaf_error *error) {
    static const char *const policies[] = {"omit", "propagate"};
    const struct yaml_node *nan = sheaf_yaml_get(r->node, "nan");
    int policy;
    if (sheaf_yaml_word(nan, what, policies, 2, &policy, error))
        return -1;
    r->propagates = policy == 1;
    return r->propagates && r->kind == REDUCE_HISTOGRAM
               ? sheaf_yaml_refuse(nan, error,
                                   "%s: a histogram has no bin for what is no number; leave nan out: it is "
                                   "counted beside the bins",
                                   what)
               : 0;
}

static int read_one(struct job_reduction *r, struct sheaf_arena *arena, struct sheaf_error *error) {
    char what[300], key[320];
    const char *text;
    snprintf(what, sizeof what, "reduce.%.200s", r->name);
    if (r->node->kind != YAML_MAP)
        return sheaf_yaml_refuse(r->node, error, "%s should be a map that says what becomes of which values: {mean: y}",
                                 what);
    if (sheaf_job_keys_check(r->node, what, "reduce.*", 0, error) || find_kind(r, what, error))
        return -1;
    snprintf(key, sizeof key, "%s.%s", what, sheaf_reduction_names[r->kind]);
    if (sheaf_reduction_is_distribution(r->kind) && read_distribution(r, key, arena, error))
        return -1;
    if (sheaf_yaml_text(r->of, key, &text, error))
        return -1;
    snprintf(key, sizeof key, "%s.where", what);
    r->where = sheaf_yaml_get(r->node, "where");
    if (r->where && sheaf_yaml_text(r->where, key, &text, error))
        return -1;
    snprintf(key, sizeof key, "%s.over", what);
    r->over = sheaf_yaml_get(r->node, "over");
    if (check_over(r->over, key, error))
        return -1;
    snprintf(key, sizeof key, "%s.nan", what);
    return read_policy(r, key, error);
}

int sheaf_job_read_reductions(const struct yaml_node *map, struct sheaf_arena *arena, struct job_reduction **reductions,
                              int *n, struct sheaf_error *error) {
    *n = 0;
    if (!map)
        return 0;
    if (sheaf_yaml_map(map, "reduce", error))
        return -1;
    if (map->n > REDUCTIONS_MOST)
        return sheaf_yaml_refuse(map, error, "reduce has %d entries; at most %d are possible", map->n, REDUCTIONS_MOST);
    *reductions = sheaf_arena_take(arena, ((size_t)map->n + 1) * sizeof **reductions);
    if (!*reductions)
        return sheaf_fail_memory(error, "the job");
    for (; *n < map->n; ++*n) {
        (*reductions)[*n] = (struct job_reduction){.name = map->key[*n]->text, .node = map->value[*n]};
        if (read_one(&(*reductions)[*n], arena, error))
            return -1;
    }
    return 0;
}
