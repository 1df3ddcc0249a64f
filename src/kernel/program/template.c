#include "kernel/program/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "job/items.h"
#include "kernel/program/script.h"

/* --- names --------------------------------------------------------------------------------------------------------- */

int sheaf_template_use(struct template_names *names, int field) {
    for (int k = 0; k < names->n_used; k++)
        if (names->used[k] == field)
            return k;
    names->used[names->n_used] = field;
    return names->n_used++;
}

static int refuse_name(const struct template_names *names, const struct yaml_node *node, const char *name,
                       struct sheaf_error *error) {
    const struct job *job = names->job;
    const char **known = malloc(((size_t)names->n_fields + (size_t)job->n_params + 1) * sizeof *known);
    char hint[512];
    int n = 0;
    if (!known)
        return sheaf_fail_memory(error, "the fields");
    for (int i = 0; i < names->n_fields; i++)
        known[n++] = names->fields[i].name;
    for (int i = 0; i < job->n_params; i++)
        known[n++] = job->params[i].name;
    known[n++] = "item";
    sheaf_text_suggest(name, known, n, true, hint, sizeof hint);
    free(known);
    return sheaf_yaml_refuse(node, error, "{%s}: no field or param '%s'%s; {{%s}} stands for itself", name, name, hint,
                             name);
}

/* Whether text begins with {NAME}; gives the length of the name. */
static size_t find_name(const char *text) {
    size_t length = 0;
    if (text[0] != '{' || (!isalpha((unsigned char)text[1]) && text[1] != '_' && !((unsigned char)text[1] & 0x80)))
        return 0;
    while (isalnum((unsigned char)text[1 + length]) || (text[1 + length] && strchr("_-.", text[1 + length])) ||
           ((unsigned char)text[1 + length] & 0x80))
        length++;
    return text[1 + length] == '}' ? length : 0;
}

/* Whether text begins with {{NAME}}, which stands for {NAME} itself; gives the length of the name. Other braces are what
   they are: scripts and JSON are full of them. */
static size_t find_escaped(const char *text) {
    size_t length = text[0] == '{' && text[1] == '{' ? find_name(text + 1) : 0;
    return length && text[length + 3] == '}' ? length : 0;
}

