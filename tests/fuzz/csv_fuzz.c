/*
 * csv_fuzz - CSV files and plain lines, as bytes that anybody may have written.
 *
 * Each input is opened as both, and as a table that the job says more of. Besides: a refusal names a line of the file;
 * what is opened keeps the bounds that it promises; pieces, in any order, are the same as the whole; each column can be
 * read as each type, or is refused, as an independent reading of its texts says; none is stored as floats that would
 * lose digits of whole numbers; the table written anew, every cell in quotes, is the same table.
 */
#include <ctype.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "core/text.h"
#include "core/type.h"
#include "job/csv.h"

/* Every column is opened anew for every type, so only the first and the last are looked at in a wide table. */
enum { MOST_CONVERTED = 8, N_TYPES = 6 };

static const enum sheaf_type types[N_TYPES] = {SHEAF_TEXT,  SHEAF_FLOAT64, SHEAF_FLOAT32,
                                               SHEAF_INT64, SHEAF_INT32,   SHEAF_UINT8};

/* A file that is nowhere: writing it again replaces it. */
struct file {
    int fd;
    char path[32];
    const char *text;
    size_t length;
};

static void write_file(struct file *file, const char *text, size_t length) {
    if (!file->path[0]) {
        file->fd = memfd_create("fuzz", MFD_CLOEXEC);
        claim(file->fd >= 0, "no memory");
        snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    }
    claim(ftruncate(file->fd, 0) == 0 && pwrite(file->fd, text, length, 0) == (ssize_t)length, "no memory");
    file->text = text;
    file->length = length;
}

/* The sanitizer does not know where a mapped file ends. While it is scanned there is a page that must not be touched;
   new mappings usually come to lie below the last one, so a byte read behind a file of whole pages is seen. */
static int open_items(struct items *items, const struct file *file, const struct job_table *how,
                      struct sheaf_error *error) {
    void *guard = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    claim(guard != MAP_FAILED, "no memory");
    *items = (struct items){.name = file->path};
    int rc = how ? sheaf_csv_open(items, how, error) : sheaf_lines_open(items, error);
    munmap(guard, 1);
    return rc;
}

/* --- all values, as texts ------------------------------------------------------------------------------------------ */

struct table {
    int64_t n_items;
    int n_fields;
    char **names;            /* [n_fields] */
    enum sheaf_type *types;  /* [n_fields] as found */
    struct sheaf_text *cell; /* [n_fields][n_items] */
};

static void *make(size_t n, size_t n_bytes) {
    void *memory = calloc(n ? n : 1, n_bytes);
    claim(memory, "no memory");
    return memory;
}

static struct sheaf_text copy_text(const struct sheaf_text *text) {
    struct sheaf_text copy = {make(text->length, 1), text->length};
    if (text->length)
        memcpy((char *)(uintptr_t)copy.data, text->data, text->length);
    return copy;
}

