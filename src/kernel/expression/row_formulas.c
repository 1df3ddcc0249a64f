#include "kernel/expression/row_formulas.h"

#include <string.h>

#include "core/type.h"
#include "kernel/expression/compile.h"

enum { PADDING = 16 /* of the compiled function */ };

static int64_t pad(int64_t n) {
    return (n + PADDING - 1) / PADDING * PADDING;
}

int sheaf_row_formulas_list(struct row_formulas *rows, const struct sheaf_field *const *fields, int n_fields,
                            struct sheaf_error *error) {
    struct formula_field *list = sheaf_arena_take(&rows->arena, ((size_t)n_fields + 1) * sizeof *list);
    if (!list)
        return sheaf_fail_memory(error, "the formulas");
    for (int k = 0; k < n_fields; k++) {
        list[k].name = fields[k]->name;
        list[k].refusal = fields[k]->width != 1           ? "has several values an item; this takes fields with one"
                          : fields[k]->type == SHEAF_TEXT ? "holds text; this takes numbers"
                                                          : NULL;
    }
    rows->formulas.names = (struct formula_names){.n_fields = n_fields, .fields = list};
    return 0;
}

int sheaf_row_formulas_add(struct row_formulas *rows, const struct yaml_node *node, const char *what,
                           struct sheaf_error *error) {
    const char *text;
    size_t at = 0;
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    if (sheaf_formulas_add(&rows->formulas, what, text, strlen(text), &at, error) == 0)
        return 0;
    sheaf_error_prefix(error, "%s, character %zu: ", what, sheaf_text_columns(text, at) + 1);
    return sheaf_yaml_prefix(node, error);
}

int sheaf_row_formulas_load(struct row_formulas *rows, const struct sheaf_buffer *bytes, const char *what,
                            struct sheaf_error *error) {
    if (sheaf_library_load(&rows->object, bytes, what, error))
        return -1;
    void *address = sheaf_library_find(&rows->object, "sheaf_expression");
    if (!address)
        return sheaf_fail(error, "%s has no function; the compiler made something else", what);
    memcpy(&rows->compute, &address, sizeof address);
    return 0;
}

int sheaf_row_formulas_compile(struct row_formulas *rows, const struct job *job, struct server *server, int64_t level,
                               const char *what, struct sheaf_error *error) {
    struct sheaf_string source = {0};
    sheaf_formulas_write_c(&rows->formulas, &source);
    const struct compile_request request = {server, job->compiler, source.data, level, false};
    int rc = source.failed ? sheaf_fail_memory(error, what) : sheaf_compile(&request, &rows->bytes, error);
    if (rc == 0)
        rc = sheaf_row_formulas_load(rows, &rows->bytes, what, error);
    sheaf_string_free(&source);
    return rc;
}

/* Aligned room for [n_columns][n] doubles, and who points to it. */
static double **make_columns(int n_columns, int64_t n, struct sheaf_arena *arena) {
    const size_t n_bytes = (size_t)n * sizeof(double);
    char *room = sheaf_arena_take(arena, (size_t)n_columns * n_bytes + SHEAF_ALIGN);
    double **columns = sheaf_arena_take(arena, ((size_t)n_columns + 1) * sizeof *columns);
    if (!room || !columns)
        return NULL;
    char *at = room + (SHEAF_ALIGN - (uintptr_t)room % SHEAF_ALIGN) % SHEAF_ALIGN;
    for (int k = 0; k < n_columns; k++, at += n_bytes)
        columns[k] = (double *)(void *)at;
    return columns;
}

int sheaf_row_formulas_columns(const struct row_formulas *rows, int64_t n, double ***in, double ***out,
                               struct sheaf_arena *arena) {
    *in = make_columns(rows->formulas.n_inputs, pad(n), arena);
    *out = make_columns(rows->formulas.n_outputs, pad(n), arena);
    return *in && *out ? 0 : -1;
}

void sheaf_row_formulas_compute(const struct row_formulas *rows, int64_t first, int64_t n, double *const *in,
                                double *const *out) {
    rows->compute(first, pad(n), (const double *const *)in, out, NULL, NULL);
}

void sheaf_row_formulas_close(struct row_formulas *rows) {
    sheaf_library_close(&rows->object);
    sheaf_buffer_free(&rows->bytes);
    sheaf_formulas_free(&rows->formulas);
    sheaf_arena_free(&rows->arena);
}
