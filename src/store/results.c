#include "store/results_inside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/known.h"
#include "core/type.h"
#include "plan/proof.h"
#include "store/differences.h"
#include "store/h5.h"
#include "store/identity.h"
#include "store/labels.h"
#include "store/layout.h"
#include "store/proven.h"
#include "store/run_table.h"
#include "store/sums_file.h"
#include "store/texts.h"

void sheaf_results_start(void) {
    sheaf_h5_start();
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* Where a dataset of the given shape lies in the file. */
static int find_dataset(const struct results *r, hid_t file, const char *name, const int64_t *shape, int rank,
                        off_t *offset, struct sheaf_error *error) {
    int rc = -1;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) {
        char what[300];
        snprintf(what, sizeof what, "find the dataset '%s'", name);
        sheaf_h5_fail(error, r->path, what);
    } else if (!sheaf_h5_has_shape(dataset, rank, shape)) {
        sheaf_fail(error, "%s: the dataset '%s' has another shape than this job; the file was changed", r->path, name);
    } else {
        haddr_t at = H5Dget_offset(dataset);
        if (at == HADDR_UNDEF && sheaf_h5_count(dataset) > 0) {
            H5Eclear2(H5E_DEFAULT);
            sheaf_fail(error, "%s: the dataset '%s' is not stored in one piece; the file was repacked", r->path, name);
        } else {
            *offset = at == HADDR_UNDEF ? 0 : (off_t)at; /* a dataset without rows lies nowhere */
            rc = 0;
        }
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    return rc;
}

/* Of what has `width` values for each item. */
static int find_of_items(const struct results *r, hid_t file, const char *name, int64_t width, off_t *offset,
                         struct sheaf_error *error) {
    int64_t shape[EXTENT_MOST + 1];
    return find_dataset(r, file, name, shape, sheaf_extent_shape(&r->extent, width, shape), offset, error);
}

static int find_field(struct results *r, hid_t file, const struct sheaf_field *field, struct row_column *column,
                      struct sheaf_error *error) {
    if (field->type == SHEAF_TEXT) /* lies nowhere until it is packed */
        return 0;
    column->row_bytes = sheaf_field_row_bytes(field);
    return find_of_items(r, file, field->name, field->width, &column->offset, error);
}

static bool is_of_type(hid_t file, const char *name, enum sheaf_type type) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t stored = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
    const bool is = stored >= 0 && H5Tequal(stored, sheaf_h5_type(type)) > 0;
    if (stored >= 0)
        H5Tclose(stored);
    if (dataset >= 0)
        H5Dclose(dataset);
    return is;
}

/* The copies of the items' fields. A file in which one does not lie as it was made can be gone on with: the items have its
   values too. */
static int find_inputs(struct results *r, hid_t file, const struct items *items, struct sheaf_error *error) {
    r->inputs = malloc(((size_t)items->n_fields + 1) * sizeof *r->inputs);
    if (!r->inputs)
        return sheaf_fail_memory(error, "the results file");
    for (int k = 0; k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        off_t offset;
        const bool copied = (!items->links || items->of_stage) && k >= sheaf_items_n_along(items) &&
                            field->type != SHEAF_TEXT && r->n_items > 0 && is_of_type(file, field->name, field->type) &&
                            find_of_items(r, file, field->name, field->width, &offset, NULL) == 0;
        r->inputs[k] = copied ? (int64_t)offset : -1;
    }
    H5Eclear2(H5E_DEFAULT);
    return 0;
}

