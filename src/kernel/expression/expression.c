#include "kernel/expression/expression.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/array_uses.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/type.h"
#include "job/items.h"
#include "job/keys.h"
#include "kernel/expression/compile.h"
#include "kernel/expression/draws.h"
#include "kernel/expression/formula.h"
#include "kernel/library.h"

/* Some µs of work, and 32 KB a column: a block stays in the second-level cache. */
enum { BLOCK = 4096 };

typedef void (*any_function)(void);
typedef void (*compiled)(int64_t first, int64_t n, const double *const *in, double *const *out,
                         const any_function *functions, const void *const *arrays);

/* A function of the user's own library. */
struct user_function {
    const struct yaml_node *node;
    const char *library, *symbol; /* the path; what it is called there */
    struct sheaf_library loaded;
};

struct expression {
    struct formulas formulas;
    struct user_function *users; /* [formulas.names.n_functions] */
    any_function *functions;     /* [formulas.n_used] */
    const void **arrays;         /* [formulas.n_arrays] their numbers */
    struct sheaf_field *inputs;  /* [formulas.n_inputs] */
    struct sheaf_field *outputs; /* [formulas.n_outputs] */
    const struct yaml_node *node;
    const char *compiler; /* or NULL */
    bool fast_math;
    uint64_t seed; /* of the numbers that are drawn */
    struct sheaf_library object;
    compiled compute;
    struct sheaf_arena arena;
};

/* --- places -------------------------------------------------------------------------------------------------------- */

/* "job.yaml:3:17: expression.y: …" for a byte of a formula; where its text does not stand in a file as it is,
   "job.yaml:3:14: expression.y, character 4: …". */
static int place_error(const struct yaml_node *node, const char *output, size_t at, struct sheaf_error *error) {
    size_t columns = sheaf_text_columns(node->text, at);
    struct yaml_node place = *node;
    if (node->indent < 0 || strncmp(node->file, "--", 2) == 0) {
        sheaf_error_prefix(error, "expression.%s, character %zu: ", output, columns + 1);
        return sheaf_yaml_prefix(node, error);
    }
    place.column += node->indent + (int)columns;
    sheaf_error_prefix(error, "expression.%s: ", output);
    return sheaf_yaml_prefix(&place, error);
}

/* --- names --------------------------------------------------------------------------------------------------------- */

static int list_fields(struct expression *x, const struct sheaf_field *fields, int n_fields,
                       struct sheaf_error *error) {
    struct formula_field *list = sheaf_arena_take(&x->arena, (size_t)n_fields * sizeof *list);
    if (!list)
        return sheaf_fail_memory(error, "the expression");
    for (int k = 0; k < n_fields; k++) {
        list[k].name = fields[k].name;
        if (fields[k].width != 1)
            list[k].refusal = "has several values an item; a formula takes fields with one";
    }
    x->formulas.names.n_fields = n_fields;
    x->formulas.names.fields = list;
    return 0;
}

/* The job's params, and behind them the numbers that are shared. */
static int list_params(struct expression *x, const struct job *job, const struct arrays *arrays,
                       struct sheaf_error *error) {
    int n = job->n_params;
    struct formula_param *list = sheaf_arena_take(&x->arena, ((size_t)(n + job->n_shared) + 1) * sizeof *list);
    if (!list)
        return sheaf_fail_memory(error, "the expression");
    for (int k = 0; k < job->n_params; k++) {
        const char *text = job->params[k].node->text;
        list[k].name = job->params[k].name;
        if (sheaf_text_to_double(text, strlen(text), &list[k].value))
            list[k].value = NAN; /* check_params looks at those that are used */
    }
    for (int k = 0; arrays && k < arrays->n; k++)
        if (sheaf_array_is_number(&arrays->list[k]))
            list[n++] = (struct formula_param){job->shared[k].name, job->shared[k].value};
    x->formulas.names.draws = true;
    x->formulas.names.n_params = n;
    x->formulas.names.params = list;
    x->formulas.names.arrays = arrays;
    return 0;
}

/* Where the numbers of the arrays are that formulas read; those that are params to them are looked up too. */
static int take_arrays(struct expression *x, const struct job *job, struct sheaf_error *error) {
    const struct formulas *f = &x->formulas;
    for (int k = 0; k < f->n_arrays; k++)
        sheaf_arrays_look_up(f->names.arrays, f->names.arrays->names[f->arrays[k]]);
    for (int k = 0; k < f->n_params; k++)
        if (f->params[k] >= job->n_params)
            sheaf_arrays_look_up(f->names.arrays, f->names.params[f->params[k]].name);
    x->arrays = sheaf_arena_take(&x->arena, ((size_t)f->n_arrays + 1) * sizeof *x->arrays);
    for (int k = 0; x->arrays && k < f->n_arrays; k++)
        x->arrays[k] = f->names.arrays->list[f->arrays[k]].data;
    return x->arrays ? 0 : sheaf_fail_memory(error, "the expression");
}

