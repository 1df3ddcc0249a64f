#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

__attribute__((format(printf, 3, 0))) static void fill(struct sheaf_error *error, enum sheaf_exit exit,
                                                       const char *format, va_list values) {
    if (!error)
        return;
    int kept = errno;
    error->exit = exit;
    vsnprintf(error->text, sizeof error->text, format, values);
    sheaf_text_one_line(error->text);
    errno = kept;
}

int sheaf_refuse(struct sheaf_error *error, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fill(error, SHEAF_EXIT_USAGE, format, values);
    va_end(values);
    return -1;
}

int sheaf_vrefuse(struct sheaf_error *error, const char *format, va_list values) {
    fill(error, SHEAF_EXIT_USAGE, format, values);
    return -1;
}

int sheaf_fail(struct sheaf_error *error, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fill(error, SHEAF_EXIT_ENVIRONMENT, format, values);
    va_end(values);
    return -1;
}

int sheaf_fail_errno(struct sheaf_error *error, const char *format, ...) {
    int kept = errno;
    va_list values;
    va_start(values, format);
    fill(error, SHEAF_EXIT_ENVIRONMENT, format, values);
    va_end(values);
    if (error) {
        size_t used = strlen(error->text);
        snprintf(error->text + used, sizeof error->text - used, ": %s", strerror(kept));
        sheaf_text_one_line(error->text);
    }
    errno = kept;
    return -1;
}

int sheaf_fail_memory(struct sheaf_error *error, const char *what) {
    return sheaf_fail(error, "no memory for %s", what);
}

int sheaf_error_prefix(struct sheaf_error *error, const char *format, ...) {
    if (!error)
        return -1;
    char rest[SHEAF_ERROR_BYTES];
    memcpy(rest, error->text, sizeof rest);
    va_list values;
    va_start(values, format);
    vsnprintf(error->text, sizeof error->text, format, values);
    va_end(values);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, "%s", rest);
    sheaf_text_one_line(error->text);
    return -1;
}
