/* sheaf help: the keys of job files, for people and for editors; all from the table in job/keys. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/schema.h"
#include "core/text.h"
#include "job/keys.h"

enum { VALUE_COLUMN = 16, HELP_COLUMN = 48 };

/* "csv" within "items": "items.csv" */
static const char *path_of(const struct job_key *key, char path[128]) {
    snprintf(path, 128, "%s%s%s", key->within, *key->within ? "." : "", key->name);
    return path;
}

/* Whether a path is that of a key, as "outputs.y.unit" is of "outputs.*.unit". */
static bool is_path_of(const char *path, const char *word) {
    for (; *path && *path != '*'; path++, word++)
        if (*path != *word)
            return false;
    if (*path == '*') {
        const size_t name = strcspn(word, ".");
        return name > 0 && is_path_of(path + 1, word + name);
    }
    return *word == '\0';
}

static void pad_to(int column, int at) {
    printf("%*s", at < column ? column - at : 1, "");
}

/* "static, weighted or dynamic" */
static int print_words(const char *words) {
    int n, printed = 0;
    for (const char *at = words, *word; (word = sheaf_job_key_word(&at, &n)) != NULL;)
        printed += printf("%s%.*s", word == words ? "" : *at ? ", " : " or ", n, word);
    return printed;
}

static void print_key(const struct job_key *key, int depth) {
    int at = printf("%*s%s", 2 * depth, "", key->name);
    pad_to(VALUE_COLUMN, at);
    at = at < VALUE_COLUMN ? VALUE_COLUMN : at + 1;
    if (key->value)
        printf("%s", key->value), at += (int)sheaf_text_columns(key->value, strlen(key->value));
    else
        at += print_words(key->words);
    pad_to(HELP_COLUMN, at);
    printf("%s\n", key->help);
}

static void print_map(const char *within, int depth) {
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (strcmp(key->within, within) == 0)
            print_key(key, depth);
}

/* What goes with one kind of job only stands under that. */
static void print_job(void) {
    static const struct {
        unsigned kinds;
        const char *heading;
    } parts[] = {
        {0, "A job file is a map, in YAML. It needs items, and one of kernel, expression, command and worker."},
        {1u << JOB_EXPRESSION, "With expression:"},
        {1u << JOB_COMMAND | 1u << JOB_WORKER, "With command and worker:"},
        {1u << JOB_COMMAND, "With command:"},
        {1u << JOB_WORKER, "With worker:"},
        {1u << JOB_KERNEL, "With kernel:"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        printf("%s%s\n", i ? "\n" : "", parts[i].heading);
        for (const struct job_key *key = sheaf_job_keys; key->name; key++)
            if (!*key->within && key->kinds == parts[i].kinds)
                print_key(key, 1);
    }
    printf("\nsheaf help KEY, such as sheaf help items, tells what stands in it; sheaf(1) tells all.\n");
}

/* One key: its line, what it goes with, and the keys of its map. */
static void print_one(const struct job_key *key, const char *path) {
    char inner[160];
    const char *before = "    goes with ";
    print_key(key, 1);
    for (int i = 0; i < JOB_KINDS; i++)
        if (key->kinds & 1u << i) {
            printf("%s%s", before, sheaf_job_kind_names[i]);
            before = " and ";
        }
    if (key->needs)
        printf("%s%s", before, key->needs);
    if (key->kinds || key->needs)
        printf("\n");
    print_map(path, 2);
    snprintf(inner, sizeof inner, "%.150s.*", path);
    print_map(inner, 2);
}

/* "items.csv", "policy": all keys of that path or name. */
static int print_keys(const char *word) {
    const char *names[256];
    char path[128], hint[128];
    int n_found = 0, n = 0;
    for (const struct job_key *key = sheaf_job_keys; key->name && n < 250; key++) {
        names[n++] = key->name;
        if (!is_path_of(path_of(key, path), word) && strcmp(key->name, word) != 0)
            continue;
        if (n_found++)
            printf("\n");
        if (*key->within)
            printf("in %s:\n", key->within);
        print_one(key, path);
    }
    names[n++] = "job";
    names[n++] = "keys";
    names[n++] = "schema";
    if (n_found)
        return SHEAF_EXIT_DONE;
    fprintf(stderr, "sheaf help: there is no key '%s' (sheaf help job lists them)%s\n", word,
            sheaf_text_suggest(word, names, n, false, hint, sizeof hint));
    return SHEAF_EXIT_USAGE;
}

/* For completion: what may stand behind --set and behind sheaf help. */
static void print_paths(void) {
    char path[128];
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (!strchr(key->within, '*'))
            printf("%s\n", path_of(key, path));
}

static const struct sheaf_option table[] = {{0}};

static const struct cmd_usage usage = {"sheaf help [job | KEY | keys | schema | SUBCOMMAND]",
                                       "Tells what may stand in a job file: all keys (job) or one (items, "
                                       "schedule.policy, …). keys lists their names, and\n"
                                       "schema is a JSON schema of job files, for editors that check YAML.",
                                       0, 1};

int sheaf_cmd_help(int argc, char **argv) {
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, NULL, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    const char *word = argv[first_word];
    if (strcmp(word, "job") == 0)
        print_job();
    else if (strcmp(word, "keys") == 0)
        print_paths();
    else if (strcmp(word, "schema") == 0)
        sheaf_schema_print();
    else
        return print_keys(word);
    return SHEAF_EXIT_DONE;
}
