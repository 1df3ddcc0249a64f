#include "app/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/adding.h"
#include "app/again.h"
#include "app/growing.h"
#include "app/reuse.h"
#include "app/shared_data.h"
#include "app/reducing.h"
#include "app/stage.h"
#include "app/told.h"
#include "core/file.h"
#include "core/type.h"
#include "store/differences.h"
#include "store/reader.h"
#include "store/stages.h"

enum { FIELDS_SHOWN = 40, BOOKKEEPING = 3 << 20 /* bytes of tables in a results file */ };

/* --- items and kernel ---------------------------------------------------------------------------------------------- */

static void tell_fields(const char *what, const struct sheaf_field *fields, int n, struct sheaf_string *text) {
    sheaf_string_add(text, "%s", what);
    int told = 0;
    for (int k = 0; k < n; k++) {
        if (!fields[k].name) /* an optional input that is not there */
            continue;
        if (told++ == FIELDS_SHOWN) {
            sheaf_string_add(text, ", … (%d in all)", n);
            break;
        }
        sheaf_string_add(text, "%s%s %s", told > 1 ? ", " : " ", fields[k].name, sheaf_type_name(fields[k].type));
        if (fields[k].width > 1)
            sheaf_string_add(text, "[%" PRId64 "]", fields[k].width);
        if (fields[k].unit)
            sheaf_string_add(text, " (%s)", fields[k].unit);
    }
    sheaf_string_add(text, "%s\n", told ? "" : " nothing");
}

/* "mass[50] charge[3]" */
static void tell_axes(const struct sweep *sweep, struct sheaf_string *text) {
    for (int a = 0; a < sweep->n_axes; a++)
        sheaf_string_add(text, "%s%s[%" PRId64 "]", a ? " " : "", sweep->axes[a].name, sweep->axes[a].size);
}

static void tell_job(const struct stage *stage, struct sheaf_string *text) {
    const struct session *session = stage->session;
    static const char *const kinds[] = {"csv ",  "lines of ", "",      "hdf5 ",   "results of ", "jsonl ",
                                        "grid ", "zip ",      "rows ", "sample ", "files "};
    const struct items *items = &stage->items;
    const bool listed = sheaf_job_lists_items(stage->job), named = !listed && stage->job->items.kind != JOB_COUNT;
    sheaf_string_add(text, "%s: %s, of %s\n", stage->job->stage ? "stage" : "job", stage->job->name,
                     session->options->job_file);
    sheaf_string_add(text, "items: %s", kinds[stage->job->items.kind]);
    if (named)
        sheaf_string_add(text, "%s, ", items->name);
    const bool has_axes = items->sweep && (listed || strcmp(items->sweep->axes[0].name, "item") != 0);
    if (has_axes)
        tell_axes(items->sweep, text);
    sheaf_string_add(text, "%s%" PRId64 "\n", has_axes ? ", " : "", items->n_items);
    if (items->n_fields)
        tell_fields("fields:", items->fields, items->n_fields, text);
    sheaf_string_add(text, "kernel: %s, %" PRId64 " item%s at a time\n", stage->kernel.kernel.table.head.name,
                     stage->kernel.block, stage->kernel.block > 1 ? "s" : "");
    tell_fields("it reads:", stage->kernel.inputs, stage->kernel.n_inputs, text);
    tell_fields("outputs:", stage->kernel.outputs, stage->kernel.n_outputs, text);
    const struct reduction_field *reductions;
    for (int k = 0, n = sheaf_reducing_fields(stage->reducing, &reductions); k < n; k++)
        sheaf_string_add(text, "%s %s: %s%s", k ? "" : "of all items:", reductions[k].about.name,
                         reductions[k].about.long_name, k + 1 < n ? "," : "\n");
    sheaf_shared_data_tell(stage, text);
}

/* --- item 0 -------------------------------------------------------------------------------------------------------- */

static void tell_value(const struct sheaf_field *field, const void *column, struct sheaf_string *text) {
    char number[32];
    int64_t whole;
    sheaf_string_add(text, "  %s =", field->name);
    for (int64_t w = 0; w < field->width; w++) {
        const char *value = (const char *)column + (size_t)w * sheaf_type_bytes(field->type);
        const struct sheaf_text *words = (const void *)value;
        if (field->type == SHEAF_TEXT) {
            sheaf_string_add(text, " '%.*s'", (int)(words->length < 200 ? words->length : 200), words->data);
        } else if (field->type == SHEAF_INT64) {
            memcpy(&whole, value, sizeof whole);
            sheaf_string_add(text, " %" PRId64, whole);
        } else {
            sheaf_string_add(text, " %s", sheaf_text_double(sheaf_type_to_double(field->type, value), number));
        }
    }
    sheaf_string_add(text, "\n");
}