/* {library: ./libphys.so, arguments: 2, symbol: drag_, by_reference: true} */
static int read_function(struct job *job, const char *name, struct user_function *user,
                         struct formula_function *function, struct sheaf_error *error) {
    const struct yaml_node *node = user->node;
    char what[160];
    const char *text;
    int64_t n;
    snprintf(what, sizeof what, "functions.%.100s", name);
    if (!sheaf_text_is_name(name))
        return sheaf_yaml_refuse(node, error, "'%s' cannot name a function; it should be letters, digits and _", name);
    if (sheaf_yaml_map(node, what, error) || sheaf_job_keys_check(node, what, "functions.*", 0, error))
        return -1;
    const struct yaml_node *library = sheaf_yaml_get(node, "library"), *arguments = sheaf_yaml_get(node, "arguments");
    const struct yaml_node *symbol = sheaf_yaml_get(node, "symbol"), *refer = sheaf_yaml_get(node, "by_reference");
    if (!library || !arguments)
        return sheaf_yaml_refuse(node, error, "%s needs 'library' and 'arguments': {library: ./my.so, arguments: 2}",
                                 what);
    if (sheaf_yaml_text(library, "library", &text, error) || sheaf_yaml_count(arguments, "arguments", &n, error))
        return -1;
    if (n > FORMULA_MOST_ARGUMENTS)
        return sheaf_yaml_refuse(arguments, error, "%s takes %" PRId64 " arguments; at most %d are possible", what, n,
                                 FORMULA_MOST_ARGUMENTS);
    user->library = sheaf_job_path(job, library, text);
    user->symbol = name;
    if (symbol && sheaf_yaml_text(symbol, "symbol", &user->symbol, error))
        return -1;
    if (refer && (refer->kind != YAML_SCALAR || (strcmp(refer->text, "true") && strcmp(refer->text, "false"))))
        return sheaf_yaml_refuse(refer, error, "%s.by_reference should be true or false", what);
    *function = (struct formula_function){name, (int)n, refer && strcmp(refer->text, "true") == 0};
    return user->library ? 0 : sheaf_fail_memory(error, "a path");
}

static int list_functions(struct expression *x, struct job *job, struct sheaf_error *error) {
    int n = job->functions ? job->functions->n : 0;
    struct formula_function *list = sheaf_arena_take(&x->arena, (size_t)n * sizeof *list);
    x->users = sheaf_arena_take(&x->arena, (size_t)n * sizeof *x->users);
    if (!list || !x->users)
        return sheaf_fail_memory(error, "the expression");
    for (int k = 0; k < n; k++) {
        x->users[k].node = job->functions->value[k];
        if (read_function(job, job->functions->key[k]->text, &x->users[k], &list[k], error))
            return -1;
    }
    x->formulas.names.n_functions = n;
    x->formulas.names.functions = list;
    return 0;
}

/* --- formulas ------------------------------------------------------------------------------------------------------ */

static int read_formulas(struct expression *x, const struct job *job, struct sheaf_error *error) {
    const struct formula_names *names = &x->formulas.names;
    for (int k = 0; k < job->kernel->n; k++) {
        const struct yaml_node *key = job->kernel->key[k], *node = job->kernel->value[k];
        size_t at;
        if (sheaf_items_check_name(key->text, "expression: an output", error))
            return sheaf_yaml_prefix(key, error);
        for (int f = 0; f < names->n_fields; f++)
            if (strcmp(names->fields[f].name, key->text) == 0)
                return sheaf_yaml_refuse(key, error, "expression.%s: the items have a field '%s'; rename the output",
                                         key->text, key->text);
        if (sheaf_formulas_add(&x->formulas, key->text, node->text, strlen(node->text), &at, error))
            return place_error(node, key->text, at, error);
    }
    return 0;
}

