/* sheaf verify: whether a results file's bytes are those that were written. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/each_stage.h"
#include "core/file.h"
#include "core/text.h"
#include "store/lock.h"
#include "store/verify.h"

enum { SPANS_SHOWN = 20 };

static const struct sheaf_option table[] = {{0}};

static const struct cmd_usage usage = {
    "sheaf verify FILE",
    "Reads a results file and says whether its bytes are those that were written, or which items\n"
    "changed since, as where a disk has lost some, and how to compute these again. Inputs\n"
    "that are linked are not looked at.",
    1, 1};

/* --- what changed -------------------------------------------------------------------------------------------------- */

/* What was said, or nothing where there was no memory for it. */
static const char *text_of(const struct sheaf_string *said) {
    return said->data && !said->failed ? said->data : "";
}

static void print_spans(const struct span_list *spans, const char *what) {
    char count[32];
    struct sheaf_string said = {0};
    if (spans->n == 0)
        return;
    sheaf_span_list_say(spans, SPANS_SHOWN, ", ", &said);
    printf("  %s changed among %s item%s: %s", what, sheaf_text_count(spans->n_items, count),
           sheaf_text_plural(spans->n_items), text_of(&said));
    if (spans->n > SPANS_SHOWN)
        printf(" and %s more such spans", sheaf_text_count(spans->n - SPANS_SHOWN, count));
    printf("\n");
    sheaf_string_free(&said);
}

/* Where a word ends that stands in a text as sheaf_cmd_quote() writes it. */
static size_t word_length(const char *at) {
    size_t n = 0;
    for (bool quoted = false; at[n] && (quoted || at[n] != ' '); n++)
        if (!quoted && at[n] == '\\' && at[n + 1])
            n++; /* what follows is no quote */
        else
            quoted = quoted != (at[n] == '\'');
    return n;
}

/* Words of the call that made the file which are not to be repeated; of some the next one is not either. */
static bool is_left_out(const char *word, size_t n, bool *has_value) {
    static const char *const alone[] = {"--overwrite", "--retry-failed", "--recompute", "-q", "--quiet"};
    static const char *const valued[] = {"--items", "-i", "--stop-after", "--output", "-o", "--stage"};
    *has_value = false;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strlen(alone[i]) == n && strncmp(word, alone[i], n) == 0)
            return true;
    for (size_t i = 0; i < sizeof valued / sizeof *valued; i++) {
        const size_t n_name = strlen(valued[i]);
        const bool is_short = valued[i][1] != '-';
        if (n >= n_name && strncmp(word, valued[i], n_name) == 0 && (n == n_name || is_short || word[n_name] == '=')) {
            *has_value = n == n_name;
            return true;
        }
    }
    return false;
}

/* The call that made the file, to be done again to the file that was looked at, wherever that is by now. */
static void print_call(const char *arguments, const char *path) {
    bool has_value = false;
    const char *before = "";
    for (const char *at = arguments ? arguments : "sheaf run JOB.yaml"; *at;) {
        const size_t n = word_length(at);
        if (has_value) {
            has_value = false;
        } else if (n && !is_left_out(at, n, &has_value)) {
            printf("%s%.*s", before, (int)n, at);
            before = " ";
        }
        at += n + (at[n] == ' ');
    }
    char *absolute = sheaf_path_absolute(path);
    struct sheaf_string quoted = {0};
    sheaf_cmd_quote(absolute ? absolute : path, &quoted);
    printf(" -o %s", quoted.data && !quoted.failed ? quoted.data : path);
    sheaf_string_free(&quoted);
    free(absolute);
}

/* The call that made the file, for this stage of it. */
static void print_own_call(const struct cmd_stage *stage, const struct verified *found) {
    print_call(found->arguments, stage->path);
    if (stage->stage)
        printf(" --stage %s", stage->stage);
}

static void print_mending(const struct cmd_stage *stage, const struct verified *found) {
    struct span_list outputs;
    struct sheaf_string said = {0};
    sheaf_span_list_join(&found->changed[SEGMENT_OUTPUTS], &found->changed_texts[SEGMENT_OUTPUTS], &outputs);
    if (outputs.n) {
        sheaf_span_list_say(&outputs, SPANS_KEPT, ",", &said);
        printf("  to compute these items again, in the folder where the job was run: ");
        print_own_call(stage, found);
        printf(" --recompute --items %s\n", text_of(&said));
    }
    sheaf_string_free(&said);
    if (found->changed[SEGMENT_INPUTS].n || found->changed_texts[SEGMENT_INPUTS].n ||
        found->changed_coordinates.length) {
        printf("  copies of inputs are not mended by a run, which reads the job's own; to have all anew: ");
        print_own_call(stage, found);
        printf(" --overwrite\n");
    }
}

