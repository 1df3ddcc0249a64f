#include "job/yaml.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/text.h"

/* Bounds on what an alias may expand to: a job file is small, a "billion laughs" is not. */
enum { MOST_DEPTH = 32, MOST_NODES = 200000 };

struct conversion {
    struct yaml_document *document;
    yaml_document_t *from;
    const char *file;
    int n_nodes;
    struct sheaf_error *error;
};

static struct yaml_node *new_node(struct conversion *c, enum yaml_kind kind, yaml_mark_t mark, size_t n) {
    struct sheaf_arena *arena = &c->document->arena;
    struct yaml_node *node = sheaf_arena_take(arena, sizeof *node);
    if (node) {
        *node = (struct yaml_node){.kind = kind, .file = c->file};
        node->line = (int)mark.line + 1;
        node->column = (int)mark.column + 1;
        node->key = sheaf_arena_take(arena, n * sizeof(struct yaml_node *));
        node->value = sheaf_arena_take(arena, n * sizeof(struct yaml_node *));
    }
    if (!node || !node->key || !node->value) {
        sheaf_fail_memory(c->error, c->file);
        return NULL;
    }
    return node;
}

static struct yaml_node *convert(struct conversion *c, int id, int depth);

static struct yaml_node *convert_scalar(struct conversion *c, const yaml_node_t *from) {
    struct yaml_node *node = new_node(c, YAML_SCALAR, from->start_mark, 0);
    if (!node)
        return NULL;
    const char *text = (const char *)from->data.scalar.value;
    size_t length = from->data.scalar.length;
    if (memchr(text, '\0', length)) {
        sheaf_yaml_refuse(node, c->error, "a value holds a NUL character; remove it");
        return NULL;
    }
    node->text = sheaf_arena_text(&c->document->arena, text, length);
    node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    bool as_is = from->start_mark.line == from->end_mark.line &&
                 from->end_mark.column - from->start_mark.column ==
                     sheaf_text_columns(text, length) + (node->quoted ? 2 : 0); /* no folds, no escapes */
    node->indent = as_is ? node->quoted : -1;
    if (!node->text) {
        sheaf_fail_memory(c->error, c->file);
        return NULL;
    }
    return node;
}

static struct yaml_node *convert_list(struct conversion *c, const yaml_node_t *from, int depth) {
    const yaml_node_item_t *items = from->data.sequence.items.start;
    size_t n = (size_t)(from->data.sequence.items.top - items);
    struct yaml_node *node = new_node(c, YAML_LIST, from->start_mark, n);
    for (size_t i = 0; node && i < n; i++) {
        node->value[node->n++] = convert(c, items[i], depth + 1);
        if (!node->value[i])
            return NULL;
    }
    return node;
}

static struct yaml_node *convert_map(struct conversion *c, const yaml_node_t *from, int depth) {
    const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;
    size_t n = (size_t)(from->data.mapping.pairs.top - pairs);
    struct yaml_node *node = new_node(c, YAML_MAP, from->start_mark, n);
    for (size_t i = 0; node && i < n; i++) {
        struct yaml_node *key = convert(c, pairs[i].key, depth + 1);
        struct yaml_node *value = key ? convert(c, pairs[i].value, depth + 1) : NULL;
        if (!value)
            return NULL;
        if (key->kind != YAML_SCALAR) {
            sheaf_yaml_refuse(key, c->error, "a key must be a plain name");
            return NULL;
        }
        if (sheaf_yaml_get(node, key->text)) {
            sheaf_yaml_refuse(key, c->error, "'%s' stands here a second time; remove one", key->text);
            return NULL;
        }
        node->key[node->n] = key;
        node->value[node->n++] = value;
    }
    return node;
}

static struct yaml_node *convert(struct conversion *c, int id, int depth) {
    const yaml_node_t *from = yaml_document_get_node(c->from, id);
    if (depth > MOST_DEPTH || ++c->n_nodes > MOST_NODES) {
        sheaf_refuse(c->error, "%s:%zu:%zu: nested or repeated too deeply for a job file", c->file,
                     from->start_mark.line + 1, from->start_mark.column + 1);
        return NULL;
    }
    switch (from->type) {
    case YAML_SCALAR_NODE:
        return convert_scalar(c, from);
    case YAML_SEQUENCE_NODE:
        return convert_list(c, from, depth);
    case YAML_MAPPING_NODE:
        return convert_map(c, from, depth);
    default:
        sheaf_refuse(c->error, "%s: unknown YAML node", c->file);
        return NULL;
    }
}

/* Names a byte of the text by its line and column; returns -1. */
static int refuse_byte(const char *file, const char *text, size_t offset, const char *what, struct sheaf_error *error) {
    size_t line = 1, start = 0;
    for (size_t i = 0; i < offset; i++)
        if (text[i] == '\n')
            line++, start = i + 1;
    return sheaf_refuse(error, "%s:%zu:%zu: %s", file, line, sheaf_text_columns(text + start, offset - start) + 1,
                        what);
}

