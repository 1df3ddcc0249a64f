/*
 * job_fuzz - job files and --set, as bytes that anybody may have written.
 *
 * An input is a job file; lines "--set PATH=VALUE" at its end (from the first line that begins so) are overrides.
 * Besides: whatever is refused has a message with its place; what is read is complete and in range; the tree of a
 * text, written in another form of YAML, is read as the same tree; an override changes what it names and nothing else.
 */
#include <math.h>

#include "fuzz.h"

#include "core/text.h"
#include "job/job.h"
#include "job/yaml.h"

static const char name[] = "fuzz.yaml";
enum { MOST_OVERRIDES = 4, MOST_ROUND_TRIP = 1 << 16 };

/* --- trees --------------------------------------------------------------------------------------------------------- */

/* A text in double quotes, everything but plain ASCII escaped. */
static void write_text(struct sheaf_string *out, const char *text) {
    sheaf_string_add(out, "\"");
    for (size_t n, left = strlen(text); left; text += n, left -= n) {
        n = character_bytes(text, left);
        claim(n > 0, "a scalar is not UTF-8");
        unsigned code = (unsigned char)*text & (n == 1 ? 0x7fU : 0x7fU >> n);
        for (size_t i = 1; i < n; i++)
            code = code << 6 | ((unsigned char)text[i] & 0x3fU);
        if (code >= 0x20 && code < 0x7f && code != '"' && code != '\\')
            sheaf_string_add(out, "%c", (char)code);
        else
            sheaf_string_add(out, "\\U%08X", code);
    }
    sheaf_string_add(out, "\"");
}

/* The tree in YAML's flow style, without aliases; also checks that it is one. */
static void write_tree(struct sheaf_string *out, const struct yaml_node *node, int depth) {
    claim(depth < 100, "a tree without end");
    claim(node->file, "a node without a file");
    if (node->kind == YAML_SCALAR) {
        claim(node->text, "a scalar without a text");
        write_text(out, node->text);
        return;
    }
    claim(node->kind == YAML_LIST || node->kind == YAML_MAP, "kind %d", (int)node->kind);
    sheaf_string_add(out, node->kind == YAML_MAP ? "{" : "[");
    for (int i = 0; i < node->n && out->length < MOST_ROUND_TRIP; i++) {
        if (node->kind == YAML_MAP) {
            claim(node->key[i]->kind == YAML_SCALAR, "a key that is no scalar");
            claim(sheaf_yaml_get(node, node->key[i]->text) == node->value[i], "'%s' twice", node->key[i]->text);
            sheaf_string_add(out, "? "); /* or a key is 1,024 characters at most */
            write_text(out, node->key[i]->text);
            sheaf_string_add(out, " : ");
        }
        write_tree(out, node->value[i], depth + 1);
        sheaf_string_add(out, ", ");
    }
    sheaf_string_add(out, node->kind == YAML_MAP ? "}" : "]");
}

static char *tree_text(const struct yaml_node *node) {
    struct sheaf_string out = {0};
    write_tree(&out, node, 0);
    claim(!out.failed, "no memory");
    return out.data;
}

static void check_round_trip(const struct yaml_document *document) {
    struct yaml_document again;
    struct sheaf_error error = {0};
    char *text = tree_text(document->root);
    if (strlen(text) < MOST_ROUND_TRIP) {
        claim(sheaf_yaml_parse(&again, name, text, strlen(text), &error) == 0, "%s\n  from %s", error.text, text);
        char *same = tree_text(again.root);
        claim(strcmp(text, same) == 0, "%s\n  became %s", text, same);
        free(same);
        sheaf_yaml_free(&again);
    }
    free(text);
}

/* --- overrides ----------------------------------------------------------------------------------------------------- */

/* A "--set" message names the path, or as much of it as fits. */
static void check_refused_set(const struct sheaf_error *error) {
    check_message(error);
    claim(strncmp(error->text, "--set ", 6) == 0, "not of --set: %s", error->text);
}

/* Every part of the root but the one that the path is about, one text each. */
static void note_others(const struct yaml_node *root, const char *path, struct sheaf_string *out) {
    size_t length = strcspn(path, ".");
    for (int i = 0; root->kind == YAML_MAP && i < root->n; i++) {
        const char *key = root->key[i]->text;
        if (strlen(key) == length && strncmp(key, path, length) == 0)
            continue;
        char *part = tree_text(root->value[i]);
        sheaf_string_add(out, "%s: %s\n", key, part);
        free(part);
    }
}

