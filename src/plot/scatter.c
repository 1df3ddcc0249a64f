/* Scatter plots: a point for each item; what has no value lies at the lower edge, or where it is when that is known. */
#include <math.h>

#include "plot/colour.h"
#include "plot/frame.h"
#include "plot/plot.h"
#include "plot/svg.h"

enum { STRIP = 10 }; /* at the lower edge */

static double radius_of(int64_t n) {
    return n <= 200 ? 3 : n <= 2000 ? 2.2 : 1.4;
}

/* Points of one name lie beside each other, as they come. */
static double x_of(const struct frame *frame, const struct plot *plot, int64_t i) {
    const double golden = 0.6180339887498949, apart = plot->x.names ? 0.5 * (fmod((double)i * golden, 1) - 0.5) : 0;
    return sheaf_scale_at(&frame->x, plot->x.values[i] + apart);
}

/* Where a point is; those without a place of their own are at the lower edge. */
static double y_of(const struct frame *frame, const struct plot *plot, int64_t i) {
    if (plot->y.n)
        return sheaf_scale_at(&frame->y, plot->y.values[i]);
    return plot->marks[i] == PLOT_VALUE ? sheaf_scale_at(&frame->y, plot->values[i]) : frame->bottom - STRIP / 2.0;
}

static void draw_points(FILE *out, const struct frame *frame, const struct plot *plot, const struct scale *colours) {
    char style[64], colour[8];
    const bool coloured = plot->y.n > 0;
    fprintf(out, "<g class='points'%s>\n", coloured ? "" : " fill='#0072b2' fill-opacity='0.65'");
    for (int64_t i = 0; i < plot->x.n; i++) {
        if (plot->marks[i] != PLOT_VALUE)
            continue;
        if (coloured) {
            sheaf_colour_of(sheaf_frame_part(colours, plot->values[i]), colour);
            snprintf(style, sizeof style, "fill='%s'", colour);
        }
        sheaf_svg_circle(out, x_of(frame, plot, i), y_of(frame, plot, i), radius_of(plot->x.n), coloured ? style : "");
    }
    fprintf(out, "</g>\n");
}

static void draw_pending(FILE *out, const struct frame *frame, const struct plot *plot) {
    const bool placed = plot->y.n > 0;
    fprintf(out, "<path class='pending' fill='none' stroke='#999' stroke-width='%s' d='", placed ? "0.8" : "1");
    for (int64_t i = 0; i < plot->x.n; i++) {
        if (plot->marks[i] != PLOT_PENDING)
            continue;
        const double x = x_of(frame, plot, i), y = y_of(frame, plot, i), r = 2.5;
        fputc('M', out);
        sheaf_svg_point(out, placed ? x - r : x, placed ? y - r : y + STRIP / 2.0);
        if (placed)
            fprintf(out, "h%gv%gh-%gz", 2 * r, 2 * r, 2 * r);
        else
            fprintf(out, "v-%d", STRIP);
    }
    fprintf(out, "'/>\n");
}

static void draw_skipped(FILE *out, const struct frame *frame, const struct plot *plot) {
    fprintf(out, "<g class='skipped' fill='" SKIPPED_DARK "' stroke='" SKIPPED_DARK "'>\n");
    for (int64_t i = 0; i < plot->x.n; i++) {
        if (plot->marks[i] != PLOT_SKIPPED)
            continue;
        const double x = x_of(frame, plot, i), y = y_of(frame, plot, i);
        if (plot->y.n)
            sheaf_svg_circle(out, x, y, 1.6, "stroke='none'");
        else
            sheaf_svg_line(out, x, y, x, y + STRIP / 2.0, "");
    }
    fprintf(out, "</g>\n");
}

static void draw_failed(FILE *out, const struct frame *frame, const struct plot *plot) {
    sheaf_frame_begin_failed(out);
    for (int64_t i = 0; i < plot->x.n; i++)
        if (plot->marks[i] == PLOT_FAILED)
            sheaf_svg_cross(out, x_of(frame, plot, i), y_of(frame, plot, i), 3.5);
    sheaf_frame_end_failed(out);
}

int sheaf_plot_scatter(FILE *out, const struct plot *plot, struct sheaf_error *error) {
    struct frame frame = {.across = &plot->x, .up = plot->y.n ? &plot->y : &plot->value};
    struct scale colours = {0};
    (void)error;
    frame.look = plot->y.n ? PENDING_SQUARES : PENDING_TICKS;
    frame.strip_room = plot->y.n ? 0 : STRIP + 2;
    sheaf_scale_fit(&frame.x, &plot->x, plot->x.values, NULL, plot->x.n, 0.03);
    if (plot->y.n)
        sheaf_scale_fit(&frame.y, &plot->y, plot->y.values, NULL, plot->y.n, 0.03);
    else
        sheaf_scale_fit(&frame.y, &plot->value, plot->values, plot->marks, plot->x.n, 0.04);
    if (plot->y.n) {
        sheaf_scale_fit(&colours, &plot->value, plot->values, plot->marks, plot->x.n, 0);
        frame.right_room = sheaf_frame_bar_room(&colours);
    }
    sheaf_frame_begin(out, plot, plot->x.n, true, &frame);
    if (frame.n_skipped)
        draw_skipped(out, &frame, plot);
    if (frame.n_pending)
        draw_pending(out, &frame, plot);
    draw_points(out, &frame, plot, &colours);
    if (frame.n_failed)
        draw_failed(out, &frame, plot);
    if (plot->y.n)
        sheaf_frame_bar(out, &frame, &plot->value, colours);
    sheaf_frame_end(out, &frame);
    return 0;
}
