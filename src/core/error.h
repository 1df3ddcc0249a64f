/*
 * error - what went wrong, in one line, and which exit code it means.
 *
 * The caller owns a `struct sheaf_error`; the function that detects a failure fills it, naming the object
 * ("sweep.yaml:14:9: …", "out.h5:/y: …") and the remedy. Callers may prefix a message, never replace it. Every function
 * here takes NULL for the error and keeps errno.
 */
#ifndef SHEAF_CORE_ERROR_H
#define SHEAF_CORE_ERROR_H

#include <stdarg.h>

/* The exit codes of the program. */
enum sheaf_exit {
    SHEAF_EXIT_DONE = 0,         /* every item is done */
    SHEAF_EXIT_FAILED = 1,       /* some items failed */
    SHEAF_EXIT_USAGE = 2,        /* wrong usage or job file */
    SHEAF_EXIT_ENVIRONMENT = 3,  /* I/O, MPI, memory */
    SHEAF_EXIT_INTERRUPTED = 75, /* run again to go on */
};

#define SHEAF_ERROR_BYTES 1024

struct sheaf_error {
    enum sheaf_exit exit;
    char text[SHEAF_ERROR_BYTES]; /* one line, UTF-8, terminated; cut at the end where it is too long */
};

/* The user can mend it: wrong usage, job file or input. Always returns -1, so that failing is one line. */
int sheaf_refuse(struct sheaf_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The environment failed: I/O, MPI, memory. Always returns -1. */
int sheaf_fail(struct sheaf_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* sheaf_fail for a system call: appends ": " and the meaning of errno. Always returns -1. */
int sheaf_fail_errno(struct sheaf_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "no memory for WHAT". Always returns -1. */
int sheaf_fail_memory(struct sheaf_error *error, const char *what);

/* As sheaf_refuse, from a va_list. */
int sheaf_vrefuse(struct sheaf_error *error, const char *format, va_list values) __attribute__((format(printf, 2, 0)));

/* Puts a prefix such as "moid.yaml:3:9: " before the message. Always returns -1. */
int sheaf_error_prefix(struct sheaf_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
