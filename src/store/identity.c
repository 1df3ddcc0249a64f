#include "store/identity.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum {
    HASH = SHEAF_HASH_BYTES - 1,
    SHOWN = 240,      /* bytes of a line that a message has */
    SHOWN_BEFORE = 60 /* of these before the difference */
};

#define FILE_KEY "file "
#define OUTPUT_KEY "output "
#define FROM_KEY "from "
#define REDUCE_KEY "reduce "
#define OF_STDOUT " of 'stdout'"
#define KERNEL_KEY "kernel: "
#define PLUGIN " plugin "

/* Keys of what is computed where the job itself says it, and what that is called. */
static const struct {
    const char *key, *name; /* name NULL: it follows from others */
    bool has_name;          /* which stands behind the key, up to a colon */
} program_keys[] = {
    {"command: ", "the command", false},
    {"worker: ", "the worker", false},
    {"stdin: ", "stdin", false},
    {"formula ", "the formula of ", true},
    {"function ", "the function ", true},
    {"fast_math: ", "fast_math", false},
    {"input ", NULL, true},
};
enum { PROGRAM_KEYS = sizeof program_keys / sizeof *program_keys };

/* --- lines --------------------------------------------------------------------------------------------------------- */

/* With the lines in which its text goes on. */
struct line {
    const char *at;
    size_t n; /* without the line end */
};

/* Whether there is a line at *at; *at moves to the next. */
static bool take_line(const char **at, struct line *line) {
    *line = (struct line){*at, strcspn(*at, "\n")};
    const bool there = **at != '\0';
    while (strncmp(line->at + line->n, "\n" SHEAF_STRING_MORE, strlen("\n" SHEAF_STRING_MORE)) == 0)
        line->n += 1 + strcspn(line->at + line->n + 1, "\n");
    *at += line->n + ((*at)[line->n] == '\n');
    return there;
}

static bool starts(struct line line, const char *with) {
    return line.n >= strlen(with) && memcmp(line.at, with, strlen(with)) == 0;
}

/* Whether the line ends so, and then with a fingerprint. */
static bool ends_in_hash(struct line line, const char *before) {
    const size_t n = strlen(before) + HASH;
    return line.n >= n && memcmp(line.at + line.n - n, before, strlen(before)) == 0 &&
           strspn(line.at + line.n - HASH, "0123456789abcdef") == HASH;
}

static bool is_file(struct line line) {
    return starts(line, FILE_KEY) && line.n > strlen(FILE_KEY) + HASH && ends_in_hash(line, ": ");
}

static bool is_plugin(struct line line) {
    return starts(line, KERNEL_KEY) && ends_in_hash(line, PLUGIN);
}

/* Which of program_keys it has, or -1. */
static int find_program(struct line line) {
    for (int k = 0; k < PROGRAM_KEYS; k++)
        if (starts(line, program_keys[k].key))
            return k;
    return -1;
}

/* What a line is about: up to its first colon, which a file's name may have too. */
static struct line key_of(struct line line) {
    const char *colon = memchr(line.at, ':', line.n);
    const size_t n = is_file(line) ? line.n - HASH : colon ? (size_t)(colon - line.at) + 1 : 0;
    return (struct line){line.at, n};
}

static bool equal(struct line a, struct line b) {
    return a.n == b.n && memcmp(a.at, b.at, a.n) == 0;
}

/* Where a text has such a line first, or NULL. */
static const char *find_line(const char *text, struct line wanted) {
    for (struct line line; take_line(&text, &line);)
        if (equal(line, wanted))
            return line.at;
    return NULL;
}

static bool has_key(const char *text, struct line wanted) {
    for (struct line line; take_line(&text, &line);)
        if (equal(key_of(line), key_of(wanted)))
            return true;
    return false;
}

/* --- what counts --------------------------------------------------------------------------------------------------- */

/* An identity without files that were not there when the stored one was written. */
static void without_new_files(const char *identity, const char *stored, struct sheaf_string *kept) {
    sheaf_string_add(kept, "%s", "");
    for (struct line line; take_line(&identity, &line);)
        if (!is_file(line) || has_key(stored, line))
            sheaf_string_add(kept, "%.*s\n", (int)line.n, line.at);
}

