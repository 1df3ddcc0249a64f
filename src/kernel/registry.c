#include "kernel/registry.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

extern const struct sheaf_kernel sheaf_kernel_moid;
extern const struct sheaf_kernel sheaf_kernel_pi;
extern const struct sheaf_kernel sheaf_kernel_square_plus;

static const struct sheaf_kernel *const builtin[] = {&sheaf_kernel_moid, &sheaf_kernel_pi, &sheaf_kernel_square_plus};

const struct sheaf_kernel *const *sheaf_registry_builtin(int *n) {
    *n = (int)(sizeof builtin / sizeof *builtin);
    return builtin;
}

/* Copies a table that may be from another version of the interface, and checks what every kernel needs. */
static int take_table(struct kernel_entry *entry, const struct sheaf_kernel *table, const char *what,
                      struct sheaf_error *error) {
    if (table->abi != SHEAF_KERNEL_ABI)
        return sheaf_refuse(error,
                            "%s: made for kernel interface %u, this Sheaf has %u; compile it again with this "
                            "Sheaf's <sheaf/kernel.h>",
                            what, table->abi, SHEAF_KERNEL_ABI);
    size_t least = offsetof(struct sheaf_kernel, map) + sizeof table->map;
    if (table->struct_size < least)
        return sheaf_refuse(error, "%s: its struct_size is %u; it should be sizeof(struct sheaf_kernel)", what,
                            table->struct_size);
    size_t n_bytes = table->struct_size < sizeof *table ? table->struct_size : sizeof *table;
    memset(&entry->table, 0, sizeof entry->table);
    memcpy(&entry->table, table, n_bytes);
    const struct sheaf_kernel *t = &entry->table;
    if (!t->name || !t->version || !t->open || !t->map)
        return sheaf_refuse(error, "%s: its table lacks name, version, open or map", what);
    if (t->n_params < 0 || t->n_inputs < 0 || (t->n_params && !t->params) || (t->n_inputs && !t->inputs))
        return sheaf_refuse(error, "%s: its table has a count without an array of params or inputs", what);
    if (!t->shared_bytes != !t->prepare)
        return sheaf_refuse(error, "%s: shared_bytes and prepare go together; its table has one of them", what);
    return 0;
}

static int open_plugin(struct kernel_entry *entry, const char *path, const char *name, struct sheaf_error *error) {
    char symbol[256], what[512];
    if (!sheaf_text_is_name(name) || strlen(name) > 200)
        return sheaf_refuse(error, "'%s' cannot name a kernel; write PATH.so:NAME", name);
    snprintf(what, sizeof what, "%s:%s", path, name);
    snprintf(symbol, sizeof symbol, "sheaf_kernel_%s", name);
    if (sheaf_library_open(&entry->library, path, "the plugin", error))
        return -1;
    const struct sheaf_kernel *table = sheaf_library_find(&entry->library, symbol);
    if (!table)
        return sheaf_refuse(error, "%s: has no symbol '%s'; the plugin should export a table of that name", path,
                            symbol);
    return take_table(entry, table, what, error);
}

int sheaf_registry_open(struct kernel_entry *entry, const char *path, const char *name, struct sheaf_error *error) {
    enum { N = sizeof builtin / sizeof *builtin };
    *entry = (struct kernel_entry){.path = path};
    if (path)
        return open_plugin(entry, path, name, error);
    const char *names[N];
    char hint[256];
    for (int i = 0; i < N; i++) {
        names[i] = builtin[i]->name;
        if (strcmp(names[i], name) == 0)
            return take_table(entry, builtin[i], name, error);
    }
    return sheaf_refuse(error, "unknown kernel '%s'%s (a plugin is written PATH.so:NAME)", name,
                        sheaf_text_suggest(name, names, N, true, hint, sizeof hint));
}

void sheaf_registry_close(struct kernel_entry *entry) {
    sheaf_library_close(&entry->library);
    *entry = (struct kernel_entry){0};
}