static int find_reductions(struct results *r, hid_t file, const struct results_plan *plan, struct sheaf_error *error) {
    r->reductions = calloc((size_t)plan->n_reductions + 1, sizeof *r->reductions);
    const int64_t one = 1;
    if (!r->reductions)
        return sheaf_fail_memory(error, "the reductions");
    if (plan->n_reductions && find_dataset(r, file, REDUCED, &one, 1, &r->reduced_offset, error))
        return -1;
    for (int k = 0; k < plan->n_reductions; k++) {
        const struct reduction_field *field = &plan->reductions[k];
        int64_t shape[EXTENT_MOST + 1];
        const int64_t counts[2] = {field->n_cells, sheaf_reduction_n_counts(field->kind)};
        const int rank = sheaf_reduction_shape(field, &r->extent, shape);
        char name[300];
        r->reductions[k].width = field->about.width;
        r->reductions[k].n_counts = counts[1];
        snprintf(name, sizeof name, REDUCTIONS "/%s", field->about.name);
        if (find_dataset(r, file, field->about.name, shape, rank, &r->reductions[k].values, error) ||
            find_dataset(r, file, name, counts, 2, &r->reductions[k].counts, error))
            return -1;
    }
    return 0;
}

int sheaf_results_write_reduction(struct results *r, int k, int64_t first, int64_t n, const void *values,
                                  const int64_t *counts, struct sheaf_error *error) {
    const struct reduction_place *at = &r->reductions[k];
    const int64_t cell = at->width * 8, of_cell = at->n_counts * (int64_t)sizeof *counts;
    return sheaf_file_pwrite(r->fd, values, (size_t)(n * cell), at->values + first * cell, r->path, error) ||
                   sheaf_file_pwrite(r->fd, counts, (size_t)(n * of_cell), at->counts + first * of_cell, r->path, error)
               ? -1
               : 0;
}

int sheaf_results_mark_reduced(struct results *r, bool are, struct sheaf_error *error) {
    const uint8_t mark = are;
    return sheaf_file_pwrite(r->fd, &mark, 1, r->reduced_offset, r->path, error);
}

int sheaf_results_are_reduced(struct results *r, bool *are, struct sheaf_error *error) {
    uint8_t mark = 0;
    if (sheaf_file_pread(r->fd, &mark, 1, r->reduced_offset, r->path, error))
        return -1;
    *are = mark == 1;
    return 0;
}

/* Where the hashes of the inputs' segments are. */
static int find_proof(struct results *r, hid_t file, const struct items *items, struct sheaf_error *error) {
    r->proof_tables = calloc((size_t)items->n_fields, sizeof *r->proof_tables);
    if (!r->proof_tables)
        return sheaf_fail_memory(error, "the hashes of the inputs");
    for (int k = 0; k < items->n_fields; k++) {
        char name[300];
        const int64_t n = sheaf_proof_segments(
            &items->fields[k], sheaf_items_tiling(items, k, (enum sheaf_type)items->fields[k].type), items->n_items);
        snprintf(name, sizeof name, PROOF "%s", items->fields[k].name);
        off_t at;
        if (find_dataset(r, file, name, &n, 1, &at, error))
            return -1;
        r->proof_tables[k] = at;
    }
    return 0;
}

