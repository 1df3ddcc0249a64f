/* sheaf status: how far a job is, from its results file alone. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cmd/cells.h"
#include "cmd/cmd.h"
#include "cmd/each_stage.h"
#include "core/clock.h"
#include "core/text.h"
#include "plan/row_sink.h"
#include "report/reduced.h"
#include "store/lock.h"
#include "store/reader.h"
#include "store/results.h"

enum { ROWS = 65536 };

/* What is asked for. */
struct words {
    bool exit_code, json;
    int code; /* the worst of those that were looked at */
    struct sheaf_error error;
};

struct status {
    const char *path; /* or the address of a stage, */
    const char *file; /* and the file */

    int64_t n_items, counts[ITEM_SKIPPED + 1];
    bool alive;      /* a run writes it */
    bool lost_texts; /* of items that are done */
    struct lock_holder holder;
    struct run_record run;            /* the last one; start_unix_s is 0 if there is none */
    int64_t n_computed;               /* in that run, so far */
    struct reader *reader;            /* which owns: */
    const struct reduced *reductions; /* [n_reductions] */
    int n_reductions;
    double rate, eta_s; /* items/s of it, seconds until all that it is to compute are; negative: not known */
};

static int apply_exit_code(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct words *)target)->exit_code = true;
    return 0;
}

static int apply_json(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct words *)target)->json = true;
    return 0;
}

static const struct sheaf_option table[] = {
    {0, "exit-code", NULL, "exit with 0 if all items are done, 1 if some failed, 75 if some are pending",
     apply_exit_code},
    {0, "json", NULL, "one JSON object, for scripts; sheaf(1) tells its keys", apply_json},
    {0},
};

static const struct cmd_usage usage = {"sheaf status FILE [options]",
                                       "Tells how many items of a results file are done, and whether a run writes it.",
                                       1, 1};

/* --- looking ------------------------------------------------------------------------------------------------------- */

