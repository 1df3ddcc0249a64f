#include "core/node_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/node_name.h"
#include "core/random.h"

static const char prefix[] = "sheaf-node-";

void sheaf_node_folder_remove(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

int sheaf_node_folder_make(char path[NODE_FOLDER_BYTES], struct sheaf_error *error) {
    uint64_t token;
    sheaf_node_name_sweep(prefix, sheaf_node_folder_remove);
    for (int i = 0; i < NODE_NAME_ATTEMPTS; i++) {
        if (sheaf_random_token(&token, error))
            return -1;
        snprintf(path, NODE_FOLDER_BYTES, NODE_NAMES "/%s%016" PRIx64, prefix, token);
        if (mkdir(path, 0700))
            return sheaf_fail_errno(error, NODE_NAMES ": cannot make a folder for what items share");
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && sheaf_node_name_hold(fd))
            return fd;
        sheaf_fail_errno(error, NODE_NAMES ": cannot make a folder for what items share");
        rmdir(path);
        if (fd >= 0)
            close(fd);
    }
    return -1;
}