static bool says(const yaml_parser_t *parser, const char *sign) {
    return (parser->problem && strstr(parser->problem, sign)) || (parser->context && strstr(parser->context, sign));
}

/* libyaml counts characters, without a byte order mark. */
static bool is_tab(const yaml_parser_t *parser, const char *text, size_t length) {
    const size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    const size_t offset = mark + sheaf_text_prefix(text + mark, parser->problem_mark.index);
    return offset < length && text[offset] == '\t';
}

/* What a line begins with, or an entry of a {…}, that is like "x:[1, 2]" or "count:5": its bytes, *n up to the colon. NULL:
   there is none. A ':' in a path or an address is followed by '/'. */
static const char *find_glued(const char *line, size_t length, size_t *n) {
    const char *end = line + length;
    for (const char *at = line; at < end;) {
        while (at < end && strchr(" -{[,\n", *at))
            at++;
        const char *name = at;
        while (at < end && (*at == '_' || isalpha((unsigned char)*at) || (at > name && isdigit((unsigned char)*at))))
            at++;
        *n = (size_t)(at - name) + 1;
        if (at > name && at + 1 < end && *at == ':' && !strchr(" \t\r\n:/", at[1]))
            return name;
        while (at < end && !strchr("\n{,", *at))
            at++;
    }
    return NULL;
}

/* libyaml sees one at its line or, where it is a text that the next line ends, one later. */
static const char *find_glued_before(const yaml_parser_t *parser, const char *text, size_t length, size_t *n) {
    static const char *const signs[] = {"unexpected ':'", "expected key", "mapping values", "expected ':'",
                                        "',' or '}'"};
    bool may_be = false;
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        may_be = may_be || says(parser, signs[k]);
    if (!may_be)
        return NULL;
    size_t from = 0;
    for (size_t i = 0, line = 0; i < length && line + 1 < parser->problem_mark.line; i++)
        if (text[i] == '\n') {
            line++;
            from = i + 1;
        }
    size_t upto = from;
    for (size_t n_lines = 0; upto < length && n_lines < 2; upto++)
        n_lines += text[upto] == '\n';
    return find_glued(text + from, upto - from, n);
}

static int refuse_glued_at(const char *file, const char *text, const char *glued, size_t n, struct sheaf_error *error) {
    char what[200];
    snprintf(what, sizeof what, "is not YAML: behind the colon of '%.*s' a blank is missing", n < 100 ? (int)n : 100,
             glued);
    return refuse_byte(file, text, (size_t)(glued - text), what, error);
}

/* Formulas and commands have characters that mean something else in YAML. */
static const char *remedy(const yaml_parser_t *parser, const char *text, size_t length) {
    static const char *const signs[] = {"mapping values",
                                        "',' or '}'",
                                        "',' or ']'",
                                        "scanning a tag",
                                        "scanning an anchor",
                                        "scanning an alias",
                                        "found undefined alias",
                                        "cannot start any token"};
    if (says(parser, "found a tab") || (says(parser, "cannot start any token") && is_tab(parser, text, length)))
        return "; YAML takes no tabs for indentation; use blanks";
    if (says(parser, "escape character") || says(parser, "hexdecimal number"))
        return "; in double quotes \\ must be written twice; use single quotes";
    if (says(parser, "unexpected end of stream"))
        return "; the quote that opens here is never closed";
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (says(parser, signs[k]))
            return "; a text with ': ' in it, or that begins with ! & * % @ or `, needs quotes";
    return "";
}

static void explain(const yaml_parser_t *parser, const char *file, const char *text, size_t length,
                    struct sheaf_error *error) {
    size_t n_glued = 0;
    const char *glued = find_glued_before(parser, text, length, &n_glued);
    size_t offset = sheaf_text_valid(text, length);
    bool is_utf8 = offset == length; /* then it is a control character, and libyaml knows where */
    bool never_ends = says(parser, "unexpected end of stream"); /* a quoted text */
    const yaml_mark_t *at = never_ends ? &parser->context_mark : &parser->problem_mark;
    if (parser->error == YAML_MEMORY_ERROR)
        sheaf_fail_memory(error, file);
    else if (parser->error == YAML_READER_ERROR)
        refuse_byte(file, text, is_utf8 && parser->problem_offset < length ? parser->problem_offset : offset,
                    is_utf8 ? "has a control character; remove it" : "is not UTF-8 text; save the file as UTF-8",
                    error);
    else if (glued)
        refuse_glued_at(file, text, glued, n_glued, error);
    else
        sheaf_refuse(error, "%s:%zu:%zu: is not YAML: %s%s%s%s", file, at->line + 1, at->column + 1,
                     parser->problem ? parser->problem : "cannot be read", parser->context ? ", " : "",
                     parser->context ? parser->context : "", remedy(parser, text, length));
}

