/* sheaf kernels: what is built in, and what a kernel reads, takes and gives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/type.h"
#include "kernel/registry.h"
#include "kernel/services.h"

static const struct sheaf_option table[] = {{0}};

static const struct cmd_usage usage = {"sheaf kernels [NAME | PATH.so:NAME]",
                                       "Lists the built-in kernels, or the fields and params of one.", 0, 1};

static void list_all(void) {
    int n;
    const struct sheaf_kernel *const *kernels = sheaf_registry_builtin(&n);
    for (int i = 0; i < n; i++)
        printf("%-12s %s\n", kernels[i]->head.name, kernels[i]->summary);
}

/* "float64[3]"; an input of width 0 takes any. */
static void print_field(const struct sheaf_field *f, bool is_input) {
    char type[64];
    snprintf(type, sizeof type, "%s", sheaf_type_name(f->type));
    size_t used = strlen(type);
    if (f->width == 0 && is_input)
        snprintf(type + used, sizeof type - used, "[any]");
    else if (f->width != 1)
        snprintf(type + used, sizeof type - used, "[%lld]", (long long)f->width);
    printf("  %-18s %-9s %-6s %s%s\n", f->name ? f->name : "(no name)", type, f->unit ? f->unit : "",
           f->long_name ? f->long_name : "", is_input && (f->flags & SHEAF_OPTIONAL) ? " (optional)" : "");
}

static void print_params(const struct sheaf_kernel *k) {
    if (k->n_params)
        printf("\nparams\n");
    for (int i = 0; i < k->n_params; i++) {
        const struct sheaf_param *p = &k->params[i];
        printf("  %-18s %-9s %-6s %s", p->name, sheaf_type_name(p->type), p->unit ? p->unit : "",
               p->help ? p->help : "");
        printf(p->initial ? " (default %s)\n" : " (must be set)%s\n", p->initial ? p->initial : "");
    }
}

/* Opens the kernel with its own defaults, as if the items had every field it reads, to learn its outputs. A kernel
   whose outputs depend on more than that may refuse; then they are not listed. */
static void print_outputs(const struct sheaf_kernel *k) {
    union sheaf_value *values = calloc((size_t)k->n_params + 1, sizeof *values);
    struct sheaf_field *inputs = calloc((size_t)k->n_inputs + 1, sizeof *inputs);
    struct sheaf_shape shape = {.struct_size = sizeof shape};
    void *self = NULL;
    bool known = values && inputs;
    for (int i = 0; known && i < k->n_params; i++) {
        const char *text = k->params[i].initial;
        known = text != NULL;
        if (known && k->params[i].type == SHEAF_FLOAT64)
            values[i].number = strtod(text, NULL);
        else if (known && k->params[i].type == SHEAF_INT64)
            values[i].integer = strtoll(text, NULL, 10);
        else if (known)
            values[i].text = text;
    }
    for (int i = 0; known && i < k->n_inputs; i++) {
        inputs[i] = k->inputs[i];
        inputs[i].width = inputs[i].width ? inputs[i].width : 1;
    }
    struct sheaf_setup setup = {.struct_size = sizeof setup,
                                .params = values,
                                .n_inputs = k->n_inputs,
                                .inputs = inputs,
                                .n_fields = k->n_inputs,
                                .fields = inputs,
                                .n_threads = 1};
    struct setup_listener nobody = {0};
    sheaf_setup_serve(&setup, &nobody);
    printf("\ngives\n");
    if (known && k->open(&setup, &shape, &self) == 0) {
        for (int i = 0; i < shape.n_outputs; i++)
            print_field(&shape.outputs[i], false);
        if (k->close)
            k->close(self);
    } else {
        printf("  (depends on the params and fields)\n");
    }
    free(values);
    free(inputs);
}

static int print_one(const char *name, struct sheaf_error *error) {
    const char *colon = strrchr(name, ':');
    char *path = colon ? strndup(name, (size_t)(colon - name)) : NULL;
    struct kernel_entry entry;
    int rc = sheaf_registry_open(&entry, path, colon ? colon + 1 : name, error);
    if (rc == 0) {
        const struct sheaf_kernel *k = &entry.table;
        printf("%s %s\n%s\n", k->head.name, k->version, k->summary ? k->summary : "");
        if (k->n_inputs)
            printf("\nreads\n");
        for (int i = 0; i < k->n_inputs; i++)
            print_field(&k->inputs[i], true);
        print_params(k);
        print_outputs(k);
    }
    sheaf_registry_close(&entry);
    free(path);
    return rc;
}

int sheaf_cmd_kernels(int argc, char **argv) {
    struct sheaf_error error = {0};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, NULL, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    if (first_word == argc)
        list_all();
    else if (print_one(argv[first_word], &error))
        return sheaf_cmd_fail(&error);
    return SHEAF_EXIT_DONE;
}