static int find_everything(struct results *r, hid_t file, const struct items *items, struct sheaf_error *error) {
    int64_t n_blocks = (r->n_items + r->block - 1) / r->block;
    int64_t errors[2] = {r->n_items < ERRORS_MOST ? r->n_items : ERRORS_MOST, FAILURE_BYTES};
    const int64_t boot = BOOT_BYTES, lives = LIVES_MOST, texts = TEXTS_MARKS;
    const int64_t flights[2] = {FLIGHTS_MOST, FLIGHT_WIDTH}, suspects[2] = {SUSPECTS_MOST, SUSPECT_WIDTH};
    errors[0] = errors[0] > 0 ? errors[0] : 1;
    for (int k = 0; k < r->n_outputs; k++)
        if (find_field(r, file, &r->outputs[k], &r->sink.layout.columns[k], error))
            return -1;
    for (int k = 0; k < RUN_COLUMNS; k++) {
        int64_t shape[2] = {RUNS_MOST, sheaf_run_columns[k].width};
        if (find_dataset(r, file, sheaf_run_columns[k].path, shape, shape[1] > 1 ? 2 : 1, &r->run_offsets[k], error))
            return -1;
    }
    r->sink.layout.most_failures = errors[0];
    r->token = sheaf_h5_get_token(file);
    if (H5Lexists(file, ATTEMPTS_NAME, H5P_DEFAULT) > 0 &&
        find_of_items(r, file, ATTEMPTS_NAME, 1, &r->attempts_offset, error))
        return -1;
    if (H5Lexists(file, ORIGIN_NAME, H5P_DEFAULT) > 0 &&
        find_of_items(r, file, ORIGIN_NAME, 1, &r->origin_offset, error))
        return -1;
    if (H5Lexists(file, TEXT_SUMS, H5P_DEFAULT) > 0 &&
        find_dataset(r, file, TEXT_SUMS, &r->n_items, 1, &r->sink.layout.text_sums_offset, error))
        return -1;
    if (items->in_segments && find_proof(r, file, items, error))
        return -1;
    if (r->block == 1 ? find_of_items(r, file, ITEM_SECONDS, 1, &r->sink.layout.seconds_offset, error)
                      : find_dataset(r, file, BLOCK_SECONDS, &n_blocks, 1, &r->sink.layout.seconds_offset, error))
        return -1;
    if (find_of_items(r, file, "status", 1, &r->sink.layout.status_offset, error) ||
        find_dataset(r, file, ERROR_ITEM, errors, 1, &r->sink.layout.failure_item_offset, error) ||
        find_dataset(r, file, IN_FLIGHT, flights, 2, &r->sink.layout.flights_offset, error) ||
        find_dataset(r, file, SUSPECTS, suspects, 2, &r->suspects_offset, error) ||
        find_dataset(r, file, LIVES, &lives, 1, &r->sink.layout.lives_offset, error) ||
        find_dataset(r, file, BOOT, &boot, 1, &r->sink.layout.boot_offset, error) ||
        find_dataset(r, file, TEXTS, &texts, 1, &r->sink.layout.texts_offset, error))
        return -1;
    return find_dataset(r, file, ERROR_MESSAGE, errors, 2, &r->sink.layout.failure_message_offset, error);
}

static int check_identity(struct results *r, const struct results_plan *plan, hid_t file, struct sheaf_error *error) {
    char *stored = sheaf_h5_get_dataset_text(file, IDENTITY_TEXT);
    const int32_t layout = sheaf_h5_get_layout(file);
    if (!stored && H5Lexists(file, STAGES_TEXT, H5P_DEFAULT) > 0)
        return sheaf_refuse(error,
                            "%s: holds the results of a job with stages; choose another place with -o, or start anew "
                            "with --overwrite",
                            plan->path);
    if (!stored) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_refuse(error,
                            "%s: exists and is not a results file of Sheaf; move it away or choose another place "
                            "with -o",
                            plan->path);
    }
    if (layout < LAYOUT_OLDEST || layout > LAYOUT_VERSION) {
        free(stored);
        return sheaf_refuse(error,
                            "%s: was made by another version of Sheaf (layout %" PRId32
                            ", this one goes on with %d); go "
                            "on with that version, choose another place with -o, or start anew with --overwrite",
                            plan->path, layout, LAYOUT_VERSION);
    }
    int rc = sheaf_identity_check(plan->path, stored, plan->identity, plan->accept_changes, &r->changed, error);
    if (rc && error && !sheaf_identity_same_items(stored, plan->identity)) {
        struct sheaf_string differences = {0};
        sheaf_differences_say(plan->path, plan->items, &differences);
        if (differences.length && !differences.failed)
            sheaf_refuse(error, "%s: holds the results of another job: %s", plan->path, differences.data);
        sheaf_string_free(&differences);
    }
    free(stored);
    return rc;
}

/* Older versions had the items of a grid one behind the other. */
static int check_layout(const struct results *r, const struct results_plan *plan, hid_t file,
                        struct sheaf_error *error) {
    return r->extent.n_dims == 1 || sheaf_h5_get_layout(file) >= LAYOUT_CUBES
               ? 0
               : sheaf_refuse(error,
                              "%s: was begun by an older version of Sheaf, which had no dimensions for the axes of a "
                              "grid; go on with that version, choose another place with -o, or start anew with "
                              "--overwrite",
                              plan->path);
}

