#include "core/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a futex is a plain 32-bit word");

void sheaf_futex_wait(_Atomic uint32_t *word, uint32_t seen, double timeout_s) {
    struct timespec timeout = {0};
    if (timeout_s >= 0) {
        timeout.tv_sec = (time_t)timeout_s;
        timeout.tv_nsec = (long)((timeout_s - (double)timeout.tv_sec) * 1e9);
    }
    syscall(SYS_futex, word, FUTEX_WAIT, seen, timeout_s >= 0 ? &timeout : NULL, NULL, 0);
}

void sheaf_futex_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
