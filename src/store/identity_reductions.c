/* What an identity says of reductions: "reduce NAME: KIND of …". */
#include <string.h>

#include "store/identity.h"
#include "store/reductions.h"

enum reduction_kind sheaf_identity_reduction_kind(const char *name, size_t n_bytes) {
    const char *word = name + n_bytes + strlen(": ");
    for (int k = 0; k < REDUCE_KINDS; k++) {
        const size_t n = strlen(sheaf_reduction_names[k]);
        if (strncmp(word, sheaf_reduction_names[k], n) == 0 && strncmp(word + n, " of ", 4) == 0)
            return (enum reduction_kind)k;
    }
    return REDUCE_KINDS;
}

static bool has_part(enum reduction_kind kind, const char *part) {
    return (kind == REDUCE_HISTOGRAM && (strcmp(part, REDUCTION_BINS) == 0 || strcmp(part, REDUCTION_BOUNDS) == 0)) ||
           (kind == REDUCE_QUANTILES && strcmp(part, REDUCTION_QUANTILES) == 0);
}

bool sheaf_identity_is_reduction(const char *identity, const char *name) {
    const char *own;
    size_t n_bytes;
    while (sheaf_identity_next_reduction(&identity, &own, &n_bytes))
        if (strncmp(name, own, n_bytes) == 0 &&
            (name[n_bytes] == 0 || has_part(sheaf_identity_reduction_kind(own, n_bytes), name + n_bytes)))
            return true;
    return false;
}
