/*
 * show_item - `sheaf show FILE --item N`: one item's values, or one of them alone.
 */
#ifndef SHEAF_CMD_SHOW_ITEM_H
#define SHEAF_CMD_SHOW_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "store/reader.h"

struct show_item {
    struct reader *reader;
    const char *path;
    int64_t item;
    const int *fields; /* [n_fields] in the order shown */
    int n_fields;
    bool alone; /* the one field's value and nothing else: a text byte by byte */
};

/* Prints to stdout; why an item failed, where only a value is asked for, to stderr. */
int sheaf_show_item(const struct show_item *show, struct sheaf_error *error);

#endif
