/* Reads the table of messages of failed items. */
#include "store/failures.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "store/layout.h"

static int by_item(const void *a, const void *b) {
    int64_t x = ((const struct failure *)a)->item, y = ((const struct failure *)b)->item;
    return (x > y) - (x < y);
}

/* The rows of one of the two datasets, which have to be as many as the other has; new memory, or NULL. */
static void *read_rows(hid_t file, const char *name, hid_t type, size_t row_bytes, hsize_t *most) {
    hsize_t dims[2] = {0};
    void *rows = NULL;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int rank = row_bytes == FAILURE_BYTES ? 2 : 1;
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == rank &&
        H5Sget_simple_extent_dims(space, dims, NULL) == rank && dims[0] <= ERRORS_MOST &&
        (rank == 1 || (dims[1] == FAILURE_BYTES && dims[0] == *most)))
        rows = malloc(dims[0] * row_bytes + 1);
    if (rows && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0) {
        free(rows);
        rows = NULL;
    }
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    *most = dims[0];
    return rows;
}

int sheaf_failures_read(hid_t file, const char *path, struct failure **failures, int64_t *n,
                        struct sheaf_error *error) {
    hsize_t most = 0;
    *n = 0;
    int64_t *items = read_rows(file, ERROR_ITEM, H5T_NATIVE_INT64, sizeof *items, &most);
    char *messages = items ? read_rows(file, ERROR_MESSAGE, H5T_NATIVE_UINT8, FAILURE_BYTES, &most) : NULL;
    struct failure *found = messages ? malloc(most * sizeof *found + 1) : NULL;
    int rc = -1;
    if (!messages)
        sheaf_h5_fail_dataset(error, path, items ? ERROR_MESSAGE : ERROR_ITEM);
    else if (!found)
        sheaf_fail_memory(error, "the messages of failed items");
    else
        rc = 0;
    for (hsize_t k = 0; rc == 0 && k < most; k++) {
        if (items[k] < 0)
            continue;
        struct failure *failure = &found[(*n)++];
        failure->item = items[k];
        memcpy(failure->message, messages + k * FAILURE_BYTES, FAILURE_BYTES);
        failure->message[FAILURE_BYTES - 1] = '\0';
        sheaf_text_one_line(failure->message);
    }
    if (rc == 0)
        qsort(found, (size_t)*n, sizeof *found, by_item);
    *failures = found;
    free(items);
    free(messages);
    return rc;
}

const char *sheaf_failures_find(const struct failure *failures, int64_t n, int64_t item) {
    const struct failure wanted = {.item = item};
    const struct failure *found = n ? bsearch(&wanted, failures, (size_t)n, sizeof *failures, by_item) : NULL;
    return found ? found->message : "";
}