static bool same_text(const struct sheaf_text *a, const struct sheaf_text *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Reads items first … first + n - 1 of one field. The memory has room for just these, so a value too many is seen. */
static void *read_field(struct items *items, int field, enum sheaf_type type, int64_t first, int64_t n,
                        struct sheaf_arena *arena) {
    struct sheaf_error error = {0};
    void **columns = make((size_t)items->n_fields, sizeof *columns);
    enum sheaf_type *as = make((size_t)items->n_fields, sizeof *as);
    void *values = make((size_t)n, sheaf_type_bytes(type));
    columns[field] = values;
    as[field] = type;
    claim(sheaf_items_read_as(items, first, n, columns, as, arena, &error) == 0, "items %lld + %lld: %s",
          (long long)first, (long long)n, error.text);
    free(columns);
    free(as);
    return values;
}

static void check_bounds(const struct table *table, const struct items *items, size_t length) {
    size_t all = 0;
    for (int64_t i = 0; i < table->n_items; i++) {
        size_t sum = 0;
        for (int k = 0; k < table->n_fields; k++) {
            const struct sheaf_text *cell = &table->cell[(int64_t)k * table->n_items + i];
            claim(is_utf8(cell->data, cell->length), "item %lld, field %d is not UTF-8", (long long)i, k);
            claim(!memchr(cell->data, '\0', cell->length), "item %lld, field %d has a NUL", (long long)i, k);
            sum += cell->length;
        }
        claim(sum <= items->most_text_bytes, "item %lld has %zu bytes, not %zu at most", (long long)i, sum,
              items->most_text_bytes);
        all += sum;
    }
    claim(all <= items->all_text_bytes && all <= length, "%zu bytes, not %zu", all, items->all_text_bytes);
}

/* Everything as texts, read at once, all columns together. */
static void read_table(struct table *table, struct items *items, size_t length) {
    struct sheaf_error error = {0};
    struct sheaf_arena arena = {0};
    size_t n = (size_t)items->n_items, n_fields = (size_t)items->n_fields;
    void **columns = make(n_fields, sizeof *columns);
    enum sheaf_type *as = make(n_fields, sizeof *as);
    claim(items->n_items >= 0 && n <= length + 1 && items->n_fields >= 1, "%lld items, %d fields",
          (long long)items->n_items, items->n_fields);
    *table = (struct table){.n_items = items->n_items, .n_fields = items->n_fields};
    table->names = make(n_fields, sizeof *table->names);
    table->types = make(n_fields, sizeof *table->types);
    table->cell = make(n * n_fields, sizeof *table->cell);
    for (int k = 0; k < table->n_fields; k++) {
        table->names[k] = strdup(items->fields[k].name);
        table->types[k] = items->fields[k].type;
        claim(sheaf_items_find(items->fields, items->n_fields, table->names[k]) == k, "'%s' twice", table->names[k]);
        claim(sheaf_items_check(items, k, SHEAF_TEXT, &error) == 0, "%s", error.text);
        columns[k] = make(n, sizeof *table->cell);
        as[k] = SHEAF_TEXT;
    }
    claim(sheaf_items_read_as(items, 0, items->n_items, columns, as, &arena, &error) == 0, "%s", error.text);
    for (size_t k = 0; k < n_fields; k++) {
        for (size_t i = 0; i < n; i++)
            table->cell[k * n + i] = copy_text((struct sheaf_text *)columns[k] + i);
        free(columns[k]);
    }
    free(columns);
    free(as);
    sheaf_arena_free(&arena);
    check_bounds(table, items, length);
}

static void free_table(struct table *table) {
    for (int k = 0; k < table->n_fields; k++)
        free(table->names[k]);
    for (int64_t i = 0; i < table->n_fields * table->n_items; i++)
        free((char *)(uintptr_t)table->cell[i].data);
    free(table->names);
    free(table->types);
    free(table->cell);
}

/* --- claims about a table ------------------------------------------------------------------------------------------ */

/* Pieces of sizes and in an order that only depend on the table. */
static void check_pieces(const struct table *table, struct items *items) {
    uint32_t state = 2654435761U * (uint32_t)(table->n_items + 1);
    for (int turn = 0; turn < 8 && table->n_items; turn++) {
        struct sheaf_arena arena = {0};
        state = state * 1664525U + 1013904223U;
        int64_t first = (state >> 8) % table->n_items;
        int64_t n = turn % 2 ? 1 : (state >> 4) % (table->n_items - first + 1);
        int field = (int)((state >> 16) % (uint32_t)table->n_fields);
        struct sheaf_text *got = read_field(items, field, SHEAF_TEXT, first, n, &arena);
        for (int64_t i = 0; i < n; i++)
            claim(same_text(&got[i], &table->cell[field * table->n_items + first + i]),
                  "item %lld, field %d is another text in a piece of %lld items", (long long)(first + i), field,
                  (long long)n);
        free(got);
        sheaf_arena_free(&arena);
    }
}

static bool is_empty(const struct sheaf_text *cell) {
    for (size_t i = 0; i < cell->length; i++)
        if (!isspace((unsigned char)cell->data[i]))
            return false;
    return true;
}

/* Without the blanks around it, terminated. */
static char *bare_text(const struct sheaf_text *cell) {
    size_t from = 0, end = cell->length;
    while (from < end && isspace((unsigned char)cell->data[from]))
        from++;
    while (end > from && isspace((unsigned char)cell->data[end - 1]))
        end--;
    return strndup(cell->data + from, end - from);
}

/* What says that there is no value, besides nothing at all; "-999" is the job's own. */
static bool is_missing(const struct sheaf_text *cell, const struct job_table *how) {
    static const char list[] = "|NA|N/A|n/a|<NA>|#N/A|#NA|NULL|null|None|-1.#IND|1.#IND|-1.#QNAN|1.#QNAN|#N/A N/A|";
    char *text = bare_text(cell), *with = NULL, *end;
    claim(asprintf(&with, "|%s|", text) >= 0, "no memory");
    bool missing = is_empty(cell) || (!strchr(text, '|') && strstr(list, with)) ||
                   (how && how->n_missing && strtod(text, &end) == -999 && !*end);
    free(text);
    free(with);
    return missing;
}

/* What the text means by strtod alone. */
static double meaning(const struct sheaf_text *cell, const struct job_table *how) {
    char *text = bare_text(cell);
    double value = is_missing(cell, how) ? NAN : strtod(text, NULL);
    free(text);
    return value;
}

/* Only digits and a sign, so that strtoll reads all of it. */
static bool is_whole(const struct sheaf_text *cell, long long *value) {
    char *text = bare_text(cell), *digits = text + (*text == '-'), *end;
    bool whole = *digits && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) <= 18;
    *value = strtoll(text, &end, 10);
    free(text);
    return whole;
}

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void check_values(const struct table *table, const struct job_table *how, int field, enum sheaf_type type,
                         const void *values) {
    for (int64_t i = 0; i < table->n_items; i++) {
        const struct sheaf_text *cell = &table->cell[field * table->n_items + i];
        const char *value = (const char *)values + (size_t)i * sheaf_type_bytes(type);
        double got = sheaf_type_to_double(type, value);
        long long whole;
        if (type == SHEAF_TEXT) {
            claim(same_text((const struct sheaf_text *)values + i, cell), "item %lld", (long long)i);
        } else if (type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32) {
            double wanted = meaning(cell, how);
            claim(same_number(got, type == SHEAF_FLOAT32 ? (double)(float)wanted : wanted),
                  "item %lld: '%.*s' is %.17g", (long long)i, (int)cell->length, cell->data, got);
        } else {
            claim(!is_missing(cell, how), "item %lld: a whole number from nothing", (long long)i);
            if (is_whole(cell, &whole))
                claim((type == SHEAF_INT64 ? *(const int64_t *)value : (int64_t)got) == whole, "item %lld: %lld is %g",
                      (long long)i, whole, got);
        }
    }
}

