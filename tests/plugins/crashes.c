/* crashes.c - kernels that bring their process down, as a bug in a kernel of a user does. */
#include <signal.h>

#include <sheaf/kernel.h>

static const struct sheaf_field outputs[] = {{.name = "y", .type = SHEAF_FLOAT64, .width = 1}};

static int crashes_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = 1;
    shape->outputs = outputs;
    shape->block = 1;
    return 0;
}

static int crashes_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)context;
    (void)block;
    return raise(SIGSEGV);
}

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_crashes = {
    .head = SHEAF_KERNEL(crashes),
    .version = "1",
    .summary = "crashes at the first item",
    .open = crashes_open,
    .map = crashes_map,
};

static int crashes_early_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)shape;
    (void)self;
    return raise(SIGSEGV);
}

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_crashes_early = {
    .head = SHEAF_KERNEL(crashes_early),
    .version = "1",
    .summary = "crashes when it is opened",
    .open = crashes_early_open,
    .map = crashes_map,
};
