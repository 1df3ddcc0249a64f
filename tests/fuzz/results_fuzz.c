/*
 * results_fuzz - results files as a bad disk, a bad copy or anybody may have left them.
 *
 * An input is a list of changes to a good file, four bytes each: where (three bytes, little-endian, counted over the bytes
 * that are not zero, where damage hurts, or, where the highest bit is set, over all), and the new value. `sheaf show` and
 * `sheaf status` run in processes of their own, since HDF5 does crash on such files, and is not built for this fuzzer.
 * Each has to answer: exit code 0, 2 or 3, within the fuzzer's time, with a message where it is not 0.
 *
 * SHEAF_PROGRAM says which program it is; without one there is nothing to test.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

static char folder[4096], path[4200], messages[4200];
static char *good, *damaged;
static size_t n_good, n_used, *used; /* [n_used] bytes that are not zero */

static void remove_folder(void) {
    char command[8400];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command))
        return;
}

/* Runs the program; its exit code, or 128 + the signal that killed it. */
static int run(const char *const *words) {
    const pid_t child = fork();
    claim(child >= 0, "cannot fork");
    if (child == 0) {
        int out = open("/dev/null", O_WRONLY), err = open(messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || err < 0 || chdir(folder) || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
            _exit(99);
        execv(words[0], (char *const *)(uintptr_t)words);
        _exit(99);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) /* the fuzzer has a timer */
        claim(errno == EINTR, "the child is lost");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void write_text(const char *name, const char *text) {
    char file[4300];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *out = fopen(file, "w");
    claim(out && fputs(text, out) >= 0 && fclose(out) == 0, "%s: cannot be written", file);
}

/* Makes a good file, with packed texts; false where there is no program. */
static bool make_good(void) {
    const char *program = getenv("SHEAF_PROGRAM"), *parent = getenv("TMPDIR");
    if (!program || access(program, X_OK))
        return false;
    snprintf(folder, sizeof folder, "%s/results-XXXXXX", parent ? parent : "/tmp");
    claim(mkdtemp(folder), "%s: cannot be made", folder);
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/out.h5", folder);
    snprintf(messages, sizeof messages, "%s/messages", folder);
    write_text("in.csv", "x,name\n1.5,first\n2.5,second\n3.5,third\n");
    write_text("job.yaml", "items: {csv: in.csv}\ncommand: \"echo '{name}'; echo n={x}\"\noutput: out.h5\n"
                           "outputs: {n: {type: float64, regex: 'n=(\\S+)', unit: m}}\n");
    const char *const words[] = {program, "run", "job.yaml", NULL};
    const int exit = run(words);
    claim(exit == 0, "the good file: exit code %d", exit);
    struct stat about;
    FILE *in = fopen(path, "rb");
    claim(in && fstat(fileno(in), &about) == 0, "no good file");
    n_good = (size_t)about.st_size;
    good = malloc(n_good);
    damaged = malloc(n_good);
    used = malloc(n_good * sizeof *used);
    claim(good && damaged && used && fread(good, 1, n_good, in) == n_good, "the good file cannot be read");
    fclose(in);
    for (size_t i = 0; i < n_good; i++)
        if (good[i])
            used[n_used++] = i;
    return true;
}

static void answers(const char *subcommand) {
    const char *const words[] = {getenv("SHEAF_PROGRAM"), subcommand, "out.h5", NULL};
    const int exit = run(words);
    struct stat about;
    claim(exit == 0 || exit == SHEAF_EXIT_USAGE || exit == SHEAF_EXIT_ENVIRONMENT, "%s: exit code %d", subcommand,
          exit);
    claim(exit == 0 || (stat(messages, &about) == 0 && about.st_size > 0), "%s: exit code %d and no message",
          subcommand, exit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static enum { NEW, READY, NOTHING } state;
    if (state == NEW)
        state = make_good() ? READY : NOTHING;
    if (state == NOTHING)
        return 0;
    memcpy(damaged, good, n_good);
    for (; size >= 4; data += 4, size -= 4) {
        const size_t at = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)(data[2] & 0x7f) << 16;
        damaged[data[2] & 0x80 ? at % n_good : used[at % n_used]] = (char)data[3];
    }
    FILE *out = fopen(path, "wb");
    claim(out && fwrite(damaged, 1, n_good, out) == n_good && fclose(out) == 0, "%s: cannot be written", path);
    answers("show");
    answers("status");
    return 0;
}
