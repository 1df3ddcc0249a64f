#include "cmd/sort_key.h"

#include <math.h>
#include <string.h>

#include "core/type.h"

void sheaf_sort_key_set(struct sort_key *key, enum sheaf_type type, const void *value, bool descending) {
    if (type == SHEAF_INT64) {
        memcpy(&key->whole, value, sizeof key->whole);
        key->whole = descending ? ~key->whole : key->whole; /* turns the order round; there is no -INT64_MIN */
        key->value = 0;
    } else {
        key->whole = 0;
        key->value = sheaf_type_to_double(type, value);
        key->value = descending ? -key->value : key->value;
    }
}

void sheaf_sort_key_none(struct sort_key *key) {
    key->whole = 0;
    key->value = NAN;
}

int sheaf_sort_key_compare(const void *a, const void *b) {
    const struct sort_key *x = a, *y = b;
    if (isnan(x->value) != isnan(y->value))
        return isnan(x->value) ? 1 : -1;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    if (x->whole != y->whole)
        return x->whole < y->whole ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}
