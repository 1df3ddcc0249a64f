#include "store/kernel_part.h"

#include <stddef.h>
#include <string.h>

#include "core/text.h"

/* A line of an identity with those in which its text goes on, and its line end. */
static size_t line_length(const char *line) {
    size_t n = strcspn(line, "\n");
    while (strncmp(line + n, "\n" SHEAF_STRING_MORE, strlen("\n" SHEAF_STRING_MORE)) == 0)
        n += 1 + strcspn(line + n + 1, "\n");
    return n + (line[n] == '\n');
}

static bool starts(const char *line, const char *with) {
    return strncmp(line, with, strlen(with)) == 0;
}

/* Where the kernel's part begins. */
static const char *find_part(const char *identity) {
    while (*identity && !starts(identity, "kernel: "))
        identity += line_length(identity);
    return identity;
}

/* Whether another identity has a line of that file, whatever its hash is. */
static bool names_file(const char *identity, const char *line, size_t n) {
    const char *end = line + n;
    while (end > line && *end != ':')
        end--;
    for (; *identity; identity += line_length(identity))
        if (strncmp(identity, line, (size_t)(end - line) + 1) == 0)
            return true;
    return false;
}

static void add_part(const char *identity, const char *stored, bool pure, struct sheaf_string *part) {
    sheaf_string_add(part, "%s", "");
    size_t n;
    for (const char *line = find_part(identity); *line; line += n) {
        n = line_length(line);
        if (!starts(line, "reduce ") && !(pure && starts(line, "seed: ")) &&
            !(starts(line, "file ") && !names_file(stored, line, n)))
            sheaf_string_add(part, "%.*s", (int)n, line);
    }
}

bool sheaf_kernel_part_same(const char *stored, const char *now, bool pure) {
    struct sheaf_string a = {0}, b = {0};
    add_part(stored, stored, pure, &a);
    add_part(now, stored, pure, &b);
    const bool same = !a.failed && !b.failed && a.length > 0 && strcmp(a.data, b.data) == 0;
    sheaf_string_free(&a);
    sheaf_string_free(&b);
    return same;
}

bool sheaf_items_part_differs(const char *stored, const char *now) {
    const size_t n = (size_t)(find_part(stored) - stored);
    return n != (size_t)(find_part(now) - now) || memcmp(stored, now, n) != 0;
}

/* The first line of a part that another has not, without its line end; NULL: there is none. */
static const char *first_missing(const char *part, const char *other, size_t *n) {
    for (const char *line = find_part(part); *line; line += line_length(line)) {
        bool found = false;
        *n = line_length(line);
        for (const char *at = find_part(other); *at && !found; at += line_length(at))
            found = line_length(at) == *n && memcmp(at, line, *n) == 0;
        *n -= *n > 0 && line[*n - 1] == '\n';
        if (!found && !starts(line, "reduce "))
            return line;
    }
    return NULL;
}

void sheaf_kernel_part_say(const char *stored, const char *now, struct sheaf_string *said) {
    size_t n_there, n_here;
    const char *there = first_missing(stored, now, &n_there), *here = first_missing(now, stored, &n_here);
    if (there)
        sheaf_string_add(said, "it has '%.*s'%s", (int)n_there, there, here ? ", " : ", which this job has not");
    if (here)
        sheaf_string_add(said, "this job has '%.*s'%s", (int)n_here, here, there ? "" : ", which it has not");
    if (!there && !here)
        sheaf_string_add(said, "its kernel is told in another order");
}
