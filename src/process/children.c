#include "process/children.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_among(long pid, const pid_t *pids, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

int sheaf_children_kill(const pid_t *spared, size_t n_spared) {
    char path[64], list[1 << 16];
    int n_killed = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)syscall(SYS_gettid));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, list, sizeof list - 1);
    close(fd);
    list[n > 0 ? n : 0] = '\0';
    for (char *at = list, *end; *at; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at || *end == '\0') /* the last one may be cut */
            break;
        if (pid > 1 && !is_among(pid, spared, n_spared) && kill((pid_t)pid, SIGKILL) == 0)
            n_killed++;
    }
    return n_killed;
}
