#include "app/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

enum { MOST_THREADS = 4096 };

int sheaf_ranks_choose_threads(int asked, int n_cores, int n_local_ranks) {
    const char *variable = getenv("OMP_NUM_THREADS");
    int64_t n = asked;
    if (n == 0 && variable && sheaf_text_to_int64(variable, strcspn(variable, ","), &n))
        n = 0;
    if (n <= 0) {
        n = sysconf(_SC_NPROCESSORS_ONLN) / n_local_ranks;
        n = n < n_cores ? n : n_cores;
    }
    return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (int)n;
}

void sheaf_ranks_warn_binding(const struct rank_facts *facts, int n_ranks, bool launched) {
    int r = 0;
    while (r < n_ranks && facts[r].n_threads <= facts[r].n_cores)
        r++;
    if (r == n_ranks)
        return;
    fprintf(stderr, "sheaf: rank %d has %d threads but may use only %d core%s", r, facts[r].n_threads, facts[r].n_cores,
            facts[r].n_cores == 1 ? "" : "s");
    if (launched)
        fprintf(stderr, "; mpirun --bind-to none, or --map-by ppr:1:socket:PE=%d, gives it more", facts[r].n_threads);
    fputc('\n', stderr);
}
