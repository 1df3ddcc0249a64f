/* sheaf status: how far a job is, from its results file alone. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "core/text.h"
#include "plan/row_sink.h"
#include "store/reader.h"

enum { ROWS = 65536 };

static int apply_exit_code(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    *(bool *)target = true;
    return 0;
}

static const struct sheaf_option table[] = {
    {0, "exit-code", NULL, "exit with 0 if all items are done, 1 if some failed, 75 if some are pending",
     apply_exit_code},
    {0},
};

static const struct cmd_usage usage = {"sheaf status FILE [--exit-code]",
                                       "Tells how many items of a results file are done, also while a run writes it.",
                                       1, 1};

static int count(struct reader *reader, int64_t *counts, struct sheaf_error *error) {
    static uint8_t status[ROWS];
    int64_t n_items = sheaf_reader_n_items(reader);
    for (int64_t at = 0; at < n_items; at += ROWS) {
        int64_t n = n_items - at < ROWS ? n_items - at : ROWS;
        if (sheaf_reader_status(reader, at, n, status, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            counts[status[i] <= ITEM_SKIPPED ? status[i] : ITEM_PENDING]++;
    }
    return 0;
}

int sheaf_cmd_status(int argc, char **argv) {
    static const char *const names[] = {"pending", "done", "failed", "timed out", "crashed", "skipped"};
    struct sheaf_error error = {0};
    struct reader *reader = NULL;
    int64_t counts[ITEM_SKIPPED + 1] = {0};
    bool exit_code = false;
    char text[32];
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &exit_code, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    code = SHEAF_EXIT_DONE;
    if (sheaf_reader_open_statuses(&reader, argv[first_word], &error) || count(reader, counts, &error)) {
        code = sheaf_cmd_fail(&error);
    } else {
        int64_t n_items = sheaf_reader_n_items(reader);
        printf("%s: %s item%s", argv[first_word], sheaf_text_count(n_items, text), n_items == 1 ? "" : "s");
        for (int s = 0; s <= ITEM_SKIPPED; s++)
            if (counts[s] || s == ITEM_DONE)
                printf(", %s %s", sheaf_text_count(counts[s], text), names[s]);
        printf("\n");
        if (exit_code && counts[ITEM_PENDING])
            code = SHEAF_EXIT_INTERRUPTED;
        else if (exit_code && counts[ITEM_DONE] < n_items)
            code = SHEAF_EXIT_FAILED;
    }
    sheaf_reader_close(reader);
    return code;
}
