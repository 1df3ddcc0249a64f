#include "app/fields_message.h"

#include <stdio.h>
#include <string.h>

/* A field as it travels; names have 200 bytes at most (sheaf_items_check_name). */
struct field_message {
    char name[208];
    int64_t type, width;
};

struct head {
    int64_t n_items;
    size_t all_text_bytes, most_text_bytes;
};

int sheaf_fields_pack(struct sheaf_buffer *buffer, const struct items *items, struct sheaf_error *error) {
    const struct head head = {items->n_items, items->all_text_bytes, items->most_text_bytes};
    size_t n = (size_t)items->n_fields, at = sizeof head;
    if (sheaf_buffer_resize(buffer, at + n * sizeof(struct field_message), error))
        return -1;
    memcpy(buffer->data, &head, sizeof head);
    for (size_t k = 0; k < n; k++, at += sizeof(struct field_message)) {
        struct field_message message = {.type = items->fields[k].type, .width = items->fields[k].width};
        snprintf(message.name, sizeof message.name, "%s", items->fields[k].name);
        memcpy(buffer->data + at, &message, sizeof message);
    }
    return 0;
}

int sheaf_fields_unpack(const struct sheaf_buffer *buffer, struct items *items, struct sheaf_error *error) {
    struct head head;
    size_t at = sizeof head, n = (buffer->n_bytes - at) / sizeof(struct field_message);
    memcpy(&head, buffer->data, sizeof head);
    items->n_items = head.n_items;
    items->all_text_bytes = head.all_text_bytes;
    items->most_text_bytes = head.most_text_bytes;
    items->fields = sheaf_arena_take(&items->arena, n * sizeof *items->fields);
    if (!items->fields)
        return sheaf_fail_memory(error, "the fields");
    for (size_t k = 0; k < n; k++, at += sizeof(struct field_message)) {
        struct field_message message;
        struct sheaf_field *field = &items->fields[k];
        memcpy(&message, buffer->data + at, sizeof message);
        field->name = sheaf_arena_text(&items->arena, message.name, strlen(message.name));
        field->type = (enum sheaf_type)message.type;
        field->width = message.width;
        if (!field->name)
            return sheaf_fail_memory(error, "the fields");
    }
    items->n_fields = (int)n;
    return 0;
}
