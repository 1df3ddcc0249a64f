#include "core/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { ID_BYTES = 40 };

void sheaf_boot_id(char id[BOOT_BYTES]) {
    memset(id, 0, BOOT_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, id, ID_BYTES - 1) : 0;
    if (fd >= 0)
        close(fd);
    const size_t length = n > 0 ? strcspn(id, "\n") : 0;
    memset(id + length, 0, BOOT_BYTES - length);
    if (length > 0)
        gethostname(id + ID_BYTES, BOOT_BYTES - ID_BYTES - 1);
}

bool sheaf_boot_is_later(const char before[BOOT_BYTES], const char now[BOOT_BYTES]) {
    return before[0] && now[0] && memcmp(before, now, ID_BYTES) != 0 &&
           memcmp(before + ID_BYTES, now + ID_BYTES, BOOT_BYTES - ID_BYTES) == 0;
}
