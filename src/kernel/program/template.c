#include "kernel/program/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "job/items.h"
#include "kernel/program/place.h"
#include "kernel/program/reading.h"
#include "kernel/program/script.h"

/* --- names --------------------------------------------------------------------------------------------------------- */

int sheaf_template_use(struct template_names *names, int field) {
    for (int k = 0; k < names->n_used; k++)
        if (names->used[k] == field)
            return k;
    names->used[names->n_used] = field;
    return names->n_used++;
}

static int list_known(struct template_names *names, struct sheaf_error *error) {
    const struct job *job = names->job;
    const size_t n = (size_t)names->n_fields + (size_t)job->n_params + 2;
    if (names->known)
        return 0;
    names->known = sheaf_arena_take(names->arena, n * sizeof *names->known);
    names->has_param = sheaf_arena_take(names->arena, ((size_t)job->n_params + 1) * sizeof *names->has_param);
    if (!names->known || !names->has_param)
        return sheaf_fail_memory(error, "the fields");
    for (int i = 0; i < names->n_fields; i++)
        names->known[names->n_known++] = names->fields[i].name;
    for (int i = 0; i < job->n_params; i++)
        names->known[names->n_known++] = job->params[i].name;
    names->known[names->n_known++] = "item";
    names->known[names->n_known++] = "job_dir";
    return 0;
}

static int refuse_name(const struct template_names *names, const struct yaml_node *node, const struct place *place,
                       struct sheaf_error *error) {
    char hint[512] = "";
    const int n = (int)place->length;
    const size_t blanks = strspn(place->text, " \t");
    char *name = strndup(place->text + blanks, place->length - blanks);
    if (!name)
        return sheaf_fail_memory(error, "a template");
    for (size_t end = strlen(name); end > 0 && strchr(" \t", name[end - 1]); end--)
        name[end - 1] = '\0';
    if (*name) /* nothing is near to nothing */
        sheaf_text_suggest(name, names->known, names->n_known, true, hint, sizeof hint);
    free(name);
    return sheaf_yaml_refuse(node, error, "{%.*s}: no field or param '%.*s'%s; {{%.*s}} stands for itself", n,
                             place->text, n, place->text, hint, n, place->text);
}