/* The piece that a name stands for. */
static int resolve(struct template_names *names, const struct yaml_node *node, const char *name, size_t length,
                   struct template_piece *piece, struct sheaf_error *error) {
    char *copy = sheaf_arena_text(names->arena, name, length);
    if (!copy)
        return sheaf_fail_memory(error, "a template");
    int field = sheaf_items_find(names->fields, names->n_fields, copy);
    if (field >= 0) {
        *piece = (struct template_piece){.kind = TEMPLATE_FIELD, .input = sheaf_template_use(names, field)};
        return 0;
    }
    for (int i = 0; i < names->job->n_params; i++)
        if (strcmp(names->job->params[i].name, copy) == 0) {
            const char *text = names->job->params[i].node->text;
            *piece = (struct template_piece){.kind = TEMPLATE_TEXT, .text = text, .length = strlen(text)};
            return 0;
        }
    *piece = (struct template_piece){.kind = TEMPLATE_ITEM};
    return strcmp(copy, "item") == 0 ? 0 : refuse_name(names, node, copy, error);
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

static void add_text(struct template *t, const char *text, size_t length) {
    if (length > 0)
        t->pieces[t->n++] = (struct template_piece){.kind = TEMPLATE_TEXT, .text = text, .length = length};
}

static int begin(struct template *t, const char *text, struct template_names *names, struct sheaf_error *error) {
    *t = (struct template){.constant = true};
    t->pieces = sheaf_arena_take(names->arena, (strlen(text) + 2) * sizeof *t->pieces);
    return t->pieces ? 0 : sheaf_fail_memory(error, "a template");
}

int sheaf_template_read(struct template *t, const struct yaml_node *node, struct template_names *names,
                        struct sheaf_error *error) {
    const char *at = node->text, *from = at;
    if (begin(t, at, names, error))
        return -1;
    while (*at) {
        size_t length = find_name(at);
        size_t escaped = find_escaped(at);
        if (!escaped && !length) {
            at++;
            continue;
        }
        add_text(t, from, (size_t)(at - from));
        if (escaped)
            add_text(t, at + 1, escaped + 2);
        if (length) {
            if (resolve(names, node, at + 1, length, &t->pieces[t->n], error))
                return -1;
            t->constant = t->constant && t->pieces[t->n].kind == TEMPLATE_TEXT;
            t->n++;
        }
        at += escaped ? escaped + 4 : length + 2;
        from = at;
    }
    add_text(t, from, (size_t)(at - from));
    return 0;
}

/* --- scripts ------------------------------------------------------------------------------------------------------- */

/* The variable in the words of the shell, so that its value is one word, or a part of one. */
static int add_variable(struct template *t, int number, enum script_place place, struct template_names *names,
                        struct sheaf_error *error) {
    static const char *const around[] = {[SCRIPT_PLAIN] = "\"", [SCRIPT_SINGLE] = "'\"", [SCRIPT_LOST] = NULL};
    static const char *const behind[] = {[SCRIPT_PLAIN] = "\"", [SCRIPT_SINGLE] = "\"'", [SCRIPT_LOST] = NULL};
    char text[64];
    int n = snprintf(text, sizeof text, "%s${SHEAF_VALUE_%d}%s", around[place] ? around[place] : "", number,
                     behind[place] ? behind[place] : "");
    char *kept = sheaf_arena_text(names->arena, text, (size_t)n);
    if (!kept)
        return sheaf_fail_memory(error, "a template");
    add_text(t, kept, (size_t)n);
    return 0;
}

/* Refuses a value where the shell would take it for something else than a text. */
static int check_place(const struct template_names *names, const struct yaml_node *node, enum script_place place,
                       const struct template_piece *piece, const char *name, size_t length, struct sheaf_error *error) {
    if (place == SCRIPT_LOST)
        return sheaf_yaml_refuse(node, error, "{%.*s}: the script is nested too deeply here; put it into a file",
                                 (int)length, name);
    if (place == SCRIPT_VERBATIM)
        return sheaf_yaml_refuse(node, error,
                                 "{%.*s}: the shell puts no values into a here-document whose end is quoted; write "
                                 "<<EOF without quotes",
                                 (int)length, name);
    if (place == SCRIPT_ARITHMETIC && piece->kind == TEMPLATE_FIELD &&
        names->fields[names->used[piece->input]].type == SHEAF_TEXT)
        return sheaf_yaml_refuse(node, error,
                                 "{%.*s}: a text cannot stand in $(( … )), where it would be read as a "
                                 "formula",
                                 (int)length, name);
    return 0;
}

/* The number of the value that is the same piece, which is added if there is none. */
static int find_value(struct template *values, const struct template_piece *piece) {
    for (int i = 0; i < values->n; i++)
        if (values->pieces[i].kind == piece->kind && values->pieces[i].text == piece->text &&
            values->pieces[i].input == piece->input)
            return i + 1;
    values->pieces[values->n++] = *piece;
    return values->n;
}

int sheaf_template_read_script(struct template *t, struct template *values, const struct yaml_node *node,
                               struct template_names *names, struct sheaf_error *error) {
    const char *at = node->text, *from = at;
    struct script script = {.begin = at};
    if (begin(t, at, names, error) || begin(values, at, names, error))
        return -1;
    while (*at) {
        struct template_piece piece;
        size_t length = find_name(at);
        size_t escaped = find_escaped(at);
        if (!escaped && !length) {
            at += sheaf_script_step(&script, at);
            continue;
        }
        add_text(t, from, (size_t)(at - from));
        if (escaped)
            add_text(t, at + 1, escaped + 2);
        if (length && (resolve(names, node, at + 1, length, &piece, error) ||
                       check_place(names, node, sheaf_script_place(&script), &piece, at + 1, length, error) ||
                       add_variable(t, find_value(values, &piece), sheaf_script_place(&script), names, error)))
            return -1;
        at += escaped ? escaped + 4 : length + 2;
        from = at;
    }
    add_text(t, from, (size_t)(at - from));
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

int sheaf_template_append(struct sheaf_buffer *to, const char *data, size_t n_bytes, struct sheaf_error *error) {
    return sheaf_buffer_append(to, data, n_bytes, error);
}

/* One number as text; returns its length. */
static size_t write_number(enum sheaf_type type, const void *value, char text[40]) {
    switch (type) {
    case SHEAF_FLOAT64:
    case SHEAF_FLOAT32:
        return strlen(sheaf_text_double(sheaf_type_to_double(type, value), text));
    case SHEAF_INT64:
        return (size_t)snprintf(text, 40, "%" PRId64, *(const int64_t *)value);
    case SHEAF_INT32:
        return (size_t)snprintf(text, 40, "%" PRId32, *(const int32_t *)value);
    case SHEAF_UINT8:
        return (size_t)snprintf(text, 40, "%u", *(const uint8_t *)value);
    case SHEAF_TEXT:
        break;
    }
    return 0;
}

/* The values of a field, with commas between them. */
static int write_field(const struct sheaf_field *field, const void *column, int64_t k, struct sheaf_buffer *to,
                       struct sheaf_error *error) {
    const size_t value_bytes = sheaf_type_bytes(field->type);
    const char *at = (const char *)column + (size_t)k * sheaf_field_row_bytes(field);
    for (int64_t w = 0; w < field->width; w++, at += value_bytes) {
        char number[40];
        struct sheaf_text text = {number, 0};
        if (field->type == SHEAF_TEXT)
            memcpy(&text, at, sizeof text);
        else
            text.length = write_number(field->type, at, number);
        if (memchr(text.data, '\0', text.length))
            return sheaf_refuse(error, "field '%s' has a NUL byte, which no argument of a program can hold",
                                field->name);
        if ((w > 0 && sheaf_template_append(to, ",", 1, error)) ||
            sheaf_template_append(to, text.data, text.length, error))
            return -1;
    }
    return 0;
}

int sheaf_template_write_piece(const struct template *t, int p, const struct sheaf_field *inputs,
                               const struct sheaf_block *block, int64_t k, struct sheaf_buffer *to,
                               struct sheaf_error *error) {
    const struct template_piece *piece = &t->pieces[p];
    char number[40];
    switch (piece->kind) {
    case TEMPLATE_TEXT:
        return sheaf_template_append(to, piece->text, piece->length, error);
    case TEMPLATE_ITEM:
        return sheaf_template_append(to, number, (size_t)snprintf(number, sizeof number, "%" PRId64, block->first + k),
                                     error);
    case TEMPLATE_FIELD:
        return write_field(&inputs[piece->input], block->in[piece->input], k, to, error);
    }
    return -1;
}

int sheaf_template_write(const struct template *t, const struct sheaf_field *inputs, const struct sheaf_block *block,
                         int64_t k, struct sheaf_buffer *to, struct sheaf_error *error) {
    for (int p = 0; p < t->n; p++)
        if (sheaf_template_write_piece(t, p, inputs, block, k, to, error))
            return -1;
    return 0;
}
