#include "plan/segments.h"

#include <string.h>

#include "core/hash.h"
#include "plan/status.h"

int64_t sheaf_segment_size(size_t row_bytes) {
    static const size_t wanted_bytes = 16 << 10;
    int64_t size = 1;
    while (size < SEGMENT_MOST && (size_t)size * row_bytes < wanted_bytes)
        size *= 2;
    return size;
}

int64_t sheaf_segment_count(int64_t n_items, int64_t size) {
    return n_items / size + (n_items % size > 0);
}

struct span sheaf_segment_items(const struct segments *s, int64_t segment) {
    const int64_t first = segment * s->size, left = s->n_items - first;
    return (struct span){first, left < s->size ? left : s->size};
}

off_t sheaf_segment_sum_offset(const struct segments *s, enum segment_part part, int64_t segment) {
    return s->sums_offset + ((off_t)part * s->n + segment) * (off_t)sizeof(uint64_t);
}

struct span sheaf_segments_within(const struct segments *s, int64_t first, int64_t n) {
    const int64_t end = first + n, from = (first + s->size - 1) / s->size;
    const int64_t upto = end == s->n_items ? s->n : end / s->size;
    return (struct span){from, upto > from ? upto - from : 0};
}

struct span sheaf_segments_touching(const struct segments *s, int64_t first, int64_t n) {
    const int64_t from = first / s->size;
    return (struct span){from, n > 0 ? (first + n - 1) / s->size - from + 1 : 0};
}

uint64_t sheaf_segment_add(uint64_t sum, const void *bytes, size_t n_bytes) {
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = n_bytes - at < SEGMENT_PIECE ? n_bytes - at : SEGMENT_PIECE;
        sum = sheaf_hash_word((const char *)bytes + at, n, sum);
    }
    return sum;
}

uint64_t sheaf_segment_add_statuses(uint64_t sum, const uint8_t *status, int64_t n) {
    uint8_t safe[SEGMENT_MOST];
    if (!sheaf_status_any_unsafe(status, n))
        return sheaf_hash_word(status, (size_t)n, sum);
    memcpy(safe, status, (size_t)n);
    sheaf_status_judge(safe, n, true);
    return sheaf_hash_word(safe, (size_t)n, sum);
}

uint64_t sheaf_segment_end(uint64_t sum) {
    return sum ? sum : 1;
}
