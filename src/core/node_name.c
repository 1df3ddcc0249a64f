#include "core/node_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool sheaf_node_name_hold(int fd) {
    struct stat about;
    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &about))
        return false;
    if (about.st_nlink == 0)
        errno = ENOENT; /* removed before it was held */
    return about.st_nlink > 0;
}

void sheaf_node_name_sweep(const char *prefix, void (*remove)(const char *path)) {
    DIR *all = opendir(NODE_NAMES);
    for (struct dirent *entry; all && (entry = readdir(all)) != NULL;) {
        char path[sizeof NODE_NAMES + sizeof entry->d_name];
        struct stat about;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        int fd = openat(dirfd(all), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        snprintf(path, sizeof path, NODE_NAMES "/%s", entry->d_name);
        if (fd >= 0 && fstat(fd, &about) == 0 && about.st_uid == geteuid() && sheaf_node_name_hold(fd))
            remove(path);
        if (fd >= 0)
            close(fd);
    }
    if (all)
        closedir(all);
}
