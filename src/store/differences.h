/*
 * differences - which rows and columns of the items are not those that a results file was made with.
 *
 * For the message of a refusal: the file has copies of its items' fields, so a person can be told what was changed.
 */
#ifndef SHEAF_STORE_DIFFERENCES_H
#define SHEAF_STORE_DIFFERENCES_H

#include "core/error.h"
#include "core/text.h"
#include "job/items.h"

/* Says what of the items differs from those in the results file at `path`, and a remedy: "in.csv is not what it was: item 17
   has x = 3.5, and had 3.25 …; choose …". Nothing is said where that cannot be found out: the file has no copies of
   them, or cannot be read. */
void sheaf_differences_say(const char *path, struct items *items, struct sheaf_string *text);

#endif
