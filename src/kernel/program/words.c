#include "kernel/program/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "kernel/program/code.h"

const char *sheaf_words_folder(const struct job *job, struct sheaf_arena *arena) {
    char *real = realpath(job->folder, NULL);
    real = real ? real : getcwd(NULL, 0); /* another node need not have it */
    const char *kept = real ? sheaf_arena_text(arena, real, strlen(real)) : NULL;
    free(real);
    return kept;
}

const char **sheaf_words_plain(const struct yaml_node *node, struct sheaf_arena *arena, int *n) {
    const bool script = node->kind == YAML_SCALAR;
    *n = script ? 3 : node->n;
    const char **words = sheaf_arena_take(arena, (size_t)*n * sizeof *words);
    for (int i = 0; words && i < *n; i++)
        words[i] = !script ? node->value[i]->text : i == 0 ? "/bin/sh" : i == 1 ? "-c" : node->text;
    return words;
}

static bool is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Looks through PATH as execvp does. */
static char *find_in_path(const char *word) {
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/bin:/usr/bin"; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        char *folder = strndup(at, strcspn(at, ":"));
        char *file = folder ? sheaf_path_join(*folder ? folder : ".", word) : NULL;
        free(folder);
        if (file && is_file(file) && access(file, X_OK) == 0)
            return file;
        free(file);
    }
    return NULL;
}

char *sheaf_words_find(const char *word, const char *folder, bool is_program) {
    if (is_program && !strchr(word, '/'))
        return find_in_path(word);
    char *file = *word ? sheaf_path_join(folder, word) : NULL;
    if (file && is_file(file))
        return file;
    free(file);
    return NULL;
}

int sheaf_words_check(const struct yaml_node *node, const char *word, const char *folder, struct sheaf_error *error) {
    char *file = sheaf_words_find(word, folder, true);
    int rc = 0;
    if (!file && strchr(word, '/'))
        rc = sheaf_yaml_refuse(node, error, "there is no program '%s' in %s, where the job file lies", word, folder);
    else if (!file)
        rc = sheaf_yaml_refuse(
            node, error, "there is no program '%s' in PATH; a program beside the job file is written ./%s", word, word);
    else if (access(file, X_OK))
        rc = sheaf_yaml_refuse(node, error, "%s may not be run; chmod +x makes it a program", file);
    free(file);
    return rc;
}

/* What stands before the name of a file of the job: "{job_dir}/"; gives its length, without what follows it. */
static size_t find_job_dir(const char *word) {
    static const char *const names[] = {"{job_dir}", "$SHEAF_JOB_DIR", "${SHEAF_JOB_DIR}"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(word, names[i], strlen(names[i])) == 0)
            return strlen(names[i]);
    return 0;
}

/* A line for a word that names a file. */
static int add_file(const char *word, const char *folder, bool is_program, struct known *known,
                    struct sheaf_string *identity, struct sheaf_error *error) {
    char hash[SHEAF_HASH_BYTES];
    const size_t length = find_job_dir(word);
    const bool inside = length > 0 && word[length] == '/';
    const char *name = inside ? word + length + 1 : word;
    char *file = sheaf_words_find(name, folder, is_program && !inside);
    int rc = file ? sheaf_known_hash(known, file, hash, error) : 0;
    if (file && rc == 0) {
        sheaf_string_add(identity, "file %s: %s\n", name, hash);
        sheaf_known_use(known, file, hash);
    }
    free(file);
    return rc;
}

/* The words of a script, as far as blanks tell. What stands behind > is written: it is there when a run goes on, and
   was not when the first began. */
static int add_script_files(const char *script, const char *folder, struct known *known, struct sheaf_string *identity,
                            struct sheaf_error *error) {
    static const char between[] = " \t\n;|&<>()\"'";
    bool first = true;
    for (const char *at = script; *at; first = false) {
        const bool written = memchr(at, '>', strspn(at, between)) != NULL;
        at += strspn(at, between);
        const size_t dir = find_job_dir(at);
        const bool quoted = dir > 0 && (at[dir] == '"' || at[dir] == '\'') && at[dir + 1] == '/';
        at += quoted ? dir + 2 : 0; /* "$SHEAF_JOB_DIR"/simulate */
        size_t length = strcspn(at, between);
        char *word = strndup(at, length);
        if (!word)
            return sheaf_fail_memory(error, "the words of a command");
        int rc = length && !written ? add_file(word, folder, first && !quoted, known, identity, error) : 0;
        free(word);
        if (rc)
            return -1;
        at += length;
    }
    return 0;
}

int sheaf_words_identify(const struct yaml_node *node, const char *what, const char *folder, struct known *known,
                         struct sheaf_string *identity, struct sheaf_error *error) {
    if (node->kind == YAML_SCALAR) {
        sheaf_string_add(identity, "%s: sh -c '", what);
        sheaf_string_add_lines(identity, node->text);
        sheaf_string_add(identity, "'\n");
        return add_script_files(node->text, folder, known, identity, error);
    }
    sheaf_string_add(identity, "%s:", what);
    for (int i = 0; i < node->n; i++) {
        sheaf_string_add(identity, " '");
        sheaf_string_add_lines(identity, node->value[i]->text);
        sheaf_string_add(identity, "'");
    }
    sheaf_string_add(identity, "\n");
    struct code_words code = {0};
    for (int i = 0; i < node->n; i++) {
        const char *word = node->value[i]->text;
        const bool script = sheaf_code_step(&code, word) == CODE_SCRIPT;
        if (script ? add_script_files(word, folder, known, identity, error)
                   : add_file(word, folder, i == 0, known, identity, error))
            return -1;
    }
    return 0;
}

void sheaf_words_identify_text(const char *key, const char *name, const char *text, struct sheaf_string *identity) {
    sheaf_string_add(identity, "%s%s: '", key, name);
    sheaf_string_add_lines(identity, text);
    sheaf_string_add(identity, "'\n");
}

void sheaf_words_quote(const char *text, size_t length, struct sheaf_string *to) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    size_t n = 0;
    while (n < length && text[n] && strchr(plain, text[n]))
        n++;
    if (n > 0 && n == length) {
        sheaf_string_add(to, "%.*s", (int)length, text);
        return;
    }
    sheaf_string_add(to, "'");
    for (size_t i = 0; i < length; i++)
        sheaf_string_add(to, text[i] == '\'' ? "'\\''" : "%c", text[i]);
    sheaf_string_add(to, "'");
}
