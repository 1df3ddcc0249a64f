#include "report/reduced.h"

#include <inttypes.h>

static void say_left_out(const struct reduced *r, const char *before, struct sheaf_string *said) {
    char n[32];
    if (r->counts[REDUCED_NAN])
        sheaf_string_add(said, "%s%s NaN", before, sheaf_text_count(r->counts[REDUCED_NAN], n));
    if (r->counts[REDUCED_UNDONE])
        sheaf_string_add(said, "%s%s item%s not done", r->counts[REDUCED_NAN] ? "; " : before,
                         sheaf_text_count(r->counts[REDUCED_UNDONE], n),
                         r->counts[REDUCED_UNDONE] == 1 ? " is" : "s are");
}

/* "0.051 (5 %), 0.5 (50 %)" */
static void say_quantiles(const struct reduced *r, struct sheaf_string *said) {
    enum { SHOWN = 8 };
    char number[32];
    for (int64_t k = 0; k < r->width && k < SHOWN; k++)
        sheaf_string_add(said, "%s%s (%.6g %%)", k ? ", " : "", sheaf_text_double(r->numbers[k], number),
                         100 * r->marks[k]);
    if (r->width > SHOWN)
        sheaf_string_add(said, ", … (%" PRId64 " in all)", r->width);
}

static int64_t find_fullest(const struct reduced *r) {
    int64_t best = 0;
    for (int64_t k = 1; k < r->width; k++)
        if (r->wholes[k] > r->wholes[best])
            best = k;
    return best;
}

/* "h: 100 bins from 0 to 1, 990 values, 3 below, 7 above; most in [0.41, 0.42): 23" */
static void say_histogram(const struct reduced *r, struct sheaf_string *said) {
    const int64_t below = r->counts[REDUCED_BELOW], above = r->counts[REDUCED_ABOVE];
    const int64_t inside = r->counts[REDUCED_IN] - below - above, best = find_fullest(r);
    char a[32], b[32], n[32], n_bins[32];
    sheaf_string_add(said, "  %s: %s bin%s from %s to %s%s%s, %s value%s", r->name, sheaf_text_count(r->width, n_bins),
                     r->width == 1 ? "" : "s", sheaf_text_double(r->marks[0], a),
                     sheaf_text_double(r->marks[r->width], b), r->unit ? " " : "", r->unit ? r->unit : "",
                     sheaf_text_count(inside, n), inside == 1 ? "" : "s");
    if (below)
        sheaf_string_add(said, ", %s below", sheaf_text_count(below, n));
    if (above)
        sheaf_string_add(said, ", %s above", sheaf_text_count(above, n));
    say_left_out(r, ", ", said);
    if (inside > 0)
        sheaf_string_add(said, "; most in [%s, %s%c: %s", sheaf_text_double(r->marks[best], a),
                         sheaf_text_double(r->marks[best + 1], b), best + 1 == r->width ? ']' : ')',
                         sheaf_text_count(r->wholes[best], n));
    sheaf_string_add(said, "\n");
}

void sheaf_reduced_say(const struct reduced *r, struct sheaf_string *said) {
    char number[32], n[32];
    if (r->n_cells != 1) {
        sheaf_string_add(said, "  %s: %s cells\n", r->name, sheaf_text_count(r->n_cells, n));
        return;
    }
    if (r->kind == REDUCE_HISTOGRAM) {
        say_histogram(r, said);
        return;
    }
    sheaf_string_add(said, "  %s = ", r->name);
    if (r->kind == REDUCE_QUANTILES)
        say_quantiles(r, said);
    else if (r->is_whole)
        sheaf_string_add(said, "%" PRId64, r->whole);
    else
        sheaf_string_add(said, "%s", sheaf_text_double(r->number, number));
    sheaf_string_add(said, "%s%s (%s value%s", r->unit ? " " : "", r->unit ? r->unit : "",
                     sheaf_text_count(r->counts[REDUCED_IN], n), r->counts[REDUCED_IN] == 1 ? "" : "s");
    say_left_out(r, "; ", said);
    sheaf_string_add(said, ")\n");
}
