#include "kernel/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "core/type.h"
#include "kernel/program/capture.h"
#include "kernel/command/extract.h"
#include "kernel/program/template.h"
#include "kernel/command/workdir.h"
#include "process/blame.h"

enum { MOST_SETTINGS = 16, MOST_SOURCE_BYTES = 1 << 30, NOT_FOUND = 127, NOT_RUN = 126 };

/* What a thread needs to run commands, kept from item to item. */
struct command_hand {
    struct keeper keeper;
    struct capture captures[2];
    struct sheaf_buffer text, found; /* words and settings of a program; a value */
    size_t *at;                      /* [n_words + n_settings] where they begin in `text` */
    const char **words;              /* [n_words + n_settings] */
    struct extract_source *sources;  /* [n_sources] */
    char **files;                    /* [n_sources] contents, NULL for standard output */
    int null_fd;
};

/* One item's run. */
struct attempt {
    const struct command *c;
    const struct sheaf_context *context;
    const struct sheaf_block *block;
    int64_t k; /* always 0: blocks have one item */
    struct command_hand *hand;
    char *workdir;
    const bool *wanted; /* [n_outputs] which outputs to find; NULL: all */
    struct program_end end;
};

/* --- words and settings -------------------------------------------------------------------------------------------- */

/* Ends the text that was appended since the last one. */
static int end_text(struct command_hand *h, int n, size_t from, struct sheaf_error *error) {
    h->at[n] = from;
    return sheaf_template_append(&h->text, "", 1, error);
}

