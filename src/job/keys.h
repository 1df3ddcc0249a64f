/*
 * keys - every key of a job file, in one table: the map that it stands in, what its value looks like, what it goes with
 * and what it is for. The checks of job files, `sheaf help job`, the schema for editors and the completion in a shell
 * come from it.
 */
#ifndef SHEAF_JOB_KEYS_H
#define SHEAF_JOB_KEYS_H

#include <stdbool.h>

#include "core/error.h"
#include "job/kind.h"
#include "job/yaml.h"

/* What a value may be; several may be allowed. */
enum key_form {
    KEY_TEXT = 1,   /* any scalar */
    KEY_COUNT = 2,  /* a whole number, 0 or more */
    KEY_BOOL = 4,   /* true or false */
    KEY_WORD = 8,   /* one of `words` */
    KEY_TEXTS = 16, /* a list of scalars */
    KEY_MAP = 32,   /* a map of keys of this table: those within "WITHIN.NAME" */
    KEY_NAMES = 64, /* a map of names of the user's own; what they have is within "WITHIN.NAME.*", else scalars */
    KEY_AXES = 128, /* the same; each has a list of scalars, or a map of keys that are within "items.grid.*" */
    KEY_ROWS = 256, /* a list of maps of names to scalars */
    KEY_JOBS = 512  /* a list of maps that are jobs, but for output and stages */
};
enum { KEY_LAST = KEY_JOBS };

struct job_key {
    const char *within; /* the map it stands in: "" is the job itself, "outputs.*" any map in outputs */
    const char *name;
    unsigned forms;    /* of enum key_form */
    const char *words; /* those of KEY_WORD, the default first: "auto|copy|link" */
    unsigned kinds;    /* bits of enum job_kind: the kinds of jobs it goes with; 0: all */
    const char *needs; /* the keys beside it of which it goes with one, "grid|zip", or NULL */
    const char *value; /* how its value is written, for people: "FILE" */
    const char *help;  /* what it is for: a line */
};

/* Maps of which exactly one of some keys must be there. */
struct job_key_choice {
    const char *within, *names; /* "csv|lines|count|hdf5" */
};

/* Both end with one whose name, or names, are NULL. The keys of a map stand together, in the order for people. */
extern const struct job_key sheaf_job_keys[];
extern const struct job_key_choice sheaf_job_key_choices[];

/* NULL if there is none of that name. */
const struct job_key *sheaf_job_key_find(const char *within, const char *name);

/* The next of "a|b|c": *at moves on, *n is its length; NULL at the end. */
const char *sheaf_job_key_word(const char **at, int *n);

/* Refuses a map that has a key which is not in the table, within `within`, with the closest that is; `what` is the map's
   name in messages, or NULL for the job itself. Of a job of a known kind (a bit of enum job_kind; 0: not known) only keys
   that go with it count. */
int sheaf_job_keys_check(const struct yaml_node *map, const char *what, const char *within, unsigned kind,
                         struct sheaf_error *error);

/* Refuses a name that stands in a map, within "items.grid", and is a key of a map around it; 0: it is none. */
int sheaf_job_key_refuse_deep(const struct yaml_node *name, const char *within, struct sheaf_error *error);

#endif
