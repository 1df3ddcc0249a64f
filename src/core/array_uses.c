#include "core/array_uses.h"

#include <stdio.h>

enum { SLOT_EMPTY, SLOT_FILLING, SLOT_FULL };

/* Two threads that miss the same at a time may both note it. */
static void note_missed(struct array_uses *uses, const char *name) {
    for (int k = 0; k < USES_MISSED_MOST; k++) {
        int state = atomic_load_explicit(&uses->missed[k].state, memory_order_acquire);
        if (state == SLOT_FULL && strncmp(uses->missed[k].name, name, USES_NAME_BYTES - 1) == 0)
            return;
        if (state != SLOT_EMPTY || !atomic_compare_exchange_strong(&uses->missed[k].state, &state, SLOT_FILLING))
            continue;
        snprintf(uses->missed[k].name, USES_NAME_BYTES, "%s", name);
        atomic_store_explicit(&uses->missed[k].state, SLOT_FULL, memory_order_release);
        return;
    }
}

const struct sheaf_array *sheaf_arrays_look_up(const struct arrays *arrays, const char *name) {
    const struct sheaf_array *found = sheaf_arrays_find(arrays, name);
    struct array_uses *uses = arrays ? arrays->uses : NULL;
    if (!uses)
        return found;
    if (!found) {
        note_missed(uses, name);
        return NULL;
    }
    const uint32_t bit = UINT32_C(1) << (found - arrays->list);
    if (!(atomic_load_explicit(&uses->used, memory_order_relaxed) &
          bit)) /* it is looked up for each block, by all threads */
        atomic_fetch_or(&uses->used, bit);
    return found;
}

void sheaf_array_uses_missed(const struct array_uses *uses, const char **names) {
    for (int k = 0; k < USES_MISSED_MOST; k++)
        names[k] = atomic_load_explicit(&uses->missed[k].state, memory_order_acquire) == SLOT_FULL
                       ? uses->missed[k].name
                       : NULL;
}