/* An identity without what tells the content of files and of the plugin; and without the programs that the job has
   itself, where these do not matter either. */
static void without_hashes(const char *identity, bool programs, struct sheaf_string *kept) {
    sheaf_string_add(kept, "%s", "");
    for (struct line line; take_line(&identity, &line);)
        if (!is_file(line) && (programs || find_program(line) < 0))
            sheaf_string_add(kept, "%.*s\n", (int)(is_plugin(line) ? line.n - HASH - 1 : line.n), line.at);
}

/* --- which files --------------------------------------------------------------------------------------------------- */

/* What was changed: the first three by name. */
struct changes {
    struct sheaf_string names;
    int n;
};

static void add_change(struct changes *changes, struct line line, bool gone, const char *quote) {
    const char *before = changes->n ? ", " : "";
    const struct line key = key_of(line);
    const int program = find_program(line);
    const size_t n_key = program >= 0 ? strlen(program_keys[program].key) : 0;
    if ((program >= 0 && !program_keys[program].name) || changes->n++ >= 3)
        return;
    if (program >= 0)
        sheaf_string_add(&changes->names, "%s%s%.*s", before, program_keys[program].name,
                         program_keys[program].has_name ? (int)(key.n - n_key - 1) : 0, key.at + n_key);
    else if (is_plugin(line))
        sheaf_string_add(&changes->names, "%sthe plugin", before);
    else
        sheaf_string_add(&changes->names, "%s%s%.*s%s%s", before, quote, (int)(key.n - strlen(FILE_KEY ": ")),
                         key.at + strlen(FILE_KEY), quote, gone ? " (which is gone)" : "");
}

/* "'./s.sh' was", or of some "'a', 'b' were". For identities that differ in nothing else; a file that a mended command
   does not name any more is none that was changed. */
static void name_changes(const char *stored, const char *now, const char *quote, struct sheaf_string *text) {
    struct changes changes = {0};
    const char *at = stored;
    bool programs = false;
    for (struct line line; take_line(&at, &line);)
        if (find_program(line) >= 0 && !find_line(now, line)) {
            add_change(&changes, line, false, quote);
            programs = true;
        }
    at = stored;
    for (struct line line; take_line(&at, &line);)
        if ((is_file(line) || is_plugin(line)) && !find_line(now, line) && (!programs || has_key(now, line)) &&
            find_line(stored, line) == line.at) /* a word may be there twice */
            add_change(&changes, line, is_file(line) && !has_key(now, line), quote);
    sheaf_string_add(text, "%s", changes.names.data ? changes.names.data : "a file");
    if (changes.n > 3)
        sheaf_string_add(text, " and %d more", changes.n - 3);
    sheaf_string_add(text, changes.n > 1 ? " were" : " was");
    text->failed |= changes.names.failed;
    sheaf_string_free(&changes.names);
}

/* --- what else differs --------------------------------------------------------------------------------------------- */

/* The first line of a text that the other has not, of all or of those with the key of `alike`; none: at is NULL. */
static struct line first_missing(const char *text, const char *other, const struct line *alike) {
    for (struct line line; take_line(&text, &line);)
        if ((!alike || equal(key_of(line), key_of(*alike))) && !find_line(other, line))
            return line;
    return (struct line){0};
}

