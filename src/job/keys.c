#include "job/keys.h"

#include <stdbool.h>
#include <string.h>

#include "core/text.h"

#define KERNEL (1u << JOB_KERNEL)
#define EXPRESSION (1u << JOB_EXPRESSION)
#define COMMAND (1u << JOB_COMMAND)
#define WORKER (1u << JOB_WORKER)
#define PROGRAM (COMMAND | WORKER)

enum { MOST_KEYS = 64 }; /* of one map */

/* clang-format off */
const struct job_key sheaf_job_keys[] = {
    {"", "name", KEY_TEXT, .value = "WORD", .help = "names the job; default: the job file's name"},
    {"", "output", KEY_TEXT, .value = "FILE", .help = "the results file; default: NAME.h5 in the current folder"},
    {"", "items", KEY_MAP, .value = "{SOURCE: …}", .help = "what to compute, a row each: exactly one source; must be there"},
    {"", "stages", KEY_JOBS, .value = "[{name: …, items: …, …}, …]", .help = "several maps, one after the other, each with items and a kernel of its own, and results in a group of its name"},
    {"", "kernel", KEY_TEXT, .value = "NAME or PATH.so:NAME", .help = "a built-in function (sheaf kernels) or one of your own"},
    {"", "expression", KEY_NAMES, .value = "{y: x*x + 1}", .help = "formulas, one for each output"},
    {"", "command", KEY_TEXT | KEY_TEXTS, .value = "[PROGRAM, …] or SCRIPT", .help = "a program that is run for each item; {NAME} is a value"},
    {"", "worker", KEY_TEXT | KEY_TEXTS, .value = "[PROGRAM, …] or SCRIPT", .help = "a program that stays and answers for one item after the other, in JSON"},
    {"", "params", KEY_NAMES, .value = "{NAME: VALUE}", .help = "constants of the kernel, the formulas or the command"},
    {"", "functions", KEY_NAMES, .kinds = EXPRESSION, .value = "{f: {library: FILE, arguments: N}}", .help = "functions of your own in formulas"},
    {"", "shared", KEY_NAMES, .value = "{NAME: {npy: FILE}}", .help = "data that all items share, once in the memory of each node"},
    {"", "reduce", KEY_NAMES, .value = "{mean_y: {mean: y}}", .help = "what is asked of all items together: sums, means, extremes, exactly"},
    {"", "reuse", KEY_TEXT | KEY_TEXTS, .value = "[FILE, …]", .help = "results files whose rows are taken over where kernel and inputs are the same"},
    {"", "fast_math", KEY_BOOL, .kinds = EXPRESSION, .value = "true", .help = "quicker and less exact formulas; default: false"},
    {"", "compiler", KEY_TEXT, .kinds = EXPRESSION, .value = "NAME", .help = "the C compiler for formulas"},
    {"", "outputs", KEY_NAMES | KEY_TEXTS, .kinds = PROGRAM, .value = "{NAME: {json: PATH}}", .help = "where a program's results are found; of a worker: their names"},
    {"", "stdin", KEY_TEXT, .kinds = COMMAND, .value = "TEXT", .help = "what the command reads; {NAME} is a value"},
    {"", "workdir", KEY_WORD, "remove|keep", .kinds = COMMAND, .help = "each item has a folder of its own, and it is removed or kept"},
    {"", "keep", KEY_TEXT | KEY_TEXTS, .kinds = COMMAND, .value = "[PATTERN, …]", .help = "files of an item's folder that are kept in OUT.d/ITEM"},
    {"", "capture", KEY_TEXT, .kinds = COMMAND, .value = "SIZE", .help = "how much of what a command writes is stored; default: 1M"},
    {"", "batch", KEY_COUNT, .kinds = WORKER, .value = "N", .help = "items in one line for the worker; default: one"},
    {"", "memory", KEY_TEXT, .kinds = PROGRAM, .value = "SIZE", .help = "an item needs so much: no more run at once than fit"},
    {"", "gpus", KEY_COUNT | KEY_TEXTS, .kinds = PROGRAM, .value = "N or [DEVICE, …]", .help = "so many items at once on a node, each with a device"},
    {"", "retries", KEY_COUNT, .value = "N", .help = "try an item that failed so often again; default: 0"},
    {"", "timeout", KEY_TEXT, .value = "TIME", .help = "how long an item may take: 90s, 30m, 1:30:00"},
    {"", "isolate", KEY_BOOL, .kinds = KERNEL, .value = "true", .help = "run the kernel in processes of its own; default: false"},
    {"", "halt", KEY_WORD | KEY_MAP, "never", .value = "never or {failed: …}", .help = "when to end a run whose items fail"},
    {"", "schedule", KEY_MAP, .value = "{policy: …}", .help = "how items are divided among ranks and threads"},
    {"", "transport", KEY_WORD, "auto|gather|direct", .help = "which ranks open the files"},
    {"", "inputs", KEY_WORD, "auto|copy|link", .help = "how HDF5 fields come into the results file"},
    {"", "checkpoint", KEY_TEXT, .value = "TIME or never", .help = "how often rows are made safe from a power cut; default: 60s"},
    {"", "seed", KEY_COUNT, .value = "N", .help = "seed of random numbers, also of uniform() and normal() in formulas; default: 1"},

    {"items", "csv", KEY_TEXT, .value = "FILE", .help = "a table; its first line names the columns"},
    {"items", "lines", KEY_TEXT, .value = "FILE", .help = "a text file; each line is an item with the field line"},
    {"items", "count", KEY_COUNT, .value = "N", .help = "N items without fields, known by their index"},
    {"items", "hdf5", KEY_MAP, .value = "{file: FILE, fields: {x: /x}}", .help = "datasets with a row for each item"},
    {"items", "results", KEY_TEXT | KEY_MAP, .value = "FILE", .help = "a results file of Sheaf: its inputs and outputs are the fields, its cube is the new one's"},
    {"items", "jsonl", KEY_TEXT, .value = "FILE", .help = "JSON Lines: an object a line; its keys are the fields"},
    {"items", "grid", KEY_AXES, .value = "{x: [1, 2], y: {linspace: [0, 1, 11]}}", .help = "every value of each axis with every one of the others; the last axis is the fastest"},
    {"items", "zip", KEY_AXES, .value = "{x: [1, 2], y: [3, 4]}", .help = "fields side by side: the first values are the first item"},
    {"items", "rows", KEY_ROWS, .value = "[{x: 1, y: 3}, …]", .help = "items one by one"},
    {"items", "sample", KEY_MAP, .value = "{count: 1024, fields: {x: {uniform: [0, 1]}}}", .help = "items whose fields are drawn"},
    {"items", "files", KEY_TEXT | KEY_TEXTS, .value = "\"data/*.fits\"", .help = "each file that matches is an item with the fields file, name, size, modified"},
    {"items", "stage", KEY_TEXT | KEY_MAP, .value = "NAME", .help = "the results of another stage of the job, as results are of another job"},
    {"items", "repeat", KEY_COUNT, .needs = "grid|zip|rows|sample|files", .value = "N", .help = "each item so often, with random numbers of its own"},
    {"items", "where", KEY_TEXT, .value = "\"mass > 2*charge\"", .help = "a formula of the fields: items for which it is 0 are skipped"},
    {"items", "separator", KEY_TEXT, .needs = "csv", .value = "WORD", .help = "comma, tab, semicolon, blanks or a character"},
    {"items", "comment", KEY_TEXT, .needs = "csv", .value = "\"#\"", .help = "lines that begin with it are passed over"},
    {"items", "missing", KEY_TEXT | KEY_TEXTS, .needs = "csv|jsonl", .value = "[-999, …]", .help = "more texts of cells without a value"},
    {"items", "types", KEY_NAMES, .needs = "csv|jsonl", .value = "{NAME: text}", .help = "text, float64 or int64 for these columns"},
    {"items", "rename", KEY_NAMES, .needs = "csv|jsonl|files", .value = "{COLUMN: NAME}", .help = "other names for these columns or fields"},

    {"items.grid.*", "linspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "N numbers in equal steps"},
    {"items.grid.*", "logspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "10 to the power of such"},
    {"items.grid.*", "geomspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "N numbers in equal ratios"},
    {"items.grid.*", "range", KEY_TEXTS, .value = "[BEGIN, END, STEP]", .help = "from BEGIN on, before END, as in Python"},
    {"items.grid.*", "values", KEY_TEXTS, .value = "[VALUE, …]", .help = "the values as they are"},
    {"items.grid.*", "csv", KEY_TEXT, .value = "FILE:COLUMN", .help = "the values of a column of a table"},
    {"items.grid.*", "hdf5", KEY_TEXT, .value = "FILE:/DATASET", .help = "the numbers of a dataset of one dimension"},
    {"items.grid.*", "zip", KEY_AXES, .value = "{x: [1, 2], y: [3, 4]}", .help = "fields that vary together along this axis"},
    {"items.grid.*", "unit", KEY_TEXT, .value = "UNIT", .help = "of the values, for people"},
    {"items.grid.*", "long_name", KEY_TEXT, .value = "TEXT", .help = "what they are, for people"},

    {"items.sample", "count", KEY_COUNT, .value = "N", .help = "how many items"},
    {"items.sample", "method", KEY_WORD, "random|latin|sobol", .help = "at random, one in each Nth part of each field, or evenly"},
    {"items.sample", "scramble", KEY_BOOL, .value = "false", .help = "Sobol's points are scrambled by the seed; default: true"},
    {"items.sample", "fields", KEY_NAMES, .value = "{x: {uniform: [0, 1]}}", .help = "fields and how each is drawn"},

    {"items.sample.fields.*", "uniform", KEY_TEXTS, .value = "[FROM, TO]", .help = "numbers between them"},
    {"items.sample.fields.*", "loguniform", KEY_TEXTS, .value = "[FROM, TO]", .help = "such whose logarithms are uniform"},
    {"items.sample.fields.*", "normal", KEY_TEXTS, .value = "[MEAN, SD]", .help = "of this mean and standard deviation"},
    {"items.sample.fields.*", "integers", KEY_TEXTS, .value = "[LEAST, MOST]", .help = "whole numbers, both ends among them"},
    {"items.sample.fields.*", "choice", KEY_TEXTS, .value = "[VALUE, …]", .help = "one of these"},
    {"items.sample.fields.*", "unit", KEY_TEXT, .value = "UNIT", .help = "of the values, for people"},
    {"items.sample.fields.*", "long_name", KEY_TEXT, .value = "TEXT", .help = "what they are, for people"},

    {"items.hdf5", "file", KEY_TEXT, .value = "FILE", .help = "the HDF5 file"},
    {"items.hdf5", "fields", KEY_NAMES, .value = "{NAME: DATASET}", .help = "fields and their datasets"},

    {"items.results", "file", KEY_TEXT, .value = "FILE", .help = "the results file"},
    {"items.results", "fields", KEY_NAMES | KEY_TEXTS, .value = "[NAME, …] or {NEW: NAME}", .help = "only these of its fields, or under other names"},

    {"items.stage", "name", KEY_TEXT, .value = "NAME", .help = "the stage"},
    {"items.stage", "fields", KEY_NAMES | KEY_TEXTS, .value = "[NAME, …] or {NEW: NAME}", .help = "only these of its fields, or under other names"},

    {"outputs.*", "type", KEY_WORD, "float64|int64|text", .kinds = PROGRAM, .help = "the type of its values"},
    {"outputs.*", "width", KEY_COUNT, .kinds = PROGRAM, .value = "N", .help = "values an item; default: 1"},
    {"outputs.*", "unit", KEY_TEXT, .kinds = PROGRAM, .value = "UNIT", .help = "for people"},
    {"outputs.*", "json", KEY_TEXT, .kinds = COMMAND, .value = "PATH", .help = "keys with dots in between: state.v.0"},
    {"outputs.*", "regex", KEY_TEXT, .kinds = COMMAND, .value = "EXPRESSION", .help = "its last match, or the first group of that"},
    {"outputs.*", "column", KEY_COUNT, .kinds = COMMAND, .value = "N", .help = "a column of the last line, from 1"},
    {"outputs.*", "separator", KEY_TEXT, .kinds = COMMAND, .needs = "column", .value = "WORD", .help = "comma, tab, semicolon, blanks or a character"},
    {"outputs.*", "file", KEY_TEXT, .kinds = COMMAND, .value = "FILE", .help = "look in this file of the item's folder"},

    {"functions.*", "library", KEY_TEXT, .value = "FILE", .help = "a shared object that exports it"},
    {"functions.*", "arguments", KEY_COUNT, .value = "N", .help = "how many doubles it takes"},
    {"functions.*", "symbol", KEY_TEXT, .value = "NAME", .help = "what it is called there; default: the same"},
    {"functions.*", "by_reference", KEY_BOOL, .value = "true", .help = "it takes pointers, as in Fortran; default: false"},

    {"shared.*", "hdf5", KEY_TEXT, .value = "FILE:/DATASET", .help = "a dataset of numbers, of any shape"},
    {"shared.*", "csv", KEY_TEXT, .value = "FILE:COLUMN", .help = "a column of numbers"},
    {"shared.*", "npy", KEY_TEXT, .value = "FILE", .help = "an array that numpy.save has written"},
    {"shared.*", "stage", KEY_TEXT, .value = "STAGE.NAME", .help = "a field or a reduction of another stage of the job"},

    {"reduce.*", "sum", KEY_TEXT, .value = "FORMULA", .help = "of fields and outputs; rounded once"},
    {"reduce.*", "mean", KEY_TEXT, .value = "FORMULA", .help = "likewise"},
    {"reduce.*", "variance", KEY_TEXT, .value = "FORMULA", .help = "of a sample, over n - 1; likewise"},
    {"reduce.*", "std", KEY_TEXT, .value = "FORMULA", .help = "the root of the variance"},
    {"reduce.*", "standard_error", KEY_TEXT, .value = "FORMULA", .help = "of the mean"},
    {"reduce.*", "min", KEY_TEXT, .value = "FORMULA", .help = "the least value"},
    {"reduce.*", "max", KEY_TEXT, .value = "FORMULA", .help = "the largest value"},
    {"reduce.*", "argmin", KEY_TEXT, .value = "FORMULA", .help = "the item that has the least value, the first of several"},
    {"reduce.*", "argmax", KEY_TEXT, .value = "FORMULA", .help = "the item that has the largest value"},
    {"reduce.*", "count", KEY_TEXT, .value = "FORMULA", .help = "items for which it is not 0: \"y > 3\""},
    {"reduce.*", "histogram", KEY_MAP, .value = "{of: FORMULA, edges: [EDGE, …]}", .help = "how many values are in each bin, as numpy.histogram"},
    {"reduce.*", "quantiles", KEY_MAP, .value = "{of: FORMULA, at: [P, …]}", .help = "exact ones, as numpy.quantile"},
    {"reduce.*", "where", KEY_TEXT, .value = "FORMULA", .help = "only items for which it is not 0"},
    {"reduce.*", "over", KEY_TEXT | KEY_TEXTS, .value = "[AXIS, …]", .help = "only along these axes of a grid; the others stay, as a smaller cube"},
    {"reduce.*", "nan", KEY_WORD, "omit|propagate", .help = "whether a value that is no number is left out, or makes the result none"},

    {"reduce.*.histogram", "of", KEY_TEXT, .value = "FORMULA", .help = "of fields and outputs"},
    {"reduce.*.histogram", "edges", KEY_TEXTS | KEY_MAP, .value = "[EDGE, …] or {linspace: [FIRST, LAST, N]}", .help = "N + 1 for N bins; the last bin has its right edge, too"},

    {"reduce.*.histogram.edges", "linspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "N edges in equal steps"},
    {"reduce.*.histogram.edges", "logspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "10 to the power of such"},
    {"reduce.*.histogram.edges", "geomspace", KEY_TEXTS, .value = "[FIRST, LAST, N]", .help = "N edges in equal ratios"},

    {"reduce.*.quantiles", "of", KEY_TEXT, .value = "FORMULA", .help = "of fields and outputs"},
    {"reduce.*.quantiles", "at", KEY_TEXTS, .value = "[P, …]", .help = "probabilities from 0 to 1: 0.5 is the median"},

    {"halt", "failed", KEY_COUNT | KEY_TEXT, .value = "N or P%", .help = "end the run when so many have failed"},

    {"schedule", "policy", KEY_WORD, "auto|static|weighted|dynamic", .help = "parts for each rank, or whoever is free"},
    {"schedule", "cost", KEY_TEXT | KEY_MAP, .value = "FIELD or {from: FILE}", .help = "what an item costs"},

    {"schedule.cost", "from", KEY_TEXT, .value = "FILE", .help = "seconds that the items took in an earlier results file"},
    {0},
};
/* clang-format on */

const struct job_key_choice sheaf_job_key_choices[] = {
    {"", "kernel|expression|command|worker|stages"},
    {"items", "csv|lines|count|hdf5|results|jsonl|grid|zip|rows|sample|files|stage"},
    {"items.sample.fields.*", "uniform|loguniform|normal|integers|choice"},
    {"reduce.*", "sum|mean|variance|std|standard_error|min|max|argmin|argmax|count|histogram|quantiles"},
    {"reduce.*.histogram.edges", "linspace|logspace|geomspace"},
    {0},
};

const struct job_key *sheaf_job_key_find(const char *within, const char *name) {
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (strcmp(key->within, within) == 0 && strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

const char *sheaf_job_key_word(const char **at, int *n) {
    const char *word = *at;
    if (!word || !*word)
        return NULL;
    *n = (int)strcspn(word, "|");
    *at = word + *n + (word[*n] == '|');
    return word;
}

/* The first step from a map down to one within it, from "items" to "items.sample.fields.x" its "sample", of *n bytes, none
   where they are the same; NULL where it is not within. */
static const char *step_down(const char *outer, const char *inner, int *n) {
    const size_t length = strlen(outer);
    if (strncmp(outer, inner, length) != 0 || (length && inner[length] && inner[length] != '.'))
        return NULL;
    const char *step = inner + length + (length && inner[length] == '.');
    *n = (int)strcspn(step, ".");
    return step;
}

int sheaf_job_key_refuse_deep(const struct yaml_node *name, const char *within, struct sheaf_error *error) {
    const struct job_key *home = NULL;
    const char *step = NULL;
    int n = 0;
    for (const struct job_key *key = sheaf_job_keys; key->name; key++) {
        int n_here = 0;
        const char *here = step_down(key->within, within, &n_here);
        if (here && n_here && strcmp(key->name, name->text) == 0 &&
            (!home || strlen(key->within) > strlen(home->within))) {
            home = key;
            step = here;
            n = n_here;
        }
    }
    if (!home)
        return 0;
    return sheaf_yaml_refuse(name, error, "'%s' stands too deep, in %s; it belongs beside %.*s, %s%s", name->text,
                             within, n, step, *home->within ? "under " : "at the left edge", home->within);
}

/* The only map, or the first, that takes a key of this name. */
static int refuse_elsewhere(const struct yaml_node *name, const char *what, struct sheaf_error *error) {
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (strcmp(key->name, name->text) == 0 && *key->within)
            return sheaf_yaml_refuse(name, error, "unknown key '%s'%s%s; it belongs under %s", name->text,
                                     what ? " in " : "", what ? what : "", key->within);
    return 0;
}

/* A key that is none here, and none that is called nearly so, but is one of another map. */
static int refuse_misplaced(const struct yaml_node *map, const char *what, const char *within, const char *const *known,
                            int n, struct sheaf_error *error) {
    for (int i = 0; i < map->n; i++) {
        const struct yaml_node *name = map->key[i];
        if (sheaf_job_key_find(within, name->text))
            continue;
        if (what && sheaf_job_key_refuse_deep(name, what, error))
            return -1;
        return sheaf_text_closest(name->text, known, n) < 0 ? refuse_elsewhere(name, what, error) : 0;
    }
    return 0;
}

int sheaf_job_keys_check(const struct yaml_node *map, const char *what, const char *within, unsigned kind,
                         struct sheaf_error *error) {
    const char *known[MOST_KEYS];
    int n = 0;
    for (const struct job_key *key = sheaf_job_keys; key->name && n < MOST_KEYS; key++)
        if (strcmp(key->within, within) == 0 && (!kind || !key->kinds || (key->kinds & kind)))
            known[n++] = key->name;
    return refuse_misplaced(map, what, within, known, n, error) ? -1 : sheaf_yaml_keys(map, what, known, n, error);
}
