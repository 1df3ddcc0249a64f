#include "core/node_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/random.h"

static const char where[] = "/dev/shm", prefix[] = "sheaf-node-";

void sheaf_node_folder_remove(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

/* Those of ours that nobody holds. */
static void remove_left(void) {
    DIR *all = opendir(where);
    for (struct dirent *entry; all && (entry = readdir(all)) != NULL;) {
        char path[sizeof where + sizeof entry->d_name];
        struct stat about;
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        int fd = openat(dirfd(all), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        snprintf(path, sizeof path, "%s/%s", where, entry->d_name);
        if (fd >= 0 && fstat(fd, &about) == 0 && about.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
            sheaf_node_folder_remove(path);
        if (fd >= 0)
            close(fd);
    }
    if (all)
        closedir(all);
}

/* It is held before it has a name that others look for. */
int sheaf_node_folder_make(char path[NODE_FOLDER_BYTES], struct sheaf_error *error) {
    char making[NODE_FOLDER_BYTES];
    uint64_t token;
    remove_left();
    if (sheaf_random_token(&token, error))
        return -1;
    snprintf(making, sizeof making, "%s/sheaf-making-%016" PRIx64, where, token);
    snprintf(path, NODE_FOLDER_BYTES, "%s/%s%016" PRIx64, where, prefix, token);
    if (mkdir(making, 0700))
        return sheaf_fail_errno(error, "%s: cannot make a folder for what items share", where);
    int fd = open(making, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && rename(making, path) == 0)
        return fd;
    sheaf_fail_errno(error, "%s: cannot make a folder for what items share", where);
    rmdir(making);
    if (fd >= 0)
        close(fd);
    return -1;
}