/* Params are used, and are numbers. */
static int check_params(const struct expression *x, const struct job *job, struct sheaf_error *error) {
    for (int k = 0; k < x->formulas.n_params; k++) {
        if (x->formulas.params[k] >= job->n_params)
            continue;
        const struct job_pair *param = &job->params[x->formulas.params[k]];
        double value;
        if (param->node->quoted || sheaf_text_to_double(param->node->text, strlen(param->node->text), &value))
            return sheaf_yaml_refuse(param->node, error, "params.%s is '%s'; it should be a number", param->name,
                                     param->node->text);
    }
    for (int i = 0; i < job->n_params; i++) {
        bool used = false;
        for (int k = 0; k < x->formulas.n_params; k++)
            used = used || x->formulas.params[k] == i;
        if (!used)
            return sheaf_job_refuse_param(job, i, "no formula uses it", error);
    }
    return 0;
}

/* Fortran compilers append an underscore. */
static void *find_symbol(const struct user_function *user, bool by_reference) {
    char longer[256];
    void *address = sheaf_library_find(&user->loaded, user->symbol);
    if (!address && by_reference && strlen(user->symbol) < sizeof longer - 1) {
        snprintf(longer, sizeof longer, "%s_", user->symbol);
        address = sheaf_library_find(&user->loaded, longer);
    }
    return address;
}

static int load_functions(struct expression *x, struct sheaf_error *error) {
    const struct formulas *f = &x->formulas;
    x->functions = sheaf_arena_take(&x->arena, (size_t)f->n_used * sizeof *x->functions);
    if (!x->functions)
        return sheaf_fail_memory(error, "the expression");
    for (int k = 0; k < f->n_used; k++) {
        const struct formula_function *function = &f->names.functions[f->used[k]];
        struct user_function *user = &x->users[f->used[k]];
        if (sheaf_library_open(&user->loaded, user->library, "the library", error)) {
            sheaf_error_prefix(error, "functions.%s: ", function->name);
            return sheaf_yaml_prefix(user->node, error);
        }
        void *address = find_symbol(user, function->by_reference);
        if (!address)
            return sheaf_yaml_refuse(user->node, error, "functions.%s: %s has no function '%s'; name it with symbol: …",
                                     function->name, user->library, user->symbol);
        memcpy(&x->functions[k], &address, sizeof address);
    }
    return 0;
}

/* --- the kernel's table -------------------------------------------------------------------------------------------- */

static int expression_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const struct expression *x = *self;
    (void)setup;
    shape->n_outputs = x->formulas.n_outputs;
    shape->outputs = x->outputs;
    shape->block = BLOCK;
    shape->flags = x->formulas.uses_index || x->formulas.n_draws ? 0 : SHEAF_PURE;
    shape->scratch_bytes = sheaf_draws_bytes(&x->formulas);
    return 0;
}

static int expression_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct expression *x = self;
    const double *const *in = (const double *const *)block->in;
    double *const *out = (double *const *)block->out;
    struct draws draws;
    if (x->formulas.n_draws == 0) {
        x->compute(block->first, block->n_padded, in, out, x->functions, x->arrays);
        return 0;
    }
    sheaf_draws_begin(&draws, &x->formulas, x->seed, context->scratch);
    for (int64_t at = 0, n; at < block->n_padded; at += n) {
        n = block->n_padded - at < draws.batch ? block->n_padded - at : draws.batch;
        sheaf_draws_next(&draws, in, out, block->first, at, n);
        x->compute(block->first + at, n, draws.in, draws.out, x->functions, x->arrays);
    }
    return 0;
}

static void expression_close(void *self) {
    struct expression *x = self;
    if (!x)
        return;
    for (int k = 0; k < x->formulas.names.n_functions; k++)
        sheaf_library_close(&x->users[k].loaded);
    sheaf_library_close(&x->object);
    sheaf_formulas_free(&x->formulas);
    sheaf_arena_free(&x->arena);
    free(x);
}

static struct sheaf_field *take_fields(struct expression *x, int n) {
    struct sheaf_field *fields = sheaf_arena_take(&x->arena, (size_t)n * sizeof *fields);
    for (int k = 0; fields && k < n; k++)
        fields[k] = (struct sheaf_field){.type = SHEAF_FLOAT64, .width = 1};
    return fields;
}

static int fill_table(struct expression *x, struct sheaf_kernel *table, struct sheaf_error *error) {
    const struct formulas *f = &x->formulas;
    x->inputs = take_fields(x, f->n_inputs);
    x->outputs = take_fields(x, f->n_outputs);
    if (!x->inputs || !x->outputs)
        return sheaf_fail_memory(error, "the expression");
    for (int k = 0; k < f->n_inputs; k++)
        x->inputs[k].name = f->names.fields[f->inputs[k]].name;
    for (int k = 0; k < f->n_outputs; k++)
        x->outputs[k].name = f->outputs[k];
    table->n_inputs = f->n_inputs;
    table->inputs = x->inputs;
    return 0;
}

