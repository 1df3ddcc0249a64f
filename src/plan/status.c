#include "plan/status.h"

#include <string.h>

/* Statuses are looked at eight at a time: files have very many, which mostly are alike. */
static const uint64_t eight_unsafe = UINT64_C(0x0101010101010101) * ITEM_UNSAFE;

bool sheaf_status_any_unsafe(const uint8_t *status, int64_t n) {
    uint64_t words[4], any = 0;
    int64_t i = 0;
    for (; i + (int64_t)sizeof words <= n; i += (int64_t)sizeof words) {
        memcpy(words, status + i, sizeof words);
        any |= words[0] | words[1] | words[2] | words[3];
    }
    for (; i < n; i++)
        any |= status[i];
    return any & eight_unsafe;
}

/* Takes the bit from each; how many had it. */
static int64_t make_safe(uint8_t *status, int64_t n) {
    int64_t n_unsafe = 0, i = 0;
    for (uint64_t word; i + (int64_t)sizeof word <= n; i += (int64_t)sizeof word) {
        memcpy(&word, status + i, sizeof word);
        n_unsafe += (int64_t)(((word & eight_unsafe) >> 7) * UINT64_C(0x0101010101010101) >> 56);
        word &= ~eight_unsafe;
        memcpy(status + i, &word, sizeof word);
    }
    for (; i < n; i++) {
        n_unsafe += (status[i] & ITEM_UNSAFE) != 0;
        status[i] &= (uint8_t)~ITEM_UNSAFE;
    }
    return n_unsafe;
}

int64_t sheaf_status_judge(uint8_t *status, int64_t n, bool trusted) {
    int64_t n_unsafe = 0;
    if (trusted)
        return make_safe(status, n);
    for (int64_t i = 0; i < n; i++)
        if (status[i] & ITEM_UNSAFE) {
            status[i] = ITEM_PENDING;
            n_unsafe++;
        }
    return n_unsafe;
}

void sheaf_status_mark_unsafe(const uint8_t *status, int64_t n, uint8_t *unsafe) {
    int64_t i = 0;
    for (uint64_t word; i + (int64_t)sizeof word <= n; i += (int64_t)sizeof word) {
        memcpy(&word, status + i, sizeof word);
        word |= eight_unsafe;
        memcpy(unsafe + i, &word, sizeof word);
    }
    for (; i < n; i++)
        unsafe[i] = status[i] | ITEM_UNSAFE;
    const uint8_t *skipped = n > 0 ? memchr(status, ITEM_SKIPPED, (size_t)n) : NULL;
    for (i = skipped ? skipped - status : n; i < n; i++)
        if (status[i] == ITEM_SKIPPED)
            unsafe[i] = ITEM_SKIPPED;
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
