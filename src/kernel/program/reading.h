/*
 * reading - whether a place in a script for the shell lies where another program reads code, or the shell itself does so
 * once more: in what stands behind `bash -c`, in a here-document for it, or in what is piped into it.
 */
#ifndef SHEAF_KERNEL_READING_H
#define SHEAF_KERNEL_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/program/code.h"
#include "kernel/program/script.h"

/* Looks at the place at[length], up to which the script was stepped over; code tells who reads it. A place that is all of
   the code does not count. Memory that is lacking counts as found. */
bool sheaf_reading_find(const struct script *script, const char *at, size_t length, struct code_words *code);

/* Whether a command of the script reads the script's standard input as code; code tells which. */
bool sheaf_reading_takes_input(const char *script, struct code_words *code);

#endif
