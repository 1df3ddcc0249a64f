#include "plot/colour.h"

#include <math.h>
#include <stdio.h>

/* viridis (Smith and van der Walt, CC0), evenly spaced */
static const uint32_t viridis[COLOUR_ANCHORS] = {0x440154, 0x481568, 0x482677, 0x453781, 0x3f4788, 0x39558c, 0x32648e,
                                                 0x2d718e, 0x287d8e, 0x238a8d, 0x1f968b, 0x20a386, 0x29af7f, 0x3cbc75,
                                                 0x56c667, 0x74d055, 0x94d840, 0xb8de29, 0xdce318, 0xfde725};

void sheaf_colour_of(double part, char colour[8]) {
    const double at = fmin(fmax(part, 0), 1) * (COLOUR_ANCHORS - 1);
    const int k = at < COLOUR_ANCHORS - 1 ? (int)at : COLOUR_ANCHORS - 2;
    unsigned mixed = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        const double a = viridis[k] >> shift & 0xff, b = viridis[k + 1] >> shift & 0xff;
        mixed = mixed << 8 | (unsigned)lround(a + (at - k) * (b - a));
    }
    snprintf(colour, 8, "#%06x", mixed & 0xffffff);
}

/* Okabe and Ito's, which differ for all eyes. */
const char *sheaf_colour_of_name(int64_t k) {
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#56b4e9", "#000000", "#8c8c2a"};
    return colours[k % 8];
}
