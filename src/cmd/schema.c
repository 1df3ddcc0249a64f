#include "cmd/schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "job/keys.h"

/* What editors take for one value: YAML makes numbers and booleans of texts that look like them. */
static const char scalar[] = "\"type\": [\"string\", \"number\", \"boolean\"]";

static void indent(int depth) {
    printf("\n%*s", 2 * depth, "");
}

/* In quotes. */
static void print_text(const char *text, int n) {
    printf("\"");
    for (int i = 0; i < n; i++)
        printf("%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "", text[i]);
    printf("\"");
}

static void print_words(const char *words) {
    int n;
    printf("{\"enum\": [");
    for (const char *at = words, *word; (word = sheaf_job_key_word(&at, &n)) != NULL;) {
        printf("%s", word == words ? "" : ", ");
        print_text(word, n);
    }
    printf("]}");
}

static bool any_within(const char *within) {
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (strcmp(key->within, within) == 0)
            return true;
    return false;
}

static void print_map(const char *within, int depth);

/* A map of names: to maps that the table knows, of which a short form is a scalar, or to scalars. */
static void print_names(const char *path, int depth) {
    char inner[160];
    snprintf(inner, sizeof inner, "%.150s.*", path);
    printf("{\"type\": \"object\", \"additionalProperties\": {");
    if (!any_within(inner)) {
        printf("%s", scalar);
    } else {
        printf("\"anyOf\": [{\"type\": \"string\"}, ");
        print_map(inner, depth + 1);
        printf("]");
    }
    printf("}}");
}

/* A map of names to lists, or to what an axis may have; of one within an axis the schema says no more. */
static void print_axes(const char *within, int depth) {
    printf("{\"type\": \"object\", \"additionalProperties\": {");
    if (strcmp(within, "items") == 0) {
        printf("\"anyOf\": [{\"type\": \"array\", \"items\": {%s}}, ", scalar);
        print_map("items.grid.*", depth + 1);
        printf("]");
    } else
        printf("\"type\": [\"array\", \"object\"]");
    printf("}}");
}

/* One of the forms that a value may have. */
static void print_form(const struct job_key *key, unsigned form, int depth) {
    char path[160];
    snprintf(path, sizeof path, "%s%s%s", key->within, *key->within ? "." : "", key->name);
    switch (form) {
    case KEY_TEXT:
        printf("{%s}", scalar);
        break;
    case KEY_COUNT:
        printf("{\"type\": \"integer\", \"minimum\": 0}");
        break;
    case KEY_BOOL:
        printf("{\"type\": \"boolean\"}");
        break;
    case KEY_WORD:
        print_words(key->words);
        break;
    case KEY_TEXTS:
        printf("{\"type\": \"array\", \"items\": {%s}}", scalar);
        break;
    case KEY_MAP:
        print_map(path, depth);
        break;
    case KEY_NAMES:
        print_names(path, depth);
        break;
    case KEY_AXES:
        print_axes(key->within, depth);
        break;
    case KEY_ROWS:
        printf("{\"type\": \"array\", \"items\": {\"type\": \"object\", \"additionalProperties\": {%s}}}", scalar);
        break;
    case KEY_JOBS:
        printf("{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", \"required\": [\"name\"]}}");
        break;
    default:
        break;
    }
}

static void print_key(const struct job_key *key, int depth) {
    bool first = true;
    indent(depth);
    print_text(key->name, (int)strlen(key->name));
    printf(": {\"description\": ");
    print_text(key->help, (int)strlen(key->help));
    printf(", \"anyOf\": [");
    for (unsigned form = KEY_TEXT; form <= KEY_LAST; form <<= 1)
        if (key->forms & form) {
            printf("%s", first ? "" : ", ");
            print_form(key, form, depth + 1);
            first = false;
        }
    printf("]}");
}

/* One of several keys. */
static void print_needs(const char *needs) {
    const char *before = ": {\"anyOf\": [";
    int n;
    for (const char *at = needs, *name; (name = sheaf_job_key_word(&at, &n)) != NULL; before = ", ")
        printf("%s{\"required\": [\"%.*s\"]}", before, n, name);
    printf("]}");
}

/* Which key goes with which others. */
static void print_dependencies(const char *within, int depth) {
    const char *before = ", \"dependencies\": {";
    for (const struct job_key *key = sheaf_job_keys; key->name; key++) {
        if (strcmp(key->within, within) != 0 || (!key->needs && (*within || !key->kinds)))
            continue;
        printf("%s", before);
        indent(depth);
        before = ",";
        print_text(key->name, (int)strlen(key->name));
        if (key->needs) {
            print_needs(key->needs);
            continue;
        }
        const char *another = ": {\"anyOf\": [";
        for (int i = 0; i < JOB_KINDS; i++)
            if (key->kinds & 1u << i) {
                printf("%s{\"required\": [\"%s\"]}", another, sheaf_job_kind_names[i]);
                another = ", ";
            }
        printf("]}");
    }
    if (*before == ',' && !before[1])
        printf("}");
}

/* Exactly one of some keys. */
static void print_choice(const char *within) {
    int n;
    for (const struct job_key_choice *choice = sheaf_job_key_choices; choice->names; choice++) {
        if (strcmp(choice->within, within) != 0)
            continue;
        printf(", \"oneOf\": [");
        for (const char *at = choice->names, *name; (name = sheaf_job_key_word(&at, &n)) != NULL;)
            printf("%s{\"required\": [\"%.*s\"]}", name == choice->names ? "" : ", ", n, name);
        printf("]");
    }
}

static void print_map(const char *within, int depth) {
    const char *before = "";
    printf("{\"type\": \"object\", \"properties\": {");
    for (const struct job_key *key = sheaf_job_keys; key->name; key++)
        if (strcmp(key->within, within) == 0) {
            printf("%s", before);
            print_key(key, depth + 1);
            before = ",";
        }
    printf("}, \"additionalProperties\": false");
    print_dependencies(within, depth + 1);
    print_choice(within);
    printf("}");
}

void sheaf_schema_print(void) {
    printf("{\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
           "\"title\": \"a job of Sheaf\", \"anyOf\": [{\"required\": [\"items\"]}, {\"required\": "
           "[\"stages\"]}], \"allOf\": [");
    print_map("", 0);
    printf("]}\n");
}