/* What the kernel gets for the item, or would run for it. */
static int tell_first(struct stage *stage, struct sheaf_string *text) {
    struct session *session = stage->session;
    const struct binding *kernel = &stage->kernel;
    struct sheaf_arena arena = {0};
    const int64_t item = stage->asked.spans[0].first;
    int rc = 0;
    void **columns = sheaf_arena_take(&arena, ((size_t)stage->items.n_fields + 1) * sizeof *columns);
    const void **in = sheaf_arena_take(&arena, ((size_t)kernel->n_inputs + 1) * sizeof *in);
    enum sheaf_type *types = sheaf_arena_take(&arena, ((size_t)stage->items.n_fields + 1) * sizeof *types);
    for (int k = 0; columns && in && types && k < kernel->n_inputs; k++)
        if (kernel->field[k] >= 0) {
            types[kernel->field[k]] = (enum sheaf_type)kernel->inputs[k].type;
            in[k] = columns[kernel->field[k]] =
                sheaf_arena_take(&arena, sheaf_round_up(sheaf_field_row_bytes(&kernel->inputs[k]), SHEAF_ALIGN));
        }
    if (!columns || !in || !types)
        rc = sheaf_fail_memory(&session->error, "reading items");
    else
        rc = sheaf_items_read_as(&stage->items, item, 1, columns, types, &arena, &session->error);
    sheaf_string_add(text, "item %" PRId64 ":\n", item);
    struct sheaf_block block = {.first = item, .n = 1, .in = in};
    if (rc == 0 && kernel->kernel.tell)
        rc = kernel->kernel.tell(kernel->kernel.made, &block, text, &session->error);
    for (int k = 0; rc == 0 && !kernel->kernel.tell && k < kernel->n_inputs; k++)
        if (in[k])
            tell_value(&kernel->inputs[k], in[k], text);
    sheaf_arena_free(&arena);
    return rc;
}

/* --- results ------------------------------------------------------------------------------------------------------- */

int64_t sheaf_check_bytes(const struct stage *stage) {
    int64_t row = 2;
    for (int k = 0; k < stage->kernel.n_outputs; k++)
        row += (int64_t)sheaf_field_row_bytes(&stage->kernel.outputs[k]);
    for (int k = sheaf_items_n_along(&stage->items); !stage->items.links && k < stage->items.n_fields; k++)
        row += (int64_t)sheaf_field_row_bytes(&stage->items.fields[k]);
    return row * stage->items.n_items + stage->items.n_items / stage->kernel.block * (int64_t)sizeof(float) +
           BOOKKEEPING;
}