/* The compiler as the job has it: a name, or a path. */
static int take_compiler(struct expression *x, struct job *job, struct sheaf_error *error) {
    x->compiler = job->compiler;
    if (x->compiler && strchr(x->compiler, '/'))
        x->compiler = sheaf_job_path(job, sheaf_yaml_get(job->document.root, "compiler"), x->compiler);
    return job->compiler && !x->compiler ? sheaf_fail_memory(error, "a path") : 0;
}

/* What is computed, a line each. */
static int identify(const struct expression *x, struct sheaf_string *identity, struct sheaf_error *error) {
    const struct formulas *f = &x->formulas;
    char hash[SHEAF_HASH_BYTES], number[32];
    for (int k = 0; k < f->n_params; k++) {
        const struct formula_param *param = &f->names.params[f->params[k]];
        sheaf_string_add(identity, "param %s: %s\n", param->name, sheaf_text_double(param->value, number));
    }
    for (int k = 0; k < f->n_arrays; k++) { /* of one number, whose hash nobody takes: it may be a param too */
        const struct sheaf_array *array = &f->names.arrays->list[f->arrays[k]];
        if (sheaf_array_is_number(array))
            sheaf_string_add(
                identity, "array %s: %s\n", f->names.arrays->names[f->arrays[k]],
                sheaf_text_double(sheaf_type_to_double((enum sheaf_type)array->type, array->data), number));
    }
    for (int k = 0; k < f->n_outputs; k++) {
        sheaf_string_add(identity, "formula %s: ", f->outputs[k]);
        sheaf_formulas_print(f, k, identity);
        sheaf_string_add(identity, "\n");
    }
    for (int k = 0; k < f->n_used; k++) {
        const struct formula_function *function = &f->names.functions[f->used[k]];
        const struct user_function *user = &x->users[f->used[k]];
        if (sheaf_hash_file(user->library, hash, error))
            return -1;
        sheaf_string_add(identity, "function %s: %s%s of library %s\n", function->name, user->symbol,
                         function->by_reference ? " by reference" : "", hash);
    }
    if (x->fast_math)
        sheaf_string_add(identity, "fast_math: true\n");
    return identity->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

int sheaf_expression_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                          const struct arrays *arrays, struct sheaf_string *identity, struct sheaf_error *error) {
    struct expression *x = calloc(1, sizeof *x);
    if (!x)
        return sheaf_fail_memory(error, "the expression");
    *entry = (struct kernel_entry){.made = x};
    entry->table = (struct sheaf_kernel){
        .head = SHEAF_KERNEL(expression),
        .version = "1",
        .summary = "the formulas of a job",
        .open = expression_open,
        .close = expression_close,
        .map = expression_map,
    };
    x->node = job->kernel;
    x->fast_math = job->fast_math;
    x->seed = (uint64_t)job->seed;
    if (list_fields(x, fields, n_fields, error) || list_params(x, job, arrays, error) ||
        list_functions(x, job, error) || take_compiler(x, job, error) || read_formulas(x, job, error) ||
        check_params(x, job, error) || load_functions(x, error) || take_arrays(x, job, error) ||
        fill_table(x, &entry->table, error))
        return -1;
    return identify(x, identity, error);
}

int sheaf_expression_compile(const struct kernel_entry *entry, struct server *server, int64_t level,
                             struct sheaf_buffer *object, struct sheaf_error *error) {
    const struct expression *x = entry->made;
    struct sheaf_string source = {0};
    sheaf_formulas_write_c(&x->formulas, &source);
    struct compile_request request = {server, x->compiler, source.data, level, x->fast_math};
    int rc = source.failed ? sheaf_fail_memory(error, "the expression") : sheaf_compile(&request, object, error);
    sheaf_string_free(&source);
    return rc ? sheaf_yaml_prefix(x->node, error) : 0;
}

int sheaf_expression_load(struct kernel_entry *entry, const struct sheaf_buffer *object, struct sheaf_error *error) {
    struct expression *x = entry->made;
    if (sheaf_library_load(&x->object, object, "the compiled expression", error))
        return -1;
    void *address = sheaf_library_find(&x->object, "sheaf_expression");
    if (!address)
        return sheaf_fail(error, "the compiled expression has no function; the compiler made something else");
    memcpy(&x->compute, &address, sizeof address);
    return 0;
}
