/* sheaf plot: a picture of a field of a results file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/plot_data.h"
#include "cmd/plot_view.h"
#include "core/file.h"
#include "plan/row_sink.h"
#include "process/keeper.h"
#include "process/server.h"

enum { MOST_SELECTED = 64, ROWS = 65536 };

struct picture {
    const char *path, *field, *over, *out;
    const char *selected[MOST_SELECTED];
    int n_selected;
    struct plot_wish log, even;

    char *default_out;
    bool is_png;
    struct server *server; /* for who makes PNGs */
    struct sheaf_string title;
    struct sheaf_error error;
};

/* --- options ------------------------------------------------------------------------------------------------------- */

static int apply_over(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct picture *)target)->over = value;
    return 0;
}

static int apply_sel(void *target, const char *value, struct sheaf_error *error) {
    struct picture *p = target;
    if (p->n_selected == MOST_SELECTED)
        return sheaf_refuse(error, "--sel can be given %d times; it takes any number of AXIS=VALUE, with commas",
                            MOST_SELECTED);
    p->selected[p->n_selected++] = value;
    return 0;
}

static int apply_out(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct picture *)target)->out = value;
    return 0;
}

/* "x,y,value". */
static int read_wish(struct plot_wish *wish, const char *value, struct sheaf_error *error) {
    for (const char *at = value; *at; at += strcspn(at, ","), at += *at == ',') {
        const size_t n = strcspn(at, ",");
        if (n == 1 && *at == 'x')
            wish->x = true;
        else if (n == 1 && *at == 'y')
            wish->y = true;
        else if (n == 5 && memcmp(at, "value", n) == 0)
            wish->value = true;
        else
            return sheaf_refuse(error, "should be x, y or value, or some of them with commas, not '%s'", value);
    }
    return 0;
}

static int apply_log(void *target, const char *value, struct sheaf_error *error) {
    return read_wish(&((struct picture *)target)->log, value, error);
}

static int apply_linear(void *target, const char *value, struct sheaf_error *error) {
    return read_wish(&((struct picture *)target)->even, value, error);
}

static const struct sheaf_option table[] = {
    {0, "over", "X[,Y]", "what it is drawn over: an axis or two of a grid, or fields of items that are a list",
     apply_over},
    {0, "sel", "AXIS=V,…", "only the items that have the value; of numbers the nearest", apply_sel},
    {'o', "output", "OUT", "a file.svg or file.png (default FILE-FIELD.svg here); -: SVG to standard output",
     apply_out},
    {0, "log", "x,y,value", "logarithmic axes; value: that of the colours", apply_log},
    {0, "linear", "x,y", "even axes, also where values along them are spaced by a factor", apply_linear},
    {0},
};

static const struct cmd_usage usage = {"sheaf plot FILE FIELD [options]",
                                       "Draws a field of a results file: lines, a heat map or points.", 2, 2};

/* --- where it goes ------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* The file's name without its folder and ".h5". */
static void add_name(const char *path, struct sheaf_string *to) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const size_t n = strlen(name) - (ends_with(name, ".h5") ? 3 : 0);
    sheaf_string_add(to, "%.*s", sheaf_text_precision(n), name);
}

