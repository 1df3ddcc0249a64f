#include "kernel/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/file.h"

int sheaf_library_open(struct sheaf_library *library, const char *path, const char *what, struct sheaf_error *error) {
    /* Without a '/' dlopen would search the system's folders. */
    char *local = strchr(path, '/') ? NULL : sheaf_path_join("./", path);
    library->handle = dlopen(local ? local : path, RTLD_NOW | RTLD_LOCAL);
    free(local);
    if (library->handle)
        return 0;
    const char *why = dlerror();
    return sheaf_refuse(error, "cannot load %s: %s", what, why ? why : path);
}

int sheaf_library_load(struct sheaf_library *library, const struct sheaf_buffer *bytes, const char *what,
                       struct sheaf_error *error) {
    char path[64];
    library->memory = memfd_create("sheaf", MFD_CLOEXEC);
    if (library->memory < 0)
        return sheaf_fail_errno(error, "no memory to load %s into", what);
    /* It stays open: the loader knows objects by their path, and another one must not get the same. */
    library->from_bytes = true;
    if (sheaf_file_pwrite(library->memory, bytes->data, bytes->n_bytes, 0, what, error))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", library->memory);
    return sheaf_library_open(library, path, what, error);
}

void *sheaf_library_find(const struct sheaf_library *library, const char *symbol) {
    return dlsym(library->handle, symbol);
}

void sheaf_library_close(struct sheaf_library *library) {
    if (library->handle)
        dlclose(library->handle);
    if (library->from_bytes)
        close(library->memory);
    *library = (struct sheaf_library){0};
}
