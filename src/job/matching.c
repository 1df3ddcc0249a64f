#include "job/matching.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

/* A walk through folders. */
struct walk {
    struct matching *matching;
    struct sheaf_string path; /* where it is */
    int64_t n_folders;        /* that matched */
    struct sheaf_error *error;
};

static int visit(struct walk *w, const char *pattern);

/* --- files --------------------------------------------------------------------------------------------------------- */

static int add_file(struct walk *w, const struct stat *about) {
    struct matching *m = w->matching;
    if (m->n == m->room) {
        const int64_t room = m->room ? 2 * m->room : 256;
        struct matching_file *files = sheaf_arena_take(m->arena, (size_t)room * sizeof *files);
        if (!files)
            return sheaf_fail_memory(w->error, "the files");
        if (m->n)
            memcpy(files, m->files, (size_t)m->n * sizeof *files);
        m->files = files;
        m->room = room;
    }
    const char *path = sheaf_arena_text(m->arena, w->path.data, w->path.length);
    if (!path)
        return sheaf_fail_memory(w->error, "the files");
    m->files[m->n++] = (struct matching_file){.path = path,
                                              .device = (uint64_t)about->st_dev,
                                              .inode = (uint64_t)about->st_ino,
                                              .n_bytes = (int64_t)about->st_size,
                                              .modified_ns = (int64_t)about->st_mtim.tv_sec * 1000000000 +
                                                             (int64_t)about->st_mtim.tv_nsec};
    return 0;
}

