#include "plan/handout.h"

#include <stdlib.h>
#include <string.h>

int sheaf_handout_open(struct handout *handout, const struct pending *pending, const struct span *partitions,
                       int n_ranks, struct sheaf_error *error) {
    *handout = (struct handout){.pending = pending, .n_ranks = n_ranks};
    handout->left = malloc((size_t)n_ranks * sizeof *handout->left);
    if (!handout->left)
        return sheaf_fail_memory(error, "the hand-out");
    memcpy(handout->left, partitions, (size_t)n_ranks * sizeof *handout->left);
    return 0;
}

int sheaf_handout_next(struct handout *handout, int rank, int64_t wanted, struct span *blocks,
                       struct sheaf_error *error) {
    struct span *left = &handout->left[rank];
    int64_t end = left->first + left->n;
    *blocks = (struct span){left->first, 0};
    /* A run may come in pieces: those that adjoin are joined. */
    while (blocks->n < wanted && left->n > 0) {
        struct span run;
        if (handout->pending->next(handout->pending->self, left->first, end, &run, error))
            return -1;
        if (run.n > 0 && blocks->n > 0 && run.first != blocks->first + blocks->n)
            break;
        int64_t room = wanted - blocks->n, n = run.n < room ? run.n : room;
        if (blocks->n == 0)
            blocks->first = run.first;
        blocks->n += n;
        int64_t next = n > 0 ? run.first + n : end;
        *left = (struct span){next, end - next};
    }
    return 0;
}

void sheaf_handout_close(struct handout *handout) {
    free(handout->left);
    handout->left = NULL;
}
