/* sheaf pack: brings texts from the journals beside a results file into it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/each_stage.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/text.h"
#include "store/lock.h"
#include "store/pack.h"

static const struct sheaf_option table[] = {{0}};

static const struct cmd_usage usage = {
    "sheaf pack FILE",
    "Brings the texts that wait in the folder beside a results file into the file. A run that\n"
    "completes a job does so by itself; this is for one that was broken off.",
    1, 1};

static void say(const char *path, const struct packed *packed) {
    char count[32], size[32];
    if (packed->n_texts == 0)
        printf("%s: no texts to pack\n", path);
    else
        printf("packed %s text%s, %sB, into %s\n", sheaf_text_count(packed->n_texts, count),
               packed->n_texts == 1 ? "" : "s", sheaf_text_rate((double)packed->n_bytes, size), path);
    if (packed->lost)
        sheaf_cmd_say_lost_texts(path, packed->n_items);
    struct sheaf_string said = {0};
    sheaf_packed_say_lacking(path, packed, &said);
    if (said.length)
        fprintf(stderr, "sheaf pack: %s\n", said.data);
    sheaf_string_free(&said);
}

static int pack(const char *path, const char *stage, struct packed *packed, struct sheaf_error *error) {
    struct lock lock = {.fd = -1};
    if (access(path, F_OK)) /* before a lock is made for it */
        return sheaf_refuse(error, "%s: cannot open: %s", path, strerror(errno));
    char *target = sheaf_path_follow(path);
    if (!target)
        return sheaf_fail_memory(error, "a path");
    int rc = sheaf_lock_take_or(&lock, target, "it packs its texts itself when it is complete", error);
    if (rc == 0)
        rc = sheaf_pack(target, stage, packed, error);
    sheaf_lock_release(&lock);
    free(target);
    return rc;
}

static int visit(const struct cmd_stage *stage, void *error) {
    struct packed packed = {0};
    if (!stage->is_there)
        return 0;
    if (pack(stage->path, stage->stage, &packed, error))
        return -1;
    say(stage->address, &packed);
    return 0;
}

int sheaf_cmd_pack(int argc, char **argv) {
    struct sheaf_error error = {0};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, NULL, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    sheaf_interrupt_leave_at_once(true);
    return sheaf_cmd_each_stage(argv[first_word], visit, &error, &error) ? sheaf_cmd_fail(&error) : SHEAF_EXIT_DONE;
}
