/*
 * services - what a kernel may say, where that is the same whoever calls it: the engine, or the child of an isolated one.
 */
#ifndef SHEAF_KERNEL_SERVICES_H
#define SHEAF_KERNEL_SERVICES_H

#include <stdarg.h>

#include <sheaf/kernel.h>

#include "core/arrays.h"
#include "core/error.h"
#include "core/warnings.h"

/* Where goes what open and prepare say; borrowed by the setup. */
struct setup_listener {
    struct sheaf_error *error; /* why they refuse; NULL: nobody asks */
    struct warnings *warnings; /* or NULL: nobody asks */
};

/* Gives a setup its services. */
void sheaf_setup_serve(struct sheaf_setup *setup, struct setup_listener *listener);

/* Adds a formatted line to warnings, which may be NULL. */
void sheaf_warnings_format(struct warnings *warnings, const char *format, va_list values) SHEAF_PRINTF(2, 0);

/* Gives a context those services that others, which it has, are enough for: text in place of a format, random numbers, and
   what items share. */
void sheaf_context_serve(struct sheaf_context *context, const struct arrays *arrays);

#endif
