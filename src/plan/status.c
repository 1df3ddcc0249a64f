#include "plan/status.h"

#include <string.h>

/* Whether any is unsafe: mostly none is, so eight at a time are looked at. */
static bool has_unsafe(const uint8_t *status, int64_t n) {
    static const uint64_t unsafe = UINT64_C(0x0101010101010101) * ITEM_UNSAFE;
    uint64_t any = 0, word;
    int64_t i = 0;
    for (; i + (int64_t)sizeof word <= n; i += (int64_t)sizeof word) {
        memcpy(&word, status + i, sizeof word);
        any |= word;
    }
    for (; i < n; i++)
        any |= status[i];
    return any & unsafe;
}

int64_t sheaf_status_judge(uint8_t *status, int64_t n, bool trusted) {
    int64_t n_unsafe = 0;
    const bool any = has_unsafe(status, n);
    for (int64_t i = 0; any && i < n; i++)
        if (status[i] & ITEM_UNSAFE) {
            status[i] = trusted ? status[i] & (uint8_t)~ITEM_UNSAFE : ITEM_PENDING;
            n_unsafe++;
        }
    return n_unsafe;
}

bool sheaf_status_run(const uint8_t *status, int64_t n, int64_t *at, int64_t *upto) {
    while (*at < n && status[*at] == ITEM_PENDING)
        ++*at;
    const uint8_t *end = *at < n ? memchr(status + *at, ITEM_PENDING, (size_t)(n - *at)) : NULL;
    *upto = end ? end - status : n;
    return *at < n;
}

int64_t sheaf_status_count(const uint8_t *status, int64_t n, int64_t *counts) {
    if (n > 0 && status[0] <= ITEM_SKIPPED && memcmp(status, status + 1, (size_t)n - 1) == 0) {
        counts[status[0]] += n; /* all alike, as they mostly are */
        return -1;
    }
    for (int64_t i = 0; i < n; i++) {
        if (status[i] > ITEM_SKIPPED)
            return i;
        counts[status[i]]++;
    }
    return -1;
}
