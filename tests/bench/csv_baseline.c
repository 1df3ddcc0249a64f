/*
 * csv_baseline.c - what a careful person would write by hand for y = a + b*c over a table: a measure of tests/bench/engine.
 *
 *   csv_baseline TABLE OUTPUT THREADS
 *
 * TABLE is a CSV with a line of names and three columns of numbers, no quotes, each line ended by \n. It is mapped and
 * cut at line ends into a part for each thread, which counts its rows, so that all know where theirs go, then reads each
 * cell with strtod, computes, and writes blocks of rows to OUTPUT, a raw file of doubles made anew. As baseline.c does,
 * it reserves and syncs the space of the output first and syncs the rows in the end. Prints how many rows there were.
 */
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 15 /* rows */, MOST_THREADS = 256 };

static void stop(const char *what) {
    fprintf(stderr, "csv_baseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

static const char *behind_line(const char *p, const char *end) {
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return newline ? newline + 1 : end;
}

static int64_t count_rows(const char *p, const char *end) {
    int64_t n = 0;
    for (; p < end; p = behind_line(p, end))
        n++;
    return n;
}

static double read_row(const char **p) {
    double x[3];
    char *behind;
    for (int k = 0; k < 3; k++) {
        x[k] = strtod(*p, &behind);
        if (behind == *p || *behind != (k < 2 ? ',' : '\n')) {
            fprintf(stderr, "csv_baseline: not a row of three numbers\n");
            exit(1);
        }
        *p = behind + 1;
    }
    return x[0] + x[1] * x[2];
}

static void compute(const char *p, const char *end, int out, int64_t row) {
    double *y = malloc(BLOCK * sizeof *y);
    if (!y)
        stop("memory");
    while (p < end) {
        ssize_t n = 0;
        while (p < end && n < BLOCK)
            y[n++] = read_row(&p);
        if (pwrite(out, y, (size_t)n * sizeof *y, row * (off_t)sizeof *y) != n * (ssize_t)sizeof *y)
            stop("write");
        row += n;
    }
    free(y);
}

int main(int argc, char **argv) {
    struct stat about;
    int64_t counts[MOST_THREADS + 1] = {0};
    if (argc != 4 || atoi(argv[3]) > MOST_THREADS) {
        fprintf(stderr, "usage: csv_baseline TABLE OUTPUT THREADS\n");
        return 2;
    }
    int in = open(argv[1], O_RDONLY), out = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || fstat(in, &about))
        stop("open");
    const char *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, in, 0), *end = data + about.st_size;
    if (data == MAP_FAILED || end[-1] != '\n')
        stop("map");
    const char *rows = behind_line(data, end);
#pragma omp parallel num_threads(atoi(argv[3]))
    {
        const int k = omp_get_thread_num(), n = omp_get_num_threads();
        const char *first = rows + (end - rows) * k / n, *last = rows + (end - rows) * (k + 1) / n;
        first = k > 0 ? behind_line(first - 1, end) : first;
        last = behind_line(last - 1, end);
        counts[k + 1] = count_rows(first, last);
#pragma omp barrier
#pragma omp single
        {
            for (int i = 0; i < n; i++)
                counts[i + 1] += counts[i];
            const off_t n_bytes = counts[n] * (off_t)sizeof(double);
            if (fallocate(out, 0, 0, n_bytes) && errno != EOPNOTSUPP)
                stop("reserve");
            if (fsync(out))
                stop("sync");
            printf("%lld\n", (long long)counts[n]);
        }
        compute(first, last, out, counts[k]);
    }
    if (fsync(out) || close(out))
        stop("sync");
    return 0;
}
