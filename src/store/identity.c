#include "store/identity.h"

#include <string.h>

#include "core/hash.h"

enum {
    HASH = SHEAF_HASH_BYTES - 1,
    SHOWN = 240,      /* bytes of a line that a message has */
    SHOWN_BEFORE = 60 /* of these before the difference */
};

#define FILE_KEY "file "
#define KERNEL_KEY "kernel: "
#define PLUGIN " plugin "

/* --- lines --------------------------------------------------------------------------------------------------------- */

struct line {
    const char *at;
    size_t n; /* without the line end */
};

/* Whether there is a line at *at; *at moves to the next. */
static bool take_line(const char **at, struct line *line) {
    *line = (struct line){*at, strcspn(*at, "\n")};
    const bool there = **at != '\0';
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

/* What a line is about: up to its first colon, which a file's name may have too. A line of a script may have none. */
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

/* An identity without what tells the content of files and of the plugin. */
static void without_hashes(const char *identity, struct sheaf_string *kept) {
    sheaf_string_add(kept, "%s", "");
    for (struct line line; take_line(&identity, &line);)
        if (!is_file(line))
            sheaf_string_add(kept, "%.*s\n", (int)(is_plugin(line) ? line.n - HASH - 1 : line.n), line.at);
}

/* --- which files --------------------------------------------------------------------------------------------------- */

/* Files, or the plugin, that were changed: the first three by name. */
struct changes {
    struct sheaf_string names;
    int n;
};

static void add_change(struct changes *changes, struct line line, bool gone, const char *quote) {
    const char *before = changes->n ? ", " : "";
    const struct line key = key_of(line);
    if (changes->n++ >= 3)
        return;
    if (is_plugin(line))
        sheaf_string_add(&changes->names, "%sthe plugin", before);
    else
        sheaf_string_add(&changes->names, "%s%s%.*s%s%s", before, quote, (int)(key.n - strlen(FILE_KEY ": ")),
                         key.at + strlen(FILE_KEY), quote, gone ? " (which is gone)" : "");
}

/* "'./s.sh' was", or of some "'a', 'b' were". For identities that differ in nothing else. */
static void name_changes(const char *stored, const char *now, const char *quote, struct sheaf_string *text) {
    struct changes changes = {0};
    const char *at = stored;
    for (struct line line; take_line(&at, &line);)
        if ((is_file(line) || is_plugin(line)) && !find_line(now, line) &&
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

/* A line in quotes; of a long one the part where it begins to differ from the other. */
static void show(struct line line, struct line other, struct sheaf_string *text) {
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

/* Of two that differ, each also without fingerprints. */
static int judge(const char *path, const char *stored, const char *now, const char *plain_stored, const char *plain_now,
                 bool accept, struct sheaf_string *changed, struct sheaf_error *error) {
    struct sheaf_string why = {0};
    const bool content = strcmp(plain_stored, plain_now) == 0;
    int rc = 0;
    if (content && accept) {
        name_changes(stored, now, "", changed);
        return changed->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
    }
    if (content)
        name_changes(stored, now, "'", &why);
    else
        name_difference(plain_stored, plain_now, &why);
    if (why.failed)
        rc = sheaf_fail_memory(error, "the job's identity");
    else
        rc = sheaf_refuse(error, "%s: holds the results of another job: %s%s", path, why.data,
                          content ? " changed since; --accept-changes keeps what is done and goes on, -o chooses "
                                    "another place, --overwrite starts anew"
                                  : "; choose another place with -o, or start anew with --overwrite");
    sheaf_string_free(&why);
    return rc;
}

int sheaf_identity_check(const char *path, const char *stored, const char *now, bool accept,
                         struct sheaf_string *changed, struct sheaf_error *error) {
    struct sheaf_string known = {0}, plain_stored = {0}, plain_now = {0};
    without_new_files(now, stored, &known);
    int rc = known.failed ? sheaf_fail_memory(error, "the job's identity") : 0;
    if (rc == 0 && strcmp(stored, known.data) != 0) {
        without_hashes(stored, &plain_stored);
        without_hashes(known.data, &plain_now);
        rc = plain_stored.failed || plain_now.failed
                 ? sheaf_fail_memory(error, "the job's identity")
                 : judge(path, stored, known.data, plain_stored.data, plain_now.data, accept, changed, error);
    }
    sheaf_string_free(&known);
    sheaf_string_free(&plain_stored);
    sheaf_string_free(&plain_now);
    return rc;
}
