#include "job/csv_encoding.h"

#include <stdatomic.h>
#include <string.h>

#include "core/crew.h"
#include "core/text.h"

/* What a text in another encoding is in, as iconv calls it, or NULL: every other byte of most texts is 0 then. */
static const char *find_encoding(const char *data, size_t n_bytes) {
    if (n_bytes < 2)
        return NULL;
    if (n_bytes >= 4 && memcmp(data, "\xff\xfe\0\0", 4) == 0)
        return "utf-32";
    if (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)
        return "utf-16";
    return data[0] && !data[1] ? "utf-16le" : !data[0] && data[1] ? "utf-16be" : NULL;
}

/* What has compressed the text, or NULL. */
static const char *find_compression(const char *data, size_t n_bytes) {
    static const struct {
        const char *begin, *name;
    } known[] = {{"\x1f\x8b", "gzip"},
                 {"BZh", "bzip2"},
                 {"\xfd"
                  "7zXZ",
                  "xz"},
                 {"\x28\xb5\x2f\xfd", "zstd"},
                 {"PK\3\4", "zip"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n_bytes > strlen(known[i].begin) && memcmp(data, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].name;
    return NULL;
}

struct looking {
    const struct csv_text *text;
    size_t piece_bytes;
    _Atomic(size_t) bad; /* the first byte so far that is none of a text; the text's length where all are */
};

/* Where a character begins that is not before `at`: at most three bytes there belong to one before. */
static size_t find_character(const struct csv_text *text, size_t at) {
    const size_t most = text->n_bytes - at > 3 ? at + 3 : text->n_bytes;
    while (at < most && ((unsigned char)text->data[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void look_at_piece(void *context, int64_t k) {
    enum { STEP = 64 << 10 }; /* stays in a cache from one look to the next */
    struct looking *l = context;
    const size_t begin = (size_t)k * l->piece_bytes, left = l->text->n_bytes - begin;
    const size_t end = find_character(l->text, left > l->piece_bytes ? begin + l->piece_bytes : l->text->n_bytes);
    for (size_t at = k > 0 ? find_character(l->text, begin) : 0, next; at < end; at = next) {
        next = end - at > STEP ? find_character(l->text, at + STEP) : end;
        next = next < end ? next : end;
        const size_t valid = at + sheaf_text_valid(l->text->data + at, next - at);
        const char *nul = memchr(l->text->data + at, '\0', valid - at);
        const size_t bad = nul ? (size_t)(nul - l->text->data) : valid;
        size_t first = atomic_load(&l->bad);
        while (bad < next && bad < first && !atomic_compare_exchange_weak(&l->bad, &first, bad)) {
        }
        if (bad < next)
            return;
    }
}

/* The first byte that is none of a text in UTF-8 or NUL; or the text's length. */
static size_t find_bad(const struct csv_text *text, size_t piece_bytes) {
    struct looking looking = {.text = text, .piece_bytes = piece_bytes, .bad = text->n_bytes};
    sheaf_crew_do((int64_t)(text->n_bytes / piece_bytes + (text->n_bytes % piece_bytes != 0)), look_at_piece, &looking);
    return atomic_load(&looking.bad);
}

/* Results are read as UTF-8, where one other byte spoils a whole column. */
int sheaf_csv_check_encoding(const struct csv_text *text, size_t piece_bytes, struct sheaf_error *error) {
    const size_t bad = find_bad(text, piece_bytes);
    int64_t line = 1;
    if (bad == text->n_bytes)
        return 0;
    const char *encoding = find_encoding(text->data, text->n_bytes);
    const char *compression = find_compression(text->data, text->n_bytes);
    if (compression)
        return sheaf_refuse(error, "%s:1: is no text but compressed by %s; decompress it first, or compress it by gzip",
                            text->name, compression);
    if (encoding)
        return sheaf_refuse(error, "%s:1: is not UTF-8 text but %.6s; save it so (iconv -f %s -t utf-8)", text->name,
                            encoding, encoding);
    for (size_t i = 0; i < bad; i++)
        line += text->data[i] == '\n';
    return sheaf_csv_broken(text, line, error,
                            text->data[bad] ? "is not UTF-8 text; save it so (iconv -f latin1 -t utf-8)"
                                            : "holds a NUL byte; remove it");
}
