/*
 * ranks - the cores and threads of ranks: how many threads to run, and a word where a launcher binds them badly.
 */
#ifndef SHEAF_APP_RANKS_H
#define SHEAF_APP_RANKS_H

#include <stdbool.h>
#include <stdint.h>

/* What a rank tells of itself. */
struct rank_facts {
    int32_t restored;           /* texts, when the run ends */
    int32_t n_cores, n_threads; /* cores it may use; its compute threads */
    double busy_s;              /* inside the kernel, summed over threads */
    uint32_t arrays_used;       /* of the shared data, a bit each */
};

/* Compute threads for a rank: as asked; else OMP_NUM_THREADS; else its part of the node's cores, but no more than it
   may use. `asked` is 0 where the user said nothing. */
int sheaf_ranks_choose_threads(int asked, int n_cores, int n_local_ranks);

/* Says on stderr, once, if ranks have more threads than cores: where they were launched, the usual cause is mpirun's
   binding. */
void sheaf_ranks_warn_binding(const struct rank_facts *facts, int n_ranks, bool launched);

#endif
