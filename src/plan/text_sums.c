#include "plan/text_sums.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "plan/journal.h"

uint64_t sheaf_text_sum_begin(int64_t item, int32_t output, uint64_t n_bytes) {
    const struct journal_head head = {.magic = JOURNAL_MAGIC, .output = output, .item = item, .n_bytes = n_bytes};
    return sheaf_journal_checksum(&head);
}

uint64_t sheaf_text_sum_add(uint64_t checksum, const char *piece, size_t n_bytes) {
    return sheaf_hash_word(piece, n_bytes, checksum);
}

uint64_t sheaf_text_sum_end(uint64_t sum) {
    return sum ? sum : 1;
}

int sheaf_text_sums_make(const char *records, size_t n_bytes, int64_t first, int64_t n, int n_outputs, uint64_t *sums,
                         struct sheaf_error *error) {
    struct journal_head head;
    const size_t n_columns = (size_t)n_outputs;
    uint64_t *last = n_bytes ? calloc((size_t)n * n_columns, sizeof *last) : NULL; /* checksums that count */
    if (n_bytes && !last)
        return sheaf_fail_memory(error, "the sums of texts");
    for (size_t at = 0; at < n_bytes; at += sizeof head + head.n_bytes) {
        memcpy(&head, records + at, sizeof head);
        last[(size_t)(head.item - first) * n_columns + (size_t)head.output] = head.n_bytes ? head.checksum : 0;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        for (size_t o = 0; last && o < n_columns; o++)
            sum += last[(size_t)i * n_columns + o];
        sums[i] = sheaf_text_sum_end(sum);
    }
    free(last);
    return 0;
}
