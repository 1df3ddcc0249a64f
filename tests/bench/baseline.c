/*
 * baseline.c - what a careful person would write by hand for y = x² + c over a file: the measure of tests/bench/engine.
 *
 *   baseline INPUT OFFSET N OUTPUT THREADS
 *
 * INPUT holds N doubles in one piece from OFFSET on (a contiguous dataset's place). Each thread reads its part block
 * by block, computes in place and writes the block to the same rows of OUTPUT, a raw file made anew. It promises what
 * Sheaf promises: the space is reserved and synced before the first row, so that a full disk is known, and the rows are
 * synced before the program ends. Prints the seconds between these two: reading, computing and writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 15 }; /* doubles; 256 KiB stay in a second-level cache between reading and writing */

static const double c = 49995000; /* 0 + 1 + … + 9999, as square_plus has it */

static void stop(const char *what) {
    fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void move_block(int in, off_t in_at, int out, off_t out_at, double *x, int64_t n) {
    ssize_t n_bytes = (ssize_t)(n * (int64_t)sizeof *x);
    if (pread(in, x, (size_t)n_bytes, in_at) != n_bytes)
        stop("read");
    for (int64_t k = 0; k < n; k++)
        x[k] = x[k] * x[k] + c;
    if (pwrite(out, x, (size_t)n_bytes, out_at) != n_bytes)
        stop("write");
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: baseline INPUT OFFSET N OUTPUT THREADS\n");
        return 2;
    }
    const off_t offset = (off_t)atoll(argv[2]);
    const int64_t n = atoll(argv[3]), width = sizeof(double);
    const int n_threads = atoi(argv[5]);
    int in = open(argv[1], O_RDONLY), out = open(argv[4], O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0)
        stop("open");
    if (fallocate(out, 0, 0, n * width) && errno != EOPNOTSUPP)
        stop("reserve");
    if (fsync(out))
        stop("sync");

    double inner_s = -omp_get_wtime();
#pragma omp parallel num_threads(n_threads)
    {
        const int64_t first = n * omp_get_thread_num() / omp_get_num_threads();
        const int64_t end = n * (omp_get_thread_num() + 1) / omp_get_num_threads();
        double *x = aligned_alloc(4096, BLOCK * sizeof *x);
        if (!x)
            stop("memory");
        for (int64_t i = first; i < end; i += BLOCK)
            move_block(in, offset + i * width, out, i * width, x, end - i < BLOCK ? end - i : BLOCK);
        free(x);
    }
    inner_s += omp_get_wtime();

    if (fsync(out) || close(out))
        stop("sync");
    printf("%.6f\n", inner_s);
    return 0;
}