/* What the path leads to, if anything. */
static int take(struct walk *w) {
    struct stat about;
    const char *path = w->path.data;
    if (lstat(path, &about) && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (stat(path, &about)) /* perhaps a link that leads nowhere */
        return sheaf_refuse(w->error, "%s: cannot open: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode)) {
        w->n_folders++;
        return 0;
    }
    if (!S_ISREG(about.st_mode))
        return sheaf_file_check_regular(path, w->error);
    if (access(path, R_OK))
        return sheaf_refuse(w->error, "%s: cannot open: %s", path, strerror(errno));
    if (sheaf_text_valid(path, w->path.length) < w->path.length)
        return sheaf_refuse(w->error, "%s: its name is not UTF-8 text; rename it", path);
    return add_file(w, &about);
}

/* --- folders ------------------------------------------------------------------------------------------------------- */

/* Moves to a name in the folder where it is; what to cut the path back to. */
static size_t enter(struct walk *w, const char *name, size_t n) {
    const size_t before = w->path.length;
    sheaf_string_add(&w->path, "%s%.*s", before && w->path.data[before - 1] == '/' ? "" : "/", (int)n, name);
    return before;
}

static void leave(struct walk *w, size_t length) {
    w->path.length = length;
    w->path.data[length] = '\0';
}

/* Goes on in what is there if it is a folder; where `real` is set, itself and by no link. */
static int visit_folder(struct walk *w, const char *pattern, bool real) {
    struct stat about;
    if ((real ? lstat : stat)(w->path.data, &about))
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : sheaf_refuse(w->error, "%s: cannot open: %s", w->path.data, strerror(errno));
    return S_ISDIR(about.st_mode) ? visit(w, pattern) : 0;
}

/* Where the name that a pattern begins with ends. */
static const char *behind_name(const char *pattern) {
    return pattern + strcspn(pattern, "/");
}

/* One name of a folder: whether the first name of the pattern stands for it, and then the rest of the pattern there; or of
   `**`, the whole pattern in a folder. */
static int visit_entry(struct walk *w, const char *entry, const char *name, const char *pattern, bool any_folders) {
    const char *rest = behind_name(pattern);
    if (any_folders ? entry[0] == '.' : fnmatch(name, entry, FNM_PERIOD) != 0)
        return 0;
    const size_t length = enter(w, entry, strlen(entry));
    int rc = w->path.failed ? sheaf_fail_memory(w->error, "the files") : 0;
    if (rc == 0)
        rc = any_folders ? visit_folder(w, pattern, true) : *rest ? visit_folder(w, rest, false) : take(w);
    leave(w, length);
    return rc;
}

static int visit_entries(struct walk *w, const char *pattern, bool any_folders) {
    DIR *folder = opendir(w->path.data);
    if (!folder)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : sheaf_refuse(w->error, "%s: cannot list the folder: %s", w->path.data, strerror(errno));
    char *name = strndup(pattern, (size_t)(behind_name(pattern) - pattern));
    int rc = name ? 0 : sheaf_fail_memory(w->error, "the files");
    const struct dirent *entry = NULL;
    while (rc == 0 && (errno = 0, entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = visit_entry(w, entry->d_name, name, pattern, any_folders);
    if (rc == 0 && errno)
        rc = sheaf_fail_errno(w->error, "%s: cannot list the folder", w->path.data);
    free(name);
    closedir(folder);
    return rc;
}

/* What matches the pattern in the folder where it is. */
static int visit(struct walk *w, const char *pattern) {
    while (*pattern == '/')
        pattern++;
    const size_t n = strcspn(pattern, "/");
    if (n == 0)
        return take(w);
    if (n == 2 && strncmp(pattern, "**", n) == 0) {
        const char *rest = pattern[n] ? pattern + n : "*"; /* at the end: all files */
        return visit(w, rest) || visit_entries(w, pattern, true) ? -1 : 0;
    }
    if (strcspn(pattern, "*?[\\") < n)
        return visit_entries(w, pattern, false);
    const size_t length = enter(w, pattern, n);
    int rc = w->path.failed ? sheaf_fail_memory(w->error, "the files") : visit(w, pattern + n);
    leave(w, length);
    return rc;
}

/* --- patterns ------------------------------------------------------------------------------------------------------ */

/* What a shell would have made something else of. */
static const char *say_unexpanded(const char *pattern) {
    const char *brace = strchr(pattern, '{'), *comma = brace ? strchr(brace, ',') : NULL;
    if (pattern[0] == '~')
        return "; ~ is not expanded: write the whole path of the folder";
    if (comma && strchr(comma, '}'))
        return "; {a,b} is not expanded: give a list of patterns";
    return strchr(pattern, '$') ? "; a variable is not expanded: write its value" : "";
}

/* Refuses where a part of the path is not there, or no folder. */
static int check_folders(const char *path, const char *pattern, struct sheaf_error *error) {
    char *whole = sheaf_path_absolute(path);
    struct stat about;
    int rc = whole ? 0 : sheaf_fail_memory(error, "a path");
    for (char *end = whole; rc == 0 && end;) {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        const bool there = stat(whole, &about) == 0;
        if (!there || !S_ISDIR(about.st_mode))
            rc = sheaf_refuse(error, "no file matches '%s': %s %s%s", pattern, whole,
                              there             ? "is no folder"
                              : errno == ENOENT ? "is not there"
                                                : strerror(errno),
                              say_unexpanded(pattern));
        if (end)
            *end = '/';
    }
    free(whole);
    return rc;
}

/* The folders before the first name that stands for several: where they lie is written in the same way wherever the job is
   run from. New memory, or NULL after an error. */
static char *find_start(const char *folder, const char *pattern, size_t n, struct sheaf_error *error) {
    char *part = strndup(pattern, n), *joined = part ? sheaf_path_join(folder, *part ? part : ".") : NULL;
    char *start = NULL;
    if (!joined)
        sheaf_fail_memory(error, "a path");
    else if (check_folders(joined, pattern, error) == 0 &&
             !(start = pattern[0] == '/' ? strdup(joined) : realpath(joined, NULL)))
        sheaf_fail_errno(error, "%s", joined);
    free(part);
    free(joined);
    return start;
}

static int refuse_none(const struct walk *w, const char *pattern, const char *start, struct sheaf_error *error) {
    return sheaf_refuse(error, "no file matches '%s'; looked in %s%s%s", pattern, start,
                        w->n_folders ? ", where folders do, which are passed over" : "", say_unexpanded(pattern));
}

/* A walk in which `?` is a character, not a byte of one. */
static int visit_as_text(struct walk *w, const char *pattern) {
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    int rc = visit(w, pattern);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}

int sheaf_matching_add(struct matching *matching, const char *folder, const char *pattern, struct sheaf_error *error) {
    struct walk w = {.matching = matching, .error = error};
    const int64_t n_before = matching->n;
    size_t n = strcspn(pattern, "*?[\\");
    while (n > 0 && pattern[n - 1] != '/')
        n--;
    char *start = find_start(folder, pattern, n, error);
    if (!start)
        return -1;
    sheaf_string_add(&w.path, "%s", start);
    int rc = w.path.failed ? sheaf_fail_memory(error, "the files") : visit_as_text(&w, pattern + n);
    if (rc == 0 && matching->n == n_before)
        rc = refuse_none(&w, pattern, start, error);
    sheaf_string_free(&w.path);
    free(start);
    return rc;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct matching_file *)a)->path, ((const struct matching_file *)b)->path);
}

void sheaf_matching_sort(struct matching *matching) {
    struct matching_file *files = matching->files;
    int64_t n = 0;
    if (matching->n)
        qsort(files, (size_t)matching->n, sizeof *files, compare);
    for (int64_t i = 0; i < matching->n; i++)
        if (i == 0 || strcmp(files[i].path, files[n - 1].path) != 0)
            files[n++] = files[i];
    matching->n = n;
}
