/*
 * finish - what cannot be written into a results file in place is written into a copy of it, by steps, and the copy then
 * takes the place of the file: a kill at any instant leaves the one or the other.
 *
 * The copy shares the blocks of the file where the file system can; what has a place of its own in the file stays at that
 * place. Private to store/.
 */
#ifndef SHEAF_STORE_FINISH_H
#define SHEAF_STORE_FINISH_H

#include <stdbool.h>

#include <hdf5.h>

#include "core/error.h"
#include "core/file.h"

/* One thing that is written. All get `self`; those of an int give -1 after an error. */
struct finish_step {
    void *self;
    /* Looks at the file, read-only: whether there is something to do. */
    int (*look)(void *self, const char *path, bool *is_due, struct sheaf_error *error);
    /* Does it to the copy, which is open as `copy` and lies at `aside`. Only where it is due. */
    int (*write)(void *self, hid_t copy, const char *aside, struct sheaf_error *error);
    /* Afterwards: removes what is not needed any more. Also where it was not due. */
    int (*clear)(void *self, const char *path, struct sheaf_error *error);
    const char *kept;  /* what is still there when the copy fails: "the texts are still beside the file" */
    const char *later; /* what does it then: "sheaf pack"; NULL: the same command */
};

/* Takes the steps that are due, in order. The caller holds the lock of the results file and writes nothing to it. *placed:
   which file has taken its place; all zero where none has. After an error nothing is lost. */
int sheaf_finish(const char *path, const struct finish_step *steps, int n_steps, struct sheaf_stamp *placed,
                 struct sheaf_error *error);

#endif
