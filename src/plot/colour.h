/*
 * colour - colours of values: viridis, which is even to the eye, and also to eyes that see no red or green; and of names.
 */
#ifndef SHEAF_PLOT_COLOUR_H
#define SHEAF_PLOT_COLOUR_H

#include <stdint.h>

/* "#440154" for 0 to "#fde725" for 1, in between in straight lines from one to the next of COLOUR_ANCHORS. */
enum { COLOUR_ANCHORS = 20 };
void sheaf_colour_of(double part, char colour[8]);

/* That of the k-th of some names. */
const char *sheaf_colour_of_name(int64_t k);

#endif
