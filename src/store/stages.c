#include "store/stages.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "plan/journal.h"
#include "store/create_inside.h"
#include "store/finish.h"
#include "store/layout.h"
#include "store/results.h"

/* --- which there are ----------------------------------------------------------------------------------------------- */

int sheaf_stages_split(const char *address, char **path, const char **stage) {
    const char *colon = NULL;
    for (const char *at = address; (at = strstr(at, ":/")) != NULL; at++)
        colon = at;
    const bool is_file = !colon || !colon[2] || strchr(colon + 2, '/') || access(address, F_OK) == 0;
    *stage = is_file ? NULL : colon + 2;
    *path = is_file ? strdup(address) : strndup(address, (size_t)(colon - address));
    return *path ? 0 : -1;
}

char *sheaf_stages_list(const char *path) {
    struct interrupt_reading reading;
    if (access(path, R_OK))
        return NULL;
    hid_t file = sheaf_h5_open_watched(path, NULL, &reading);
    char *stages = file >= 0 && H5Lexists(file, GROUP, H5P_DEFAULT) > 0 && H5Lexists(file, STAGES_TEXT, H5P_DEFAULT) > 0
                       ? sheaf_h5_get_dataset_text(file, STAGES_TEXT)
                       : NULL;
    sheaf_h5_close_watched(file, &reading);
    H5Eclear2(H5E_DEFAULT);
    return stages;
}

bool sheaf_stages_has(const char *path, const char *stage) {
    struct interrupt_reading reading;
    if (access(path, R_OK))
        return false;
    hid_t group = sheaf_h5_open_watched(path, stage, &reading);
    sheaf_h5_close_watched(group, &reading);
    H5Eclear2(H5E_DEFAULT);
    return group >= 0;
}

bool sheaf_stages_is_new(const char *path, const char *stage) {
    struct interrupt_reading reading;
    double starts[RUNS_MOST] = {1};
    hid_t group = sheaf_h5_open_watched(path, stage, &reading);
    hid_t dataset = group >= 0 ? H5Dopen2(group, GROUP "/runs/start", H5P_DEFAULT) : H5I_INVALID_HID;
    const bool read = sheaf_h5_count(dataset) == RUNS_MOST &&
                      H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, starts) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    sheaf_h5_close_watched(group, &reading);
    H5Eclear2(H5E_DEFAULT);
    return read && !(starts[0] > 0);
}

int sheaf_stages_refuse(const char *path, const char *stages, struct sheaf_error *error) {
    struct sheaf_string names = {0};
    const char *last = stages;
    size_t n_last = 0;
    for (const char *at = stages; *at; at += n_last + (at[n_last] == '\n')) {
        last = at;
        n_last = strcspn(at, "\n");
        sheaf_string_add(&names, "%s%.*s", at == stages ? "" : ", ", (int)n_last, at);
    }
    sheaf_refuse(error, "%s: has the stages %s; say which one, as in %s:/%.*s", path, names.failed ? "" : names.data,
                 path, (int)n_last, last);
    sheaf_string_free(&names);
    return -1;
}

/* --- adding one ---------------------------------------------------------------------------------------------------- */

struct adding {
    const struct results_plan *plan;
    uint64_t token; /* of the stage that is replaced: of its journals; 0: none */
};

/* What HDF5 has given free is not zero: it is forgotten when the copy is closed, and what is made then lies elsewhere. */
static int remove_old(void *self, hid_t copy, const char *aside, struct sheaf_error *error) {
    struct adding *a = self;
    const char *names[] = {a->plan->stage, STAGES_TEXT, JOB_TEXT};
    hid_t old = H5Lexists(copy, names[0], H5P_DEFAULT) > 0 ? H5Gopen2(copy, names[0], H5P_DEFAULT) : H5I_INVALID_HID;
    if (old >= 0) {
        a->token = sheaf_h5_get_token(old);
        H5Gclose(old);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (H5Lexists(copy, names[i], H5P_DEFAULT) > 0 && H5Ldelete(copy, names[i], H5P_DEFAULT) < 0)
            return sheaf_h5_fail(error, aside, "remove what is to be replaced");
    return 0;
}

static int look(void *self, const char *path, bool *is_due, struct sheaf_error *error) {
    (void)self, (void)path, (void)error;
    *is_due = true;
    return 0;
}

/* The texts of the stage that was replaced. */
static int clear_old(void *self, const char *path, struct sheaf_error *error) {
    const struct adding *a = self;
    return a->token ? sheaf_journal_remove(path, a->token, false, error) : 0;
}

static int clear(void *self, const char *path, struct sheaf_error *error) {
    (void)self, (void)path, (void)error;
    return 0;
}

static int write_stage(struct creation *c, hid_t copy, const struct results_plan *plan) {
    c->file = sheaf_create_group(c, copy, plan->stage);
    int rc = c->file >= 0 ? sheaf_create_stage(c) : -1;
    if (c->file >= 0 && H5Gclose(c->file) < 0 && rc == 0)
        rc = sheaf_create_fail(c, "close the group of a stage");
    c->file = copy;
    return rc || sheaf_create_text(c, STAGES_TEXT, plan->stages) || sheaf_create_text(c, JOB_TEXT, plan->job_text) ? -1
                                                                                                                   : 0;
}

static int write_added(void *self, hid_t copy, const char *aside, struct sheaf_error *error) {
    const struct adding *a = self;
    struct creation c = {.plan = a->plan, .path = aside, .error = error};
    int rc = sheaf_create_begin(&c);
    if (rc == 0)
        rc = write_stage(&c, copy, a->plan);
    sheaf_create_end(&c);
    return rc;
}

int sheaf_stages_add(const struct results_plan *plan, struct sheaf_error *error) {
    static const char kept[] = "the results are as they were";
    struct adding a = {.plan = plan};
    struct sheaf_stamp placed;
    const struct finish_step steps[] = {{&a, look, remove_old, clear_old, kept, NULL},
                                        {&a, look, write_added, clear, kept, NULL}};
    sheaf_h5_start();
    return sheaf_finish(plan->path, steps, 2, &placed, error);
}