/* A column that was refused: the message names a line, the column, and an item. */
static void check_refused_column(const struct sheaf_error *error, const struct file *file, const struct table *table,
                                 int field, bool plain) {
    check_message(error);
    claim(strncmp(error->text, file->path, strlen(file->path)) == 0, "no file: %s", error->text);
    claim(strstr(error->text, table->names[field]), "no column: %s", error->text);
    if (plain)
        return;
    check_place(error, file->path, file->text, file->length, false);
    const char *item = strstr(error->text, "(item ");
    claim(item, "no item: %s", error->text);
    long long i = strtoll(item + 6, NULL, 10);
    claim(i >= 0 && i < table->n_items, "of %lld items: %s", (long long)table->n_items, error->text);
}

/* Fills values or returns NULL where the column is refused. */
static void *convert(const struct file *file, const struct job_table *how, const struct table *table, int field,
                     enum sheaf_type type) {
    struct items items;
    struct sheaf_error error = {0};
    struct sheaf_arena arena = {0};
    void *values = NULL;
    claim(open_items(&items, file, how, &error) == 0, "%s", error.text);
    if (sheaf_items_check(&items, field, type, &error)) {
        check_refused_column(&error, file, table, field, !how);
    } else {
        values = read_field(&items, field, type, 0, items.n_items, &arena);
        check_values(table, how, field, type, values);
    }
    sheaf_items_close(&items);
    sheaf_arena_free(&arena);
    return values;
}

/* No whole number is another one as a float. */
static void check_digits(const struct table *table, int field) {
    for (int64_t i = 0; table->types[field] == SHEAF_FLOAT64 && i < table->n_items; i++) {
        const struct sheaf_text *cell = &table->cell[field * table->n_items + i];
        long long whole;
        if (is_whole(cell, &whole))
            claim((long long)(double)whole == whole, "item %lld: %lld is stored as a float", (long long)i, whole);
    }
}

static void check_types(const struct file *file, const struct job_table *how, const struct table *table, int field) {
    void *values[N_TYPES];
    for (int t = 0; t < N_TYPES; t++) {
        values[t] = convert(file, how, table, field, types[t]);
        claim(values[t] || types[t] != table->types[field], "a column is not of the type that was found");
    }
    const void *text = values[0], *float64 = values[1], *float32 = values[2], *int64 = values[3];
    claim(text && !float64 == !float32, "a column is one float but not another");
    claim(!int64 || float64 || !how, "whole numbers that are no numbers");
    bool fits32 = int64, fits8 = int64;
    for (int64_t i = 0; int64 && i < table->n_items; i++) {
        int64_t value = ((const int64_t *)int64)[i];
        fits32 = fits32 && value >= INT32_MIN && value <= INT32_MAX;
        fits8 = fits8 && value >= 0 && value <= UINT8_MAX;
    }
    claim(fits32 == (values[4] != NULL), "field %d: 32 bits", field);
    claim(fits8 == (values[5] != NULL), "field %d: 8 bits", field);
    for (int t = 0; t < N_TYPES; t++)
        free(values[t]);
}

