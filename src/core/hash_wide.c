#include "core/hash_wide.h"

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#pragma GCC target("avx2") /* before the header, which looks what there is */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t sheaf_hash_wide_word(const void *data, size_t n_bytes, uint64_t seed) {
    return XXH3_64bits_withSeed(data, n_bytes, seed);
}
#pragma GCC pop_options

bool sheaf_hash_wide_can(void) {
    return __builtin_cpu_supports("avx2") > 0;
}
#else
#include <xxhash.h>

bool sheaf_hash_wide_can(void) {
    return false;
}

uint64_t sheaf_hash_wide_word(const void *data, size_t n_bytes, uint64_t seed) {
    return XXH3_64bits_withSeed(data, n_bytes, seed);
}
#endif