static bool any_changed(const struct verified *found) {
    bool any = found->changed_coordinates.length > 0;
    for (int part = 0; part < SEGMENT_PARTS; part++)
        any = any || found->changed[part].n || found->changed_texts[part].n;
    return any;
}

/* --- what is known ------------------------------------------------------------------------------------------------- */

static void print_unchecked(int64_t n, const char *why) {
    char count[32];
    if (n)
        printf("  %s item%s could not be checked: %s\n", sheaf_text_count(n, count), sheaf_text_plural(n), why);
}

static void print_found(const struct cmd_stage *stage, const struct verified *found, bool alive) {
    char count[32], size[32];
    const char *path = stage->address;
    if (!found->has_sums) {
        printf("%s: has no sums (it was made by an older version of Sheaf), so nothing can be said\n", path);
        return;
    }
    printf("%s: ", path);
    if (any_changed(found))
        printf("is not as it was written\n");
    else
        printf("%s item%s (%sB) %s as %s written\n", sheaf_text_count(found->n_checked, count),
               sheaf_text_plural(found->n_checked), sheaf_text_rate((double)found->n_bytes, size),
               found->n_checked == 1 ? "is" : "are", found->n_checked == 1 ? "it was" : "they were");
    if (alive)
        printf("  a run is at work on it\n");
    print_spans(&found->changed[SEGMENT_OUTPUTS], "outputs or statuses");
    print_spans(&found->changed_texts[SEGMENT_OUTPUTS], "texts");
    print_spans(&found->changed[SEGMENT_INPUTS], "copied inputs");
    print_spans(&found->changed_texts[SEGMENT_INPUTS], "copied inputs that are texts");
    if (found->changed_coordinates.length)
        printf("  coordinates changed: %s\n", text_of(&found->changed_coordinates));
    print_mending(stage, found);
    print_unchecked(found->n_pending, "they are pending");
    print_unchecked(found->n_unknown, alive ? "their sums are written when the run ends"
                                      : found->settled
                                          ? "their sums are lost; the same job, run again, sums them as they are now"
                                          : "the run that wrote them was broken off; the same job, run again, goes on "
                                            "and sums them");
    print_unchecked(found->n_doubtful, "they were not yet safe when the machine or its disk failed, or were written on "
                                       "another machine; the same job, run again there, goes on");
    print_unchecked(found->n_unsettled, "they were written meanwhile");
    if (found->unknown_texts[SEGMENT_INPUTS])
        printf("  copied inputs that are texts were not checked\n");
    if (found->unknown_texts[SEGMENT_OUTPUTS])
        printf("  texts were not checked%s\n", found->lost_texts ? ", and some are lost (sheaf status tells)" : "");
    if (found->has_links)
        printf("  inputs that are linked were not checked; sheaf show leaves out what is not as it was\n");
    if (found->moved_inputs)
        printf("  inputs could not be checked: the file was repacked\n");
}

/* The words of the command line, and what came of it. */
struct looking {
    struct sheaf_error error;
    int code;
};

static int visit(const struct cmd_stage *stage, void *context) {
    struct looking *looking = context;
    struct lock_holder holder;
    struct verified found;
    if (!stage->is_there)
        return 0;
    const bool alive = sheaf_lock_is_held(stage->path, &holder);
    const int rc = sheaf_verify(stage->path, stage->stage, &found, &looking->error);
    if (rc == 0) {
        print_found(stage, &found, alive);
        looking->code = any_changed(&found) ? SHEAF_EXIT_FAILED : looking->code;
    }
    sheaf_verified_free(&found);
    return rc;
}

int sheaf_cmd_verify(int argc, char **argv) {
    struct looking looking = {.code = SHEAF_EXIT_DONE};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, NULL, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    return sheaf_cmd_each_stage(argv[first_word], visit, &looking, &looking.error) ? sheaf_cmd_fail(&looking.error)
                                                                                   : looking.code;
}
