/* sheaf merge: results files of one job, each with some of its rows, become one. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cells.h"
#include "cmd/cmd.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/text.h"
#include "store/lock.h"
#include "store/merge.h"

static int apply_first(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct merge_plan *)target)->first_counts = true;
    return 0;
}

static int apply_overwrite(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct merge_plan *)target)->overwrite = true;
    return 0;
}

static const struct sheaf_option table[] = {
    {0, "first", NULL, "where two parts have other results of an item, the first part's count", apply_first},
    {0, "overwrite", NULL, "replace the new file if it is there", apply_overwrite},
    {0},
};

static const struct cmd_usage usage = {
    "sheaf merge NEW FILE FILE… [options]",
    "Puts results files of one job, of which each has some of the rows (sheaf run --items), into a new one.\n"
    "The same job goes on with that as with any other: sheaf run JOB.yaml -o NEW.",
    2, 10000};

static void say(const struct merge_plan *plan, const struct merged *merged) {
    char count[32];
    for (int p = 0; p < plan->n_parts; p++)
        printf("  %s: %s row%s\n", plan->parts[p], sheaf_text_count(merged->n_rows[p], count),
               merged->n_rows[p] == 1 ? "" : "s");
    if (merged->n_both)
        printf("  done in several, %s: %s\n", plan->first_counts ? "of which the first counts" : "and the same",
               sheaf_text_count(merged->n_both, count));
    printf("%s: %s item%s", plan->path, sheaf_text_count(merged->n_items, count), merged->n_items == 1 ? "" : "s");
    for (int k = 0; k <= ITEM_SKIPPED; k++)
        if (merged->counts[k] || k == ITEM_DONE)
            printf(", %s %s", sheaf_text_count(merged->counts[k], count), sheaf_cell_status((uint8_t)k));
    printf("\n");
    if (merged->has_reductions)
        printf("  reductions are not made yet: sheaf run JOB.yaml -o %s\n", plan->path);
    if (merged->said.length)
        fprintf(stderr, "sheaf merge: %s\n", merged->said.data);
}

static int merge(struct merge_plan *plan, struct merged *merged, struct sheaf_error *error) {
    struct lock lock = {.fd = -1};
    char *target = sheaf_path_follow(plan->path);
    if (!target)
        return sheaf_fail_memory(error, "a path");
    plan->path = target;
    int rc = sheaf_lock_take_or(&lock, target, "choose another name", error);
    if (rc == 0)
        rc = sheaf_merge(plan, merged, error);
    sheaf_lock_release(&lock);
    return rc;
}

int sheaf_cmd_merge(int argc, char **argv) {
    struct sheaf_error error = {0};
    struct merge_plan plan = {0};
    struct merged merged = {0};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &plan, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    plan.path = argv[first_word];
    plan.parts = (const char *const *)argv + first_word + 1;
    plan.n_parts = argc - first_word - 1;
    sheaf_interrupt_leave_at_once(true);
    if (merge(&plan, &merged, &error))
        code = sheaf_cmd_fail(&error);
    else
        say(&plan, &merged);
    code = code < 0 ? SHEAF_EXIT_DONE : code;
    if (plan.path != argv[first_word])
        free((char *)plan.path);
    sheaf_merged_free(&merged);
    return code;
}