/* --- the same table, written otherwise ----------------------------------------------------------------------------- */

static void write_cell(FILE *out, const char *text, size_t length, bool plain) {
    if (plain) {
        fwrite(text, 1, length, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < length; i++)
        fprintf(out, text[i] == '"' ? "\"\"" : "%c", text[i]);
    fputc('"', out);
}

/* A byte order mark, all cells quoted, DOS line ends: the same table for every reader of RFC 4180. */
static char *write_table(const struct table *table, bool plain, size_t *length) {
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    claim(out, "no memory");
    fputs("\xef\xbb\xbf", out);
    for (int64_t i = plain ? 0 : -1; i < table->n_items; i++) {
        for (int k = 0; k < table->n_fields; k++) {
            const struct sheaf_text *cell = i < 0 ? NULL : &table->cell[k * table->n_items + i];
            if (k)
                fputc(',', out);
            write_cell(out, cell ? cell->data : table->names[k], cell ? cell->length : strlen(table->names[k]), plain);
        }
        fputs("\r\n", out);
    }
    fclose(out);
    return text;
}

static void check_round_trip(const struct table *table, const struct job_table *how) {
    static struct file file;
    struct job_table as_found = {0};
    struct table again;
    struct items items;
    struct sheaf_error error = {0};
    size_t length;
    char *text = write_table(table, !how, &length);
    write_file(&file, text, length);
    if (how) {
        as_found = *how;
        as_found.separator = as_found.comment = 0;
    }
    claim(open_items(&items, &file, how ? &as_found : NULL, &error) == 0, "%s\n%s", error.text, text);
    read_table(&again, &items, length);
    claim(again.n_items == table->n_items && again.n_fields == table->n_fields, "%lld items of %d fields became\n%s",
          (long long)table->n_items, table->n_fields, text);
    for (int k = 0; k < table->n_fields; k++)
        claim(strcmp(again.names[k], table->names[k]) == 0 && again.types[k] == table->types[k],
              "field %d: '%s' of type %d became '%s', %d", k, table->names[k], (int)table->types[k], again.names[k],
              (int)again.types[k]);
    for (int64_t i = 0; i < table->n_fields * table->n_items; i++)
        claim(same_text(&again.cell[i], &table->cell[i]), "cell %lld became another one in\n%s", (long long)i, text);
    sheaf_items_close(&items);
    free_table(&again);
    free(text);
}

/* --- an input ------------------------------------------------------------------------------------------------------ */

static void check_file(const struct file *file, const struct job_table *how) {
    struct items items;
    struct table table;
    struct sheaf_error error = {0};
    const bool is_gzip = file->length > 1 && memcmp(file->text, "\x1f\x8b", 2) == 0; /* of which a line says nothing */
    const int rc = open_items(&items, file, how, &error);
    if (rc)
        check_message(&error);
    if (rc && !is_gzip)
        check_place(&error, file->path, file->text, file->length, false);
    if (rc || is_gzip) {
        sheaf_items_close(&items);
        return;
    }
    claim(items.identity.data && !items.identity.failed, "no identity");
    read_table(&table, &items, file->length);
    check_pieces(&table, &items);
    sheaf_items_close(&items);
    for (int k = 0; k < table.n_fields; k++)
        if (k < MOST_CONVERTED || k + 1 == table.n_fields)
            check_types(file, how, &table, k);
    for (int k = 0; k < table.n_fields; k++)
        check_digits(&table, k);
    check_round_trip(&table, how);
    free_table(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *missing[] = {"-999"};
    static double numbers[] = {-999};
    static const struct job_table nothing = {0},
                                  said[] = {{.separator = ';', .comment = '#'},
                                            {.separator = '\t',
                                             .n_missing = 1,
                                             .missing = missing,
                                             .missing_number = numbers},
                                            {.separator = JOB_BLANKS, .comment = '#'},
                                            {.n_missing = 1, .missing = missing, .missing_number = numbers}};
    static struct file file;
    write_file(&file, (const char *)data, size);
    check_file(&file, &nothing);
    check_file(&file, &said[size % 4]);
    check_file(&file, NULL);
    return 0;
}
