#include "plan/status.h"

#include <string.h>

bool sheaf_status_any_unsafe(const uint8_t *status, int64_t n) {
    uint64_t words[4], any = 0;
    int64_t i = 0;
    for (; i + (int64_t)sizeof words <= n; i += (int64_t)sizeof words) { /* mostly none: many at a time */
        memcpy(words, status + i, sizeof words);
        any |= words[0] | words[1] | words[2] | words[3];
    }
    for (; i < n; i++)
        any |= status[i];
    return any & UINT64_C(0x8080808080808080);
}

int64_t sheaf_status_judge(uint8_t *status, int64_t n, bool trusted) {
    int64_t n_unsafe = 0;
    if (!sheaf_status_any_unsafe(status, n))
        return 0;
    for (int64_t i = 0; i < n; i++)
        n_unsafe += (status[i] & ITEM_UNSAFE) != 0;
    for (int64_t i = 0; i < n; i++)
        if (status[i] & ITEM_UNSAFE)
            status[i] = trusted ? status[i] & (uint8_t)~ITEM_UNSAFE : ITEM_PENDING;
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
