#include "core/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void sheaf_boot_id(char id[BOOT_BYTES]) {
    memset(id, 0, BOOT_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, id, BOOT_BYTES - 1) : 0;
    if (fd >= 0)
        close(fd);
    const size_t length = n > 0 ? strcspn(id, "\n") : 0;
    memset(id + length, 0, BOOT_BYTES - length);
}
