#include "kernel/expression/compile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "kernel/expression/object_cache.h"
#include "process/keeper.h"

static const double most_seconds = 300; /* a compiler on a disk that sleeps */

enum { MOST_OBJECT_BYTES = 64 << 20, MOST_LOG_BYTES = 1 << 20, MOST_WORDS = 40 };

/* All that a compilation owns. */
struct compilation {
    const struct compile_request *request;
    struct sheaf_arena arena;
    const char *compiler; /* its path */
    const char *folder;   /* private, or NULL */
    const char *source, *object, *log;
    const char *setting; /* TMPDIR=folder */
    struct keeper keeper;
    struct sheaf_error *error;
};

int64_t sheaf_cpu_level(void) {
#if defined __x86_64__
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2"))
        return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 2;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return wide ? 4 : 3;
#else
    return 1;
#endif
}

/* --- which compiler ------------------------------------------------------------------------------------------------ */

static const char *join(struct compilation *c, const char *folder, size_t length, const char *name) {
    size_t n = length + strlen(name) + 2;
    char *path = sheaf_arena_take(&c->arena, n);
    if (path)
        snprintf(path, n, "%.*s/%s", (int)length, folder, name);
    return path;
}

static bool is_program(const char *path) {
    struct stat facts;
    return path && stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && access(path, X_OK) == 0;
}

/* The path of a program, or NULL. */
static const char *find_program(struct compilation *c, const char *name) {
    const char *folders = getenv("PATH");
    if (strchr(name, '/'))
        return is_program(name) ? name : NULL;
    while (*name && folders && *folders) {
        size_t length = strcspn(folders, ":");
        const char *path = length ? join(c, folders, length, name) : NULL;
        if (is_program(path))
            return path;
        folders += length + (folders[length] == ':');
    }
    return NULL;
}

/* The first word of $CC, which may have options that are meant for something else; NULL for wrappers: those of MPI add
   libraries, and those that keep results need the compiler's name. */
static const char *from_environment(struct compilation *c) {
    static const char *const wrappers[] = {"ccache", "sccache", "distcc", "icecc"};
    const char *cc = getenv("CC");
    size_t length = cc ? strcspn(cc, " \t") : 0;
    char *word = length ? sheaf_arena_text(&c->arena, cc, length) : NULL;
    if (!word)
        return NULL;
    const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;
    for (size_t k = 0; k < sizeof wrappers / sizeof *wrappers; k++)
        if (strcmp(base, wrappers[k]) == 0)
            return NULL;
    return strncmp(base, "mpi", 3) == 0 ? NULL : find_program(c, word);
}

static int find_compiler(struct compilation *c) {
    static const char *const usual[] = {"cc", "gcc", "clang"};
    const char *named = c->request->compiler;
    if (named) {
        c->compiler = find_program(c, named);
        return c->compiler ? 0
                           : sheaf_refuse(c->error, "the compiler '%s' is not found%s", named,
                                          strchr(named, '/') ? "" : " in PATH");
    }
    c->compiler = from_environment(c);
    for (size_t k = 0; !c->compiler && k < sizeof usual / sizeof *usual; k++)
        c->compiler = find_program(c, usual[k]);
    if (c->compiler)
        return 0;
    return sheaf_refuse(c->error,
                        "no C compiler is found (CC, cc, gcc, clang), which expressions need on the machine of "
                        "rank 0; install one, load its module, or name it: compiler: PATH");
}

/* --- the folder ---------------------------------------------------------------------------------------------------- */

