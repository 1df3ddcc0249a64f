/* Heat maps: a colour for each cell. Neighbours in a row that have the same are drawn as one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/colour.h"
#include "plot/frame.h"
#include "plot/plot.h"
#include "plot/svg.h"

/* What a cell is drawn as: a shade, or one of these. */
enum { SHADES = 250, NOTHING, PENDING, FAILED, SKIPPED };

struct heat {
    FILE *out;
    const struct plot *plot;
    struct frame frame;
    struct scale colours;
    double *x, *y;  /* [nx + 1], [ny + 1] places of the edges of cells */
    uint8_t *drawn; /* [ny][nx] */
};

/* The edges of cells are in the middle between their values; the outer ones as far beyond. */
static void find_edges(const struct plot_axis *axis, struct scale *scale, double *edges) {
    const int64_t n = axis->n;
    const struct scale even = {.log = scale->log};
    for (int64_t i = 1; i < n; i++)
        edges[i] = sheaf_scale_between(&even, axis->values[i - 1], axis->values[i]);
    if (n > 1 && axis->log) {
        edges[0] = axis->values[0] * (axis->values[0] / edges[1]);
        edges[n] = axis->values[n - 1] * (axis->values[n - 1] / edges[n - 1]);
    } else if (n > 1) {
        edges[0] = axis->values[0] - (edges[1] - axis->values[0]);
        edges[n] = axis->values[n - 1] + (axis->values[n - 1] - edges[n - 1]);
    } else {
        const double value = axis->values[0], half = axis->names || value == 0 ? 0.5 : fabs(value) / 2;
        edges[0] = value - half;
        edges[1] = value + half;
    }
    scale->low = edges[0];
    scale->high = edges[n];
}

static void place_edges(const struct scale *scale, int64_t n, double *edges) {
    for (int64_t i = 0; i <= n; i++)
        edges[i] = sheaf_scale_at(scale, edges[i]);
}

static void shade_cells(struct heat *h) {
    const int64_t n = h->plot->x.n * h->plot->y.n;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t mark = h->plot->marks[i];
        if (mark == PLOT_VALUE) {
            const double part = sheaf_frame_part(&h->colours, h->plot->values[i]);
            h->drawn[i] = (uint8_t)fmin(fmax(floor(part * SHADES), 0), SHADES - 1);
        } else {
            h->drawn[i] = mark == PLOT_PENDING   ? PENDING
                          : mark == PLOT_FAILED  ? FAILED
                          : mark == PLOT_SKIPPED ? SKIPPED
                                                 : NOTHING;
        }
    }
}

/* A cell's place, and that of the cells with the same that follow in its row. */
static void add_cells(const struct heat *h, int64_t row, int64_t from, int64_t upto) {
    fputc('M', h->out);
    sheaf_svg_point(h->out, h->x[from], h->y[row]);
    fputc('H', h->out);
    sheaf_svg_number(h->out, h->x[upto]);
    fputc('V', h->out);
    sheaf_svg_number(h->out, h->y[row + 1]);
    fputc('H', h->out);
    sheaf_svg_number(h->out, h->x[from]);
    fputc('z', h->out);
}

/* All that are drawn alike are one path. */
static void draw_cells(const struct heat *h, int what, const char *class, const char *fill) {
    const int64_t nx = h->plot->x.n;
    bool any = false;
    for (int64_t row = 0; row < h->plot->y.n; row++) {
        const uint8_t *const cells = h->drawn + row * nx, *at = cells;
        while ((at = memchr(at, what, (size_t)(cells + nx - at)))) {
            const uint8_t *end = at;
            while (end < cells + nx && *end == what)
                end++;
            if (!any)
                fprintf(h->out, "<path class='%s' fill='%s' d='", class, fill);
            any = true;
            add_cells(h, row, at - cells, end - cells);
            at = end;
        }
    }
    if (any)
        fprintf(h->out, "'/>\n");
}

static void draw_crosses(const struct heat *h) {
    const int64_t nx = h->plot->x.n, n = nx * h->plot->y.n;
    if (h->frame.n_failed == 0)
        return;
    sheaf_frame_begin_failed(h->out);
    for (int64_t i = 0; i < n; i++)
        if (h->drawn[i] == FAILED) {
            const double *x = h->x + i % nx, *y = h->y + i / nx;
            const double room = fmin(x[1] - x[0], y[0] - y[1]);
            sheaf_svg_cross(h->out, (x[0] + x[1]) / 2, (y[0] + y[1]) / 2, fmin(fmax(0.3 * room, 0.4), 5));
        }
    sheaf_frame_end_failed(h->out);
}

static void draw(struct heat *h) {
    char colour[8];
    const int64_t n = h->plot->x.n * h->plot->y.n;
    sheaf_scale_fit(&h->colours, &h->plot->value, h->plot->values, h->plot->marks, n, 0);
    h->frame = (struct frame){.across = &h->plot->x, .up = &h->plot->y};
    h->frame.x = (struct scale){.log = h->plot->x.log, .whole = h->plot->x.whole};
    h->frame.y = (struct scale){.log = h->plot->y.log, .whole = h->plot->y.whole};
    h->frame.right_room = sheaf_frame_bar_room(&h->colours);
    find_edges(&h->plot->x, &h->frame.x, h->x);
    find_edges(&h->plot->y, &h->frame.y, h->y);
    sheaf_frame_begin(h->out, h->plot, n, false, &h->frame);
    place_edges(&h->frame.x, h->plot->x.n, h->x);
    place_edges(&h->frame.y, h->plot->y.n, h->y);
    shade_cells(h);
    fprintf(h->out, "<g shape-rendering='crispEdges'>\n");
    for (int k = 0; k < SHADES; k++) {
        sheaf_colour_of((k + 0.5) / SHADES, colour);
        draw_cells(h, k, "cells", colour);
    }
    draw_cells(h, PENDING, "pending", "url(#pending)");
    draw_cells(h, FAILED, "failed-cells", "#fbe3e3");
    draw_cells(h, SKIPPED, "skipped", SKIPPED_GREY);
    fprintf(h->out, "</g>\n");
    draw_crosses(h);
    sheaf_frame_bar(h->out, &h->frame, &h->plot->value, h->colours);
    sheaf_frame_end(h->out, &h->frame);
}

int sheaf_plot_heat(FILE *out, const struct plot *plot, struct sheaf_error *error) {
    struct heat h = {.out = out, .plot = plot};
    h.x = malloc(((size_t)plot->x.n + 1) * sizeof *h.x);
    h.y = malloc(((size_t)plot->y.n + 1) * sizeof *h.y);
    h.drawn = malloc((size_t)(plot->x.n * plot->y.n) + 1);
    int rc = h.x && h.y && h.drawn ? 0 : sheaf_fail_memory(error, "the picture");
    if (rc == 0)
        draw(&h);
    free(h.x);
    free(h.y);
    free(h.drawn);
    return rc;
}
