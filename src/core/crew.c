#include "core/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

enum { MOST_THREADS = 16 }; /* who reads memory needs no more to reach what it gives */

struct crew {
    int64_t n;
    _Atomic(int64_t) next;
    void (*work)(void *context, int64_t k);
    void *context;
};

static void *take_pieces(void *argument) {
    struct crew *crew = argument;
    for (int64_t k; (k = atomic_fetch_add(&crew->next, 1)) < crew->n;)
        crew->work(crew->context, k);
    return NULL;
}

static int count_cores(void) {
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

void sheaf_crew_do(int64_t n, void (*work)(void *context, int64_t k), void *context) {
    struct crew crew = {.n = n, .work = work, .context = context};
    pthread_t threads[MOST_THREADS];
    const int cores = count_cores();
    int64_t wanted = cores < MOST_THREADS ? cores : MOST_THREADS;
    int n_threads = 0;
    wanted = wanted < n ? wanted : n;
    while (n_threads + 1 < wanted && pthread_create(&threads[n_threads], NULL, take_pieces, &crew) == 0)
        n_threads++;
    take_pieces(&crew);
    while (n_threads > 0)
        pthread_join(threads[--n_threads], NULL);
}
