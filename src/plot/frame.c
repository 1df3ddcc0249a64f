#include "plot/frame.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "plot/colour.h"
#include "plot/svg.h"

enum {
    WIDTH = 640,
    BOX_HEIGHT = 330,
    FONT = 12,
    EDGE = 14,      /* around all */
    TICK = 5,       /* their length, and how far labels are from them */
    LINE = 16,      /* of text */
    NAME_MOST = 18, /* characters of a name at a tick */
    BAR = 16,       /* width of a colour bar */
};

static const char *const failed_style = "stroke='#d62728' stroke-width='1.6' fill='none'";

/* --- ticks of either axis ------------------------------------------------------------------------------------------ */

/* What is at a tick: its value, and its label. */
struct label {
    double value;
    char text[4 * NAME_MOST + TICK_LABEL];
};

enum { LABELS_MOST = 64 };

static void write_name(const char *name, char *text, size_t room) {
    const size_t n = sheaf_text_prefix(name, NAME_MOST);
    snprintf(text, room, "%.*s%s", (int)n, name, name[n] ? "…" : "");
}

/* The ticks of a scale, or as many of the names as have room. */
static int make_labels(const struct plot_axis *axis, const struct scale *scale, double length, int wanted,
                       struct label *labels) {
    struct tick ticks[TICKS_MOST];
    int n = 0;
    if (!axis->names) {
        const int n_ticks = sheaf_scale_ticks(scale, wanted, ticks);
        for (; n < n_ticks; n++) {
            labels[n].value = ticks[n].value;
            snprintf(labels[n].text, sizeof labels[n].text, "%s", ticks[n].label);
        }
        return n;
    }
    const double room = fmin(length / LINE, LABELS_MOST);
    const int64_t step = (int64_t)ceil((double)axis->n_names / fmax(room, 1));
    for (int64_t k = 0; k < axis->n_names && n < LABELS_MOST; k += step, n++) {
        labels[n].value = (double)k;
        write_name(axis->names[k], labels[n].text, sizeof labels[n].text);
    }
    return n;
}

static double widest(const struct label *labels, int n) {
    double width = 0;
    for (int i = 0; i < n; i++)
        width = fmax(width, sheaf_svg_width(labels[i].text, FONT));
    return width;
}

/* Names that do not fit beside each other are turned. */
static bool are_turned(const struct plot_axis *axis, const struct label *labels, int n, double length) {
    return axis->names && n > 0 && (widest(labels, n) + 8) * n > length;
}

static int x_labels(const struct frame *frame, struct label *labels) {
    return make_labels(frame->across, &frame->x, frame->right - frame->left, 8, labels);
}

static int y_labels(const struct frame *frame, struct label *labels) {
    return make_labels(frame->up, &frame->y, BOX_HEIGHT, 7, labels);
}

/* --- the picture's parts ------------------------------------------------------------------------------------------- */

static void draw_title(FILE *out, const struct plot *plot, const struct frame *frame) {
    char style[64];
    const double room = frame->width - frame->left - EDGE, width = sheaf_svg_width(plot->title, 15);
    snprintf(style, sizeof style, "class='title' font-size='%.3g'", width > room ? fmax(15 * room / width, 8) : 15);
    sheaf_svg_text(out, frame->left, EDGE + 12, SVG_START, 0, style, plot->title);
    const double under = sheaf_svg_width(plot->subtitle, 11);
    snprintf(style, sizeof style, "class='subtitle' fill='#555' font-size='%.3g'",
             under > room ? fmax(11 * room / under, 7) : 11);
    if (*plot->subtitle)
        sheaf_svg_text(out, frame->left, EDGE + 12 + LINE, SVG_START, 0, style, plot->subtitle);
}

static bool has_key(const struct frame *frame) {
    return frame->n_pending || frame->n_failed || frame->n_skipped;
}

static void lay_out(const struct plot *plot, struct frame *frame) {
    struct label labels[LABELS_MOST];
    const bool is_keyed = has_key(frame);
    frame->width = WIDTH;
    frame->left = EDGE + LINE + 4 + widest(labels, y_labels(frame, labels)) + 2 * TICK;
    frame->right = WIDTH - EDGE - frame->right_room;
    frame->top = EDGE + 24 + (*plot->subtitle ? LINE : 0);
    frame->bottom = frame->top + BOX_HEIGHT;
    const int n = x_labels(frame, labels);
    const bool turned = are_turned(frame->across, labels, n, frame->right - frame->left);
    frame->height = frame->bottom + 2 * TICK + (turned ? 0.75 * widest(labels, n) + 8 : LINE) + LINE + EDGE +
                    (is_keyed ? LINE + 8 : 0);
    frame->x.from = frame->left;
    frame->x.to = frame->right;
    frame->y.from = frame->bottom - (is_keyed ? frame->strip_room : 0);
    frame->y.to = frame->top;
}

