/*
 * frame - what is around a picture: the box with its ticks and labels, title, colour bar, and the key of what has no value.
 * Private to plot/.
 */
#ifndef SHEAF_PLOT_FRAME_H
#define SHEAF_PLOT_FRAME_H

#include <stdbool.h>
#include <stdio.h>

#include "plot/plot.h"
#include "plot/scale.h"

/* How pending ones, and those that are skipped, are drawn, for the key. */
enum pending_look { PENDING_HATCHED, PENDING_TICKS, PENDING_SQUARES };

#define SKIPPED_GREY "#ececec" /* areas; */
#define SKIPPED_DARK "#9a9a9a" /* points */

struct frame {
    const struct plot_axis *across, *up; /* the horizontal and the vertical axis */
    struct scale x, y;                   /* theirs, fitted; their places are filled in */
    double right_room;                   /* wanted right of the box */
    double strip_room;                   /* wanted at its lower edge for marks, where there are any */
    enum pending_look look;
    double left, top, right, bottom; /* of the box */
    double width, height;            /* of the picture */
    int64_t n_pending, n_failed, n_skipped;
};

/* Begins the picture: its size, title, and with `lines` a line across the box at each tick. */
void sheaf_frame_begin(FILE *out, const struct plot *plot, int64_t n, bool lines, struct frame *frame);

/* Draws the box, over what is in it, ticks, labels and the key, and ends the picture. */
void sheaf_frame_end(FILE *out, const struct frame *frame);

/* How much room a colour bar takes, and the bar, right of the box. */
double sheaf_frame_bar_room(const struct scale *scale);
void sheaf_frame_bar(FILE *out, const struct frame *frame, const struct plot_axis *axis, struct scale scale);

/* The part of a scale at which a value is: 0 to 1. */
double sheaf_frame_part(const struct scale *scale, double value);

/* What is drawn for those that failed: path data is to be written in between. */
void sheaf_frame_begin_failed(FILE *out);
void sheaf_frame_end_failed(FILE *out);

#endif