/* Parses one value; *root is NULL for an empty text. */
static int parse_tree(struct yaml_document *document, const char *file, const char *text, size_t length,
                      struct yaml_node **root, struct sheaf_error *error) {
    int rc = -1;
    yaml_parser_t parser;
    yaml_document_t from;
    *root = NULL;
    if (!yaml_parser_initialize(&parser))
        return sheaf_fail_memory(error, "the YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &from)) {
        explain(&parser, file, text, length, error);
        goto out;
    }
    struct conversion c = {document, &from, sheaf_arena_text(&document->arena, file, strlen(file)), 0, error};
    if (!c.file) {
        sheaf_fail_memory(error, file);
    } else if (!yaml_document_get_root_node(&from)) {
        rc = 0;
    } else {
        *root = convert(&c, 1, 0);
        rc = *root ? 0 : -1;
    }
    yaml_document_delete(&from);
    if (rc == 0 && *root) { /* anything behind the first document is a slip */
        if (!yaml_parser_load(&parser, &from)) {
            explain(&parser, file, text, length, error);
            rc = -1;
        } else {
            if (yaml_document_get_root_node(&from))
                rc = sheaf_refuse(error, "%s:%zu:1: a second YAML document begins here; a file holds one job", file,
                                  from.start_mark.line + 1);
            yaml_document_delete(&from);
        }
    }
out:
    yaml_parser_delete(&parser);
    return rc;
}

int sheaf_yaml_parse(struct yaml_document *document, const char *file, const char *text, size_t length,
                     struct sheaf_error *error) {
    *document = (struct yaml_document){0};
    const char *nul = memchr(text, '\0', length);
    static const char hdf5[] = "\211HDF\r\n\032\n";
    if (length >= sizeof hdf5 - 1 && memcmp(text, hdf5, sizeof hdf5 - 1) == 0)
        return sheaf_refuse(
            error, "%s: is an HDF5 file, no job file; of a results file, sheaf status and sheaf show tell", file);
    int rc = nul ? refuse_byte(file, text, (size_t)(nul - text), "holds a NUL character; remove it", error)
                 : parse_tree(document, file, text, length, &document->root, error);
    if (rc == 0 && !document->root)
        rc = sheaf_refuse(error, "%s: is empty; a job needs at least items and kernel", file);
    if (rc)
        sheaf_yaml_free(document);
    return rc;
}

/* The map's slot for a key, made if it is not there. NULL if there is no memory. */
static struct yaml_node **slot(struct yaml_document *document, struct yaml_node *map, const char *key, size_t length,
                               const char *origin) {
    for (int i = 0; i < map->n; i++)
        if (strlen(map->key[i]->text) == length && strncmp(map->key[i]->text, key, length) == 0)
            return &map->value[i];
    size_t n = (size_t)map->n + 1;
    struct sheaf_arena *arena = &document->arena;
    struct yaml_node **keys = sheaf_arena_take(arena, n * sizeof *keys);
    struct yaml_node **values = sheaf_arena_take(arena, n * sizeof *values);
    struct yaml_node *name = sheaf_arena_take(arena, sizeof *name);
    char *text = sheaf_arena_text(arena, key, length);
    if (!keys || !values || !name || !text)
        return NULL;
    if (map->n) {
        memcpy(keys, map->key, (size_t)map->n * sizeof *keys);
        memcpy(values, map->value, (size_t)map->n * sizeof *values);
    }
    *name = (struct yaml_node){.kind = YAML_SCALAR, .file = origin, .text = text};
    keys[map->n] = name;
    map->key = keys;
    map->value = values;
    return &map->value[map->n++];
}

int sheaf_yaml_set(struct yaml_document *document, const char *path, const char *value, const char *origin,
                   struct sheaf_error *error) {
    struct yaml_node *parsed = NULL, *at = document->root;
    if (parse_tree(document, origin, value, strlen(value), &parsed, error))
        return -1;
    if (!parsed)
        return sheaf_refuse(error, "%s: has no value; write KEY=VALUE", origin);
    const char *kept = parsed->file; /* lives in the arena, unlike origin */
    for (const char *key = path;;) {
        size_t length = strcspn(key, ".");
        if (length == 0)
            return sheaf_refuse(error, "%s: a name is missing in '%s'", origin, path);
        if (at->kind != YAML_MAP)
            return sheaf_refuse(error, "%s: '%.*s' has no parts to set", origin, (int)(key - path - 1), path);
        struct yaml_node **to = slot(document, at, key, length, kept);
        if (to && key[length] == '\0') {
            *to = parsed;
            return 0;
        }
        if (to && !*to) {
            *to = sheaf_arena_take(&document->arena, sizeof **to);
            if (*to)
                **to = (struct yaml_node){.kind = YAML_MAP, .file = kept};
        }
        if (!to || !*to)
            return sheaf_fail_memory(error, origin);
        at = *to;
        key += length + 1;
    }
}

