#include "report/width.h"

#include <limits.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

/* One character, and how many columns it takes. */
static size_t next_character(const char *text, size_t length, int *columns) {
    wchar_t character = 0;
    mbstate_t state = {0};
    size_t n_bytes = (unsigned char)*text < 0x80 ? 1 : mbrtowc(&character, text, length, &state);
    *columns = 1;
    if (n_bytes == 0 || n_bytes > length) /* not UTF-8 */
        return 1;
    if ((unsigned char)*text >= 0x80) {
        const int wide = wcwidth(character);
        *columns = wide >= 0 ? wide : 1;
    }
    return n_bytes;
}

static size_t walk(const char *text, int most_columns, int *columns) {
    const size_t length = strlen(text);
    size_t n_bytes = 0;
    *columns = 0;
    while (n_bytes < length) {
        int wide;
        const size_t n = next_character(text + n_bytes, length - n_bytes, &wide);
        if (*columns + wide > most_columns)
            break;
        *columns += wide;
        n_bytes += n;
    }
    return n_bytes;
}

static size_t walk_as_utf8(const char *text, int most_columns, int *columns) {
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    const size_t n_bytes = walk(text, most_columns, columns);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return n_bytes;
}

static size_t look(const char *text, int most_columns, int *columns) {
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p >= 0x80)
            return walk_as_utf8(text, most_columns, columns);
    return walk(text, most_columns, columns);
}

int sheaf_width_of(const char *text) {
    int columns;
    look(text, INT_MAX - 2, &columns);
    return columns;
}

size_t sheaf_width_cut(const char *text, int n_columns, int *used) {
    return look(text, n_columns, used);
}
