#include "job/table.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/text.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

char sheaf_job_separator_called(const char *name) {
    static const struct {
        const char *name;
        char separator;
    } known[] = {{"comma", ','}, {"tab", '\t'}, {"semicolon", ';'}, {"blanks", JOB_BLANKS}, {"\\t", '\t'}};
    for (int i = 0; i < COUNT_OF(known); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].separator;
    return 0;
}

/* A word, or the character itself. */
static int read_separator(char *separator, const struct yaml_node *node, struct sheaf_error *error) {
    const char *text;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, "items.separator", &text, error))
        return -1;
    if ((*separator = sheaf_job_separator_called(text)) != 0)
        return 0;
    *separator = text[0];
    if (text[0] && !text[1] &&
        (strchr("\t ", text[0]) || (ispunct((unsigned char)text[0]) && !strchr("\"'.+-#_", *text))))
        return 0;
    return sheaf_yaml_refuse(
        node, error,
        "items.separator is '%s'; it should be comma, tab, semicolon, blanks (any number of them), "
        "or one character that is in no cell, such as \"|\"",
        text);
}

static int read_comment(struct job_table *table, const struct yaml_node *node, struct sheaf_error *error) {
    const char *text;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, "items.comment", &text, error))
        return -1;
    table->comment = text[0];
    if (text[0] && !text[1] && ispunct((unsigned char)text[0]) && text[0] != '"' && text[0] != table->separator)
        return 0;
    return sheaf_yaml_refuse(
        node, error, "items.comment is '%s'; it should be one character that begins no row, such as \"#\"", text);
}

/* A text or a list of them. */
static int read_missing(struct job_table *table, const struct yaml_node *node, struct sheaf_arena *arena,
                        struct sheaf_error *error) {
    if (!node)
        return 0;
    const bool list = node->kind == YAML_LIST;
    const int most = list ? node->n : 1;
    table->missing = sheaf_arena_take(arena, ((size_t)most + 1) * sizeof *table->missing);
    table->missing_number = sheaf_arena_take(arena, ((size_t)most + 1) * sizeof *table->missing_number);
    if (!table->missing || !table->missing_number)
        return sheaf_fail_memory(error, "the job");
    for (int i = 0; i < most; i++) {
        const struct yaml_node *one = list ? node->value[i] : node;
        const char **text = &table->missing[i];
        if (sheaf_yaml_text(one, "items.missing", text, error))
            return -1;
        if (sheaf_text_to_double(*text, strlen(*text), &table->missing_number[i]))
            table->missing_number[i] = NAN;
        table->n_missing = i + 1;
    }
    return 0;
}

/* A map from names to words. */
static int read_map(const struct yaml_node *node, const char *what, int *n, struct job_pair **pairs,
                    struct sheaf_arena *arena, struct sheaf_error *error) {
    const char *text;
    if (sheaf_yaml_map(node, what, error))
        return -1;
    *pairs = sheaf_arena_take(arena, ((size_t)node->n + 1) * sizeof **pairs);
    if (!*pairs)
        return sheaf_fail_memory(error, "the job");
    for (*n = 0; *n < node->n; ++*n) {
        if (sheaf_yaml_text(node->value[*n], what, &text, error))
            return -1;
        (*pairs)[*n] = (struct job_pair){node->key[*n]->text, node->value[*n]};
    }
    return 0;
}

static int read_types(struct job_table *table, const struct yaml_node *node, struct sheaf_arena *arena,
                      struct sheaf_error *error) {
    static const char *const words[] = {"text", "float64", "int64"};
    static const enum sheaf_type types[] = {SHEAF_TEXT, SHEAF_FLOAT64, SHEAF_INT64};
    if (!node)
        return 0;
    if (read_map(node, "items.types", &table->n_types, &table->types, arena, error))
        return -1;
    enum sheaf_type *type_of = sheaf_arena_take(arena, ((size_t)node->n + 1) * sizeof *type_of);
    if (!type_of)
        return sheaf_fail_memory(error, "the job");
    for (int i = 0, word; i < node->n; i++) {
        if (sheaf_yaml_word(node->value[i], "items.types", words, COUNT_OF(words), &word, error))
            return -1;
        type_of[i] = types[word];
    }
    table->type_of = type_of;
    return 0;
}

int sheaf_job_read_table(struct job_table *table, const struct yaml_node *items, struct sheaf_arena *arena,
                         struct sheaf_error *error) {
    const struct yaml_node *rename = sheaf_yaml_get(items, "rename");
    if (read_separator(&table->separator, sheaf_yaml_get(items, "separator"), error) ||
        read_comment(table, sheaf_yaml_get(items, "comment"), error) ||
        read_missing(table, sheaf_yaml_get(items, "missing"), arena, error) ||
        read_types(table, sheaf_yaml_get(items, "types"), arena, error))
        return -1;
    return rename ? read_map(rename, "items.rename", &table->n_renames, &table->renames, arena, error) : 0;
}
