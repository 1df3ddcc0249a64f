#include "cmd/diff.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cmd/cells.h"

static void print_text(const char *text) {
    printf("\"");
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            printf("\\u%04x", (unsigned)*p);
        else
            printf("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    printf("\"");
}

/* A number, or null where JSON has none. */
static void print_number(const char *name, double value, bool known) {
    char number[32];
    printf(", \"%s\": %s", name, known && isfinite(value) ? sheaf_text_double(value, number) : "null");
}

static void print_item(const char *name, int64_t item) {
    if (item >= 0)
        printf(", \"%s\": %" PRId64, name, item);
    else
        printf(", \"%s\": null", name);
}

static void print_compared(const struct compared *f) {
    printf("{\"name\": ");
    print_text(f->name);
    printf(", \"compared\": %" PRId64 ", \"differ\": %" PRId64 ", \"only_nan\": %" PRId64, f->n_compared, f->n_differ,
           f->n_only_nan);
    print_number("largest", f->largest, f->at >= 0);
    print_item("at", f->at);
    print_number("largest_relative", f->largest_relative, f->at_relative >= 0);
    print_item("at_relative", f->at_relative);
    printf("}");
}

static void print_statuses(const struct comparison *c) {
    const char *before = "";
    printf(", \"statuses\": [");
    for (int a = 0; a <= ITEM_SKIPPED; a++)
        for (int b = 0; b <= ITEM_SKIPPED; b++)
            if (a != b && c->statuses[a][b]) {
                printf("%s{\"a\": \"%s\", \"b\": \"%s\", \"items\": %" PRId64 "}", before,
                       sheaf_cell_status((uint8_t)a), sheaf_cell_status((uint8_t)b), c->statuses[a][b]);
                before = ", ";
            }
    printf("]");
}

void sheaf_diff_print_json(const struct comparison *c) {
    const struct pairing *p = &c->pairing;
    printf("{\"same\": %s, \"a\": ", sheaf_comparison_is_same(c) ? "true" : "false");
    print_text(c->paths[0]);
    printf(", \"b\": ");
    print_text(c->paths[1]);
    printf(", \"items_a\": %" PRId64 ", \"items_b\": %" PRId64 ", \"in_both\": %" PRId64 ", \"differ\": %" PRId64
           ", \"messages\": %" PRId64,
           p->n_a, p->n_b, p->n_both, c->n_differ, c->n_messages);
    print_statuses(c);
    for (int list = 0; list < 2; list++) {
        const int first = list ? c->n_fields : 0, n = list ? c->n_reductions : c->n_fields;
        printf(", \"%s\": [", list ? "reductions" : "fields");
        for (int k = first; k < first + n; k++) {
            printf("%s", k > first ? ", " : "");
            print_compared(&c->compared[k]);
        }
        printf("]");
    }
    for (int s = 0; s < 2; s++) {
        printf(", \"only_%c\": ", 'a' + s);
        print_text(c->only[s].data ? c->only[s].data : "");
    }
    printf("}\n");
}