/* "3.2 MB" */
static const char *say_bytes(double n_bytes, char text[32]) {
    const bool large = n_bytes >= 1e9;
    snprintf(text, 32, "%.1f %s", n_bytes / (large ? 1e9 : 1e6), large ? "GB" : "MB");
    return text;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

/* A new file: whether it could be made. */
static int tell_new(struct stage *stage, struct sheaf_string *text) {
    struct session *session = stage->session;
    struct statvfs disk;
    char *folder = folder_of(session->output);
    const double need = (double)sheaf_check_bytes(stage);
    char needed[32], free_there[32];
    int rc = 0;
    if (!folder)
        return sheaf_fail_memory(&session->error, "a path");
    if (statvfs(folder, &disk)) {
        rc = sheaf_refuse(&session->error, "%s: its folder is not there; make it, or choose another place with -o",
                          session->output);
    } else if (access(folder, W_OK)) {
        rc = sheaf_fail_errno(&session->error, "%s: cannot create the results file; choose another place with -o",
                              session->output);
    } else {
        const double room = (double)disk.f_bavail * (double)disk.f_frsize;
        say_bytes(need, needed);
        say_bytes(room, free_there);
        sheaf_string_add(text, "  would be made: about %s%s, and %s are free\n", needed,
                         stage->kernel.has_texts ? " without texts" : "", free_there);
        if (need > room)
            rc = sheaf_fail(&session->error, "%s: needs about %s, and %s are free there", session->output, needed,
                            free_there);
    }
    free(folder);
    return rc;
}

/* Of a file whose outputs differ: how many items asked for have which status. */
static int count_stored(struct stage *stage) {
    struct session *session = stage->session;
    struct reader *reader;
    uint8_t status[4096];
    int rc = sheaf_reader_open(&reader, session->output, &session->error);
    for (struct span part = {0};
         rc == 0 && (part = sheaf_asked_next(&stage->asked, part.first + part.n, stage->items.n_items)).n > 0;) {
        part.n = part.n < (int64_t)sizeof status ? part.n : (int64_t)sizeof status;
        rc = sheaf_reader_status(reader, part.first, part.n, status, &session->error);
        if (rc == 0)
            sheaf_status_count(status, part.n, stage->before);
    }
    sheaf_reader_close(reader);
    return rc;
}

static void tell_lines(const char *lines, struct sheaf_string *text) {
    const char *end;
    for (; lines && (end = strchr(lines, '\n')) != NULL; lines = end + 1)
        sheaf_string_add(text, "  %.*s\n", (int)(end - lines), lines);
}

/* The first of the items that are not as before, by name. */
static void tell_difference(const struct results_plan *plan, struct sheaf_string *text) {
    static const char remedy[] = "; choose another place";
    struct sheaf_string said = {0};
    sheaf_differences_say(plan->path, plan->items, &said);
    const char *end = said.data && !said.failed ? strstr(said.data, remedy) : NULL;
    if (end)
        sheaf_string_add(text, "  %.*s\n", (int)(end - said.data), said.data);
    sheaf_string_free(&said);
}

/* How many of the items asked for the condition leaves out. */
static int count_left_out(struct stage *stage, int64_t *n_out) {
    enum { WINDOW = 1 << 16 };
    struct items *items = &stage->items;
    const struct items_filter *filter = items->filter;
    uint8_t *left_out = filter ? malloc(WINDOW) : NULL;
    int rc = filter && !left_out ? sheaf_fail_memory(&stage->session->error, "the condition") : 0;
    *n_out = 0;
    for (struct span w = {0}; rc == 0 && filter;) {
        w = sheaf_asked_next(&stage->asked, w.first + w.n, items->n_items);
        w.n = w.n < WINDOW ? w.n : WINDOW;
        if (w.n == 0)
            break;
        rc = filter->leave_out(filter, items, w.first, w.n, left_out, &stage->session->error);
        for (int64_t i = 0; rc == 0 && i < w.n; i++)
            *n_out += left_out[i];
    }
    free(left_out);
    return rc;
}

/* What there is of other items of the same kernel: *grows, if some of it is kept. */
static int look_at_growth(struct stage *stage, const struct results_plan *plan, bool *grows,
                          struct sheaf_string *text) {
    struct sheaf_string reused = {0};
    struct taken taken;
    int64_t n_reused = 0, n_out = 0;
    char count[32];
    int rc = sheaf_growing_look(stage, plan, true, &taken, grows, &n_reused, &reused);
    if (rc == 0 && *grows)
        rc = count_left_out(stage, &n_out);
    if (rc == 0 && *grows) {
        sheaf_string_add(text, "  ");
        sheaf_growing_say(stage->session->job.output, plan->items->n_items, &taken, text);
        sheaf_string_add(text, "\n");
        if (taken.n_lost)
            sheaf_string_add(text, "  results of %s that %s not among them would be kept beside\n",
                             sheaf_text_count(taken.n_lost, count), taken.n_lost == 1 ? "is" : "are");
        tell_difference(plan, text);
        tell_lines(reused.data, text);
        const int64_t n_rows = taken.n_rows + n_reused, n_through = n_rows + n_out;
        stage->before[ITEM_SKIPPED] = n_out;
        stage->before[ITEM_DONE] = n_rows - taken.n_failed;
        stage->before[ITEM_FAILED] = taken.n_failed;
        stage->before[ITEM_PENDING] = stage->n_asked > n_through ? stage->n_asked - n_through : 0;
    }
    sheaf_string_free(&reused);
    return rc;
}

/* A new file: what would be taken over into it. */
static int look_at_reuse(struct stage *stage, int64_t *n_reused, struct sheaf_string *text) {
    struct results_plan plan = sheaf_stage_plan(stage);
    struct sheaf_string said = {0};
    struct taken taken;
    bool grows, reuses_more;
    if (stage->job->n_reuse == 0)
        return 0;
    int rc = sheaf_reuse_origins(stage, NULL, &stage->origins, &reuses_more, &stage->session->error);
    plan.origins = stage->origins;
    rc = rc ? rc : sheaf_growing_look(stage, &plan, false, &taken, &grows, n_reused, &said);
    if (rc == 0)
        tell_lines(said.data, text);
    sheaf_string_free(&said);
    return rc;
}

/* The file that is there: what is done, if it is of this job. */
static int look_at_results(struct stage *stage, struct sheaf_string *text) {
    struct session *session = stage->session;
    struct results_plan plan = sheaf_stage_plan(stage);
    if (sheaf_again_is_due(stage, &plan)) {
        sheaf_string_add(text, "  outputs are found otherwise than when it was begun: a run takes them again from what "
                               "was stored\n");
        return count_stored(stage);
    }
    if (plan.stage && sheaf_stage_is_outdated(stage, &plan)) {
        sheaf_string_add(text, "  what it takes from other stages has changed: it is computed anew\n");
        stage->before[ITEM_PENDING] = stage->n_asked;
        return 0;
    }
    bool reuses_more, grows = false;
    if (sheaf_reuse_origins(stage, plan.path, &stage->origins, &reuses_more, &session->error))
        return -1;
    plan.origins = stage->origins;
    if (sheaf_growing_is_due(&plan, reuses_more) && look_at_growth(stage, &plan, &grows, text))
        return -1;
    if (grows)
        return 0;
    if (sheaf_results_look(&session->results, &plan, &session->error))
        return -1;
    return sheaf_results_count(&session->results, &stage->asked, stage->before, &session->error);
}

static void tell_done(struct stage *stage, struct sheaf_string *text) {
    struct session *session = stage->session;
    static const char *const names[] = {"pending", "done", "failed", "timed out", "crashed", "skipped"};
    const char *before = "  ";
    for (int s = 0; s <= ITEM_SKIPPED; s++)
        if (stage->before[s]) {
            sheaf_string_add(text, "%s%" PRId64 " %s", before, stage->before[s], names[s]);
            before = ", ";
        }
    sheaf_string_add(text, "%s\n", stage->n_asked < stage->items.n_items ? ", of those asked for" : "");
    if (session->results.asks_anew)
        sheaf_string_add(text, "  other reductions are asked for than it has: a run makes them from its rows\n");
    if (session->results.changed.length)
        sheaf_string_add(text, "  %s changed since; what is done stays as it is\n", session->results.changed.data);
    const char *line = session->results.kept.failed ? NULL : session->results.kept.data, *end;
    for (; line && (end = strchr(line, '\n')) != NULL; line = end + 1)
        sheaf_string_add(text, "  %.*s\n", (int)(end - line), line);
}

/* Of the items asked for, how many would be computed. */
static int count_pending(struct stage *stage, bool anew, int64_t *n_pending, struct sheaf_string *text) {
    const struct session *session = stage->session;
    const int64_t *n = stage->before;
    int64_t n_out = 0;
    *n_pending =
        n[ITEM_PENDING] + (session->options->retry_failed ? n[ITEM_FAILED] + n[ITEM_TIMED_OUT] + n[ITEM_CRASHED] : 0);
    if (!anew && !session->options->recompute)
        return 0;
    if (count_left_out(stage, &n_out))
        return -1;
    if (n_out)
        sheaf_string_add(text, "  where '%s' leaves %" PRId64 " out\n", stage->items.filter->text, n_out);
    *n_pending = stage->n_asked - n_out;
    return 0;
}

static int tell_results(struct stage *stage, int64_t *n_pending, struct sheaf_string *text) {
    struct session *session = stage->session;
    if (sheaf_results_find(session->output, &session->found, &session->error))
        return -1;
    const char *name = stage->job->stage;
    if (name && session->found.there && !session->options->overwrite && sheaf_stage_check_file(stage))
        return -1;
    const bool there = session->found.there && (!name || sheaf_stages_has(session->output, name));
    const bool anew = !there || session->options->overwrite;
    char *lock = sheaf_path_with(session->output, ".lock"), *path = sheaf_path_absolute(session->output);
    sheaf_string_add(text, "results: %s%s%s%s\n", path ? path : session->output, name ? ":/" : "", name ? name : "",
                     there ? "" : " (not there yet)");
    if (lock && access(lock, F_OK) == 0)
        sheaf_string_add(text, "  %s is there: a run is writing it, or was killed\n", lock);
    free(lock);
    free(path);
    if (there && anew)
        sheaf_string_add(text, "  is there, and would be overwritten\n");
    int rc = anew ? sheaf_results_may_replace(session->output, &session->error) || tell_new(stage, text)
                  : look_at_results(stage, text);
    if (rc)
        return -1;
    if (!anew)
        tell_done(stage, text);
    if (stage->kernel.has_texts)
        sheaf_string_add(text, "  texts lie in %s until nothing is pending any more\n", session->folder);
    int64_t n_reused = 0;
    if (count_pending(stage, anew, n_pending, text) || (anew && look_at_reuse(stage, &n_reused, text)))
        return -1;
    *n_pending -= n_reused < *n_pending ? n_reused : *n_pending;
    sheaf_string_add(text, "a run would compute %" PRId64 " item%s\n", *n_pending, *n_pending == 1 ? "" : "s");
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

static int tell(struct stage *stage, enum check_print print) {
    struct session *session = stage->session;
    struct sheaf_string text = {0};
    int64_t n_pending = 0;
    int rc = 0;
    tell_job(stage, &text);
    if (stage->n_asked > 0)
        rc = tell_first(stage, &text);
    if (rc == 0)
        rc = tell_results(stage, &n_pending, &text);
    if (text.failed)
        rc = sheaf_fail_memory(&session->error, "a message");
    else if (print == CHECK_ALL)
        fputs(text.data, stdout);
    else if (rc == 0)
        printf("%" PRId64 "\n", print == CHECK_ITEMS ? stage->n_asked : n_pending);
    sheaf_string_free(&text);
    return rc;
}

/* A stage is known when those that it takes from are done. */
static int check_stage(struct stage *stage, enum check_print print) {
    struct session *session = stage->session;
    struct sheaf_error why;
    int64_t waits = sheaf_session_is_first(session) && sheaf_stage_check_needs(stage->job, &why);
    if (sheaf_comm_broadcast_value(session->comm, &waits, &session->error))
        return -1;
    if (waits && sheaf_session_is_first(session) && print == CHECK_ALL)
        printf("stage: %s, of %s\n  %s\n", stage->job->stage, session->options->job_file, why.text);
    if (waits && print == CHECK_ALL)
        return 0;
    if (sheaf_stage_look(stage))
        return -1;
    return sheaf_session_agree(session,
                               sheaf_session_is_first(session) ? tell(stage, print) || sheaf_stage_tell(stage) : 0);
}

static int check_options(struct session *session, enum check_print print) {
    return session->job.n_stages && !session->options->stage && (print == CHECK_ITEMS || print == CHECK_PENDING)
               ? sheaf_refuse(&session->error, "--print: of which stage? --stage NAME says so")
               : 0;
}

/* Each stage that is asked for, until one is wrong. Inputs may be large: they are looked at only where it matters. */
static int check_all(struct session *session, enum check_print print) {
    struct job *job = &session->job;
    if (check_options(session, print))
        return -1;
    if (print == CHECK_RESULTS) {
        if (sheaf_session_is_first(session))
            printf("%s\n", job->output);
        return 0;
    }
    for (int k = 0, seen = 0; k < (job->n_stages ? job->n_stages : 1); k++) {
        struct job *own = job->n_stages ? &job->stages[k] : job;
        if (session->options->stage && strcmp(own->stage, session->options->stage) != 0)
            continue;
        struct stage stage = {.session = session,
                              .job = own,
                              .is_last = session->options->stage || k + 1 >= job->n_stages,
                              .replaces = session->options->overwrite,
                              .transport.own.fd = -1};
        if (seen++) {
            sheaf_session_next(session);
            if (sheaf_session_is_first(session) && print == CHECK_ALL)
                printf("\n");
        }
        const int rc = check_stage(&stage, print);
        fflush(stdout);
        sheaf_stage_close(&stage);
        if (rc)
            return -1;
    }
    return 0;
}

int sheaf_check(const struct run_options *options, enum check_print print) {
    struct session session;
    int rc = sheaf_session_start(&session, options);
    session.only_looks = true;
    if (rc == 0)
        rc = sheaf_session_read(&session);
    if (rc == 0)
        rc = check_all(&session, print);
    if (rc && sheaf_session_is_first(&session))
        sheaf_session_report(&session.error);
    struct stage none = {.session = &session, .job = &session.job};
    const int exit = sheaf_stage_agree_exit(&none, rc);
    sheaf_session_close(&session);
    return exit;
}
