/*
 * yaml - a YAML text as a tree of nodes that know where they came from (libyaml).
 *
 * The tree is plain: scalars, lists and maps. Aliases are expanded, duplicate keys refused. Nodes live in the
 * document and are released with it.
 */
#ifndef SHEAF_JOB_YAML_H
#define SHEAF_JOB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    const char *file;         /* "moid.yaml", or "--set params.samples" for what came from the command line */
    int line, column;         /* from 1; 0 where there is none */
    const char *text;         /* scalars: the value */
    bool quoted;              /* scalars: written in quotes, so never a number */
    int indent;               /* scalars: columns before the text where it stands as it is; else -1 */
    int n;                    /* lists and maps: how many there are */
    struct yaml_node **key;   /* [n] maps: scalars */
    struct yaml_node **value; /* [n] lists and maps */
};

/* Starts as {0}. */
struct yaml_document {
    struct sheaf_arena arena;
    struct yaml_node *root;
};

/* Reads text[length]; `file` is its name in messages. */
int sheaf_yaml_parse(struct yaml_document *document, const char *file, const char *text, size_t length,
                     struct sheaf_error *error);

/* Sets the node at a dotted path ("params.samples") to a value written in YAML, making maps on the way where there
   are none; `origin` names the value in messages. */
int sheaf_yaml_set(struct yaml_document *document, const char *path, const char *value, const char *origin,
                   struct sheaf_error *error);

void sheaf_yaml_free(struct yaml_document *document);

/* The value under a key, or NULL. */
struct yaml_node *sheaf_yaml_get(const struct yaml_node *map, const char *key);

/* "FILE:LINE:COLUMN: " and the message, as sheaf_refuse. Always returns -1. */
int sheaf_yaml_refuse(const struct yaml_node *node, struct sheaf_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the node's place before a message. Always returns -1. */
int sheaf_yaml_prefix(const struct yaml_node *node, struct sheaf_error *error);

/* Check that a node is of the kind and give its value; `what` names it in messages ("items.count"). */
int sheaf_yaml_text(const struct yaml_node *node, const char *what, const char **value, struct sheaf_error *error);
int sheaf_yaml_count(const struct yaml_node *node, const char *what, int64_t *value, struct sheaf_error *error);
int sheaf_yaml_bool(const struct yaml_node *node, const char *what, bool *value,
                    struct sheaf_error *error); /* as it was where node is NULL */
int sheaf_yaml_word(const struct yaml_node *node, const char *what, const char *const *words, int n, int *index,
                    struct sheaf_error *error); /* one of words[n]: *index; the first where node is NULL */
int sheaf_yaml_map(const struct yaml_node *node, const char *what, struct sheaf_error *error);

/* Refuses a text that is like "count:5", and stands where a key or a map should; 0: it is not. */
int sheaf_yaml_refuse_glued(const struct yaml_node *node, struct sheaf_error *error);

/* Refuses a map that has a key other than known[n_known], with the closest known one. `what` is its name, or NULL for
   the job itself. */
int sheaf_yaml_keys(const struct yaml_node *map, const char *what, const char *const *known, int n_known,
                    struct sheaf_error *error);

#endif