/* `path`: where the file is at present. */
static int look_inside(struct results *r, const struct results_plan *plan, const char *path,
                       struct sheaf_error *error) {
    struct interrupt_reading reading;
    int rc = -1;
    if (access(path, R_OK | W_OK))
        return sheaf_fail_errno(error, "%s: cannot open for reading and writing", plan->path);
    if (sheaf_file_check_regular(path, error))
        return -1;
    hid_t file = sheaf_h5_open_watched(path, plan->stage, &reading);
    if (file < 0) {
        sheaf_h5_close_watched(file, &reading);
        return sheaf_refuse(error,
                            "%s: exists and is not an HDF5 file that can be read; move it away or choose another "
                            "place with -o",
                            plan->path);
    }
    char *files = sheaf_h5_get_dataset_text(file, FILES_TEXT);
    H5Eclear2(H5E_DEFAULT);
    r->same_input = r->created || sheaf_known_is_same(files, plan->items->name);
    free(files);
    if (check_identity(r, plan, file, error) == 0)
        rc = check_layout(r, plan, file, error) || find_everything(r, file, plan->items, error) ||
                     find_inputs(r, file, plan->items, error) || find_reductions(r, file, plan, error) ||
                     sheaf_sums_find(&r->sums, file, plan->path, plan->identity, error)
                 ? -1
                 : 0;
    r->sink.layout.segments = r->sums.segments;
    if (rc == 0 && !r->created)
        sheaf_labels_compare(file, plan, &r->kept);
    if (sheaf_h5_close_watched(file, &reading) && rc == 0)
        rc = sheaf_h5_fail(error, plan->path, "close the file");
    return rc;
}

static char *read_text(const char *path, const char *stage, const char *name) {
    struct interrupt_reading reading;
    if (access(path, R_OK))
        return NULL;
    hid_t file = sheaf_h5_open_watched(path, stage, &reading);
    char *text = file >= 0 ? sheaf_h5_get_dataset_text(file, name) : NULL;
    sheaf_h5_close_watched(file, &reading);
    return text;
}

char *sheaf_results_files(const char *path, const char *stage) {
    return read_text(path, stage, FILES_TEXT);
}

char *sheaf_results_identity(const char *path, const char *stage) {
    return read_text(path, stage, IDENTITY_TEXT);
}

/* All that needs no file. */
static int prepare(struct results *r, const struct results_plan *plan, bool aside, struct sheaf_error *error) {
    const bool created = aside || plan->added;
    *r = (struct results){.fd = -1, .created = created, .aside = aside, .is_new = created};
    r->n_items = plan->items->n_items;
    r->extent = sheaf_items_extent(plan->items);
    r->block = plan->block;
    r->n_outputs = plan->n_outputs;
    r->outputs = plan->outputs;
    r->path = strdup(plan->path);
    r->window = malloc(RESULTS_WINDOW);
    r->piece = malloc(SEGMENT_PIECE);
    r->sink =
        (struct row_sink){.path = r->path, .layout.n_columns = plan->n_outputs, .mixed = !created && plan->block > 1};
    r->sink.layout.columns = calloc((size_t)plan->n_outputs, sizeof *r->sink.layout.columns);
    return r->path && r->window && r->piece && r->sink.layout.columns ? 0
                                                                      : sheaf_fail_memory(error, "the results file");
}

/* What the inputs are is in the identity, or proven by their segments. */
static int check_input(const struct results *r, const struct items *items, struct sheaf_error *error) {
    if (!items->in_segments || r->same_input)
        return 0;
    return sheaf_proven_check(r->path, r->fd, items, r->proof_tables, error);
}