static bool is_amid_character(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Of a text of several lines the one in which it begins to differ from the other, as its author wrote it. */
static struct line one_of(struct line line, struct line other) {
    size_t at = 0;
    if (!line.at)
        return (struct line){"", 0};
    while (at < line.n && at < other.n && line.at[at] == other.at[at])
        at++;
    size_t begin = at + (at < line.n && line.at[at] == '\n' && at == other.n); /* the other ends here */
    while (begin > 0 && line.at[begin - 1] != '\n')
        begin--;
    const char *end = memchr(line.at + begin, '\n', line.n - begin);
    struct line one = {line.at + begin, end ? (size_t)(end - line.at) - begin : line.n - begin};
    if (begin > 0 && one.n >= strlen(SHEAF_STRING_MORE)) {
        one.at += strlen(SHEAF_STRING_MORE);
        one.n -= strlen(SHEAF_STRING_MORE);
    }
    return one;
}

/* A line in quotes; of a long one the part where it begins to differ from the other. */
static void show(struct line whole, struct line whole_other, struct sheaf_string *text) {
    const struct line line = one_of(whole, whole_other), other = one_of(whole_other, whole);
    size_t from = 0;
    while (from < line.n && from < other.n && line.at[from] == other.at[from])
        from++;
    from = line.n <= SHOWN || from < SHOWN_BEFORE ? 0 : from - SHOWN_BEFORE;
    while (from > 0 && is_amid_character(line.at[from]))
        from--;
    size_t n = line.n - from < SHOWN ? line.n - from : SHOWN;
    while (from + n < line.n && n > 0 && is_amid_character(line.at[from + n]))
        n--;
    sheaf_string_add(text, "'%s%.*s%s'", from ? "…" : "", (int)n, line.at + from, from + n < line.n ? "…" : "");
}

/* What a person would say; without fingerprints, so that what is said is what matters. */
static void name_difference(const char *stored, const char *now, struct sheaf_string *text) {
    struct line there = first_missing(stored, now, NULL);
    struct line here = first_missing(now, stored, there.at ? &there : NULL);
    const bool moved = !there.at && !here.at; /* the same lines in another order */
    if (moved)
        do {
            take_line(&stored, &there);
            take_line(&now, &here);
        } while (equal(there, here) && (*stored || *now));
    if (there.at) {
        sheaf_string_add(text, "it has ");
        show(there, here, text);
        sheaf_string_add(text, !here.at ? ", which this job has not"
                               : moved  ? " where this job has "
                                        : ", this job has ");
        if (here.at)
            show(here, there, text);
    } else {
        sheaf_string_add(text, "this job has ");
        show(here, there, text);
        sheaf_string_add(text, ", which it has not");
    }
}

/* --- outputs ------------------------------------------------------------------------------------------------------- */

bool sheaf_identity_next_reduction(const char **at, const char **name, size_t *n_bytes) {
    for (struct line line; take_line(at, &line);) {
        const char *end = starts(line, REDUCE_KEY) ? strstr(line.at, ": ") : NULL;
        if (!end)
            continue;
        *name = line.at + strlen(REDUCE_KEY);
        *n_bytes = (size_t)(end - *name);
        return true;
    }
    return false;
}

bool sheaf_identity_next_output(const char **at, const char **name, size_t *n_bytes) {
    static const char word[] = "output ", end[] = "block: "; /* behind that may be lines of a script */
    for (struct line line; take_line(at, &line);) {
        if (starts(line, end))
            *at += strlen(*at);
        if (!starts(line, word))
            continue;
        const char *from = line.at + strlen(word), *colon = line.at + line.n;
        while (colon > from && *colon != ':')
            colon--;
        *name = from;
        *n_bytes = (size_t)(colon - from);
        return true;
    }
    return false;
}

int32_t sheaf_identity_find_output(const char *identity, const char *field) {
    const char *name;
    size_t n_bytes;
    for (int32_t k = 0; sheaf_identity_next_output(&identity, &name, &n_bytes); k++)
        if (strlen(field) == n_bytes && memcmp(field, name, n_bytes) == 0)
            return k;
    return -1;
}

int32_t sheaf_identity_n_outputs(const char *identity) {
    const char *name;
    size_t n_bytes;
    int32_t n = 0;
    while (sheaf_identity_next_output(&identity, &name, &n_bytes))
        n++;
    return n;
}

/* --- checking ------------------------------------------------------------------------------------------------------ */

/* Two that differ, and what is left of them. */
struct comparison {
    const char *stored, *now;
    struct sheaf_string plain_stored, plain_now; /* without fingerprints */
    struct sheaf_string rest_stored, rest_now;   /* and without the programs that the job has itself */
};

static int compare(struct comparison *c, struct sheaf_error *error) {
    without_hashes(c->stored, true, &c->plain_stored);
    without_hashes(c->now, true, &c->plain_now);
    without_hashes(c->stored, false, &c->rest_stored);
    without_hashes(c->now, false, &c->rest_now);
    return c->plain_stored.failed || c->plain_now.failed || c->rest_stored.failed || c->rest_now.failed
               ? sheaf_fail_memory(error, "the job's identity")
               : 0;
}

/* Whether what differs is what --accept-changes accepts. */
static bool is_mended(const struct comparison *c) {
    return strcmp(c->rest_stored.data, c->rest_now.data) == 0;
}

static int refuse(const struct comparison *c, const char *path, struct sheaf_error *error) {
    struct sheaf_string why = {0};
    const bool content = strcmp(c->plain_stored.data, c->plain_now.data) == 0;
    if (content)
        name_changes(c->stored, c->now, "'", &why);
    else if (is_mended(c))
        name_difference(c->plain_stored.data, c->plain_now.data, &why);
    else
        name_difference(c->rest_stored.data, c->rest_now.data, &why);
    int rc = why.failed
                 ? sheaf_fail_memory(error, "the job's identity")
                 : sheaf_refuse(error, "%s: holds the results of another job: %s%s%s", path, why.data,
                                content ? " changed since" : "",
                                is_mended(c) ? "; --accept-changes keeps what is done and goes on, -o chooses another "
                                               "place, --overwrite starts anew"
                                             : "; choose another place with -o, or start anew with --overwrite");
    sheaf_string_free(&why);
    return rc;
}

/* Of two that differ. */
static int judge(struct comparison *c, const char *path, bool accept, struct sheaf_string *changed,
                 struct sheaf_error *error) {
    if (compare(c, error))
        return -1;
    if (!accept || !is_mended(c))
        return refuse(c, path, error);
    name_changes(c->stored, c->now, "", changed);
    return changed->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

int sheaf_identity_check(const char *path, const char *stored, const char *now, bool accept,
                         struct sheaf_string *changed, struct sheaf_error *error) {
    struct sheaf_string known = {0};
    without_new_files(now, stored, &known);
    struct comparison c = {.stored = stored, .now = known.data};
    int rc = known.failed ? sheaf_fail_memory(error, "the job's identity") : 0;
    if (rc == 0 && strcmp(stored, known.data) != 0)
        rc = judge(&c, path, accept, changed, error);
    sheaf_string_free(&known);
    sheaf_string_free(&c.plain_stored);
    sheaf_string_free(&c.plain_now);
    sheaf_string_free(&c.rest_stored);
    sheaf_string_free(&c.rest_now);
    return rc;
}

/* The next line, as long as they are about the items' files: "items: …", "items also from …". */
static bool take_items_line(const char **at, struct line *line) {
    const char *before = *at;
    if (take_line(at, line) && starts(*line, "items"))
        return true;
    *at = before;
    return false;
}

bool sheaf_identity_same_items(const char *a, const char *b) {
    struct line one, other;
    for (;;) {
        const bool any = take_items_line(&a, &one);
        if (take_items_line(&b, &other) != any || (any && !equal(one, other)))
            return false;
        if (!any)
            return true;
    }
}

/* --- outputs ------------------------------------------------------------------------------------------------------- */

/* An identity without lines that begin with one of three keys. */
static void without_keys(const char *identity, const char *const keys[3], struct sheaf_string *kept) {
    sheaf_string_add(kept, "%s", "");
    for (struct line line; take_line(&identity, &line);)
        if (!starts(line, keys[0]) && !starts(line, keys[1]) && !starts(line, keys[2]))
            sheaf_string_add(kept, "%.*s\n", (int)line.n, line.at);
}

/* Whether two identities differ, and only in such lines; *becomes is the second, without files that were not there before. */
static bool differs_in(const char *stored, const char *now, const char *const keys[3], struct sheaf_string *becomes) {
    struct sheaf_string a = {0}, b = {0};
    without_new_files(now, stored, becomes);
    without_keys(stored, keys, &a);
    if (!becomes->failed)
        without_keys(becomes->data, keys, &b);
    const bool differs =
        !becomes->failed && !a.failed && !b.failed && strcmp(stored, becomes->data) != 0 && strcmp(a.data, b.data) == 0;
    sheaf_string_free(&a);
    sheaf_string_free(&b);
    return differs;
}

bool sheaf_identity_differs_in_outputs(const char *stored, const char *now) {
    static const char *const keys[] = {OUTPUT_KEY, FROM_KEY, REDUCE_KEY};
    struct sheaf_string becomes = {0};
    const bool differs = differs_in(stored, now, keys, &becomes);
    sheaf_string_free(&becomes);
    return differs;
}

bool sheaf_identity_differs_in_reductions(const char *stored, const char *now, struct sheaf_string *becomes) {
    static const char *const keys[] = {REDUCE_KEY, REDUCE_KEY, REDUCE_KEY};
    return differs_in(stored, now, keys, becomes);
}

/* The line that begins with the key and the name; none: at is NULL. */
static struct line find_named(const char *identity, const char *key, const char *name, size_t n_name) {
    for (struct line line; take_line(&identity, &line);)
        if (starts(line, key) && line.n >= strlen(key) + n_name + 2 &&
            memcmp(line.at + strlen(key), name, n_name) == 0 && memcmp(line.at + strlen(key) + n_name, ": ", 2) == 0)
            return line;
    return (struct line){0};
}

bool sheaf_identity_same_output(const char *stored, const char *now, const char *name) {
    static const char *const keys[] = {OUTPUT_KEY, FROM_KEY};
    for (int k = 0; k < 2; k++) {
        const struct line before = find_named(stored, keys[k], name, strlen(name));
        const struct line after = find_named(now, keys[k], name, strlen(name));
        if (!before.at || !after.at || !equal(before, after))
            return false;
    }
    return true;
}

char *sheaf_identity_dropped_output(const char *stored, const char *now) {
    for (struct line line; take_line(&stored, &line);) {
        const size_t n = strlen(OF_STDOUT), n_key = strlen(FROM_KEY);
        if (!starts(line, FROM_KEY) || (line.n > n && memcmp(line.at + line.n - n, OF_STDOUT, n) == 0))
            continue;
        const size_t n_name = key_of(line).n - n_key - 1;
        if (!find_named(now, FROM_KEY, line.at + n_key, n_name).at)
            return strndup(line.at + n_key, n_name);
    }
    return NULL;
}

bool sheaf_identity_is_trace(const char *identity, const char *output) {
    if (!strstr(identity, "\nkernel: command ") || sheaf_identity_find_output(identity, output) < 0)
        return false;
    const bool any_found = strstr(identity, "\n" FROM_KEY) != NULL;
    return any_found ? !find_named(identity, FROM_KEY, output, strlen(output)).at : strcmp(output, "stdout") != 0;
}

bool sheaf_identity_is_sweep(const char *identity) {
    static const char grid[] = "items: grid '";
    return strncmp(identity, grid, sizeof grid - 1) == 0;
}

/* An identity without the lines that begin with one of the keys, a line each. */
static void without_lines(const char *identity, const char *keys, struct sheaf_string *kept) {
    sheaf_string_add(kept, "%s", "");
    for (struct line line; take_line(&identity, &line);) {
        bool drop = false;
        const char *at = keys;
        for (struct line key; !drop && take_line(&at, &key);)
            drop = line.n >= key.n && memcmp(line.at, key.at, key.n) == 0;
        if (!drop)
            sheaf_string_add(kept, "%.*s\n", (int)line.n, line.at);
    }
}

bool sheaf_identity_differs_in_keys(const char *stored, const char *now, const char *keys) {
    struct sheaf_string a = {0}, b = {0};
    without_lines(stored, keys, &a);
    without_lines(now, keys, &b);
    const bool same = !a.failed && !b.failed && strcmp(stored, now) != 0 && strcmp(a.data, b.data) == 0;
    sheaf_string_free(&a);
    sheaf_string_free(&b);
    return same;
}
