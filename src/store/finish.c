#include "store/finish.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/interrupt.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/results.h"
#include "store/space.h"

enum { MOST_STEPS = 8, ALIGNED = 8, LINE = 64 };

struct finish {
    const char *path;            /* of the results file itself */
    char *aside;                 /* of the copy */
    struct sheaf_stamp original; /* the file that is copied */
    const struct finish_step *steps;
    int n_steps;
    bool is_due[MOST_STEPS];
    struct sheaf_stamp *placed;
    struct sheaf_error *error;
};

/* --- the copy ------------------------------------------------------------------------------------------------------ */

/* What is made in the copy lies aligned, as in a new file: so a kill leaves no number that is written in part. */
static hid_t open_copy(const struct finish *f) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), copy = H5I_INVALID_HID;
    if (access >= 0 && H5Pset_alignment(access, ALIGNED, LINE) >= 0)
        copy = H5Fopen(f->aside, H5F_ACC_RDWR, access);
    if (access >= 0)
        H5Pclose(access);
    return copy;
}

/* Each opens the copy for itself: what one gives free the next does not fill, where no value of the old one may be. */
static int write_step(const struct finish *f, const struct finish_step *step) {
    hid_t copy = open_copy(f);
    int rc = copy >= 0 ? step->write(step->self, copy, f->aside, f->error)
                       : sheaf_h5_fail(f->error, f->aside, "open the copy");
    if (copy >= 0 && H5Fclose(copy) < 0 && rc == 0)
        rc = sheaf_h5_fail(f->error, f->aside, "close the copy");
    return rc;
}

static int write_steps(const struct finish *f) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < f->n_steps; i++)
        if (f->is_due[i])
            rc = write_step(f, &f->steps[i]);
    return rc;
}

static int make_copy(struct finish *f) {
    struct interrupt_reading reading;
    unlink(f->aside); /* what a killed run has left; never the file that a link leads to */
    if (sheaf_stamp_take(&f->original, f->path, f->error) || sheaf_file_copy(f->path, f->aside, f->error))
        return -1;
    sheaf_interrupt_open_reading(&reading, f->path, INT_MAX, false); /* however much there is */
    sheaf_interrupt_begin_reading(&reading, "it");
    int rc = write_steps(f);
    sheaf_interrupt_close_reading(&reading);
    return rc ? rc : sheaf_space_reserve(f->aside, f->error);
}

/* --- it takes the file's place ------------------------------------------------------------------------------------- */

/* The first step that was to be taken, which says what is left where it was. */
static const struct finish_step *first_due(const struct finish *f) {
    for (int i = 0; i + 1 < f->n_steps; i++)
        if (f->is_due[i])
            return &f->steps[i];
    return &f->steps[f->n_steps - 1];
}

static int replace(struct finish *f) {
    if (make_copy(f) == 0) {
        if (access(f->path, F_OK) == 0 && !sheaf_stamp_names(&f->original, f->path))
            return sheaf_fail(f->error,
                              "%s: is another file now; what was in it is in %s: move the other file away and rename "
                              "this one back",
                              f->path, f->aside);
        if (sheaf_stamp_take(f->placed, f->aside, f->error) == 0) {
            if (rename(f->aside, f->path) == 0)
                return sheaf_file_sync_folder(f->path, f->error);
            sheaf_fail_errno(f->error, "%s: cannot rename it to %s", f->aside, f->path);
        }
    }
    unlink(f->aside);
    if (f->error) {
        char why[sizeof f->error->text];
        const struct finish_step *step = first_due(f);
        snprintf(why, sizeof why, "%s", f->error->text);
        sheaf_fail(f->error, "%.600s; nothing is lost: %s%s%s%s%.200s", why, step->kept, step->later ? "; later: " : "",
                   step->later ? step->later : "", step->later ? " " : "", step->later ? f->path : "");
    }
    return -1;
}

static int finish(struct finish *f) {
    bool any = false;
    for (int i = 0; i < f->n_steps; i++) {
        if (f->steps[i].look(f->steps[i].self, f->path, &f->is_due[i], f->error))
            return -1;
        any = any || f->is_due[i];
    }
    if (any) {
        if (sheaf_results_may_make(f->path, f->error))
            return -1;
        sheaf_interrupt_remove(f->aside);
        int rc = replace(f);
        sheaf_interrupt_forget(f->aside);
        if (rc)
            return -1;
    }
    for (int i = 0; i < f->n_steps; i++)
        if (f->steps[i].clear(f->steps[i].self, f->path, f->error))
            return -1;
    return 0;
}

int sheaf_finish(const char *path, const struct finish_step *steps, int n_steps, struct sheaf_stamp *placed,
                 struct sheaf_error *error) {
    struct finish f = {.path = path, .steps = steps, .n_steps = n_steps, .placed = placed, .error = error};
    *placed = (struct sheaf_stamp){0};
    if (n_steps > MOST_STEPS)
        return sheaf_fail(error, "%s: too many steps to finish it", path);
    f.aside = sheaf_path_with(path, SUFFIX_PACK);
    int rc = f.aside ? finish(&f) : sheaf_fail_memory(error, "a path");
    free(f.aside);
    return rc;
}