/* The piece that a place stands for. */
static int resolve(struct template_names *names, const struct yaml_node *node, const struct place *place,
                   struct template_piece *piece, struct sheaf_error *error) {
    if (place->kind == PLACE_WRONG)
        return refuse_name(names, node, place, error);
    char *copy = sheaf_arena_text(names->arena, place->text, place->length);
    if (!copy)
        return sheaf_fail_memory(error, "a template");
    int field = sheaf_items_find(names->fields, names->n_fields, copy);
    if (field >= 0) {
        *piece =
            (struct template_piece){.kind = TEMPLATE_FIELD, .input = sheaf_template_use(names, field), .name = copy};
        return 0;
    }
    for (int i = 0; i < names->job->n_params; i++)
        if (strcmp(names->job->params[i].name, copy) == 0) {
            const char *text = names->job->params[i].node->text;
            names->has_param[i] = true;
            *piece = (struct template_piece){.kind = TEMPLATE_TEXT, .text = text, .length = strlen(text), .name = copy};
            return 0;
        }
    if (strcmp(copy, "job_dir") == 0) {
        const char *text = names->job_dir;
        *piece = (struct template_piece){.kind = TEMPLATE_TEXT, .text = text, .length = strlen(text), .name = copy};
        return 0;
    }
    *piece = (struct template_piece){.kind = TEMPLATE_ITEM, .name = copy};
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

static void add_text(struct template *t, const char *text, size_t length) {
    if (length > 0)
        t->pieces[t->n++] = (struct template_piece){.kind = TEMPLATE_TEXT, .text = text, .length = length};
}

static int begin(struct template *t, const char *text, struct template_names *names, struct sheaf_error *error) {
    *t = (struct template){.constant = true};
    if (list_known(names, error))
        return -1;
    t->pieces = sheaf_arena_take(names->arena, (strlen(text) + 2) * sizeof *t->pieces);
    return t->pieces ? 0 : sheaf_fail_memory(error, "a template");
}

int sheaf_template_read(struct template *t, const struct yaml_node *node, struct template_names *names,
                        struct sheaf_error *error) {
    const char *at = node->text, *from = at;
    if (begin(t, at, names, error))
        return -1;
    while (*at) {
        const struct place place = sheaf_place_find(node->text, at, names->known, names->n_known);
        if (place.kind == PLACE_NONE) {
            at++;
            continue;
        }
        add_text(t, from, (size_t)(at - from));
        if (place.kind == PLACE_ESCAPED) {
            add_text(t, at + 1, place.n_bytes - 2);
        } else {
            if (resolve(names, node, &place, &t->pieces[t->n], error))
                return -1;
            t->constant = t->constant && t->pieces[t->n].kind == TEMPLATE_TEXT;
            t->n++;
        }
        at += place.n_bytes;
        from = at;
    }
    add_text(t, from, (size_t)(at - from));
    return 0;
}

/* --- code ---------------------------------------------------------------------------------------------------------- */

/* Whether a value means nothing to any language, whatever it is: a number, or a param that is a plain word. */
static bool is_harmless(const struct template_names *names, const struct template_piece *piece) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+%@=-";
    switch (piece->kind) {
    case TEMPLATE_TEXT:
        return !piece->name || strspn(piece->text, plain) == piece->length;
    case TEMPLATE_FIELD:
        return names->fields[names->used[piece->input]].type != SHEAF_TEXT;
    case TEMPLATE_ITEM:
        return true;
    }
    return false;
}

static int refuse_code(const struct yaml_node *node, const struct code_words *code, const char *name,
                       struct sheaf_error *error) {
    const char *way = sheaf_code_way(code), *place = strchr(way, '@');
    const int n = place ? (int)(place - way) : (int)strlen(way);
    return sheaf_yaml_refuse(
        node, error, "{%s}: a text cannot stand where %s reads code, or it would be run; %.*s%s%s%s%s", name,
        sheaf_code_name(code), n, way, place ? "{" : "", place ? name : "", place ? "}" : "", place ? place + 1 : "");
}

/* A word that another program reads as code. */
static int read_code(struct template *t, const struct code_words *code, const struct yaml_node *node,
                     struct template_names *names, struct sheaf_error *error) {
    if (sheaf_template_read(t, node, names, error))
        return -1;
    const bool whole = t->n == 1 && sheaf_code_begins(code); /* then that it is run must be meant */
    for (int p = 0; p < t->n && !whole; p++)
        if (!is_harmless(names, &t->pieces[p]))
            return refuse_code(node, code, t->pieces[p].name, error);
    return 0;
}

int sheaf_template_read_list(struct template *words, struct template *values, const struct yaml_node *node,
                             struct template_names *names, struct sheaf_error *error) {
    struct code_words code = {0};
    if (list_known(names, error))
        return -1;
    for (int i = 0; i < node->n; i++) {
        const struct yaml_node *word = node->value[i];
        const enum code_role role = sheaf_code_step(&code, word->text);
        const struct place place = sheaf_place_find(word->text, word->text, names->known, names->n_known);
        const bool whole = place.kind == PLACE_NAME && word->text[place.n_bytes] == '\0';
        int rc;
        if (role == CODE_NONE)
            rc = sheaf_template_read(&words[i], word, names, error);
        else if (role == CODE_SCRIPT && !whole)
            rc = sheaf_template_read_script(&words[i], values, word, names, error);
        else
            rc = read_code(&words[i], &code, word, names, error);
        if (rc)
            return -1;
    }
    return 0;
}

