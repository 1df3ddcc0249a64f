/* What would be run for an item, for a person to read or to try. */
#include <inttypes.h>

#include "kernel/command/command.h"
#include "kernel/program/words.h"

/* A template's text for the item, as a word for the shell. */
static int add_word(const struct command *c, const struct template *word, const struct sheaf_block *block,
                    struct sheaf_string *text, struct sheaf_error *error) {
    struct sheaf_buffer value = {0};
    int rc = sheaf_template_write(word, c->inputs, block, 0, &value, error);
    if (rc == 0)
        sheaf_words_quote(value.data ? value.data : "", value.n_bytes, text);
    sheaf_buffer_free(&value);
    return rc;
}

int sheaf_command_tell(const void *made, const struct sheaf_block *block, struct sheaf_string *text,
                       struct sheaf_error *error) {
    const struct command *c = made;
    const bool own = c->job->program.workdir != JOB_WORKDIR_NONE;
    sheaf_string_add(text, "  in %s%s:\n ", own ? "a folder of its own; the job's is " : "", c->folder);
    for (int v = 0; v < c->values.n; v++) {
        const struct template one = {.n = 1, .pieces = &c->values.pieces[v]};
        sheaf_string_add(text, " SHEAF_VALUE_%d=", v + 1);
        if (add_word(c, &one, block, text, error))
            return -1;
    }
    for (int i = 0; i < c->n_words; i++) {
        sheaf_string_add(text, " ");
        if (add_word(c, &c->words[i], block, text, error))
            return -1;
    }
    sheaf_string_add(text, "\n");
    if (!c->job->program.input)
        return 0;
    sheaf_string_add(text, "  with the standard input\n  ");
    if (add_word(c, &c->input, block, text, error))
        return -1;
    sheaf_string_add(text, "\n");
    return 0;
}
