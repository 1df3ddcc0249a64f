/* What a child needs to open the kernel, as one piece of memory. Both sides are copies of the same program, so structs and
   addresses of functions are the same. */
#include <stdbool.h>
#include <string.h>

#include "core/type.h"
#include "kernel/isolate/isolate.h"

/* --- packing ------------------------------------------------------------------------------------------------------- */

struct pack {
    struct sheaf_buffer *image;
    struct sheaf_error *error;
    bool failed;
};

/* Appends bytes, aligned; their offset, as the pointer that it will become. NULL stays NULL. */
static void *put(struct pack *pack, const void *data, size_t n_bytes) {
    struct sheaf_buffer *image = pack->image;
    const size_t at = sheaf_round_up(image->n_bytes, _Alignof(max_align_t));
    if (!data || pack->failed)
        return NULL;
    if (sheaf_buffer_resize(image, at + n_bytes, pack->error)) {
        pack->failed = true;
        return NULL;
    }
    memcpy(image->data + at, data, n_bytes);
    return (void *)at; /* NOLINT: an offset */
}

static const char *put_text(struct pack *pack, const char *text) {
    return put(pack, text, text ? strlen(text) + 1 : 0);
}

static const struct sheaf_field *put_fields(struct pack *pack, const struct sheaf_field *fields, int n) {
    const struct sheaf_field *at = put(pack, fields, (size_t)n * sizeof *fields);
    for (int i = 0; i < n && !pack->failed; i++) {
        struct sheaf_field field = fields[i];
        field.name = put_text(pack, field.name);
        field.unit = put_text(pack, field.unit);
        field.long_name = put_text(pack, field.long_name);
        memcpy(pack->image->data + (uintptr_t)at + (size_t)i * sizeof field, &field, sizeof field);
    }
    return at;
}

static const union sheaf_value *put_values(struct pack *pack, const union sheaf_value *values,
                                           const struct sheaf_param *params, int n) {
    const union sheaf_value *at = put(pack, values, (size_t)n * sizeof *values);
    for (int i = 0; i < n && !pack->failed; i++) {
        union sheaf_value value = values[i];
        if (params[i].type == SHEAF_TEXT || params[i].type == SHEAF_FILE)
            value.text = put_text(pack, value.text);
        memcpy(pack->image->data + (uintptr_t)at + (size_t)i * sizeof value, &value, sizeof value);
    }
    return at;
}

static const char **put_names(struct pack *pack, const char *const *names, int n) {
    const char **at = put(pack, names, (size_t)n * sizeof *names);
    for (int i = 0; i < n && !pack->failed; i++) {
        const char *name = put_text(pack, names[i]);
        memcpy(pack->image->data + (uintptr_t)at + (size_t)i * sizeof name, &name, sizeof name);
    }
    return at;
}

int sheaf_isolate_pack(struct sheaf_buffer *image, const struct isolate_order *order, const struct sheaf_param *params,
                       struct sheaf_error *error) {
    struct pack pack = {.image = image, .error = error};
    struct isolate_order packed = *order;
    put(&pack, order, sizeof *order); /* at 0, so that no other offset is 0 */
    packed.path = put_text(&pack, order->path);
    packed.name = put_text(&pack, order->name);
    packed.setup.params = put_values(&pack, order->setup.params, params, order->n_params);
    packed.setup.inputs = put_fields(&pack, order->setup.inputs, order->setup.n_inputs);
    packed.setup.fields = put_fields(&pack, order->setup.fields, order->setup.n_fields);
    packed.setup.engine = NULL;
    packed.setup.arrays = NULL;
    packed.arrays = put_names(&pack, order->arrays, order->n_arrays);
    packed.array_folder = put_text(&pack, order->array_folder);
    packed.files = put(&pack, order->files, (size_t)order->n_params * sizeof *order->files);
    packed.n_bytes = image->n_bytes;
    if (pack.failed)
        return -1;
    memcpy(image->data, &packed, sizeof packed);
    return 0;
}

/* --- unpacking ----------------------------------------------------------------------------------------------------- */

/* An offset as the pointer that it stands for. */
static void *find(char *memory, const void *offset) {
    return offset ? memory + (uintptr_t)offset : NULL;
}

static const struct sheaf_field *find_fields(char *memory, const struct sheaf_field *offset, int n) {
    struct sheaf_field *fields = find(memory, offset);
    for (int i = 0; fields && i < n; i++) {
        fields[i].name = find(memory, fields[i].name);
        fields[i].unit = find(memory, fields[i].unit);
        fields[i].long_name = find(memory, fields[i].long_name);
    }
    return fields;
}

int sheaf_isolate_unpack(char *memory, struct kernel_entry *entry, struct isolate_order **unpacked,
                         struct sheaf_error *error) {
    struct isolate_order *order = (struct isolate_order *)(void *)memory;
    *unpacked = order;
    order->path = find(memory, order->path);
    order->name = find(memory, order->name);
    if ((order->path && sheaf_stamp_check(&order->stamp, order->path, error)) ||
        sheaf_registry_open(entry, order->path, order->name, error))
        return -1;
    union sheaf_value *values = find(memory, order->setup.params);
    order->files = find(memory, order->files);
    for (int i = 0; values && i < order->n_params; i++) {
        const int32_t type = entry->table.params[i].type;
        if (type == SHEAF_TEXT || type == SHEAF_FILE)
            values[i].text = find(memory, values[i].text);
        if (type == SHEAF_FILE && *values[i].text && sheaf_stamp_check(&order->files[i], values[i].text, error))
            return -1;
    }
    order->array_folder = find(memory, order->array_folder);
    order->arrays = find(memory, order->arrays);
    for (int i = 0; order->arrays && i < order->n_arrays; i++)
        order->arrays[i] = find(memory, order->arrays[i]);
    order->setup.params = values;
    order->setup.inputs = find_fields(memory, order->setup.inputs, order->setup.n_inputs);
    order->setup.fields = find_fields(memory, order->setup.fields, order->setup.n_fields);
    return 0;
}
