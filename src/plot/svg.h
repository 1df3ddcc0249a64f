/*
 * svg - elements of a picture, written as they come. Lengths are in pixels from the top left corner.
 */
#ifndef SHEAF_PLOT_SVG_H
#define SHEAF_PLOT_SVG_H

#include <stdio.h>

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

void sheaf_svg_begin(FILE *out, double width, double height);
void sheaf_svg_end(FILE *out);

/* A number with at most two decimals. */
void sheaf_svg_number(FILE *out, double value);

/* Several of them, with blanks between: "x y". */
void sheaf_svg_point(FILE *out, double x, double y);

/* " NAME='VALUE'". */
void sheaf_svg_attribute(FILE *out, const char *name, double value);

/* Text as it is to be read, in UTF-8. */
void sheaf_svg_escaped(FILE *out, const char *text);

/* A line of text; `style` is more attributes, or "". It is turned by `turn` degrees around its point. */
void sheaf_svg_text(FILE *out, double x, double y, enum svg_anchor anchor, double turn, const char *style,
                    const char *text);
void sheaf_svg_line(FILE *out, double x1, double y1, double x2, double y2, const char *style);
void sheaf_svg_rect(FILE *out, double x, double y, double width, double height, const char *style);
void sheaf_svg_circle(FILE *out, double x, double y, double radius, const char *style);

/* What is to be added to a path of the failed: a cross. */
void sheaf_svg_cross(FILE *out, double x, double y, double radius);

/* About how wide a text is. */
double sheaf_svg_width(const char *text, double font_size);

#endif