static int choose_out(struct picture *p) {
    struct sheaf_string name = {0};
    if (!p->out) {
        add_name(p->path, &name);
        sheaf_string_add(&name, "-%s.svg", p->field);
        if (name.failed)
            return sheaf_fail_memory(&p->error, "a name");
        for (char *c = name.data; *c; c++)
            *c = *c == '/' ? '_' : *c;
        p->out = p->default_out = name.data;
    }
    p->is_png = ends_with(p->out, ".png");
    if (!p->is_png && !ends_with(p->out, ".svg") && strcmp(p->out, "-") != 0)
        return sheaf_refuse(&p->error, "-o %s: should end with .svg or .png", p->out);
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static int check_stream(struct picture *p, FILE *out) {
    return fflush(out) == 0 && !ferror(out) ? 0 : sheaf_fail_errno(&p->error, "%s: cannot write", p->out);
}

static int draw(struct picture *p, FILE *out, enum view_kind kind, const struct plot *plot) {
    int (*const drawing[])(FILE *, const struct plot *, struct sheaf_error *) = {
        [VIEW_LINES] = sheaf_plot_lines, [VIEW_HEAT] = sheaf_plot_heat, [VIEW_SCATTER] = sheaf_plot_scatter};
    return drawing[kind](out, plot, &p->error) || check_stream(p, out) ? -1 : 0;
}

static int write_svg(struct picture *p, enum view_kind kind, const struct plot *plot) {
    if (strcmp(p->out, "-") == 0)
        return draw(p, stdout, kind, plot);
    FILE *out = fopen(p->out, "w");
    if (!out)
        return sheaf_fail_errno(&p->error, "%s: cannot write", p->out);
    int rc = draw(p, out, kind, plot);
    if (fclose(out) && rc == 0)
        rc = sheaf_fail_errno(&p->error, "%s: cannot write", p->out);
    return rc;
}

/* Programs that make a PNG of the SVG on their standard input. */
static int convert(struct picture *p, FILE *svg) {
    char inkscape[4200];
    snprintf(inkscape, sizeof inkscape, "--export-filename=%s", p->out);
    const char *const rsvg_words[] = {"rsvg-convert", "--zoom", "2", "--output", p->out};
    const char *const inkscape_words[] = {"inkscape", "--pipe", "--export-type=png", "--export-dpi=192", inkscape};
    const char *const *const programs[] = {rsvg_words, inkscape_words};
    struct keeper keeper = {.fd = -1};
    struct program_end end = {.step = START_LOST};
    int rc = sheaf_keeper_open(&keeper, p->server, &p->error), k = -1;
    do {
        k++;
        rewind(svg);
        const struct program program = {
            .n_words = 5, .words = programs[k], .fds = {fileno(svg), STDERR_FILENO, STDERR_FILENO}};
        if (rc == 0 && (rc = sheaf_keeper_start(&keeper, &program, &p->error)) == 0)
            sheaf_keeper_end(&keeper, &end);
    } while (rc == 0 && k == 0 && end.step == START_EXEC && end.error == ENOENT);
    sheaf_keeper_close(&keeper);
    if (rc == 0 && end.step == START_EXEC && end.error == ENOENT)
        rc = sheaf_refuse(
            &p->error,
            "%s: a PNG needs the program rsvg-convert (Debian: librsvg2-bin) or inkscape; -o FILE.svg needs "
            "none",
            p->out);
    else if (rc == 0 && (end.step != START_OK || end.status != 0))
        rc =
            sheaf_fail(&p->error, "%s: %s did not make it; -o FILE.svg needs no other program", p->out, programs[k][0]);
    return rc;
}

static int write_png(struct picture *p, enum view_kind kind, const struct plot *plot) {
    FILE *svg = tmpfile();
    if (!svg)
        return sheaf_fail_errno(&p->error, "%s: no file for the SVG that it is made of", p->out);
    const int rc = draw(p, svg, kind, plot) || convert(p, svg) ? -1 : 0;
    fclose(svg);
    return rc;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

/* "moid: y", and how far the job is. */
static int write_title(struct picture *p, struct reader *reader) {
    uint8_t *status = malloc(ROWS);
    char a[32], b[32];
    int64_t counts[ITEM_SKIPPED + 1] = {0};
    const int64_t n_items = sheaf_reader_n_items(reader);
    int rc = status ? 0 : sheaf_fail_memory(&p->error, "the statuses");
    for (int64_t at = 0; at < n_items && rc == 0; at += ROWS) {
        const int64_t n = n_items - at < ROWS ? n_items - at : ROWS;
        rc = sheaf_reader_status(reader, at, n, status, &p->error);
        if (rc == 0)
            sheaf_status_count(status, n, counts);
    }
    free(status);
    add_name(p->path, &p->title);
    sheaf_string_add(&p->title, ": %s", p->field);
    const int64_t n_wanted = n_items - counts[ITEM_SKIPPED];
    if (counts[ITEM_DONE] < n_wanted)
        sheaf_string_add(&p->title, " – %s of %s items done", sheaf_text_count(counts[ITEM_DONE], a),
                         sheaf_text_count(n_wanted, b));
    return rc == 0 && p->title.failed ? sheaf_fail_memory(&p->error, "the title") : rc;
}

static int make(struct picture *p, struct plot_view *view) {
    struct plot plot = {0};
    if (sheaf_view_choose(view, p->field, p->over, p->selected, p->n_selected, &p->error) ||
        sheaf_plot_read(view, &p->log, &p->even, &plot, &p->error) || write_title(p, view->reader))
        return -1;
    plot.title = p->title.data;
    if (p->is_png ? write_png(p, view->kind, &plot) : write_svg(p, view->kind, &plot))
        return -1;
    if (strcmp(p->out, "-") != 0)
        printf("%s\n", p->out);
    return 0;
}

int sheaf_cmd_plot(int argc, char **argv) {
    struct picture p = {0};
    struct plot_view view = {0};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &p, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    p.path = view.path = argv[first_word];
    p.field = argv[first_word + 1];
    int rc = choose_out(&p);
    if (rc == 0 && p.is_png)
        rc = sheaf_server_start(&p.server, &p.error); /* before HDF5 */
    if (rc == 0)
        rc = sheaf_reader_open(&view.reader, p.path, &p.error);
    if (rc == 0) {
        fputs(sheaf_reader_left_out(view.reader), stderr);
        rc = make(&p, &view);
    }
    sheaf_view_free(&view);
    sheaf_reader_close(view.reader);
    sheaf_server_stop(p.server);
    sheaf_string_free(&p.title);
    free(p.default_out);
    return rc ? sheaf_cmd_fail(&p.error) : SHEAF_EXIT_DONE;
}
