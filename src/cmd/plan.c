/* sheaf plan: how long a job takes on so many cores, and what to ask a cluster for, by the times of some of its items. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/check.h"
#include "app/told.h"
#include "cmd/cmd.h"
#include "cmd/run_words.h"
#include "comm/comm.h"
#include "core/text.h"
#include "plan/forecast.h"
#include "plan/status.h"
#include "store/reader.h"

/* Blocks whose times are looked at; items of a pilot; seconds that starting the ranks takes on a cluster, about. */
enum { MOST_TIMES = 100000, MOST_PILOT = 100000, START_S = 5 };

/* The words of a run come first, so that its options find them. */
struct plan {
    struct run_words run;
    int64_t n_pilot, n_nodes, n_tasks, n_cpus; /* 0: not asked for */
    struct run_told told;

    struct reader *reader;
    double *seconds; /* [n] of blocks that were computed, sorted */
    int64_t n, n_failed, n_pending;
    int64_t n_left;    /* blocks that are pending */
    double peak_bytes; /* of an item's program, or of this process; 0: not known */
};

/* --- options ------------------------------------------------------------------------------------------------------- */

static int read_count(const char *name, const char *value, int64_t most, int64_t *to, struct sheaf_error *error) {
    if (sheaf_text_to_int64(value, strlen(value), to) || *to < 1 || *to > most)
        return sheaf_refuse(error, "--%s %s: should be a number, 1 to %" PRId64, name, value, most);
    return 0;
}

static int apply_pilot(void *target, const char *value, struct sheaf_error *error) {
    return read_count("pilot", value, MOST_PILOT, &((struct plan *)target)->n_pilot, error);
}

static int apply_nodes(void *target, const char *value, struct sheaf_error *error) {
    return read_count("nodes", value, 1000000, &((struct plan *)target)->n_nodes, error);
}

static int apply_tasks(void *target, const char *value, struct sheaf_error *error) {
    return read_count("ntasks-per-node", value, 4096, &((struct plan *)target)->n_tasks, error);
}

static int apply_cpus(void *target, const char *value, struct sheaf_error *error) {
    return read_count("cpus-per-task", value, 4096, &((struct plan *)target)->n_cpus, error);
}

static const struct sheaf_option own_options[] = {
    {0, "pilot", "N", "compute N items first, spread over the job; their results stay", apply_pilot},
    {0, "nodes", "N", "of a cluster: how many nodes,", apply_nodes},
    {0, "ntasks-per-node", "N", "ranks on each,", apply_tasks},
    {0, "cpus-per-task", "N", "and threads of a rank", apply_cpus},
    {0},
};

static const struct cmd_usage usage = {
    "sheaf plan JOB.yaml [--pilot N] [--nodes N] [--ntasks-per-node N] [options of sheaf run]",
    "Tells how long a job takes, here and on so many cores of a cluster, how much memory an item needs, and what to\n"
    "ask Slurm for: by the times of a pilot of some items, or of those that are done already.",
    1, 1};

static void list_options(struct sheaf_option options[RUN_OPTIONS_MOST + 8]) {
    int n = 0;
    for (int k = 0; own_options[k].name; k++)
        options[n++] = own_options[k];
    for (int k = 0; sheaf_run_options[k].name && n < RUN_OPTIONS_MOST + 7; k++)
        options[n++] = sheaf_run_options[k];
    options[n] = (struct sheaf_option){0};
}

/* --- what is known of the items ------------------------------------------------------------------------------------ */

static int find_field(const struct reader *reader, const char *name) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    for (int k = 0; k < n_fields; k++)
        if (strcmp(fields[k].field.name, name) == 0 && fields[k].field.width == 1 && fields[k].is_output)
            return k;
    return -1;
}

/* One block: its time, where it was computed. */
static int look_at_block(struct plan *plan, int64_t block, int peak, struct sheaf_error *error) {
    const int64_t first = block * plan->told.block;
    struct sheaf_arena arena = {0};
    uint8_t status;
    float seconds;
    int64_t bytes = 0;
    if (sheaf_reader_status(plan->reader, first, 1, &status, error))
        return -1;
    if ((status != ITEM_DONE && !sheaf_status_failed(status)) || plan->n == MOST_TIMES)
        return 0;
    if (sheaf_reader_seconds(plan->reader, block, 1, &seconds, error) ||
        (peak >= 0 && sheaf_reader_range(plan->reader, peak, first, 1, &bytes, &arena, error)))
        return -1;
    plan->n_failed += status != ITEM_DONE;
    if (isfinite(seconds) && seconds >= 0)
        plan->seconds[plan->n++] = (double)seconds;
    plan->peak_bytes = (double)bytes > plan->peak_bytes ? (double)bytes : plan->peak_bytes;
    return 0;
}

