/*
 * plot_data - the numbers that a picture of `sheaf plot` is of.
 */
#ifndef SHEAF_CMD_PLOT_DATA_H
#define SHEAF_CMD_PLOT_DATA_H

#include "cmd/plot_view.h"
#include "core/error.h"
#include "plot/plot.h"

/* Which axes are to be logarithmic, or even; where neither is said, spacing along an axis decides. */
struct plot_wish {
    bool x, y, value;
};

/* Fills a plot with what is to be drawn, of memory that is the view's, but for its title. Tells on stderr what cannot be
   drawn. */
int sheaf_plot_read(struct plot_view *view, const struct plot_wish *log, const struct plot_wish *even,
                    struct plot *plot, struct sheaf_error *error);

#endif
