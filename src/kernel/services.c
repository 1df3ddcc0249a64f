#include "kernel/services.h"

#include <stdio.h>
#include <string.h>

#include "core/array_uses.h"
#include "core/random.h"
#include "core/text.h"

void sheaf_warnings_format(struct warnings *warnings, const char *format, va_list values) {
    char line[WARNING_BYTES];
    vsnprintf(line, sizeof line, format, values);
    if (warnings)
        sheaf_warnings_add(warnings, line, strlen(line));
}

/* --- of open and prepare ------------------------------------------------------------------------------------------- */

SHEAF_PRINTF(2, 3) static int32_t refuse(const struct sheaf_setup *setup, const char *format, ...) {
    const struct setup_listener *listener = setup->engine;
    va_list values;
    va_start(values, format);
    sheaf_vrefuse(listener->error, format, values);
    va_end(values);
    return -1;
}

static int32_t refuse_text(const struct sheaf_setup *setup, const char *message, size_t length) {
    return refuse(setup, "%.*s", sheaf_text_precision(length), message);
}

SHEAF_PRINTF(2, 3) static void warn(const struct sheaf_setup *setup, const char *format, ...) {
    const struct setup_listener *listener = setup->engine;
    va_list values;
    va_start(values, format);
    sheaf_warnings_format(listener->warnings, format, values);
    va_end(values);
}

static void warn_text(const struct sheaf_setup *setup, const char *message, size_t length) {
    warn(setup, "%.*s", sheaf_text_precision(length), message);
}

static int32_t find(const void *arrays, const char *name, struct sheaf_array *array) {
    const struct sheaf_array *found = sheaf_arrays_look_up(arrays, name);
    if (found)
        *array = *found;
    return found != NULL;
}

static int32_t setup_find(const struct sheaf_setup *setup, const char *name, struct sheaf_array *array) {
    return find(setup->arrays, name, array);
}

static int32_t context_find(const struct sheaf_context *context, const char *name, struct sheaf_array *array) {
    return find(context->arrays, name, array);
}

void sheaf_setup_serve(struct sheaf_setup *setup, struct setup_listener *listener) {
    setup->engine = listener;
    setup->refuse = refuse;
    setup->refuse_text = refuse_text;
    setup->warn = warn;
    setup->warn_text = warn_text;
    setup->find_shared = setup_find;
}

/* --- of map -------------------------------------------------------------------------------------------------------- */

static void fail_text(const struct sheaf_context *context, int64_t k, const char *message, size_t length) {
    context->fail(context, k, "%.*s", sheaf_text_precision(length), message);
}

static void end_text(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *message,
                     size_t length) {
    context->end(context, k, outcome, "%.*s", sheaf_text_precision(length), message);
}

static void context_warn_text(const struct sheaf_context *context, const char *message, size_t length) {
    context->warn(context, "%.*s", sheaf_text_precision(length), message);
}

void sheaf_context_serve(struct sheaf_context *context, const struct arrays *arrays) {
    context->arrays = arrays;
    context->fail_text = fail_text;
    context->end_text = end_text;
    context->warn_text = context_warn_text;
    context->uniform = sheaf_random_uniform;
    context->bits = sheaf_random_bits;
    context->find_shared = context_find;
}