static int count_pending(struct plan *plan, struct sheaf_error *error) {
    uint8_t status[4096];
    const int64_t n_items = plan->told.n_items;
    for (int64_t at = 0, n; at < n_items; at += n) {
        n = n_items - at < (int64_t)sizeof status ? n_items - at : (int64_t)sizeof status;
        if (sheaf_reader_status(plan->reader, at, n, status, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            plan->n_pending += status[i] == ITEM_PENDING;
    }
    plan->n_left = (plan->n_pending + plan->told.block - 1) / plan->told.block;
    return 0;
}

/* Of the pilot its blocks; else of all, evenly, as many as are enough. */
static int look(struct plan *plan, struct sheaf_error *error) {
    const int64_t block = plan->told.block, n_blocks = (plan->told.n_items + block - 1) / block;
    const int64_t step = n_blocks / MOST_TIMES + 1;
    struct span part = {0};
    int rc = 0;
    plan->seconds = malloc(MOST_TIMES * sizeof *plan->seconds);
    if (!plan->seconds)
        return sheaf_fail_memory(error, "times");
    if (sheaf_reader_open(&plan->reader, plan->told.address, error) || count_pending(plan, error))
        return -1;
    const int peak = find_field(plan->reader, "peak_rss");
    if (plan->n_pilot)
        while (rc == 0 && (part = sheaf_asked_next(&plan->told.items, part.first + part.n, plan->told.n_items)).n > 0)
            for (int64_t b = part.first / block; rc == 0 && b <= (part.first + part.n - 1) / block; b++)
                rc = look_at_block(plan, b, peak, error);
    for (int64_t b = 0; !plan->n_pilot && rc == 0 && b < n_blocks; b += step)
        rc = look_at_block(plan, b, peak, error);
    sheaf_sort_doubles(plan->seconds, plan->n);
    return rc;
}

/* --- words --------------------------------------------------------------------------------------------------------- */

/* Two digits are what such a number is worth. */
static const char *say_time(double s, char text[32]) {
    if (s < 0.09995)
        snprintf(text, 32, "%.*f %s", s < 9.95e-6 || (s >= 0.9995e-3 && s < 9.95e-3), s < 0.9995e-3 ? s * 1e6 : s * 1e3,
                 s < 0.9995e-3 ? "us" : "ms");
    else if (s < 9.95)
        snprintf(text, 32, "%.1f s", s);
    else if (s < 99.5)
        snprintf(text, 32, "%.0f s", s);
    else if (s < 99.5 * 60)
        snprintf(text, 32, "%.0f min", s / 60);
    else if (s < 72 * 3600.0)
        snprintf(text, 32, "%.*f h", s < 9.95 * 3600, s / 3600);
    else
        snprintf(text, 32, "%.*f days", s < 9.95 * 86400, s / 86400);
    return text;
}

static const char *say_bytes(double n, char text[32]) {
    const bool large = n >= 1e9;
    snprintf(text, 32, large ? "%.1f GB" : n < 9.95e6 ? "%.1f MB" : "%.0f MB", n / (large ? 1e9 : 1e6));
    return text;
}

static double sum_of(const struct plan *plan) {
    double sum = 0;
    for (int64_t i = 0; i < plan->n; i++)
        sum += plan->seconds[i];
    return sum;
}

static const char *unit_of(const struct plan *plan) {
    return plan->told.block > 1 ? "block" : "item";
}

static void print_items(const struct plan *plan) {
    char a[32], b[32], c[32];
    printf("%s: %s item%s, %s pending", plan->told.address, sheaf_text_count(plan->told.n_items, a),
           plan->told.n_items == 1 ? "" : "s", sheaf_text_count(plan->n_pending, b));
    if (plan->told.block > 1)
        printf(", computed in blocks of %s", sheaf_text_count(plan->told.block, c));
    printf("; the file takes %s%s\n", say_bytes((double)plan->told.n_bytes, a),
           plan->told.has_texts ? ", and its texts" : "");
    printf("  by %s %s%s that %s computed", sheaf_text_count(plan->n, a), unit_of(plan), plan->n == 1 ? "" : "s",
           plan->n_pilot  ? "the pilot"
           : plan->n == 1 ? "is"
                          : "are");
    if (plan->n_failed)
        printf(", of which %s failed (sheaf show %s --where-failed)", sheaf_text_count(plan->n_failed, b),
               plan->told.address);
    printf("\n");
    if (plan->n == 0)
        return;
    const double *s = plan->seconds;
    printf("  a%s %s takes %s (median), 95 of 100 at most %s, the longest %s\n", plan->told.block > 1 ? "" : "n",
           unit_of(plan), say_time(sheaf_quantile(s, plan->n, 0.5), a), say_time(sheaf_quantile(s, plan->n, 0.95), b),
           say_time(s[plan->n - 1], c));
    if (plan->peak_bytes > 0)
        printf("  memory: up to %s %s\n", say_bytes(plan->peak_bytes, a),
               plan->told.has_processes ? "an item, in the program that computes it" : "in all, with its threads here");
}

/* A line of the table of layouts. */
static int print_layout(const struct plan *plan, const char *what, int64_t n_cores, struct forecast *f,
                        struct sheaf_error *error) {
    char middle[32], low[32], high[32];
    if (sheaf_forecast(plan->seconds, plan->n, plan->n_left, n_cores, f, error))
        return -1;
    printf("  %-28s %8s   (%s to %s)\n", what, say_time(f->middle, middle), say_time(f->low, low),
           say_time(f->high, high));
    return 0;
}

static int64_t cores_asked(const struct plan *plan) {
    const int64_t nodes = plan->n_nodes ? plan->n_nodes : 1, tasks = plan->n_tasks ? plan->n_tasks : 1;
    return nodes * tasks * (plan->n_cpus ? plan->n_cpus : 1);
}

/* One node of 16 where nothing was asked for. */
static void print_sbatch(const struct plan *plan, double high_s) {
    const int64_t n_cpus = plan->n_cpus ? plan->n_cpus : 1;
    const int64_t minutes =
        ((int64_t)((high_s * 1.5 + START_S) / 300) + 2) * 5; /* half as much again, in steps of 5 min */
    printf("\nsbatch --nodes=%" PRId64 " --ntasks-per-node=%" PRId64 " --cpus-per-task=%" PRId64, plan->n_nodes,
           plan->n_tasks, n_cpus);
    printf(" --time=%02" PRId64 ":%02" PRId64 ":00", minutes / 60, minutes % 60);
    if (plan->peak_bytes > 0) {
        const double per_cpu = plan->peak_bytes / (plan->told.has_processes ? 1 : (double)plan->told.n_cores);
        printf(" --mem-per-cpu=%.0fM", ceil(per_cpu * 1.5 / 1e8) * 100);
    }
    printf(" jobs/sheaf.sbatch %s", plan->run.options.job_file);
    for (int k = 0; k < plan->run.options.n_overrides; k++) {
        struct sheaf_string word = {0}, quoted = {0};
        sheaf_string_add(&word, "%s=%s", plan->run.overrides[k].path, plan->run.overrides[k].value);
        sheaf_cmd_quote(word.data ? word.data : "", &quoted);
        printf(" --set %s", quoted.data ? quoted.data : "");
        sheaf_string_free(&word);
        sheaf_string_free(&quoted);
    }
    printf("\n");
}

/* Whether a cluster is not worth the wait for it. */
static bool is_small(const struct plan *plan) {
    return sum_of(plan) / (double)plan->n * (double)plan->n_left < 60;
}

/* What one should know before asking for more cores. */
static void print_advice(const struct plan *plan, int64_t n_cores) {
    char a[32], b[32], c[32];
    const double longest = plan->seconds[plan->n - 1], all = sum_of(plan) / (double)plan->n * (double)plan->n_left;
    const double most = longest > 0 ? all / longest : INFINITY;
    if (most < (double)n_cores && longest > START_S)
        printf("\nthe longest %s takes %s: more than about %s cores do not make the job shorter\n", unit_of(plan),
               say_time(longest, a), sheaf_text_count((int64_t)most + 1, b));
    if (longest > 10 * sheaf_quantile(plan->seconds, plan->n, 0.5) && longest > START_S && plan->n < plan->n_left)
        printf("\ntimes differ much: of %s pending %ss about %s take longer than the longest that was seen; a larger "
               "pilot "
               "tells more\n",
               sheaf_text_count(plan->n_left, a), unit_of(plan), sheaf_text_count(plan->n_left / (plan->n + 1) + 1, c));
    if (is_small(plan))
        printf("\nall of it takes %s on one core: a laptop, or one rank, is enough\n", say_time(all, a));
    else if (all / (double)n_cores < START_S)
        printf("\non %s cores starting takes longer than computing; fewer are enough\n", sheaf_text_count(n_cores, a));
}

static int print_forecasts(struct plan *plan, struct sheaf_error *error) {
    struct forecast f = {0};
    char here[64], there[96];
    const bool is_asked = plan->n_nodes || plan->n_tasks || plan->n_cpus;
    int64_t own = plan->told.n_cores > 0 ? plan->told.n_cores : sysconf(_SC_NPROCESSORS_ONLN);
    own = own > 0 ? own : 1;
    snprintf(here, sizeof here, "here, %" PRId64 " core%s", own, own == 1 ? "" : "s");
    printf("what is pending takes about (nine times of ten within)\n");
    if (print_layout(plan, here, own, &f, error))
        return -1;
    plan->n_nodes = plan->n_nodes ? plan->n_nodes : 1;
    plan->n_tasks = plan->n_tasks ? plan->n_tasks : is_asked ? 1 : 16;
    const int64_t n_cores = cores_asked(plan);
    snprintf(there, sizeof there, "%" PRId64 " node%s, %" PRId64 " core%s", plan->n_nodes,
             plan->n_nodes == 1 ? "" : "s", n_cores, n_cores == 1 ? "" : "s");
    if (print_layout(plan, there, n_cores, &f, error))
        return -1;
    if (!is_asked && (print_layout(plan, "4 nodes, 64 cores", 64, &(struct forecast){0}, error) ||
                      print_layout(plan, "16 nodes, 256 cores", 256, &(struct forecast){0}, error)))
        return -1;
    print_advice(plan, n_cores);
    if (is_asked || !is_small(plan))
        print_sbatch(plan, f.high);
    return 0;
}

/* Memory of this process, where no programs are at work. */
static void look_at_memory(struct plan *plan) {
    struct rusage usage_self;
    if (plan->n_pilot && !plan->told.has_processes && getrusage(RUSAGE_SELF, &usage_self) == 0)
        plan->peak_bytes = (double)usage_self.ru_maxrss * 1024;
}

static int tell(struct plan *plan, struct sheaf_error *error) {
    if (access(plan->told.address, F_OK) && !strstr(plan->told.address, ":/")) {
        printf("nothing is computed yet, so nothing is known of times: sheaf plan %s --pilot 32\n",
               plan->run.options.job_file);
        return 0;
    }
    if (look(plan, error))
        return -1;
    look_at_memory(plan);
    print_items(plan);
    if (plan->n == 0)
        printf("  nothing is known of times: sheaf plan %s --pilot 32\n", plan->run.options.job_file);
    else if (plan->n_left == 0)
        printf("  nothing is pending\n");
    else
        return print_forecasts(plan, error);
    return 0;
}

static int run(struct plan *plan) {
    struct run_options *options = &plan->run.options;
    struct sheaf_error error = {0};
    options->overrides = plan->run.overrides;
    options->n_pilot = plan->n_pilot;
    options->told = &plan->told;
    options->quiet = true;
    int code = plan->n_pilot ? sheaf_pipeline_run(options) : sheaf_check(options, CHECK_ALL);
    /* items of it that fail, or are pending, are no failure of a plan */
    if (!plan->told.address || (code != SHEAF_EXIT_DONE && code != SHEAF_EXIT_FAILED))
        return code;
    return tell(plan, &error) ? sheaf_cmd_fail(&error) : SHEAF_EXIT_DONE;
}

int sheaf_cmd_plan(int argc, char **argv) {
    struct plan plan = {0};
    struct sheaf_option options[RUN_OPTIONS_MOST + 8];
    int first_word = 0;
    list_options(options);
    int code = sheaf_cmd_begin(&usage, options, &plan, argc, argv, &first_word, !sheaf_comm_is_first());
    if (code < 0 && plan.n_pilot && plan.run.options.items.n) {
        fprintf(stderr, "sheaf plan: --pilot chooses items itself; leave --items out\n");
        code = SHEAF_EXIT_USAGE;
    }
    if (code < 0) {
        plan.run.options.job_file = argv[first_word];
        plan.run.options.arguments = "sheaf plan";
        code = run(&plan);
    } else if (code == SHEAF_EXIT_USAGE)
        sheaf_pipeline_refuse();
    sheaf_reader_close(plan.reader);
    free(plan.seconds);
    sheaf_run_told_free(&plan.told);
    sheaf_run_words_free(&plan.run);
    return code;
}
