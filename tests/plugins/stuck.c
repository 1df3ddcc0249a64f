/*
 * stuck.c - no kernel: for LD_PRELOAD. Nothing whose name begins with "stuck" can be removed in the process called `sheaf`,
 * nor a folder that has such a thing: as a file that is still open on NFS, or one of another user.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((visibility("default"))) int remove(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "remove");
    if (strstr(path, "/stuck") && strcmp(program_invocation_short_name, "sheaf") == 0) {
        errno = EBUSY;
        return -1;
    }
    return real(path);
}
