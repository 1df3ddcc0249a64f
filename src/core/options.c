#include "core/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

enum { MOST_OPTIONS = 32, LONG_BASE = 256, HELP = LONG_BASE + MOST_OPTIONS };

static int count(const struct sheaf_option *table) {
    int n = 0;
    while (table[n].name)
        n++;
    return n;
}

/* Translates the table for getopt_long; val is LONG_BASE + index for long names. */
static void translate(const struct sheaf_option *table, struct option *longs, char *letters) {
    int n = count(table);
    *letters++ = ':'; /* tell a missing value from an unknown option */
    for (int i = 0; i < n; i++) {
        longs[i] =
            (struct option){table[i].name, table[i].value ? required_argument : no_argument, NULL, LONG_BASE + i};
        if (table[i].letter) {
            *letters++ = table[i].letter;
            if (table[i].value)
                *letters++ = ':';
        }
    }
    longs[n] = (struct option){"help", no_argument, NULL, HELP};
    longs[n + 1] = (struct option){0};
    *letters++ = 'h';
    *letters = '\0';
}

static int unknown(const struct sheaf_option *table, const char *word, struct sheaf_error *error) {
    const char *names[MOST_OPTIONS + 1];
    char wanted[64], hint[128];
    int n = count(table);
    for (int i = 0; i < n; i++)
        names[i] = table[i].name;
    names[n] = "help";
    snprintf(wanted, sizeof wanted, "%s", word + strspn(word, "-"));
    wanted[strcspn(wanted, "=")] = '\0';
    int closest = sheaf_text_closest(wanted, names, n + 1);
    hint[0] = '\0';
    if (closest >= 0)
        snprintf(hint, sizeof hint, "; did you mean --%s?", names[closest]);
    return sheaf_refuse(error, "unknown option '%s'%s", word, hint);
}

int sheaf_options_parse(const struct sheaf_option *table, void *target, int argc, char **argv, int *first_word,
                        bool *help, struct sheaf_error *error) {
    struct option longs[MOST_OPTIONS + 2];
    char letters[2 * MOST_OPTIONS + 3];
    translate(table, longs, letters);
    opterr = 0;
    optind = 0; /* glibc: start afresh, so that a test may parse many times */
    *help = false;
    for (;;) {
        int c = getopt_long(argc, argv, letters, longs, NULL);
        if (c == -1)
            break;
        if (c == HELP || c == 'h') {
            *help = true;
            return 0;
        }
        if (c == '?' && optopt >= LONG_BASE)
            return sheaf_refuse(error, "option '%s' takes no value", argv[optind - 1]);
        if (c == '?') { /* optopt: the letter, or 0 for a long name */
            char letter[] = {'-', (char)optopt, '\0'};
            return unknown(table, optopt ? letter : argv[optind - 1], error);
        }
        if (c == ':')
            return sheaf_refuse(error, "option '%s' needs a value", argv[optind - 1]);
        int index = c - LONG_BASE;
        for (int i = 0; c < LONG_BASE && table[i].name; i++)
            if (table[i].letter == c)
                index = i;
        if (table[index].apply(target, table[index].value ? optarg : NULL, error))
            return sheaf_error_prefix(error, "--%s: ", table[index].name);
    }
    *first_word = optind;
    return 0;
}

void sheaf_options_help(const struct sheaf_option *table) {
    for (int i = 0; table[i].name; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%c%s --%s%s%s", table[i].letter ? "-" : " ",
                 table[i].letter ? table[i].letter : ' ', table[i].letter ? "," : " ", table[i].name,
                 table[i].value ? " " : "", table[i].value ? table[i].value : "");
        const size_t length = strlen(left); /* printf counts bytes */
        printf("  %-*s %s\n", 26 + (int)(length - sheaf_text_columns(left, length)), left, table[i].help);
    }
    printf("  %-26s %s\n", "-h, --help", "this help");
}