int sheaf_template_read_input(struct template *t, const struct yaml_node *node, const struct yaml_node *command,
                              struct template_names *names, struct sheaf_error *error) {
    struct code_words code = {0}, inner = {0};
    if (command->kind == YAML_SCALAR && sheaf_reading_takes_input(command->text, &code))
        return read_code(t, &code, node, names, error);
    for (int i = 0; command->kind == YAML_LIST && i < command->n; i++) {
        const char *word = command->value[i]->text;
        if (sheaf_code_step(&code, word) == CODE_SCRIPT && sheaf_reading_takes_input(word, &inner))
            return read_code(t, &inner, node, names, error);
    }
    if (command->kind == YAML_LIST && sheaf_code_reads_input(&code))
        return read_code(t, &code, node, names, error);
    return sheaf_template_read(t, node, names, error);
}

/* --- scripts ------------------------------------------------------------------------------------------------------- */

/* The variable in the words of the shell, so that its value is one word, or a part of one. */
static int add_variable(struct template *t, int number, enum script_place place, struct template_names *names,
                        struct sheaf_error *error) {
    static const char *const around[] = {
        [SCRIPT_PLAIN] = "\"", [SCRIPT_SINGLE] = "'\"", [SCRIPT_ANSI] = "'\"", [SCRIPT_LOST] = NULL};
    static const char *const behind[] = {
        [SCRIPT_PLAIN] = "\"", [SCRIPT_SINGLE] = "\"'", [SCRIPT_ANSI] = "\"$'", [SCRIPT_LOST] = NULL};
    char text[64];
    int n = snprintf(text, sizeof text, "%s${SHEAF_VALUE_%d}%s", around[place] ? around[place] : "", number,
                     behind[place] ? behind[place] : "");
    char *kept = sheaf_arena_text(names->arena, text, (size_t)n);
    if (!kept)
        return sheaf_fail_memory(error, "a template");
    add_text(t, kept, (size_t)n);
    return 0;
}

/* Refuses a value where the shell, or another program, would take it for something else than a text. */
static int check_place(const struct template_names *names, const struct yaml_node *node, const struct script *script,
                       const char *at, const struct template_piece *piece, struct sheaf_error *error) {
    struct code_words code;
    switch (sheaf_script_place(script, at)) {
    case SCRIPT_LOST:
        return sheaf_yaml_refuse(node, error, "{%s}: the script is nested too deeply here; put it into a file",
                                 piece->name);
    case SCRIPT_VERBATIM:
        return sheaf_yaml_refuse(node, error,
                                 "{%s}: the shell puts no values into a here-document whose end is quoted; write <<EOF "
                                 "without quotes",
                                 piece->name);
    case SCRIPT_ARITHMETIC:
        if (piece->kind == TEMPLATE_FIELD && !is_harmless(names, piece))
            return sheaf_yaml_refuse(node, error,
                                     "{%s}: a text cannot stand in $(( … )), (( … )) or a subscript, where it would be "
                                     "read as a formula",
                                     piece->name);
        break;
    default:
        break;
    }
    if (!is_harmless(names, piece) && sheaf_reading_find(script, at, strlen(piece->name), &code))
        return refuse_code(node, &code, piece->name, error);
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
        const struct place place = sheaf_place_find(node->text, at, names->known, names->n_known);
        if (place.kind == PLACE_NONE) {
            at += sheaf_script_step(&script, at);
            continue;
        }
        add_text(t, from, (size_t)(at - from));
        if (place.kind == PLACE_ESCAPED)
            add_text(t, at + 1, place.n_bytes - 2);
        else if (resolve(names, node, &place, &piece, error) || check_place(names, node, &script, at, &piece, error) ||
                 add_variable(t, find_value(values, &piece), sheaf_script_place(&script, at), names, error))
            return -1;
        at += place.n_bytes;
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
static size_t write_number(int32_t type, const void *value, char text[40]) {
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
