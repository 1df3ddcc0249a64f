#include "plot/svg.h"

#include <math.h>
#include <string.h>

#include "core/text.h"

void sheaf_svg_begin(FILE *out, double width, double height) {
    fprintf(out,
            "<?xml version='1.0' encoding='UTF-8'?>\n"
            "<svg xmlns='http://www.w3.org/2000/svg' width='%g' height='%g' viewBox='0 0 %g %g'"
            " font-family='Helvetica, Arial, \"DejaVu Sans\", sans-serif' font-size='12' fill='#222'>\n"
            "<defs>\n"
            "<pattern id='pending' width='6' height='6' patternUnits='userSpaceOnUse'>"
            "<rect width='6' height='6' fill='#eee'/>"
            "<path d='M-1 1l2-2M0 6l6-6M5 7l2-2' stroke='#999' stroke-width='1'/></pattern>\n",
            width, height, width, height);
    fprintf(out, "</defs>\n<rect width='%g' height='%g' fill='#fff'/>\n", width, height);
}

void sheaf_svg_end(FILE *out) {
    fprintf(out, "</svg>\n");
}

void sheaf_svg_number(FILE *out, double value) {
    char text[64];
    int n = snprintf(text, sizeof text, "%.2f", fabs(value) < 0.005 ? 0 : value);
    while (text[n - 1] == '0')
        n--;
    n -= text[n - 1] == '.';
    fwrite(text, 1, (size_t)n, out);
}

void sheaf_svg_point(FILE *out, double x, double y) {
    sheaf_svg_number(out, x);
    fputc(' ', out);
    sheaf_svg_number(out, y);
}

void sheaf_svg_attribute(FILE *out, const char *name, double value) {
    fprintf(out, " %s='", name);
    sheaf_svg_number(out, value);
    fputc('\'', out);
}

/* XML has no way to write most control characters. */
void sheaf_svg_escaped(FILE *out, const char *text) {
    const size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        const size_t n = sheaf_text_valid(text + i, length - i);
        for (const char *c = text + i; c < text + i + n; c++)
            switch (*c) {
            case '&':
                fputs("&amp;", out);
                break;
            case '<':
                fputs("&lt;", out);
                break;
            case '>':
                fputs("&gt;", out);
                break;
            default:
                fputc((unsigned char)*c < ' ' ? ' ' : *c, out);
            }
        i += n;
        if (i < length) {
            fputc('?', out);
            i++;
        }
    }
}

void sheaf_svg_text(FILE *out, double x, double y, enum svg_anchor anchor, double turn, const char *style,
                    const char *text) {
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(out, "<text");
    sheaf_svg_attribute(out, "x", x);
    sheaf_svg_attribute(out, "y", y);
    if (anchor != SVG_START)
        fprintf(out, " text-anchor='%s'", anchors[anchor]);
    if (turn != 0) {
        fprintf(out, " transform='rotate(%g ", turn);
        sheaf_svg_point(out, x, y);
        fprintf(out, ")'");
    }
    fprintf(out, "%s%s>", *style ? " " : "", style);
    sheaf_svg_escaped(out, text);
    fprintf(out, "</text>\n");
}

void sheaf_svg_line(FILE *out, double x1, double y1, double x2, double y2, const char *style) {
    fprintf(out, "<line");
    sheaf_svg_attribute(out, "x1", x1);
    sheaf_svg_attribute(out, "y1", y1);
    sheaf_svg_attribute(out, "x2", x2);
    sheaf_svg_attribute(out, "y2", y2);
    fprintf(out, "%s%s/>\n", *style ? " " : "", style);
}

void sheaf_svg_rect(FILE *out, double x, double y, double width, double height, const char *style) {
    fprintf(out, "<rect");
    sheaf_svg_attribute(out, "x", x);
    sheaf_svg_attribute(out, "y", y);
    sheaf_svg_attribute(out, "width", width);
    sheaf_svg_attribute(out, "height", height);
    fprintf(out, "%s%s/>\n", *style ? " " : "", style);
}

void sheaf_svg_circle(FILE *out, double x, double y, double radius, const char *style) {
    fprintf(out, "<circle");
    sheaf_svg_attribute(out, "cx", x);
    sheaf_svg_attribute(out, "cy", y);
    sheaf_svg_attribute(out, "r", radius);
    fprintf(out, "%s%s/>\n", *style ? " " : "", style);
}

void sheaf_svg_cross(FILE *out, double x, double y, double radius) {
    fputc('M', out);
    sheaf_svg_point(out, x - radius, y - radius);
    fputc('L', out);
    sheaf_svg_point(out, x + radius, y + radius);
    fputc('M', out);
    sheaf_svg_point(out, x - radius, y + radius);
    fputc('L', out);
    sheaf_svg_point(out, x + radius, y - radius);
}

double sheaf_svg_width(const char *text, double font_size) {
    return 0.56 * font_size * (double)sheaf_text_columns(text, strlen(text));
}