static int count(struct reader *reader, int64_t *counts, struct sheaf_error *error) {
    static uint8_t status[ROWS];
    int64_t n_items = sheaf_reader_n_items(reader);
    for (int64_t at = 0; at < n_items; at += ROWS) {
        int64_t n = n_items - at < ROWS ? n_items - at : ROWS;
        if (sheaf_reader_status(reader, at, n, status, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            counts[status[i] <= ITEM_SKIPPED ? status[i] : ITEM_PENDING]++;
    }
    return 0;
}

/* From the last run's record: what it has computed, and how quickly. */
static void find_rate(struct status *s) {
    const struct run_record *run = &s->run;
    const bool ended = run->end_unix_s > 0;
    const double took_s = (ended ? run->end_unix_s : sheaf_clock_unix_s()) - run->start_unix_s;
    s->rate = s->eta_s = -1;
    s->n_computed = -1;
    if (ended)
        s->n_computed = run->n_items;
    else if (run->n_before >= 0)
        s->n_computed = s->n_items - s->counts[ITEM_PENDING] - run->n_before;
    if (run->start_unix_s > 0 && (ended || s->alive) && s->n_computed >= 0 && took_s > 0)
        s->rate = (double)s->n_computed / took_s;
    if (s->alive && !ended && s->rate > 0 && run->n_wanted >= s->n_computed)
        s->eta_s = (double)(run->n_wanted - s->n_computed) / s->rate;
}

/* The lock is looked at before the statuses: of a run that ends in between more are done than are said. */
static int look(struct status *s, struct sheaf_error *error) {
    struct reader *reader = NULL;
    s->alive = sheaf_lock_is_held(s->file, &s->holder);
    int rc = sheaf_reader_open_statuses(&reader, s->path, error) || sheaf_reader_last_run(reader, &s->run, error) ||
                     count(reader, s->counts, error)
                 ? -1
                 : 0;
    if (rc == 0) {
        s->n_items = sheaf_reader_n_items(reader);
        s->lost_texts = sheaf_reader_texts_are_lost(reader);
        find_rate(s);
        rc = sheaf_reader_reductions(reader, &s->reductions, &s->n_reductions, error);
    }
    s->reader = reader;
    return rc;
}

static int exit_code_of(const struct status *s) {
    return s->counts[ITEM_PENDING]                                       ? SHEAF_EXIT_INTERRUPTED
           : s->counts[ITEM_DONE] + s->counts[ITEM_SKIPPED] < s->n_items ? SHEAF_EXIT_FAILED
                                                                         : SHEAF_EXIT_DONE;
}

/* --- telling ------------------------------------------------------------------------------------------------------- */

static void print_run(const struct status *s) {
    char text[32];
    if (!s->alive) {
        if (s->counts[ITEM_PENDING])
            printf("  no run is at work on it; run the job again to go on\n");
        return;
    }
    printf("  a run is at work on it");
    if (s->holder.pid)
        printf(" (process %ld on %s)", s->holder.pid, s->holder.host);
    if (s->rate > 0)
        printf(", %s items/s", sheaf_text_rate(s->rate, text));
    if (s->eta_s >= 0)
        printf(", about %s to go", sheaf_text_duration(s->eta_s, text));
    printf("\n");
}

static void print_reductions(const struct status *s) {
    struct sheaf_string said = {0};
    for (int k = 0; k < s->n_reductions; k++)
        sheaf_reduced_say(&s->reductions[k], &said);
    if (!said.failed && said.length)
        fputs(said.data, stdout);
    sheaf_string_free(&said);
}

static void print_text(const struct status *s) {
    char text[32];
    printf("%s: %s item%s", s->path, sheaf_text_count(s->n_items, text), s->n_items == 1 ? "" : "s");
    for (int k = 0; k <= ITEM_SKIPPED; k++)
        if (s->counts[k] || k == ITEM_DONE)
            printf(", %s %s", sheaf_text_count(s->counts[k], text), sheaf_cell_status((uint8_t)k));
    printf("\n");
    print_run(s);
    print_reductions(s);
    if (s->lost_texts)
        sheaf_cmd_say_lost_texts(s->path, s->n_items);
}

/* A text in quotes; what is not UTF-8 becomes '?', control characters blanks. */
static void print_quoted(const char *name, const char *text) {
    char line[4200];
    snprintf(line, sizeof line, "%s", text);
    sheaf_text_one_line(line);
    printf(", \"%s\": \"", name);
    for (const char *p = line; *p; p++)
        printf("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    printf("\"");
}

/* A number that is known, or null. */
static void print_known(const char *name, double value, bool known) {
    char number[32];
    printf(", \"%s\": %s", name, known ? sheaf_text_double(value, number) : "null");
}

static void print_last_run(const struct status *s) {
    static const char *const reasons[] = {"broken off", "complete", "partial", "interrupted"};
    const struct run_record *run = &s->run;
    const bool ended = run->end_unix_s > 0;
    if (!(run->start_unix_s > 0)) {
        printf(", \"run\": null");
        return;
    }
    printf(", \"run\": {\"ranks\": %d, \"threads\": %d, \"nodes\": %d", run->n_ranks, run->n_threads, run->n_nodes);
    print_quoted("host", run->host);
    print_known("start", run->start_unix_s, true);
    print_known("end", run->end_unix_s, ended);
    print_known("items", (double)s->n_computed, s->n_computed >= 0);
    print_quoted("reason", s->alive && !ended ? "running" : reasons[run->reason <= RUN_INTERRUPTED ? run->reason : 0]);
    printf("}");
}

/* A number, or null. */
static void print_number(double value) {
    char number[32];
    printf("%s", isfinite(value) ? sheaf_text_double(value, number) : "null");
}

/* What became of the only cell. */
static void print_results(const struct reduced *r) {
    if (r->kind == REDUCE_HISTOGRAM) {
        printf(", \"bins\": %" PRId64 ", \"first_edge\": ", r->width);
        print_number(r->marks[0]);
        printf(", \"last_edge\": ");
        print_number(r->marks[r->width]);
        printf(", \"below\": %" PRId64 ", \"above\": %" PRId64, r->counts[REDUCED_BELOW], r->counts[REDUCED_ABOVE]);
    } else if (r->kind == REDUCE_QUANTILES) {
        printf(", \"quantiles\": [");
        for (int64_t k = 0; k < r->width; k++) {
            printf("%s{\"at\": ", k ? ", " : "");
            print_number(r->marks[k]);
            printf(", \"value\": ");
            print_number(r->numbers[k]);
            printf("}");
        }
        printf("]");
    } else if (r->is_whole) {
        printf(", \"value\": %" PRId64, r->whole);
    } else {
        print_known("value", r->number, isfinite(r->number));
    }
}

static void print_reductions_as_json(const struct status *s) {
    printf(", \"reductions\": [");
    for (int k = 0; k < s->n_reductions; k++) {
        const struct reduced *r = &s->reductions[k];
        printf("%s{\"cells\": %" PRId64, k ? ", " : "", r->n_cells);
        print_quoted("name", r->name);
        if (r->n_cells == 1) {
            print_results(r);
            printf(", \"values\": %" PRId64 ", \"nan\": %" PRId64 ", \"not_done\": %" PRId64, r->counts[REDUCED_IN],
                   r->counts[REDUCED_NAN], r->counts[REDUCED_UNDONE]);
        }
        printf("}");
    }
    printf("]");
}

static void print_json(const struct status *s) {
    static const char *const meanings[] = {"done", "failed"};
    const int code = exit_code_of(s);
    printf("{\"n_items\": %" PRId64, s->n_items);
    print_quoted("file", s->path);
    printf(", \"counts\": {");
    for (int k = 0; k <= ITEM_SKIPPED; k++)
        printf("%s\"%s\": %" PRId64, k ? ", " : "", k == ITEM_TIMED_OUT ? "timed_out" : sheaf_cell_status((uint8_t)k),
               s->counts[k]);
    printf("}, \"exit_code\": %d", code);
    print_quoted("meaning", code <= SHEAF_EXIT_FAILED ? meanings[code] : "pending");
    printf(", \"alive\": %s, \"lost_texts\": %s", s->alive ? "true" : "false", s->lost_texts ? "true" : "false");
    if (s->holder.pid)
        print_quoted("host", s->holder.host);
    else
        printf(", \"host\": null");
    print_known("pid", (double)s->holder.pid, s->holder.pid > 0);
    print_known("rate", s->rate, s->rate >= 0);
    print_known("eta_s", s->eta_s, s->eta_s >= 0);
    print_last_run(s);
    print_reductions_as_json(s);
    printf("}");
}

/* A stage to which its job has not come. */
static void print_not_begun(const struct cmd_stage *stage, bool json) {
    if (!json) {
        printf("%s: not begun\n", stage->address);
        return;
    }
    printf("{\"n_items\": null");
    print_quoted("file", stage->address);
    printf(", \"exit_code\": %d, \"meaning\": \"pending\"}", SHEAF_EXIT_INTERRUPTED);
}

/* Pending is worse than failed, and that than done. */
static int worse(int a, int b) {
    return a == SHEAF_EXIT_INTERRUPTED || b == SHEAF_EXIT_DONE ? a : b;
}

static int visit(const struct cmd_stage *stage, void *context) {
    struct words *words = context;
    struct status status = {.path = stage->address, .file = stage->path};
    if (words->json && stage->n > 1)
        printf("%s", stage->k ? ", " : "{\"stages\": [");
    if (!stage->is_there) {
        print_not_begun(stage, words->json);
        words->code = worse(words->code, SHEAF_EXIT_INTERRUPTED);
    } else {
        const int rc = look(&status, &words->error);
        if (rc == 0 && words->json)
            print_json(&status);
        else if (rc == 0)
            print_text(&status);
        sheaf_reader_close(status.reader);
        if (rc)
            return -1;
        words->code = worse(words->code, exit_code_of(&status));
    }
    if (words->json && stage->k + 1 == stage->n)
        printf(stage->n > 1 ? "], \"exit_code\": %d}\n" : "\n", words->code);
    return 0;
}

int sheaf_cmd_status(int argc, char **argv) {
    struct words words = {.code = SHEAF_EXIT_DONE};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &words, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    if (sheaf_cmd_each_stage(argv[first_word], visit, &words, &words.error))
        return sheaf_cmd_fail(&words.error);
    return words.exit_code ? words.code : SHEAF_EXIT_DONE;
}