static int add_setting(struct command_hand *h, int *n, struct sheaf_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int add_setting(struct command_hand *h, int *n, struct sheaf_error *error, const char *format, ...) {
    char text[4200];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    const size_t from = h->text.n_bytes;
    return sheaf_template_append(&h->text, text, strlen(text), error) ? -1 : end_text(h, (*n)++, from, error);
}

/* The item's own seed, the same in each attempt. */
static uint64_t find_seed(const struct attempt *a) {
    struct sheaf_random stream;
    uint64_t bits;
    a->context->random(a->context, a->k, &stream);
    a->context->bits(&stream, 1, &bits);
    return bits >> 1; /* fits a signed number */
}

static int add_settings(const struct attempt *a, int *n, struct sheaf_error *error) {
    const struct command *c = a->c;
    const struct job_program *program = &c->job->program;
    struct command_hand *h = a->hand;
    if (add_setting(h, n, error, "SHEAF_ITEM=%" PRId64, a->block->first + a->k) ||
        add_setting(h, n, error, "SHEAF_ATTEMPT=%d", (int)a->context->attempt) ||
        add_setting(h, n, error, "SHEAF_SEED=%" PRIu64, find_seed(a)) ||
        add_setting(h, n, error, "SHEAF_SLOT=%d", (int)a->context->slot) ||
        add_setting(h, n, error, "SHEAF_JOB_DIR=%s", c->folder) ||
        (c->host->shared_folder && *c->host->shared_folder &&
         add_setting(h, n, error, "SHEAF_SHARED=%s", c->host->shared_folder)) ||
        (c->sets_threads && add_setting(h, n, error, "OMP_NUM_THREADS=1")) ||
        (program->n_gpus &&
         add_setting(h, n, error, "CUDA_VISIBLE_DEVICES=%s", program->gpus[a->context->slot % program->n_gpus])))
        return -1;
    for (int v = 0; v < c->values.n; v++) {
        char name[32];
        const size_t from = h->text.n_bytes;
        snprintf(name, sizeof name, "SHEAF_VALUE_%d=", v + 1);
        if (sheaf_template_append(&h->text, name, strlen(name), error) ||
            sheaf_template_write_piece(&c->values, v, c->inputs, a->block, a->k, &h->text, error) ||
            end_text(h, (*n)++, from, error))
            return -1;
    }
    return 0;
}

static int write_words(const struct attempt *a, struct program *program, struct sheaf_error *error) {
    const struct command *c = a->c;
    struct command_hand *h = a->hand;
    int n = 0;
    h->text.n_bytes = 0;
    for (; n < c->n_words;) {
        const size_t from = h->text.n_bytes;
        if (sheaf_template_write(&c->words[n], c->inputs, a->block, a->k, &h->text, error) ||
            end_text(h, n++, from, error))
            return -1;
    }
    if (add_settings(a, &n, error))
        return -1;
    for (int i = 0; i < n; i++)
        h->words[i] = h->text.data + h->at[i];
    program->n_words = c->n_words;
    program->words = h->words;
    program->n_settings = n - c->n_words;
    program->settings = h->words + c->n_words;
    return 0;
}

/* A descriptor to read the standard input from. */
static int open_input(const struct attempt *a, int *fd, struct sheaf_error *error) {
    struct command_hand *h = a->hand;
    if (!a->c->job->program.input) {
        if (h->null_fd < 0)
            h->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        *fd = fcntl(h->null_fd, F_DUPFD_CLOEXEC, 3);
        return *fd < 0 ? sheaf_fail_errno(error, "/dev/null: cannot open; raise the limit of open files (ulimit -n)")
                       : 0;
    }
    h->found.n_bytes = 0;
    if (sheaf_template_write(&a->c->input, a->c->inputs, a->block, a->k, &h->found, error))
        return -1;
    *fd = memfd_create("stdin", MFD_CLOEXEC);
    if (*fd < 0)
        return sheaf_fail_errno(error, "cannot make the standard input of a command");
    return sheaf_file_pwrite(*fd, h->found.data, h->found.n_bytes, 0, "standard input", error);
}

/* --- running ------------------------------------------------------------------------------------------------------- */

/* The folder that the program is in at first. */
static const char *where(const struct attempt *a) {
    return a->workdir ? a->workdir : a->c->folder;
}

static int run_program(struct attempt *a, struct sheaf_error *error) {
    const struct command *c = a->c;
    struct program program = {.folder = where(a), .timeout_s = c->job->limits.timeout_s, .fds = {-1, -1, -1}};
    int rc = -1;
    if (write_words(a, &program, error) || open_input(a, &program.fds[0], error))
        goto out;
    if (sheaf_keeper_open(&a->hand->keeper, c->host->server, error))
        goto out;
    rc = sheaf_capture_run(&a->hand->keeper, &program, a->hand->captures, &a->end, error);
out:
    if (program.fds[0] >= 0)
        close(program.fds[0]);
    return rc;
}

/* What the program wrote, without the 0 at its end. */
static size_t text_of(const struct command_hand *h, int which, const char **text) {
    *text = h->captures[which].text.data;
    return h->captures[which].text.n_bytes - 1;
}

static int last_line(const struct command_hand *h, int which, const char **line) {
    size_t n = text_of(h, which, line);
    while (n > 0 && strchr(" \t\r\n", (*line)[n - 1]))
        n--;
    size_t first = n;
    while (first > 0 && (*line)[first - 1] != '\n' && (*line)[first - 1] != '\r')
        first--;
    *line += first;
    return n - first < 200 ? (int)(n - first) : 200;
}

/* The last line of what was said: what most programs end with when they fail. */
static int last_words(const struct command_hand *h, const char **line) {
    const int n = last_line(h, 1, line);
    return n ? n : last_line(h, 0, line);
}

/* ", and left 2 processes behind, which were killed", or "". */
static const char *describe_left(const struct program_end *end, char text[64]) {
    text[0] = '\0';
    if (end->n_left > 0)
        snprintf(text, 64, " (left %d process%s behind, killed)", end->n_left, end->n_left > 1 ? "es" : "");
    return text;
}

/* Says how the program ended where that was not well; true if it was. */
static bool judge(const struct attempt *a) {
    const struct program_end *end = &a->end;
    const struct sheaf_context *context = a->context;
    const char *line, *word = a->hand->words[0];
    const int n = last_words(a->hand, &line);
    char left[64];
    describe_left(end, left);
    if (sheaf_blame_is_outside(end))
        context->give_back(context, a->k);
    else if (end->step != START_OK)
        context->end(context, a->k, SHEAF_FAILED, "cannot %s %s: %s", end->step == START_FOLDER ? "enter" : "run",
                     end->step == START_FOLDER ? where(a) : word, strerror(end->error));
    else if (end->timed_out)
        context->end(context, a->k, SHEAF_TIMED_OUT, "took longer than %g s%s%s%.*s", a->c->job->limits.timeout_s, left,
                     n ? ": " : "", n, line);
    else if (WIFSIGNALED(end->status))
        context->end(context, a->k, SHEAF_CRASHED, "killed by signal %d (%s)%s%s%.*s", WTERMSIG(end->status),
                     strsignal(WTERMSIG(end->status)), left, n ? ": " : "", n, line);
    else if (WEXITSTATUS(end->status) != 0)
        context->end(context, a->k, SHEAF_FAILED, "exit code %d%s%s%.*s", WEXITSTATUS(end->status), left, n ? ": " : "",
                     n, line);
    else
        return true;
    return false;
}

/* --- outputs ------------------------------------------------------------------------------------------------------- */

static void fill_outputs(const struct attempt *a) {
    for (int o = 0; o < a->c->n_outputs; o++)
        if (a->block->out[o])
            sheaf_type_fill(a->c->outputs[o].type, a->block->out[o], a->c->outputs[o].width);
}

/* Whether it is looked for in the end alone of a standard output that was too long. */
static bool is_cut(const struct attempt *a, int o) {
    return a->c->source_of[o] == 0 && a->hand->captures[0].end_at > 0;
}

/* What output number o is found in: standard output, or a file that is read when first needed. */
static struct extract_source *open_source(const struct attempt *a, int o, struct sheaf_error *error) {
    struct command_hand *h = a->hand;
    const int s = a->c->source_of[o];
    struct extract_source *source = &h->sources[s];
    if (is_cut(a, o) && a->c->job->program.outputs[o].where == JOB_FROM_JSON) {
        sheaf_refuse(error, "standard output was longer than is kept; capture: %zu or more keeps all",
                     h->captures[0].n_bytes);
        return NULL;
    }
    if (s == 0 || source->text)
        return source;
    char *path = sheaf_path_join(a->workdir, a->c->source[s]);
    int rc = path ? sheaf_file_read(path, MOST_SOURCE_BYTES, &h->files[s], &source->length, error)
                  : sheaf_fail_memory(error, "a path");
    source->text = h->files[s];
    free(path);
    return rc ? NULL : source;
}

/* Finds all outputs; the first that is not there fails the item. */
static void find_outputs(const struct attempt *a) {
    const struct command *c = a->c;
    struct command_hand *h = a->hand;
    struct sheaf_error error = {0};
    memset(h->sources, 0, (size_t)c->n_sources * sizeof *h->sources);
    h->sources[0].length = text_of(h, 0, &h->sources[0].text) - h->captures[0].end_at;
    h->sources[0].text += h->captures[0].end_at; /* where something was left out, what counts last is at the end */
    int o = 0;
    for (; o < c->n_outputs; o++) {
        if (a->wanted && !a->wanted[o])
            continue;
        struct extract_source *source = open_source(a, o, &error);
        h->found.n_bytes = 0;
        if (!source)
            break;
        if (sheaf_extract(&c->extractors[o], source, a->block->out[o], &h->found, &error)) {
            if (is_cut(a, o))
                sheaf_error_prefix(
                    &error, "in the end of standard output (capture: %zu keeps all of it): ", h->captures[0].n_bytes);
            break;
        }
        if (c->outputs[o].type == SHEAF_TEXT)
            a->context->emit_text(a->context, a->k, o, h->found.data, h->found.n_bytes);
    }
    if (o < c->n_outputs) {
        const char *line; /* a script goes on after a program that has failed */
        const int n = last_line(h, 1, &line);
        fill_outputs(a);
        for (int before = 0; before < o; before++) /* a failed item has no outputs, in whatever order they are found */
            if (c->outputs[before].type == SHEAF_TEXT && (!a->wanted || a->wanted[before]))
                a->context->emit_text(a->context, a->k, before, "", 0);
        a->context->end(a->context, a->k, SHEAF_FAILED, "outputs.%s: %.150s%s%.*s", c->outputs[o].name, error.text,
                        n ? "; standard error: " : "", n, line);
        if (a->end.heard) /* a signal to all may have ended the one program of a script that gives it */
            a->context->give_back(a->context, a->k);
    }
    for (int s = 0; s < c->n_sources; s++) {
        sheaf_extract_end(&h->sources[s]);
        free(h->files[s]);
        h->files[s] = NULL;
    }
}

/* What is stored of every command. */
static void store_standard(const struct attempt *a) {
    const struct program_end *end = &a->end;
    void *const *out = a->block->out + a->c->n_outputs;
    const int first = a->c->n_outputs;
    const char *text;
    int32_t signal = 0, code = NOT_FOUND;
    if (end->step == START_OK || end->step == START_LOST) { /* what is not watched any more is killed */
        signal = end->step == START_LOST ? SIGKILL : WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;
        code = signal ? 128 + signal : WEXITSTATUS(end->status);
    } else if (end->error == EACCES || end->error == ENOEXEC) {
        code = NOT_RUN;
    }
    *(int32_t *)out[EXIT_CODE] = code;
    *(int32_t *)out[SIGNAL] = signal;
    *(double *)out[USER_SECONDS] = end->user_s;
    *(double *)out[SYSTEM_SECONDS] = end->system_s;
    *(int64_t *)out[PEAK_RSS] = end->peak_rss;
    a->context->emit_text(a->context, a->k, first + HOST, a->c->here, strlen(a->c->here));
    for (int which = 0; which < 2; which++) {
        size_t n = text_of(a->hand, which, &text);
        a->context->emit_text(a->context, a->k, first + STDOUT + which, text, n);
    }
}

/* --- map ----------------------------------------------------------------------------------------------------------- */

static struct command_hand *find_hand(const struct command *c, int thread, struct sheaf_error *error) {
    struct command_hand **place = (struct command_hand **)(uintptr_t)&c->hands[thread]; /* each thread has its own */
    const size_t n = (size_t)(c->n_words + MOST_SETTINGS + c->values.n);
    if (*place)
        return *place;
    struct command_hand *h = *place = calloc(1, sizeof *h);
    if (!h) {
        sheaf_fail_memory(error, "a thread");
        return NULL;
    }
    h->keeper.fd = h->null_fd = -1;
    h->captures[0].most = h->captures[1].most = (size_t)c->job->program.capture_bytes;
    h->at = calloc(n, sizeof *h->at);
    h->words = calloc(n, sizeof *h->words);
    h->sources = calloc((size_t)c->n_sources, sizeof *h->sources);
    h->files = calloc((size_t)c->n_sources, sizeof *h->files);
    if (h->at && h->words && h->sources && h->files)
        return h;
    sheaf_fail_memory(error, "a thread");
    return NULL;
}

void sheaf_command_close_hand(struct command_hand *h) {
    if (!h)
        return;
    sheaf_keeper_close(&h->keeper);
    sheaf_capture_free(&h->captures[0]);
    sheaf_capture_free(&h->captures[1]);
    sheaf_buffer_free(&h->text);
    sheaf_buffer_free(&h->found);
    if (h->null_fd >= 0)
        close(h->null_fd);
    free(h->at);
    free(h->words);
    free(h->sources);
    free(h->files);
    free(h);
}

/* A folder that cannot be removed is no reason to end the run. */
static void warn_aside(const struct attempt *a, const struct sheaf_aside *aside) {
    if (aside->path[0])
        a->context->warn(a->context, "a folder of item %" PRId64 " cannot be removed; it is now %s",
                         a->block->first + a->k, aside->path);
}

static void remove_workdir(const struct attempt *a) {
    struct sheaf_error error = {0};
    if (a->c->job->program.workdir == JOB_WORKDIR_REMOVE && sheaf_workdir_remove(a->workdir, &error))
        a->context->warn(a->context, "%s; it is left", error.text);
}

/* The program's run from its folder to its outputs. -1: nothing could be run, and it is not the item's fault. */
static int run_item(struct attempt *a, struct sheaf_error *error) {
    const struct command *c = a->c;
    const struct job_program *program = &c->job->program;
    struct sheaf_aside aside = {.path = ""};
    if (program->workdir != JOB_WORKDIR_NONE &&
        sheaf_workdir_make(c->host->folder, a->block->first + a->k, &a->workdir, &aside, error))
        return -1;
    warn_aside(a, &aside);
    if (run_program(a, error))
        return -1;
    fill_outputs(a);
    store_standard(a);
    if (judge(a))
        find_outputs(a);
    if (program->n_keep && sheaf_workdir_keep(c->host->folder, a->block->first + a->k, a->workdir, program->keep,
                                              program->n_keep, &aside, error))
        return -1;
    if (program->n_keep)
        warn_aside(a, &aside);
    remove_workdir(a);
    return 0;
}

int sheaf_command_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct command *c = self;
    struct attempt a = {.c = c, .context = context, .block = block};
    struct sheaf_error error = {0};
    int rc = 0;
    a.hand = find_hand(c, context->thread, &error);
    if (!a.hand || run_item(&a, &error)) {
        context->fail(context, SHEAF_WHOLE_BLOCK, "%s", error.text);
        rc = error.exit == SHEAF_EXIT_USAGE ? SHEAF_BLOCK_FAILED : SHEAF_BROKEN;
    }
    free(a.workdir);
    return rc;
}