/* As the file is: other reductions than the plan's are as good, since a run makes those. */
static int look_as_it_is(struct results *r, const struct results_plan *plan, struct sheaf_error *error) {
    struct results_plan as_it_is = *plan;
    struct sheaf_string becomes = {0};
    char *stored = sheaf_results_identity(plan->path, plan->stage);
    r->asks_anew = stored && sheaf_identity_differs_in_reductions(stored, plan->identity, &becomes);
    if (r->asks_anew) {
        as_it_is.identity = stored;
        as_it_is.n_reductions = 0;
    }
    const int rc = look_inside(r, &as_it_is, plan->path, error);
    sheaf_string_free(&becomes);
    free(stored);
    return rc;
}

int sheaf_results_look(struct results *r, const struct results_plan *plan, struct sheaf_error *error) {
    if (prepare(r, plan, false, error) || look_as_it_is(r, plan, error))
        return -1;
    char stored[BOOT_BYTES], own[BOOT_BYTES];
    r->fd = r->sink.fd = open(plan->path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return sheaf_fail_errno(error, "%s: cannot open", plan->path);
    if (check_input(r, plan->items, error) ||
        sheaf_file_pread(r->fd, stored, sizeof stored, r->sink.layout.boot_offset, r->path, error))
        return -1;
    sheaf_boot_id(own);
    r->looks = true;
    r->sink.trusted = own[0] != '\0' && memcmp(stored, own, sizeof own) == 0;
    return 0;
}

int sheaf_results_open(struct results *r, const struct results_plan *plan, bool aside, struct sheaf_error *error) {
    if (prepare(r, plan, aside, error))
        return -1;
    char *path = sheaf_path_with(plan->path, aside ? SUFFIX_NEW : "");
    if (!path)
        return sheaf_fail_memory(error, "the results file");
    int rc = look_inside(r, plan, path, error);
    if (rc == 0) {
        r->fd = r->sink.fd = open(path, O_RDWR | O_CLOEXEC);
        if (r->fd < 0)
            rc = sheaf_fail_errno(error, "%s: cannot open for writing", path);
        else
            rc = check_input(r, plan->items, error) || sheaf_stamp_open(&r->stamp, r->fd, path, error) ||
                         sheaf_results_open_sums(r, error) || sheaf_results_prove_inputs(r, plan->items, error) ||
                         (r->created && plan->items->sweep && sheaf_results_fill_new(r, error)) ||
                         sheaf_results_judge_unsafe(r, error) || sheaf_results_judge_texts(r, error) ||
                         sheaf_results_tidy_messages(r, error)
                     ? -1
                     : 0;
    }
    free(path);
    return rc;
}

int sheaf_results_sync(struct results *r, struct sheaf_error *error) {
    return fsync(r->fd) ? sheaf_fail_errno(error, "%s: cannot sync", r->path) : 0;
}

int sheaf_results_close(struct results *r, struct sheaf_error *error) {
    int rc = 0;
    if (r->fd >= 0) {
        rc = sheaf_results_sync(r, error);
        if (close(r->fd) && rc == 0)
            rc = sheaf_fail_errno(error, "%s: cannot close", r->path);
    }
    r->fd = -1;
    free(r->inputs);
    free(r->reductions);
    sheaf_sums_free(&r->sums);
    free(r->sink.layout.columns);
    free(r->noted);
    free(r->proof_tables);
    free(r->window);
    free(r->piece);
    free(r->path);
    sheaf_string_free(&r->kept);
    sheaf_string_free(&r->changed);
    r->inputs = NULL;
    r->reductions = NULL;
    r->sink.layout.columns = NULL;
    r->noted = NULL;
    r->proof_tables = NULL;
    r->window = r->piece = NULL;
    r->path = NULL;
    return rc;
}

char *sheaf_results_path(const struct results *r) {
    return sheaf_path_with(r->path, r->aside ? SUFFIX_NEW : "");
}

off_t sheaf_results_run_offset(const struct results *r) {
    return r->run_offsets[0] + r->run * (off_t)sizeof(double);
}
