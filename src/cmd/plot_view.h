/*
 * plot_view - what `sheaf plot` is to draw: which field, over what, of which cells.
 */
#ifndef SHEAF_CMD_PLOT_VIEW_H
#define SHEAF_CMD_PLOT_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/slice.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/text.h"
#include "plot/plot.h"
#include "store/reader.h"

enum view_kind { VIEW_LINES, VIEW_HEAT, VIEW_SCATTER };

enum { VIEW_OVER_MOST = 2 };

struct plot_view {
    struct reader *reader;
    const char *path;
    const struct reader_field *fields; /* [n_all] those about items among them */
    int n_all;

    enum view_kind kind;
    int field;         /* is drawn; */
    int64_t component; /* which of its values */
    int n_over;        /* of a heat map 2, of lines 2 where there are several */
    struct {
        int dimension; /* of the items; of a scatter plot 0 */
        int field;     /* its values; -1: places along the dimension */
    } over[VIEW_OVER_MOST];
    struct slice slice;
    struct sheaf_string notes; /* what is drawn of the items, and what is not: for the subtitle */
    struct sheaf_arena arena;
};

/* Starts with {.reader, .path}; words are those of the command: FIELD, --over (or NULL), --sel. Tells on stderr what it chose
   that nobody asked for. */
int sheaf_view_choose(struct plot_view *view, const char *field, const char *over, const char *const *selected,
                      int n_selected, struct sheaf_error *error);

/* "name [unit]", or the long name; of several values also which. In the arena; NULL: no memory. */
const char *sheaf_view_label(struct plot_view *view, int field, int64_t component);

/* What a place of a dimension is called: the value of a field there. In the arena; NULL after an error. */
const char *sheaf_view_name_place(struct plot_view *view, int dimension, int field, int64_t place,
                                  struct sheaf_error *error);

/* A field's values at items[n], as numbers: NaN where it has none. */
int sheaf_view_numbers(struct plot_view *view, int field, int64_t component, const int64_t *items,
                       const uint8_t *statuses, int64_t n, double *numbers, struct sheaf_error *error);

void sheaf_view_free(struct plot_view *view);

#endif