/* --- outputs of a program that ran before --------------------------------------------------------------------------- */

/* What was stored of a pipe, as when it was read: with what is known of a part that was left out (kernel/program/capture.h). */
static int take_stored(struct capture *capture, const char *text, struct sheaf_error *error) {
    static const char before[] = "\n[sheaf: ", behind[] = " bytes left out]\n";
    const size_t n = strlen(text);
    sheaf_capture_begin(capture);
    capture->end_at = 0;
    capture->n_bytes = n;
    const char *mark = n > capture->most ? strstr(text, before) : NULL;
    for (; mark; mark = strstr(mark + 1, before)) {
        char *end;
        const unsigned long long n_left_out = strtoull(mark + strlen(before), &end, 10);
        if (end == mark + strlen(before) || strncmp(end, behind, strlen(behind)) != 0)
            continue;
        end += strlen(behind);
        const char *line_end = strpbrk(end, "\r\n"); /* as sheaf_capture_finish */
        capture->end_at = line_end ? (size_t)(line_end - text) + 1 : n;
        capture->n_bytes = n - (size_t)(end - mark) + (size_t)n_left_out;
        break;
    }
    return sheaf_template_append(&capture->text, text, n + 1, error);
}

/* Whether all files are there that the wanted outputs are found in, and were kept since then. */
static bool has_files(const struct attempt *a, double since_unix_s) {
    struct stat file;
    bool all = true;
    for (int o = 0; o < a->c->n_outputs; o++) {
        if (!a->wanted[o] || a->c->source_of[o] == 0)
            continue;
        char *path = sheaf_path_join(a->workdir, a->c->source[a->c->source_of[o]]);
        all = all && path && stat(path, &file) == 0 && S_ISREG(file.st_mode) &&
              (double)file.st_ctim.tv_sec + (double)file.st_ctim.tv_nsec / 1e9 >= since_unix_s;
        free(path);
    }
    return all;
}

int sheaf_command_again(const void *made, const struct sheaf_context *context, const struct sheaf_block *block,
                        struct kernel_written *written, struct sheaf_error *error) {
    const struct command *c = made;
    struct attempt a = {.c = c, .context = context, .block = block, .wanted = written->wanted};
    a.hand = find_hand(c, 0, error);
    if (!a.hand)
        return -1;
    for (int which = 0; which < 2; which++)
        if (take_stored(&a.hand->captures[which], written->text[which], error))
            return -1;
    if (asprintf(&a.workdir, "%s/%" PRId64, c->host->folder, block->first) < 0) /* where kept files lie */
        return sheaf_fail_memory(error, "a path");
    written->lost = !has_files(&a, written->since_unix_s);
    if (!written->lost)
        find_outputs(&a);
    free(a.workdir);
    return 0;
}
