/*
 * kernel_part - whether two identities are of the same kernel with other items: all that stands behind what the items are.
 */
#ifndef SHEAF_STORE_KERNEL_PART_H
#define SHEAF_STORE_KERNEL_PART_H

#include <stdbool.h>

/* Whether what an item gives is the same in both, once its inputs are: kernel, version, params, shared data, outputs, field types,
   block, and the seed, which does not count where the kernel is pure. Reductions do not count, nor files of `now` that were not
   there when `stored` was written. False where memory runs out. */
bool sheaf_kernel_part_same(const char *stored, const char *now, bool pure);

/* Says the first thing by which they differ: "it has 'param a: 1', this job has 'param a: 2'". */
struct sheaf_string;
void sheaf_kernel_part_say(const char *stored, const char *now, struct sheaf_string *said);

/* Whether the items differ, by what their parts say. */
bool sheaf_items_part_differs(const char *stored, const char *now);

#endif