void sheaf_frame_begin(FILE *out, const struct plot *plot, int64_t n, bool lines, struct frame *frame) {
    struct label labels[LABELS_MOST];
    for (int64_t i = 0; i < n; i++) {
        frame->n_pending += plot->marks[i] == PLOT_PENDING;
        frame->n_failed += plot->marks[i] == PLOT_FAILED;
        frame->n_skipped += plot->marks[i] == PLOT_SKIPPED;
    }
    lay_out(plot, frame);
    sheaf_svg_begin(out, frame->width, frame->height);
    draw_title(out, plot, frame);
    fprintf(out, "<g stroke='#e4e4e4'>\n");
    for (int k = 0, n_labels = lines ? x_labels(frame, labels) : 0; k < n_labels; k++) {
        const double x = sheaf_scale_at(&frame->x, labels[k].value);
        if (*labels[k].text)
            sheaf_svg_line(out, x, frame->top, x, frame->bottom, "");
    }
    for (int k = 0, n_labels = lines ? y_labels(frame, labels) : 0; k < n_labels; k++) {
        const double y = sheaf_scale_at(&frame->y, labels[k].value);
        if (*labels[k].text)
            sheaf_svg_line(out, frame->left, y, frame->right, y, "");
    }
    fprintf(out, "</g>\n");
}

static void draw_x_axis(FILE *out, const struct frame *frame) {
    struct label labels[LABELS_MOST];
    const int n = x_labels(frame, labels);
    const bool turned = are_turned(frame->across, labels, n, frame->right - frame->left);
    fprintf(out, "<g class='x-axis'>\n");
    for (int k = 0; k < n; k++) {
        const double x = sheaf_scale_at(&frame->x, labels[k].value), length = *labels[k].text ? TICK : TICK / 2.0;
        sheaf_svg_line(out, x, frame->bottom, x, frame->bottom + length, "class='tick' stroke='#444'");
        if (turned)
            sheaf_svg_text(out, x + 3, frame->bottom + 2 * TICK + 6, SVG_END, -45, "", labels[k].text);
        else if (*labels[k].text)
            sheaf_svg_text(out, x, frame->bottom + 2 * TICK + 9, SVG_MIDDLE, 0, "", labels[k].text);
    }
    const double below = turned ? 0.75 * widest(labels, n) + 8 : LINE;
    sheaf_svg_text(out, (frame->left + frame->right) / 2, frame->bottom + 2 * TICK + below + 12, SVG_MIDDLE, 0,
                   "class='label' font-size='13'", frame->across->label);
    fprintf(out, "</g>\n");
}

static void draw_y_axis(FILE *out, const struct frame *frame) {
    struct label labels[LABELS_MOST];
    const int n = y_labels(frame, labels);
    fprintf(out, "<g class='y-axis'>\n");
    for (int k = 0; k < n; k++) {
        const double y = sheaf_scale_at(&frame->y, labels[k].value), length = *labels[k].text ? TICK : TICK / 2.0;
        sheaf_svg_line(out, frame->left - length, y, frame->left, y, "class='tick' stroke='#444'");
        if (*labels[k].text)
            sheaf_svg_text(out, frame->left - TICK - 3, y + 4, SVG_END, 0, "", labels[k].text);
    }
    sheaf_svg_text(out, EDGE + 10, (frame->top + frame->bottom) / 2, SVG_MIDDLE, -90, "class='label' font-size='13'",
                   frame->up->label);
    fprintf(out, "</g>\n");
}

void sheaf_frame_begin_failed(FILE *out) {
    fprintf(out, "<path class='failed' %s d='", failed_style);
}

void sheaf_frame_end_failed(FILE *out) {
    fprintf(out, "'/>\n");
}

static void draw_pending(FILE *out, enum pending_look look, double x, double y) {
    if (look == PENDING_HATCHED)
        sheaf_svg_rect(out, x, y - 9, 14, 10, "fill='url(#pending)' stroke='#999' stroke-width='0.5'");
    else if (look == PENDING_SQUARES)
        sheaf_svg_rect(out, x + 4, y - 6.5, 5, 5, "fill='none' stroke='#999' stroke-width='0.8'");
    else
        for (int k = 0; k < 3; k++)
            sheaf_svg_line(out, x + 3 + 4 * k, y - 9, x + 3 + 4 * k, y + 1, "stroke='#999'");
}