void sheaf_yaml_free(struct yaml_document *document) {
    if (!document)
        return;
    sheaf_arena_free(&document->arena);
    document->root = NULL;
}

struct yaml_node *sheaf_yaml_get(const struct yaml_node *map, const char *key) {
    for (int i = 0; map && map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->key[i]->text, key) == 0)
            return map->value[i];
    return NULL;
}

int sheaf_yaml_refuse(const struct yaml_node *node, struct sheaf_error *error, const char *format, ...) {
    va_list values;
    va_start(values, format);
    sheaf_vrefuse(error, format, values);
    va_end(values);
    return sheaf_yaml_prefix(node, error);
}

int sheaf_yaml_prefix(const struct yaml_node *node, struct sheaf_error *error) {
    if (node->line > 0 && strncmp(node->file, "--", 2) != 0)
        return sheaf_error_prefix(error, "%s:%d:%d: ", node->file, node->line, node->column);
    return sheaf_error_prefix(error, "%s: ", node->file);
}

static const char *kind_name(const struct yaml_node *node) {
    return node->kind == YAML_MAP ? "a map" : node->kind == YAML_LIST ? "a list" : "a single value";
}

int sheaf_yaml_text(const struct yaml_node *node, const char *what, const char **value, struct sheaf_error *error) {
    if (node->kind != YAML_SCALAR)
        return sheaf_yaml_refuse(node, error, "%s is %s; it should be one text", what, kind_name(node));
    if (node->text[0] == '\0')
        return sheaf_yaml_refuse(node, error, "%s is empty; write a text or remove it", what);
    *value = node->text;
    return 0;
}

int sheaf_yaml_count(const struct yaml_node *node, const char *what, int64_t *value, struct sheaf_error *error) {
    if (node->kind != YAML_SCALAR)
        return sheaf_yaml_refuse(node, error, "%s is %s; it should be a whole number", what, kind_name(node));
    if (node->quoted || sheaf_text_to_int64(node->text, strlen(node->text), value) || *value < 0)
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be a whole number, 0 or more", what, node->text);
    return 0;
}

int sheaf_yaml_word(const struct yaml_node *node, const char *what, const char *const *words, int n, int *index,
                    struct sheaf_error *error) {
    const char *text;
    char hint[128];
    *index = 0;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    for (*index = 0; *index < n; ++*index)
        if (strcmp(text, words[*index]) == 0)
            return 0;
    return sheaf_yaml_refuse(node, error, "unknown %s '%s'%s", what, text,
                             sheaf_text_suggest(text, words, n, true, hint, sizeof hint));
}

int sheaf_yaml_bool(const struct yaml_node *node, const char *what, bool *value, struct sheaf_error *error) {
    const char *text;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    *value = strcmp(text, "true") == 0;
    if (!*value && strcmp(text, "false") != 0)
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be true or false", what, text);
    return 0;
}

int sheaf_yaml_refuse_glued(const struct yaml_node *node, struct sheaf_error *error) {
    size_t n;
    if (node->kind != YAML_SCALAR || node->quoted)
        return 0;
    const char *glued = find_glued(node->text, strlen(node->text), &n);
    return glued == node->text ? sheaf_yaml_refuse(node, error, "'%s': behind the colon of '%.*s' a blank is missing",
                                                   node->text, sheaf_text_precision(n), glued)
                               : 0;
}

int sheaf_yaml_map(const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    if (node->kind == YAML_MAP)
        return 0;
    if (sheaf_yaml_refuse_glued(node, error))
        return -1;
    if (node->kind == YAML_SCALAR)
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be a map, {key: value}", what, node->text);
    return sheaf_yaml_refuse(node, error, "%s is a list; it should be a map, {key: value}", what);
}

int sheaf_yaml_keys(const struct yaml_node *map, const char *what, const char *const *known, int n_known,
                    struct sheaf_error *error) {
    for (int i = 0; i < map->n; i++) {
        const char *key = map->key[i]->text;
        bool found = false;
        for (int k = 0; k < n_known; k++)
            found = found || strcmp(key, known[k]) == 0;
        if (found)
            continue;
        char hint[512];
        if (sheaf_yaml_refuse_glued(map->key[i], error))
            return -1;
        sheaf_text_suggest(key, known, n_known, true, hint, sizeof hint);
        return sheaf_yaml_refuse(map->key[i], error, "unknown key '%s'%s%s%s", key, what ? " in " : "",
                                 what ? what : "", hint);
    }
    return 0;
}
