/*
 * formula_fuzz - formulas, as any bytes that a job file may hold; one a line, each an output.
 *
 * Besides: what is refused has a message and a place within the text, and leaves nothing behind; the canonical form of
 * what is accepted is accepted, and its own canonical form; nothing of the text, nor of a name, is in the C, whose
 * brackets match and are not nested deeper than clang takes.
 */
#include <ctype.h>

#include "fuzz.h"

#include "kernel/expression/formula.h"

enum { MOST_FORMULAS = 8, MOST_BRACKETS = 256 };

/* QUUX is in no word of ours. */
static const struct formula_field fields[] = {
    {"x", NULL}, {"QUUX*/\"\\", NULL}, {"r", "has several values"}, {"\xcf\x83", NULL}, {"e", NULL}};
static const struct formula_param params[] = {{"total", 5}, {"QUUXp", -1e-320}, {"e", 1}};
static const struct formula_function functions[] = {{"QUUXf", 2, false}, {"g", 1, true}, {"h", 0, false}};

static const struct formula_names names = {5, fields, 3, params, 3, functions, NULL};

/* Reads text[length], copied to memory of just this size, so that a byte read behind it is seen. */
static bool add(struct formulas *formulas, const char *output, const char *text, size_t length) {
    struct sheaf_error error = {0};
    size_t at = SIZE_MAX;
    int n_before = formulas->n_outputs;
    char *exact = malloc(length ? length : 1);
    memcpy(exact, text, length);
    int rc = sheaf_formulas_add(formulas, output, exact, length, &at, &error);
    free(exact);
    claim(formulas->n_outputs == n_before + (rc == 0), "%d outputs after %d", formulas->n_outputs, n_before);
    if (rc == 0)
        return true;
    check_message(&error);
    claim(at <= length, "a place at %zu of %zu: %s", at, length, error.text);
    return false;
}

static void check_canonical(const struct formulas *formulas) {
    struct formulas again = {.names = names};
    for (int k = 0; k < formulas->n_outputs; k++) {
        struct sheaf_string first = {0}, second = {0};
        sheaf_formulas_print(formulas, k, &first);
        if (add(&again, formulas->outputs[k], first.data, first.length)) {
            sheaf_formulas_print(&again, k, &second);
            claim(strcmp(first.data, second.data) == 0, "%s\n  %s", first.data, second.data);
        } else { /* names with other characters have lost their `, and the text may have become too long */
            claim(strstr(first.data, "QUUX*") || first.length > FORMULA_MOST_BYTES, "%s", first.data);
        }
        bool same = again.n_outputs == k + 1;
        sheaf_string_free(&first);
        sheaf_string_free(&second);
        if (!same)
            break;
    }
    sheaf_formulas_free(&again);
}

static void check_c(const struct formulas *formulas) {
    struct sheaf_string text = {0};
    int depth = 0;
    sheaf_formulas_write_c(formulas, &text);
    claim(!strstr(text.data, "QUUX"), "%s", text.data);
    for (const char *p = text.data; *p; p++) {
        claim(isalnum((unsigned char)*p) || strchr("_ \n#<>.(){}[]*/+-=!&|?:;,%", *p), "'%c' in %s", *p, text.data);
        depth += (strchr("([{", *p) != NULL) - (strchr(")]}", *p) != NULL);
        claim(depth >= 0 && depth < MOST_BRACKETS, "brackets in %s", text.data);
    }
    claim(depth == 0 && !strstr(text.data, "/*") && !strstr(text.data, "//"), "%s", text.data);
    sheaf_string_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct formulas formulas = {.names = names};
    const char *text = (const char *)data, *end = text + size;
    for (int n = 0; n < MOST_FORMULAS && text <= end; n++) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        char output[8];
        snprintf(output, sizeof output, "o%d", n);
        add(&formulas, output, text, (size_t)((line ? line : end) - text));
        if (!line)
            break;
        text = line + 1;
    }
    check_canonical(&formulas);
    check_c(&formulas);
    sheaf_formulas_free(&formulas);
    return 0;
}
