#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include "store/results.h"

int sheaf_cmd_fail(const struct sheaf_error *error) {
    fprintf(stderr, "sheaf: %s\n", error->text);
    return (int)error->exit;
}

int sheaf_cmd_begin(const struct cmd_usage *usage, const struct sheaf_option *table, void *target, int argc,
                    char **argv, int *first_word, bool silent) {
    struct sheaf_error error = {0};
    bool help = false;
    if (sheaf_options_parse(table, target, argc, argv, first_word, &help, &error)) {
        if (!silent)
            fprintf(stderr, "sheaf %s: %s (sheaf %s --help)\n", argv[0], error.text, argv[0]);
        return SHEAF_EXIT_USAGE;
    }
    if (help && silent)
        return SHEAF_EXIT_DONE;
    if (help) {
        printf("usage: %s\n%s\n\n", usage->line, usage->summary);
        sheaf_options_help(table);
        return SHEAF_EXIT_DONE;
    }
    int n_words = argc - *first_word;
    if (n_words < usage->least_words || n_words > usage->most_words) {
        if (!silent)
            fprintf(stderr, "usage: %s (sheaf %s --help tells more)\n", usage->line, argv[0]);
        return SHEAF_EXIT_USAGE;
    }
    return -1;
}

void sheaf_cmd_quote(const char *word, struct sheaf_string *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
    if (*word && word[strspn(word, plain)] == '\0') {
        sheaf_string_add(text, "%s", word);
        return;
    }
    sheaf_string_add(text, "'");
    for (const char *at = word; *at; at++)
        sheaf_string_add(text, *at == '\'' ? "'\\''" : "%c", *at);
    sheaf_string_add(text, "'");
}

void sheaf_cmd_say_lost_texts(const char *path, int64_t n_items) {
    struct sheaf_string said = {0};
    sheaf_results_say_lost_texts(path, n_items, &said);
    fprintf(stderr, "sheaf: %s\n", said.failed ? "texts of items are lost" : said.data);
    sheaf_string_free(&said);
}
