#include "report/progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"

static const double redraw_s = 0.1;

/* --- the terminal -------------------------------------------------------------------------------------------------- */

/* The width of the terminal a descriptor ends on, or 0. */
static int terminal_columns(int fd) {
    struct winsize size;
    if (!isatty(fd))
        return 0;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* mpirun gives its ranks a pipe and passes on what they write, byte by byte: what counts is where its own output ends.
   Only a rank on the node of mpirun can see that, through /proc. */
static int launcher_columns(int fd) {
    char path[64];
    if (!getenv("OMPI_COMM_WORLD_SIZE"))
        return 0;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getppid(), fd);
    int theirs = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (theirs < 0)
        return 0;
    int n_columns = terminal_columns(theirs);
    close(theirs);
    return n_columns;
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* A bar of `width` cells, in eighths: full blocks, one partial, spaces. */
static void draw_bar(double share, int width, struct sheaf_string *to) {
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int filled = (int)(share * 8 * width);
    for (int i = 0; i < width; i++) {
        int cell = filled - 8 * i;
        sheaf_string_add(to, "%s", cell >= 8 ? "█" : cell > 0 ? eighths[cell] : " ");
    }
}

/* "12 % 4,480/7,099  1.25 M items/s  ETA 0:03  2 failed" */
static void write_figures(const struct progress *p, int64_t n_done, int64_t n_failed, double elapsed_s,
                          struct sheaf_string *to) {
    char a[32], b[32];
    int64_t n_new = n_done + n_failed, n_all = p->n_before + n_new;
    n_all = n_all < p->n_items ? n_all : p->n_items;
    double rate = elapsed_s > 0 ? (double)n_new / elapsed_s : 0;
    int percent = p->n_items ? (int)(100.0 * (double)n_all / (double)p->n_items) : 100;
    sheaf_string_add(to, "%3d %% %s/%s", percent, sheaf_text_count(n_all, a), sheaf_text_count(p->n_items, b));
    if (n_new > 0) {
        double left_s = (double)(p->n_items - n_all) / rate;
        if (rate >= 0.1)
            sheaf_string_add(to, "  %s items/s", sheaf_text_rate(rate, a));
        else
            sheaf_string_add(to, "  %s an item", sheaf_text_duration(1 / rate, a));
        /* Whole seconds: more would only flicker. */
        sheaf_string_add(to, "  ETA %s", left_s < 60 ? "" : sheaf_text_duration(left_s, b));
        if (left_s < 60)
            sheaf_string_add(to, "%.0f s", left_s);
    }
    if (n_failed > 0)
        sheaf_string_add(to, "  %s failed", sheaf_text_count(n_failed, a));
}

const char *sheaf_progress_bar(const struct progress *p, int64_t n_done, int64_t n_failed, double elapsed_s, char *text,
                               size_t text_bytes) {
    struct sheaf_string figures = {0}, line = {0};
    double share = p->n_items ? (double)(p->n_before + n_done + n_failed) / (double)p->n_items : 1;
    write_figures(p, n_done, n_failed, elapsed_s, &figures);
    sheaf_string_add(&line, "%.*s ", (int)sheaf_text_prefix(p->name, 20), p->name);
    int used = (int)(sheaf_text_columns(line.data ? line.data : "", line.length) + figures.length);
    int width = p->n_columns - used - 4;
    width = width > 40 ? 40 : width;
    if (width >= 5) {
        sheaf_string_add(&line, "▕");
        draw_bar(share < 1 ? share : 1, width, &line);
        sheaf_string_add(&line, "▏");
    }
    sheaf_string_add(&line, "%s", figures.data ? figures.data : "");
    /* One character more than fits, and the terminal would break the line. */
    size_t n_bytes = sheaf_text_prefix(line.data ? line.data : "", (size_t)p->n_columns);
    snprintf(text, text_bytes, "%.*s", (int)n_bytes, line.data ? line.data : "");
    sheaf_string_free(&line);
    sheaf_string_free(&figures);
    return text;
}

/* --- showing ------------------------------------------------------------------------------------------------------- */

void sheaf_progress_begin(struct progress *p, FILE *out, const char *name, int64_t n_items, int64_t n_before) {
    *p = (struct progress){.out = out, .name = name, .n_items = n_items, .n_before = n_before};
    if (!out)
        return;
    p->n_columns = terminal_columns(fileno(out));
    if (p->n_columns == 0)
        p->n_columns = launcher_columns(fileno(out));
    p->bar = p->n_columns > 0;
    p->began_s = sheaf_clock_s();
    p->pause_s = p->bar ? redraw_s : 10;
    p->next_s = p->began_s + p->pause_s;
}

void sheaf_progress_show(struct progress *p, int64_t n_done, int64_t n_failed) {
    double now_s = sheaf_clock_s();
    if (!p->out || now_s < p->next_s)
        return;
    p->next_s = now_s + p->pause_s;
    if (p->bar) {
        char text[512];
        fprintf(p->out, "\r%s\033[K", sheaf_progress_bar(p, n_done, n_failed, now_s - p->began_s, text, sizeof text));
        p->drawn = true;
    } else {
        struct sheaf_string line = {0};
        write_figures(p, n_done, n_failed, now_s - p->began_s, &line);
        fprintf(p->out, "%s: %s\n", p->name, line.data ? line.data : "");
        sheaf_string_free(&line);
        /* After 10 s, 20, 40 … and then every ten minutes: a log of a night stays readable. */
        p->pause_s = p->pause_s < 300 ? 2 * p->pause_s : 600;
    }
    fflush(p->out);
}

void sheaf_progress_say_failure(struct progress *p, int64_t item, const char *message) {
    char a[32];
    if (!p->out)
        return;
    sheaf_progress_end(p);
    fprintf(p->out, "%s: item %s failed: %s\n", p->name, sheaf_text_count(item, a), message);
    fflush(p->out);
}

void sheaf_progress_say_warning(struct progress *p, const char *kernel, const char *text) {
    if (!p->out)
        return;
    sheaf_progress_end(p);
    fprintf(p->out, "sheaf: warning of kernel %s: %s\n", kernel, text);
    fflush(p->out);
}

void sheaf_progress_end(struct progress *p) {
    if (p->drawn) {
        fputs("\r\033[K", p->out);
        fflush(p->out);
    }
    p->drawn = false;
}
