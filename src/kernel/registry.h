/*
 * registry - finds a kernel by its name: built in, or in a shared object.
 */
#ifndef SHEAF_KERNEL_REGISTRY_H
#define SHEAF_KERNEL_REGISTRY_H

#include <stdbool.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "core/text.h"
#include "kernel/library.h"

/* What an item's program wrote, as it was stored, and which outputs to find in it again. */
struct kernel_written {
    const char *text[2]; /* standard output and standard error, terminated */
    const bool *wanted;  /* [n_outputs that the job asks for] */
    double since_unix_s; /* files that were kept before are those of another job */
    bool lost;           /* set where a file that is needed was not kept */
};

/* A kernel that was found. `table` is a copy: what an older or shorter table does not have is zero. */
struct kernel_entry {
    struct sheaf_kernel table;
    void *made; /* a kernel that is made for a job: handed to open as *self, which leaves it so; else NULL */
    /* For a kernel that is made: adds, in lines, what would be done for the first item of a block; or NULL. */
    int (*tell)(const void *made, const struct sheaf_block *block, struct sheaf_string *text,
                struct sheaf_error *error);
    /* For a kernel that is made and finds outputs in what programs wrote: finds them again for the one item of a block.
       Sets, emits and ends as map would; others' outputs stay as they are unless the item fails. Or NULL. */
    int (*again)(const void *made, const struct sheaf_context *context, const struct sheaf_block *block,
                 struct kernel_written *written, struct sheaf_error *error);
    struct sheaf_library library; /* a plugin's shared object */
    const char *path;             /* of the shared object, or NULL; borrowed from the caller of open */
};

/* The built-in kernels, in alphabetical order, and how many. */
const struct sheaf_kernel *const *sheaf_registry_builtin(int *n);

/* Finds `name` among the built-in kernels, or, where path is not NULL, in that shared object. Release with
   sheaf_registry_close. */
int sheaf_registry_open(struct kernel_entry *entry, const char *path, const char *name, struct sheaf_error *error);
void sheaf_registry_close(struct kernel_entry *entry);

/* Refuses flags that this Sheaf does not know in this place; `what` has them. */
int sheaf_registry_check_flags(uint32_t flags, uint32_t known, const char *what, struct sheaf_error *error);

#endif
