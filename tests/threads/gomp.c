/*
 * gomp.c - what Sheaf needs of OpenMP's run-time library, by pthreads, which the thread sanitizer knows. libgomp is not
 * compiled for it, so that every fork and join of a parallel region would look like a race.
 */
#include <pthread.h>
#include <stdlib.h>

enum { MOST = 256 };

struct member {
    void (*run)(void *data);
    void *data;
    int number, n;
};

static __thread int number = 0, n_members = 1;

static void *start(void *argument) {
    const struct member *member = argument;
    number = member->number;
    n_members = member->n;
    member->run(member->data);
    return NULL;
}

void GOMP_parallel(void (*run)(void *), void *data, unsigned n, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_num_procs(void);
void omp_set_dynamic(int dynamic);

void GOMP_parallel(void (*run)(void *), void *data, unsigned n, unsigned flags) {
    pthread_t threads[MOST];
    struct member members[MOST];
    (void)flags;
    if (n > MOST)
        abort();
    for (unsigned i = 0; i < n; i++)
        members[i] = (struct member){run, data, (int)i, (int)n};
    for (unsigned i = 1; i < n; i++)
        if (pthread_create(&threads[i], NULL, start, &members[i]))
            abort();
    start(&members[0]);
    n_members = 1;
    for (unsigned i = 1; i < n; i++)
        pthread_join(threads[i], NULL);
}

int omp_get_thread_num(void) {
    return number;
}

int omp_get_num_threads(void) {
    return n_members;
}

int omp_get_num_procs(void) {
    return 2;
}

void omp_set_dynamic(int dynamic) {
    (void)dynamic;
}
