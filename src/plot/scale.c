#include "plot/scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- ends ---------------------------------------------------------------------------------------------------------- */

static double to_even(const struct scale *scale, double value) {
    return scale->log ? log10(value) : value;
}

static double from_even(const struct scale *scale, double even) {
    return scale->log ? pow(10, even) : even;
}

static void widen(struct scale *scale, double margin) {
    double low = to_even(scale, scale->low), high = to_even(scale, scale->high);
    if (!(low < high)) { /* one value */
        const double half = scale->log ? 0.5 : low != 0 && !scale->whole ? fabs(low) / 2 : 1;
        low -= half;
        high += half;
    }
    /* halved, since their difference may be more than a double holds */
    const double more = 2 * margin * (high / 2 - low / 2);
    scale->low = from_even(scale, low - more);
    scale->high = from_even(scale, high + more);
}

void sheaf_scale_fit(struct scale *scale, const struct plot_axis *axis, const double *values, const uint8_t *marks,
                     int64_t n, double margin) {
    scale->log = axis->log;
    scale->whole = axis->whole;
    scale->low = INFINITY;
    scale->high = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (!marks || marks[i] == PLOT_VALUE) {
            scale->low = fmin(scale->low, values[i]);
            scale->high = fmax(scale->high, values[i]);
        }
    if (axis->names) {
        scale->low = -0.5;
        scale->high = (double)axis->n_names - 0.5;
    } else if (!(scale->low <= scale->high)) { /* none */
        scale->low = scale->log ? 0.1 : 0;
        scale->high = 1;
    } else {
        widen(scale, margin);
    }
}

double sheaf_scale_at(const struct scale *scale, double value) {
    const double low = to_even(scale, scale->low), high = to_even(scale, scale->high);
    const double part = (to_even(scale, value) / 2 - low / 2) / (high / 2 - low / 2);
    return scale->from + part * (scale->to - scale->from);
}

double sheaf_scale_between(const struct scale *scale, double a, double b) {
    return scale->log ? sqrt(a) * sqrt(b) : a / 2 + b / 2;
}

/* --- ticks --------------------------------------------------------------------------------------------------------- */

/* "10⁻³", "2×10⁵": of a number that is written with an exponent. */
static void write_power(double value, char *label) {
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char number[32], raised[16] = "";
    snprintf(number, sizeof number, "%.6e", value);
    char *exponent = strchr(number, 'e'), *end = exponent;
    const bool below = exponent[1] == '-';
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    exponent += 2 + strspn(exponent + 2, "0");
    for (const char *c = exponent; *c && c < exponent + 3; c++)
        strcat(raised, digits[*c - '0']);
    *end = '\0';
    const bool is_one = strcmp(number + (*number == '-'), "1") == 0;
    snprintf(label, TICK_LABEL, "%.*s%s10%s%s", is_one ? *number == '-' : (int)sizeof number, number, is_one ? "" : "×",
             below ? "⁻" : "", *raised ? raised : "⁰");
}

/* Labels with as many decimals as the step has, or as powers of ten where these are shorter. */
static void label_even(struct tick *ticks, int n, double step) {
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(ticks[i].value));
    const int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    const bool powers = most >= 1e6 || most < 1e-3;
    for (int i = 0; i < n; i++) {
        if (ticks[i].value == 0 || !powers)
            snprintf(ticks[i].label, TICK_LABEL, "%.*f", ticks[i].value == 0 && powers ? 0 : decimals, ticks[i].value);
        else
            write_power(ticks[i].value, ticks[i].label);
    }
}

/* The smallest step of 1, 2 or 5 times a power of ten that gives no more than `wanted` of them. */
static double find_step(double length, int wanted) {
    static const double steps[] = {1, 2, 5, 10};
    const double least = length / wanted, power = pow(10, floor(log10(least)));
    int k = 0;
    while (k < 3 && steps[k] * power < least * (1 - 1e-9))
        k++;
    return steps[k] * power;
}

static int even_ticks(const struct scale *scale, int wanted, struct tick *ticks) {
    double step = find_step(2 * (scale->high / 2 - scale->low / 2), wanted);
    if (scale->whole && step < 1)
        step = 1;
    const double first = ceil(scale->low / step - 1e-9), last = floor(scale->high / step + 1e-9);
    int n = 0;
    for (double k = first; k <= last && n < TICKS_MOST && isfinite(step); k++)
        ticks[n++].value = (step >= 1 ? k * step : k / round(1 / step)) + 0.0; /* no -0 */
    if (step < 1e-15)                                                          /* beyond what 1/step is exact for */
        for (int i = 0; i < n; i++)
            ticks[i].value = (first + i) * step;
    label_even(ticks, n, step);
    return n;
}

/* Whether the tick at `times` 10^power gets a label. */
static bool has_label(int times, int power, int decades, bool many) {
    const bool between = decades == 1 && !many && (times == 2 || times == 5);
    return between || (times == 1 && power % decades == 0);
}

static int log_ticks(const struct scale *scale, int wanted, struct tick *ticks) {
    const double low = log10(scale->low), high = log10(scale->high);
    const int decades = high - low > wanted ? (int)ceil((high - low) / wanted) : 1;
    const bool many = 3 * (high - low) > wanted, small = decades == 1 && high - low <= 3;
    const bool plain = scale->low >= 0.9e-3 && scale->high <= 1.1e4;
    int n = 0;
    for (int power = (int)floor(low); power <= (int)ceil(high); power++)
        for (int times = 1; times < 10; times++) {
            const double value = times * pow(10, power);
            const bool inside = value >= scale->low * (1 - 1e-9) && value <= scale->high * (1 + 1e-9);
            const bool labelled = has_label(times, power, decades, many);
            if (!inside || n == TICKS_MOST || !(labelled || small))
                continue;
            ticks[n].value = value;
            ticks[n].label[0] = '\0';
            if (labelled && plain)
                snprintf(ticks[n].label, TICK_LABEL, "%g", value);
            else if (labelled)
                write_power(value, ticks[n].label);
            n++;
        }
    return n;
}

int sheaf_scale_ticks(const struct scale *scale, int wanted, struct tick *ticks) {
    if (!scale->log)
        return even_ticks(scale, wanted, ticks);
    const int n = log_ticks(scale, wanted, ticks);
    int n_labels = 0;
    for (int i = 0; i < n; i++)
        n_labels += ticks[i].label[0] != '\0';
    return n_labels >= 2 ? n : even_ticks(scale, wanted, ticks); /* within a part of a decade */
}
