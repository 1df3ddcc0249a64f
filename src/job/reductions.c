#include "job/reductions.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "job/keys.h"

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
                                      "standard_error, min, max, argmin, argmax and count, as in {mean: y}",
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

static int read_one(struct job_reduction *r, struct sheaf_error *error) {
    static const char *const policies[] = {"omit", "propagate"};
    char what[300], key[320];
    const char *text;
    int policy;
    snprintf(what, sizeof what, "reduce.%.200s", r->name);
    if (r->node->kind != YAML_MAP)
        return sheaf_yaml_refuse(r->node, error, "%s should be a map that says what becomes of which values: {mean: y}",
                                 what);
    if (sheaf_job_keys_check(r->node, what, "reduce.*", 0, error) || find_kind(r, what, error))
        return -1;
    snprintf(key, sizeof key, "%s.%s", what, sheaf_reduction_names[r->kind]);
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
    if (sheaf_yaml_word(sheaf_yaml_get(r->node, "nan"), key, policies, 2, &policy, error))
        return -1;
    r->propagates = policy == 1;
    return 0;
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
        if (read_one(&(*reductions)[*n], error))
            return -1;
    }
    return 0;
}