static void draw_skipped(FILE *out, enum pending_look look, double x, double y) {
    if (look == PENDING_HATCHED)
        sheaf_svg_rect(out, x, y - 9, 14, 10, "fill='" SKIPPED_GREY "' stroke='#999' stroke-width='0.5'");
    else if (look == PENDING_SQUARES)
        sheaf_svg_circle(out, x + 6.5, y - 4, 1.6, "fill='" SKIPPED_DARK "'");
    else
        for (int k = 0; k < 3; k++)
            sheaf_svg_line(out, x + 3 + 4 * k, y - 4, x + 3 + 4 * k, y + 1, "stroke='" SKIPPED_DARK "'");
}

/* "pending: 12"; where the next entry begins. */
static double draw_count(FILE *out, double x, double y, const char *what, int64_t n) {
    char text[64], count[32];
    snprintf(text, sizeof text, "%s: %s", what, sheaf_text_count(n, count));
    sheaf_svg_text(out, x, y, SVG_START, 0, "", text);
    return x + sheaf_svg_width(text, 11) + 24;
}

static void draw_key(FILE *out, const struct frame *frame) {
    const double y = frame->height - EDGE + 2;
    double x = frame->left;
    fprintf(out, "<g class='key' font-size='11'>\n");
    if (frame->n_pending) {
        draw_pending(out, frame->look, x, y);
        x = draw_count(out, x + 20, y, "pending", frame->n_pending);
    }
    if (frame->n_failed) {
        fprintf(out, "<path %s d='", failed_style);
        sheaf_svg_cross(out, x + 5, y - 4, 3.5);
        fprintf(out, "'/>\n");
        x = draw_count(out, x + 14, y, "failed", frame->n_failed);
    }
    if (frame->n_skipped) {
        draw_skipped(out, frame->look, x, y);
        draw_count(out, x + 20, y, "skipped", frame->n_skipped);
    }
    fprintf(out, "</g>\n");
}

void sheaf_frame_end(FILE *out, const struct frame *frame) {
    sheaf_svg_rect(out, frame->left, frame->top, frame->right - frame->left, frame->bottom - frame->top,
                   "class='box' fill='none' stroke='#444'");
    draw_x_axis(out, frame);
    draw_y_axis(out, frame);
    if (has_key(frame))
        draw_key(out, frame);
    sheaf_svg_end(out);
}

/* --- the colour bar ------------------------------------------------------------------------------------------------ */

static int bar_labels(const struct scale *scale, struct label *labels) {
    const struct plot_axis axis = {.log = scale->log};
    return make_labels(&axis, scale, BOX_HEIGHT, 7, labels);
}

double sheaf_frame_bar_room(const struct scale *scale) {
    struct label labels[LABELS_MOST];
    return EDGE + BAR + 2 * TICK + widest(labels, bar_labels(scale, labels)) + LINE + 8;
}

void sheaf_frame_bar(FILE *out, const struct frame *frame, const struct plot_axis *axis, struct scale scale) {
    struct label labels[LABELS_MOST];
    char colour[8];
    const double left = frame->right + EDGE, right = left + BAR;
    const int n = bar_labels(&scale, labels);
    scale.from = frame->bottom;
    scale.to = frame->top;
    fprintf(out, "<linearGradient id='viridis' x1='0' y1='1' x2='0' y2='0'>");
    for (int k = 0; k < COLOUR_ANCHORS; k++) {
        sheaf_colour_of((double)k / (COLOUR_ANCHORS - 1), colour);
        fprintf(out, "<stop offset='%.4g' stop-color='%s'/>", (double)k / (COLOUR_ANCHORS - 1), colour);
    }
    fprintf(out, "</linearGradient>\n<g class='bar'>\n");
    sheaf_svg_rect(out, left, frame->top, BAR, frame->bottom - frame->top, "fill='url(#viridis)' stroke='#444'");
    for (int k = 0; k < n; k++) {
        const double y = sheaf_scale_at(&scale, labels[k].value), length = *labels[k].text ? TICK : TICK / 2.0;
        sheaf_svg_line(out, right, y, right + length, y, "class='tick' stroke='#444'");
        if (*labels[k].text)
            sheaf_svg_text(out, right + TICK + 3, y + 4, SVG_START, 0, "", labels[k].text);
    }
    sheaf_svg_text(out, right + 2 * TICK + widest(labels, n) + LINE, (frame->top + frame->bottom) / 2, SVG_MIDDLE, -90,
                   "class='label' font-size='13'", axis->label);
    fprintf(out, "</g>\n");
}

double sheaf_frame_part(const struct scale *scale, double value) {
    struct scale unit = *scale;
    unit.from = 0;
    unit.to = 1;
    return sheaf_scale_at(&unit, value);
}
