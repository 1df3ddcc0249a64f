/*
 * width - how many columns of a terminal a text takes: two for what is wide (漢字, 😀), none for marks on a letter.
 *
 * Texts are UTF-8; a byte that is not takes a column. Thread-safe; changes the thread's locale for a moment.
 */
#ifndef SHEAF_REPORT_WIDTH_H
#define SHEAF_REPORT_WIDTH_H

#include <stddef.h>

int sheaf_width_of(const char *text);

/* Bytes of the longest beginning that takes at most n_columns, *used of them; marks on its last letter are with it. */
size_t sheaf_width_cut(const char *text, int n_columns, int *used);

#endif