static const struct yaml_node *look_up(const struct yaml_node *at, char *path) {
    for (char *key = path, *dot; at && key; key = dot) {
        dot = strchr(key, '.');
        if (dot)
            *dot++ = '\0';
        at = sheaf_yaml_get(at, key);
    }
    return at;
}

static void check_set(const char *text, size_t length, const struct job_override *override) {
    struct yaml_document document, value;
    struct sheaf_error error = {0};
    struct sheaf_string before = {0}, after = {0};
    if (sheaf_yaml_parse(&document, name, text, length, &error))
        return;
    note_others(document.root, override->path, &before);
    if (sheaf_yaml_set(&document, override->path, override->value, "--set", &error)) {
        check_message(&error);
    } else {
        note_others(document.root, override->path, &after);
        claim(!before.data == !after.data && (!after.data || strcmp(before.data, after.data) == 0),
              "--set %s changed\n%s  into\n%s", override->path, before.data, after.data);
        char *path = strdup(override->path);
        const struct yaml_node *found = look_up(document.root, path);
        claim(found, "--set %s set nothing", override->path);
        claim(sheaf_yaml_parse(&value, "v", override->value, strlen(override->value), &error) == 0, "%s", error.text);
        char *wanted = tree_text(value.root), *got = tree_text(found);
        claim(strcmp(wanted, got) == 0, "--set %s=%s gave %s", override->path, wanted, got);
        free(path), free(wanted), free(got);
        sheaf_yaml_free(&value);
    }
    sheaf_string_free(&before);
    sheaf_string_free(&after);
    sheaf_yaml_free(&document);
}

/* --- jobs ---------------------------------------------------------------------------------------------------------- */

static void check_items(const struct job *job) {
    claim(job->items.node && job->items.path && *job->items.path, "no items");
    claim(job->items.kind >= JOB_CSV && job->items.kind <= JOB_FILES, "items of kind %d", (int)job->items.kind);
    claim(job->items.count >= 0 && job->items.count <= 1000000000000000, "%lld items", (long long)job->items.count);
    claim(job->items.kind != JOB_HDF5 || job->items.n_fields > 0, "no fields");
    for (int i = 0; i < job->items.n_fields; i++)
        claim(job->items.fields[i].name && job->items.fields[i].node->kind == YAML_SCALAR, "field %d", i);
}

static void check_program(const struct job_program *program, enum job_kind kind) {
    claim(program->n_outputs >= 0 && program->n_keep >= 0 && program->n_gpus >= 0, "less than nothing");
    claim(program->memory_bytes >= 0 && program->capture_bytes >= 0, "less than no bytes");
    claim(program->n_keep == 0 || program->workdir != JOB_WORKDIR_NONE, "kept from no folder");
    claim(!program->input || program->input->kind == YAML_SCALAR, "a standard input that is no text");
    for (int i = 0; i < program->n_keep; i++)
        claim(program->keep[i] && *program->keep[i], "keeps nothing");
    for (int i = 0; i < program->n_gpus; i++)
        claim(program->gpus[i] && *program->gpus[i], "a GPU without a name");
    for (int i = 0; i < program->n_outputs; i++) {
        const struct job_output *o = &program->outputs[i];
        claim(o->name && *o->name && o->node && o->width >= 1, "output %d", i);
        claim(o->type == SHEAF_FLOAT64 || o->type == SHEAF_INT64 || o->type == SHEAF_TEXT, "type %d", (int)o->type);
        claim(o->type != SHEAF_TEXT || o->width == 1, "%lld texts in one", (long long)o->width);
        claim(!o->file || program->workdir != JOB_WORKDIR_NONE, "%s: a file in no folder", o->name);
        for (int k = 0; k < i; k++)
            claim(strcmp(o->name, program->outputs[k].name) != 0, "output '%s' twice", o->name);
        if (kind == JOB_COMMAND)
            claim(o->where == JOB_FROM_COLUMN ? o->column >= 1 : o->what != NULL, "%s comes from nowhere", o->name);
    }
}

