#include "exec/threads.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Held by who starts the threads, until all are there. */
static void *stay(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

int sheaf_threads_try(int n_threads, struct sheaf_error *error) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = calloc((size_t)n_threads, sizeof *threads);
    int n = 0, rc = threads ? 0 : sheaf_fail_memory(error, "the threads"), why = 0;
    if (rc == 0 && omp_get_thread_limit() <= n_threads)
        rc = sheaf_fail(error, "OpenMP gives %d threads of %d; unset OMP_THREAD_LIMIT or ask for fewer (--threads)",
                        omp_get_thread_limit() - 1, n_threads);
    pthread_mutex_lock(&gate);
    while (rc == 0 && why == 0 && n < n_threads) {
        why = pthread_create(&threads[n], NULL, stay, &gate);
        n += why == 0;
    }
    if (why)
        rc =
            sheaf_fail(error,
                       "only %d of %d threads can be started: %s; ask for fewer (--threads), or allow more (ulimit -u, "
                       "the batch system's limits)",
                       n, n_threads, strerror(why));
    pthread_mutex_unlock(&gate);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    pthread_mutex_destroy(&gate);
    free(threads);
    return rc;
}
