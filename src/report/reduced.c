#include "report/reduced.h"

#include <inttypes.h>

void sheaf_reduced_say(const struct reduced *r, struct sheaf_string *said) {
    char number[32], n[32];
    if (r->n_cells != 1) {
        sheaf_string_add(said, "  %s: %s cells\n", r->name, sheaf_text_count(r->n_cells, n));
        return;
    }
    sheaf_string_add(said, "  %s = ", r->name);
    if (r->is_whole)
        sheaf_string_add(said, "%" PRId64, r->whole);
    else
        sheaf_string_add(said, "%s", sheaf_text_double(r->number, number));
    sheaf_string_add(said, "%s%s (%s value%s", r->unit ? " " : "", r->unit ? r->unit : "",
                     sheaf_text_count(r->counts[REDUCED_IN], n), r->counts[REDUCED_IN] == 1 ? "" : "s");
    if (r->counts[REDUCED_NAN])
        sheaf_string_add(said, "; %s NaN", sheaf_text_count(r->counts[REDUCED_NAN], n));
    if (r->counts[REDUCED_UNDONE])
        sheaf_string_add(said, "; %s item%s not done", sheaf_text_count(r->counts[REDUCED_UNDONE], n),
                         r->counts[REDUCED_UNDONE] == 1 ? " is" : "s are");
    sheaf_string_add(said, ")\n");
}
