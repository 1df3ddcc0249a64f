#include "app/told.h"

#include <stdlib.h>

#include "app/check.h"
#include "app/stage.h"

int sheaf_stage_tell(struct stage *stage) {
    struct session *session = stage->session;
    struct run_told *told = session->options->told;
    struct sheaf_string address = {0};
    if (!told || !sheaf_session_is_first(session) || stage->items.n_items == 0)
        return 0;
    sheaf_run_told_free(told);
    sheaf_string_add(&address, "%s%s%s", stage->job->output, stage->job->stage ? ":/" : "",
                     stage->job->stage ? stage->job->stage : "");
    *told = (struct run_told){.address = address.data,
                              .n_items = stage->items.n_items,
                              .block = stage->kernel.block,
                              .n_bytes = sheaf_check_bytes(stage),
                              .has_processes = sheaf_stage_uses_processes(stage),
                              .has_texts = stage->kernel.has_texts,
                              .n_cores = session->self.n_ranks * session->n_threads};
    if (!told->address)
        return sheaf_fail_memory(&session->error, "a path");
    return sheaf_asked_fit(&told->items, &stage->asked, stage->items.n_items, &session->error);
}

void sheaf_run_told_free(struct run_told *told) {
    free(told->address);
    sheaf_asked_free(&told->items);
    *told = (struct run_told){0};
}