static void check_kind(const struct job *job) {
    const struct yaml_node *how = job->kernel;
    const struct job_limits *limits = &job->limits;
    claim(how, "nothing says how");
    claim(job->kind != JOB_KERNEL || how->kind == YAML_SCALAR, "a kernel that is no name");
    claim(job->kind != JOB_EXPRESSION || how->kind == YAML_MAP, "formulas that are no map");
    claim(how->kind != YAML_LIST || how->n > 0, "a program without a word");
    claim(limits->retries >= 0 && limits->retries <= 100, "%lld retries", (long long)limits->retries);
    claim(isfinite(limits->timeout_s) && limits->timeout_s >= 0, "timeout %g s", limits->timeout_s);
    claim(limits->timeout_s == 0 || job->kind == JOB_COMMAND || job->kind == JOB_WORKER || limits->isolate,
          "nobody can keep a timeout");
    claim(limits->halt_failed >= 0 && limits->halt_share >= 0 && limits->halt_share <= 1, "halt at %lld or %g",
          (long long)limits->halt_failed, limits->halt_share);
    check_program(&job->program, job->kind);
}

static void check_job(const struct job *job) {
    claim(job->name && *job->name && *job->name != '.' && !strchr(job->name, '/'), "name '%s'", job->name);
    claim(job->output && *job->output, "no output");
    claim(strcmp(job->file, name) == 0 && strcmp(job->folder, ".") == 0, "%s in %s", job->file, job->folder);
    check_items(job);
    for (int i = 0; i < job->n_params; i++)
        claim(job->params[i].name && job->params[i].node->kind == YAML_SCALAR, "param %d", i);
    claim(job->seed >= 0, "seed %lld", (long long)job->seed);
    claim(job->policy >= JOB_AUTO && job->policy <= JOB_DYNAMIC, "policy %d", (int)job->policy);
    claim(job->policy != JOB_WEIGHTED || job->cost, "weighted without a cost");
    claim(!job->cost_file || (job->cost && job->cost->kind == YAML_MAP), "a file of costs from nowhere");
    claim(job->transport >= JOB_TRANSPORT_AUTO && job->transport <= JOB_DIRECT, "transport %d", (int)job->transport);
    claim(isfinite(job->checkpoint_s) && job->checkpoint_s >= 0, "checkpoint %g s", job->checkpoint_s);
    check_kind(job);
}

/* These are about the file as a whole, and name no line of it. */
static bool is_of_whole_file(const struct sheaf_error *error) {
    return strstr(error->text, "is empty; a job needs") || strstr(error->text, "is an HDF5 file, no job file");
}

/* Message or job must come out the same again. */
static void check_parse(const char *text, size_t length, const struct job_override *overrides, int n_overrides) {
    struct job job, again;
    struct sheaf_error error = {0}, same = {0};
    int rc = sheaf_job_parse(&job, name, text, length, overrides, n_overrides, &error);
    claim(rc == sheaf_job_parse(&again, name, text, length, overrides, n_overrides, &same), "%s %s", error.text,
          same.text);
    claim(strcmp(error.text, same.text) == 0, "%s\n  then %s", error.text, same.text);
    if (rc == 0) {
        check_job(&job);
    } else if (strncmp(error.text, "--set ", 6) == 0) {
        check_refused_set(&error);
        claim(n_overrides > 0, "of no --set: %s", error.text);
    } else {
        check_message(&error);
        if (!is_of_whole_file(&error))
            check_place(&error, name, text, length, true);
    }
    sheaf_job_free(&job);
    sheaf_job_free(&again);
}

/* Cuts "--set PATH=VALUE" lines off; returns how many. They point into `lines`, which is changed. */
static int read_overrides(char *lines, struct job_override *overrides) {
    int n = 0;
    for (char *line = strtok(lines, "\n"); line && n < MOST_OVERRIDES; line = strtok(NULL, "\n")) {
        char *equals = strchr(line, '=');
        if (strncmp(line, "--set ", 6) != 0 || !equals)
            continue;
        *equals = '\0';
        overrides[n++] = (struct job_override){line + 6, equals + 1};
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct job_override overrides[MOST_OVERRIDES];
    struct yaml_document document;
    struct sheaf_error error = {0};
    char *all = malloc(size + 1);
    memcpy(all, data, size);
    all[size] = '\0';
    char *mark = memmem(all, size, "\n--set ", 7);
    size_t length = mark ? (size_t)(mark - all) : size;
    char *text = malloc(length ? length : 1); /* not terminated: a byte read behind it is seen */
    memcpy(text, all, length);
    if (sheaf_yaml_parse(&document, name, text, length, &error) == 0) {
        check_round_trip(&document);
        sheaf_yaml_free(&document);
    }
    int n_overrides = mark ? read_overrides(mark, overrides) : 0;
    for (int i = 0; i < n_overrides; i++)
        check_set(text, length, &overrides[i]);
    check_parse(text, length, overrides, n_overrides);
    free(text);
    free(all);
    return 0;
}
