/* sheaf verify: whether a results file's bytes are those that were written. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/text.h"
#include "store/lock.h"
#include "store/verify.h"

enum { SPANS_SHOWN = 20 };

static const struct sheaf_option table[] = {{0}};

static const struct cmd_usage usage = {
    "sheaf verify FILE",
    "Reads a results file and says whether its bytes are those that were written, or which items\n"
    "changed since, as where a disk has lost some, and how to compute these again.",
    1, 1};

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

/* --- what changed -------------------------------------------------------------------------------------------------- */

static void print_span(struct span items) {
    if (items.n == 1)
        printf("%" PRId64, items.first);
    else
        printf("%" PRId64 ":%" PRId64, items.first, items.first + items.n);
}

static void print_spans(const struct verified_spans *spans, const char *what) {
    char count[32];
    const int n_shown = spans->n_kept < SPANS_SHOWN ? spans->n_kept : SPANS_SHOWN;
    printf("  %s changed among %s item%s: ", what, sheaf_text_count(spans->n_items, count), plural(spans->n_items));
    for (int i = 0; i < n_shown; i++) {
        printf("%s", i ? ", " : "");
        print_span(spans->kept[i]);
    }
    if (spans->n > n_shown)
        printf(" and %s more such spans", sheaf_text_count(spans->n - n_shown, count));
    printf("\n");
}

/* Words of the call that made the file which are not to be repeated; those with a value stand before a blank. */
static bool is_left_out(const char *word, size_t n, bool *has_value) {
    static const char *const alone[] = {"--overwrite", "--retry-failed", "--recompute", "-q", "--quiet"};
    static const char *const valued[] = {"--items", "-i", "--stop-after"};
    *has_value = false;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strlen(alone[i]) == n && strncmp(word, alone[i], n) == 0)
            return true;
    for (size_t i = 0; i < sizeof valued / sizeof *valued; i++) {
        const size_t n_name = strlen(valued[i]);
        if (n >= n_name && strncmp(word, valued[i], n_name) == 0 && (n == n_name || word[n_name] == '=')) {
            *has_value = n == n_name;
            return true;
        }
    }
    return false;
}

/* The call that made the file, to be done again. */
static void print_call(const char *arguments) {
    bool has_value = false, first = true;
    for (const char *at = arguments ? arguments : "sheaf run JOB.yaml"; *at;) {
        const size_t n = strcspn(at, " ");
        if (has_value)
            has_value = false;
        else if (n && !is_left_out(at, n, &has_value)) {
            printf("%s%.*s", first ? "" : " ", (int)n, at);
            first = false;
        }
        at += n + (at[n] == ' ');
    }
}

static void print_mending(const struct verified *found) {
    const struct verified_spans *spans = &found->changed[SEGMENT_OUTPUTS];
    if (spans->n) {
        printf("  to compute these items again: ");
        print_call(found->arguments);
        printf(" --recompute --items ");
        for (int i = 0; i < spans->n_kept; i++) {
            printf("%s", i ? "," : "");
            print_span(spans->kept[i]);
        }
        printf("\n");
    }
    if (found->changed[SEGMENT_INPUTS].n) {
        printf(
            "  the copies of inputs in this file are not made anew by that; to have all from the job's own inputs: ");
        print_call(found->arguments);
        printf(" --overwrite\n");
    }
}

/* --- what is known ------------------------------------------------------------------------------------------------- */

static void print_unchecked(int64_t n, const char *why) {
    char count[32];
    if (n)
        printf("  %s item%s could not be checked: %s\n", sheaf_text_count(n, count), plural(n), why);
}

static void print_found(const char *path, const struct verified *found, bool alive) {
    char count[32], size[32];
    const bool changed = found->changed[SEGMENT_INPUTS].n || found->changed[SEGMENT_OUTPUTS].n;
    if (!found->has_sums) {
        printf("%s: has no sums (it was made by an older version of Sheaf), so nothing can be said\n", path);
        return;
    }
    printf("%s: ", path);
    if (changed)
        printf("is not as it was written\n");
    else
        printf("%s item%s (%sB) %s as %s written\n", sheaf_text_count(found->n_checked, count),
               plural(found->n_checked), sheaf_text_rate((double)found->n_bytes, size),
               found->n_checked == 1 ? "is" : "are", found->n_checked == 1 ? "it was" : "they were");
    if (alive)
        printf("  a run is at work on it\n");
    if (found->changed[SEGMENT_OUTPUTS].n)
        print_spans(&found->changed[SEGMENT_OUTPUTS], "outputs or statuses");
    if (found->changed[SEGMENT_INPUTS].n)
        print_spans(&found->changed[SEGMENT_INPUTS], "copied inputs");
    print_mending(found);
    print_unchecked(found->n_pending, "they are pending");
    print_unchecked(found->n_unknown,
                    alive ? "their sums are written when the run ends"
                          : "the run that wrote them was broken off; the same job, run again, goes on and sums them");
    print_unchecked(found->n_doubtful, "they were not yet safe when the machine or its disk failed, or were written on "
                                       "another machine; the same job, run again there, goes on");
    print_unchecked(found->n_unsettled, "they were written meanwhile");
    if (found->moved_inputs)
        printf("  inputs could not be checked: the file was repacked\n");
}

int sheaf_cmd_verify(int argc, char **argv) {
    struct sheaf_error error = {0};
    struct lock_holder holder;
    struct verified found;
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, NULL, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    const char *path = argv[first_word];
    const bool alive = sheaf_lock_is_held(path, &holder);
    code = sheaf_verify(path, &found, &error) ? sheaf_cmd_fail(&error) : SHEAF_EXIT_DONE;
    if (code == SHEAF_EXIT_DONE) {
        print_found(path, &found, alive);
        code =
            found.changed[SEGMENT_INPUTS].n || found.changed[SEGMENT_OUTPUTS].n ? SHEAF_EXIT_FAILED : SHEAF_EXIT_DONE;
    }
    sheaf_verified_free(&found);
    return code;
}
