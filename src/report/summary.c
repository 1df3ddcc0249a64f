#include "report/summary.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each rank's share where they are few, else the least, the median and the most. */
static void write_busy(FILE *out, const struct run_summary *s) {
    fprintf(out, "busy");
    if (s->n_ranks <= 8) {
        for (int r = 0; r < s->n_ranks; r++)
            fprintf(out, " %.0f %%", 100 * s->busy[r]);
        return;
    }
    double *sorted = malloc((size_t)s->n_ranks * sizeof *sorted);
    if (!sorted)
        return;
    memcpy(sorted, s->busy, (size_t)s->n_ranks * sizeof *sorted);
    qsort(sorted, (size_t)s->n_ranks, sizeof *sorted, ascending);
    fprintf(out, " %.0f / %.0f / %.0f %% (least, median, most)", 100 * sorted[0], 100 * sorted[s->n_ranks / 2],
            100 * sorted[s->n_ranks - 1]);
    free(sorted);
}

/* "0.35 s, 42.2 k items/s; 2 ranks x 1 thread; busy 98 % 97 %" */
static void write_performance(FILE *out, const struct run_summary *s, int64_t n_new) {
    char a[32], b[32], c[32];
    fprintf(out, "  %s", sheaf_text_duration(s->wall_s, a));
    if (s->wall_s - s->compute_s > 0.05 * s->wall_s)
        fprintf(out, ", %s of it computing", sheaf_text_duration(s->compute_s, b));
    if (n_new > 0 && s->compute_s > 0)
        fprintf(out, ", %s items/s", sheaf_text_rate((double)n_new / s->compute_s, c));
    fprintf(out, "; %d rank%s x %d thread%s", s->n_ranks, s->n_ranks == 1 ? "" : "s", s->n_threads,
            s->n_threads == 1 ? "" : "s");
    if (s->n_nodes > 1)
        fprintf(out, " on %d nodes", s->n_nodes);
    fprintf(out, "; ");
    write_busy(out, s);
    fprintf(out, "\n");
}

/* "schedule dynamic (whoever is free takes the next items); transport direct (one node)" */
static void write_choices(FILE *out, const struct run_summary *s) {
    fprintf(out, "  schedule %s (%s)", s->policy, s->policy_why ? s->policy_why : "as the job says");
    if (s->n_ranks > 1)
        fprintf(out, "; transport %s (%s)", s->transport, s->transport_why);
    fprintf(out, "\n");
}

/* ", 12 failed (2 timed out, 1 crashed)" */
static void write_failed(FILE *out, const struct run_summary *s) {
    char a[32], b[32];
    if (s->n_failed == 0)
        return;
    fprintf(out, ", %s failed", sheaf_text_count(s->n_failed, a));
    if (s->n_timed_out && s->n_crashed)
        fprintf(out, " (%s timed out, %s crashed)", sheaf_text_count(s->n_timed_out, a),
                sheaf_text_count(s->n_crashed, b));
    else if (s->n_timed_out + s->n_crashed > 0)
        fprintf(out, " (%s %s)", sheaf_text_count(s->n_timed_out + s->n_crashed, a),
                s->n_crashed ? "crashed" : "timed out");
}

void sheaf_summary_write(FILE *out, const struct run_summary *s) {
    char a[32], b[32];
    int64_t n_new = s->n_done + s->n_failed - s->n_before, n_left = s->n_items - s->n_done - s->n_failed - s->n_skipped;
    fprintf(out, "%s: %s of %s item%s done", s->job_name, sheaf_text_count(s->n_done, a),
            sheaf_text_count(s->n_items, b), s->n_items == 1 ? "" : "s");
    write_failed(out, s);
    if (s->n_skipped)
        fprintf(out, ", %s skipped", sheaf_text_count(s->n_skipped, a));
    if (s->n_before && n_new > 0)
        fprintf(out, "; %s of them were there before this run%s%s%s", sheaf_text_count(s->n_before, a),
                s->changed ? ", computed before " : "", s->changed ? s->changed : "", s->changed ? " changed" : "");
    if (s->n_before && n_new == 0)
        fprintf(out, " already; nothing to do");
    fprintf(out, "\n");
    if (n_new > 0) {
        write_performance(out, s, n_new);
        write_choices(out, s);
    }
    if (s->ended && n_left > 0)
        fprintf(out, "  ended early %s\n", s->ended);
    if (s->failed_message)
        fprintf(out, "  first failure: item %s: %s\n", sheaf_text_count(s->failed_item, a), s->failed_message);
    if (s->most_messages && s->n_failed > s->most_messages)
        fprintf(out, "  messages of %s of the failed items are kept\n", sheaf_text_count(s->most_messages, a));
    if (s->reduced)
        fprintf(out, "%s", s->reduced);
    if (s->lost)
        fprintf(out, "  %s\n", s->lost);
    fprintf(out, "  results: %s", s->output);
    if (s->n_failed + s->n_skipped)
        fprintf(out, "; why items %s: sheaf show %s --where-failed", s->n_failed ? "failed" : "were skipped",
                s->output);
    if (n_left > 0)
        fprintf(out, "; run %s again to compute the other %s", s->again, sheaf_text_count(n_left, a));
    fprintf(out, "\n");
}
