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

/* What a plugin was compiled against must be what this Sheaf has, or what an earlier one had. */
static int check_head(const struct sheaf_kernel *table, const char *what, struct sheaf_error *error) {
    static const char again[] = "compile it again with this Sheaf's <sheaf/kernel.h>";
    static const uint32_t least = offsetof(struct sheaf_kernel, map) + sizeof table->map;
    const struct {
        const char *name;
        uint32_t has, least, most;
    } sizes[] = {{"struct_size", table->head.struct_size, least, sizeof *table},
                 {"field_bytes", table->head.field_bytes, sizeof(struct sheaf_field), sizeof(struct sheaf_field)},
                 {"param_bytes", table->head.param_bytes, sizeof(struct sheaf_param), sizeof(struct sheaf_param)}};
    if (table->head.abi != SHEAF_KERNEL_ABI)
        return sheaf_refuse(error, "%s: made for kernel interface %u, this Sheaf has %u; %s", what, table->head.abi,
                            SHEAF_KERNEL_ABI, again);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].has > sizes[i].most)
            return sheaf_refuse(
                error,
                "%s: its %s is %u, and this Sheaf knows %u: it was made for a newer Sheaf; use that, or "
                "%s",
                what, sizes[i].name, sizes[i].has, sizes[i].most, again);
        if (sizes[i].has < sizes[i].least)
            return sheaf_refuse(error, "%s: its %s is %u; SHEAF_KERNEL(NAME) at the table's beginning sets it right",
                                what, sizes[i].name, sizes[i].has);
    }
    return 0;
}

/* Copies a table that may be from an earlier version of the interface, and checks what every kernel needs. */
static int take_table(struct kernel_entry *entry, const struct sheaf_kernel *table, const char *name, const char *what,
                      struct sheaf_error *error) {
    if (check_head(table, what, error))
        return -1;
    memset(&entry->table, 0, sizeof entry->table);
    memcpy(&entry->table, table, table->head.struct_size);
    const struct sheaf_kernel *t = &entry->table;
    if (!t->head.name || !t->version || !t->open || !t->map)
        return sheaf_refuse(error, "%s: its table lacks name, version, open or map", what);
    if (strcmp(t->head.name, name) != 0)
        return sheaf_refuse(error, "%s: its table is that of a kernel '%s'; the two names should be the same", what,
                            t->head.name);
    if (sheaf_registry_check_flags(t->flags, 0, what, error))
        return -1;
    if (t->n_params < 0 || t->n_inputs < 0 || (t->n_params && !t->params) || (t->n_inputs && !t->inputs))
        return sheaf_refuse(error, "%s: its table has a count without an array of params or inputs", what);
    if (!t->shared_bytes != !t->prepare)
        return sheaf_refuse(error, "%s: shared_bytes and prepare go together; its table has one of them", what);
    return 0;
}

int sheaf_registry_check_flags(uint32_t flags, uint32_t known, const char *what, struct sheaf_error *error) {
    if (!(flags & ~known))
        return 0;
    return sheaf_refuse(error,
                        "%s has the flag 0x%x, which means nothing there to this Sheaf; it is a mistake, or made for a "
                        "newer Sheaf: use that, or compile it again with this Sheaf's <sheaf/kernel.h>",
                        what, flags & ~known);
}

/* The table that a shared object exports, or that a function of it returns. */
static const struct sheaf_kernel *find_table(const struct sheaf_library *library, const char *symbol) {
    const struct sheaf_kernel *table = sheaf_library_find(library, symbol);
    const struct sheaf_kernel *(*make)(void);
    char name[300];
    snprintf(name, sizeof name, "%s_table", symbol);
    void *function = table ? NULL : sheaf_library_find(library, name);
    memcpy(&make, &function, sizeof make); /* as POSIX has it */
    return function ? make() : table;
}

static int open_plugin(struct kernel_entry *entry, const char *path, const char *name, struct sheaf_error *error) {
    char symbol[256], what[512];
    if (!sheaf_text_is_name(name) || strlen(name) > 200)
        return sheaf_refuse(error, "'%s' cannot name a kernel; write PATH.so:NAME", name);
    snprintf(what, sizeof what, "%s:%s", path, name);
    snprintf(symbol, sizeof symbol, "sheaf_kernel_%s", name);
    if (sheaf_library_open(&entry->library, path, "the plugin", error))
        return -1;
    const struct sheaf_kernel *table = find_table(&entry->library, symbol);
    if (!table)
        return sheaf_refuse(error, "%s: has no symbol '%s'; the plugin should export a table of that name", path,
                            symbol);
    return take_table(entry, table, name, what, error);
}

int sheaf_registry_open(struct kernel_entry *entry, const char *path, const char *name, struct sheaf_error *error) {
    enum { N = sizeof builtin / sizeof *builtin };
    *entry = (struct kernel_entry){.path = path};
    if (path)
        return open_plugin(entry, path, name, error);
    const char *names[N];
    char hint[256];
    for (int i = 0; i < N; i++) {
        names[i] = builtin[i]->head.name;
        if (strcmp(names[i], name) == 0)
            return take_table(entry, builtin[i], name, name, error);
    }
    return sheaf_refuse(error, "unknown kernel '%s'%s (a plugin is written PATH.so:NAME)", name,
                        sheaf_text_suggest(name, names, N, true, hint, sizeof hint));
}

void sheaf_registry_close(struct kernel_entry *entry) {
    sheaf_library_close(&entry->library);
    *entry = (struct kernel_entry){0};
}
