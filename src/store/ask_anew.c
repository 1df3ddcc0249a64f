/* Other reductions for the rows of a results file: in a copy of it, which takes its place. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "store/create_inside.h"
#include "store/dimensions.h"
#include "store/finish.h"
#include "store/identity.h"
#include "store/layout.h"
#include "store/reductions.h"

struct asking {
    const struct results_plan *plan;
    char *stored;                /* the identity in the file, */
    struct sheaf_string becomes; /* and what it is to be */
};

static int look(void *self, const char *path, bool *is_due, struct sheaf_error *error) {
    struct asking *a = self;
    (void)path, (void)error;
    *is_due = a->stored && sheaf_identity_differs_in_reductions(a->stored, a->plan->identity, &a->becomes);
    return 0;
}

static int remove_dataset(struct creation *c, const char *name) {
    hid_t dataset = H5Dopen2(c->file, name, H5P_DEFAULT),
          space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    int rc = rank >= 0 ? sheaf_dimension_detach(c->file, dataset, rank) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (rc == 0 && H5Ldelete(c->file, name, H5P_DEFAULT) < 0)
        rc = -1;
    return rc ? sheaf_create_fail(c, "remove a reduction") : 0;
}

/* Those that are there. */
static int remove_all(struct creation *c, const char *stored) {
    const char *const all = stored, *name;
    size_t n_bytes;
    if (H5Lexists(c->file, REDUCED, H5P_DEFAULT) > 0 && remove_dataset(c, REDUCED))
        return -1;
    while (sheaf_identity_next_reduction(&stored, &name, &n_bytes)) {
        static const char *const parts[] = {"", REDUCTION_BOUNDS, REDUCTION_BINS, REDUCTION_QUANTILES};
        char values[320], counts[320];
        snprintf(counts, sizeof counts, REDUCTIONS "/%.*s", (int)n_bytes, name);
        if (remove_dataset(c, counts))
            return -1;
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            snprintf(values, sizeof values, "%.*s%s", (int)n_bytes, name, parts[k]);
            if ((k == 0 || H5Lexists(c->file, values, H5P_DEFAULT) > 0) && sheaf_identity_is_reduction(all, values) &&
                remove_dataset(c, values))
                return -1;
        }
    }
    return 0;
}

static int write_text(struct creation *c, const char *name, const char *text) {
    return remove_dataset(c, name) || sheaf_create_text(c, name, text) ? -1 : 0;
}

static int write_anew(void *self, hid_t copy, const char *aside, struct sheaf_error *error) {
    struct asking *a = self;
    struct creation c = {.plan = a->plan, .path = aside, .error = error};
    const char *stage = a->plan->stage;
    int rc = sheaf_create_begin(&c);
    c.file = stage ? H5Gopen2(copy, stage, H5P_DEFAULT) : copy;
    if (rc == 0 && c.file < 0)
        rc = sheaf_create_fail(&c, "open the stage");
    if (rc == 0)
        rc = remove_all(&c, a->stored) || sheaf_create_reductions(&c) ||
                     write_text(&c, IDENTITY_TEXT, a->becomes.data) || write_text(&c, JOB_TEXT, a->plan->job_text)
                 ? -1
                 : 0;
    if (stage && c.file >= 0 && H5Gclose(c.file) < 0 && rc == 0)
        rc = sheaf_create_fail(&c, "close the stage");
    sheaf_create_end(&c);
    return rc;
}

static int clear(void *self, const char *path, struct sheaf_error *error) {
    (void)self, (void)path, (void)error;
    return 0;
}

int sheaf_results_ask_anew(const struct results_plan *plan, bool *changed, struct sheaf_error *error) {
    struct asking a = {.plan = plan, .stored = sheaf_results_identity(plan->path, plan->stage)};
    struct sheaf_stamp placed;
    const struct finish_step step = {&a, look, write_anew, clear, "the results are as they were", NULL};
    int rc = sheaf_finish(plan->path, &step, 1, &placed, error);
    *changed = placed.inode != 0;
    sheaf_string_free(&a.becomes);
    free(a.stored);
    return rc;
}