static int make_folder(struct compilation *c) {
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/tmp";
    const char *pattern = join(c, parent, strlen(parent), "sheaf-XXXXXX");
    char *folder = pattern ? sheaf_arena_text(&c->arena, pattern, strlen(pattern)) : NULL;
    if (!folder)
        return sheaf_fail_memory(c->error, "a path");
    if (!mkdtemp(folder))
        return sheaf_fail_errno(c->error, "cannot make a folder in %s (TMPDIR) to compile in", parent);
    c->folder = folder;
    c->source = join(c, folder, strlen(folder), "expression.c");
    c->object = join(c, folder, strlen(folder), "expression.so");
    c->log = join(c, folder, strlen(folder), "log");
    char *setting = sheaf_arena_take(&c->arena, strlen(folder) + sizeof "TMPDIR=");
    if (!c->source || !c->object || !c->log || !setting)
        return sheaf_fail_memory(c->error, "a path");
    c->setting = strcat(strcpy(setting, "TMPDIR="), folder);
    return 0;
}

/* The compiler may have left files of its own. */
static void remove_folder(struct compilation *c) {
    DIR *listing = c->folder ? opendir(c->folder) : NULL;
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing)
        closedir(listing);
    if (c->folder)
        rmdir(c->folder);
}

static int write_source(struct compilation *c) {
    int fd = open(c->source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sheaf_fail_errno(c->error, "%s", c->source);
    int rc = sheaf_file_pwrite(fd, c->request->source, strlen(c->request->source), 0, c->source, c->error);
    if (close(fd) && rc == 0)
        rc = sheaf_fail_errno(c->error, "%s", c->source);
    return rc;
}

/* --- running it ---------------------------------------------------------------------------------------------------- */

/* Words of its command line; no contraction of a*b + c, so that all machines round alike. -nostartfiles keeps out the
   start code by which gcc's -ffast-math would make this whole program flush small numbers to zero. */
static void make_words(const struct compilation *c, bool tuned, const char **words) {
    static const char *const always[] = {
        "-std=c11",           "-O3", "-fPIC", "-shared", "-nostartfiles", "-ffp-contract=off", "-fno-math-errno",
        "-fno-trapping-math", "-w"};
    static const char *const levels[][4] = {
        {"-msse4.2"}, {"-mavx2", "-mfma"}, {"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"}};
    /* NaN and infinity keep their meaning, which glibc takes as a reason to hide its vector functions. */
    static const char *const fast[] = {"-ffast-math", "-fno-finite-math-only", "-D__FAST_MATH__"};
    int n = 0;
    words[n++] = c->compiler;
    for (size_t k = 0; k < sizeof always / sizeof *always; k++)
        words[n++] = always[k];
    for (int64_t level = 2; tuned && level <= c->request->level && level <= 4; level++)
        for (int k = 0; k < 4 && levels[level - 2][k]; k++)
            words[n++] = levels[level - 2][k];
    for (size_t k = 0; c->request->fast_math && k < sizeof fast / sizeof *fast; k++)
        words[n++] = fast[k];
    words[n++] = "-o";
    words[n++] = c->object;
    words[n++] = c->source;
    words[n++] = "-lm";
    words[n] = NULL;
}

/* Runs the words with their output in the log. *status is what waitpid says. */
static int run_program(struct compilation *c, const char *const *words, int *status) {
    const char *settings[] = {"LC_ALL=C", c->setting}; /* messages in English, its own files in our folder */
    struct program program = {.words = words, .n_settings = 2, .settings = settings, .timeout_s = most_seconds};
    struct program_end end = {.step = START_LOST};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = null < 0 || log < 0 ? sheaf_fail_errno(c->error, "%s", c->log) : 0;
    while (words[program.n_words])
        program.n_words++;
    program.fds[0] = null;
    program.fds[1] = program.fds[2] = log;
    if (rc == 0 && (rc = sheaf_keeper_start(&c->keeper, &program, c->error)) == 0)
        sheaf_keeper_end(&c->keeper, &end);
    if (null >= 0)
        close(null);
    if (log >= 0)
        close(log);
    if (rc)
        return rc;
    errno = end.error;
    if (end.step != START_OK)
        return end.error ? sheaf_fail_errno(c->error, "cannot start the compiler %s", c->compiler)
                         : sheaf_fail(c->error, "cannot start the compiler %s", c->compiler);
    if (end.timed_out)
        return sheaf_fail(c->error, "the compiler %s did not end within %g s", c->compiler, most_seconds);
    *status = end.status;
    return 0;
}

/* The first line of its log that tells an error, else the first line. */
static int explain(struct compilation *c, int status) {
    char *log = NULL;
    size_t n_bytes;
    const char *line = "it says nothing";
    if (WIFEXITED(status) && sheaf_file_read(c->log, MOST_LOG_BYTES, &log, &n_bytes, NULL) == 0 && n_bytes) {
        const char *found = strstr(log, "error");
        for (line = found ? found : log; line > log && line[-1] != '\n';)
            line--;
    }
    int length = (int)strcspn(line, "\n");
    if (WIFEXITED(status))
        sheaf_fail(c->error, "the compiler %s fails with exit code %d: %.*s", c->compiler, WEXITSTATUS(status), length,
                   line);
    else
        sheaf_fail(c->error, "the compiler %s was ended by signal %d", c->compiler, WTERMSIG(status));
    free(log);
    return -1;
}

static int read_object(struct compilation *c, struct sheaf_buffer *object) {
    char *bytes = NULL;
    size_t n_bytes;
    int rc = sheaf_file_read(c->object, MOST_OBJECT_BYTES, &bytes, &n_bytes, c->error);
    if (rc == 0)
        rc = sheaf_buffer_resize(object, n_bytes, c->error);
    if (rc == 0)
        memcpy(object->data, bytes, n_bytes);
    free(bytes);
    return rc;
}

/* What settles the object: the source, the words up to its paths, which are not known yet, and which compiler it is. */
static int name_object(struct compilation *c, const char *const *words, char name[SHEAF_HASH_BYTES]) {
    struct sheaf_string made_from = {0};
    struct stat about;
    if (stat(c->compiler, &about))
        return sheaf_fail_errno(c->error, "%s", c->compiler);
    sheaf_string_add(&made_from, "%s\n%ju %ju %jd %jd.%09ld %jd.%09ld\n", PACKAGE_VERSION, (uintmax_t)about.st_dev,
                     (uintmax_t)about.st_ino, (intmax_t)about.st_size, (intmax_t)about.st_mtim.tv_sec,
                     about.st_mtim.tv_nsec, (intmax_t)about.st_ctim.tv_sec, about.st_ctim.tv_nsec);
    for (int k = 0; words[k]; k++)
        sheaf_string_add(&made_from, "%s\n", words[k]);
    sheaf_string_add(&made_from, "%s", c->request->source);
    if (made_from.failed)
        return sheaf_fail_memory(c->error, "the name of an object");
    sheaf_hash_bytes(made_from.data, made_from.length, name);
    sheaf_string_free(&made_from);
    return 0;
}

int sheaf_compile(const struct compile_request *request, struct sheaf_buffer *object, struct sheaf_error *error) {
    struct compilation c = {.request = request, .keeper = {.fd = -1}, .error = error};
    const char *words[MOST_WORDS];
    char name[SHEAF_HASH_BYTES];
    int status = 0, rc = -1;
    if (find_compiler(&c))
        goto out;
    make_words(&c, true, words);
    if (name_object(&c, words, name))
        goto out;
    if (sheaf_object_cache_get(name, object)) {
        rc = 0;
        goto out;
    }
    if (make_folder(&c) || write_source(&c) || sheaf_keeper_open(&c.keeper, request->server, error))
        goto out;
    make_words(&c, true, words);
    if (run_program(&c, words, &status))
        goto out;
    if (status && request->level > 1) { /* it may not know these instructions */
        make_words(&c, false, words);
        if (run_program(&c, words, &status))
            goto out;
    }
    rc = status ? explain(&c, status) : read_object(&c, object);
    if (rc == 0)
        sheaf_object_cache_put(name, object);
out:
    sheaf_keeper_close(&c.keeper);
    remove_folder(&c);
    sheaf_arena_free(&c.arena);
    return rc;
}
