/*
 * hello.c - the least an MPI program can do: what tests/bench/engine compares the start of `sheaf run` with.
 *
 *   hello               begins, says who it is, ends
 *   hello ROUND-TRIPS   ranks 0 and 1 also pass eight bytes to and fro so often; rank 0 prints the µs of a round trip
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static double round_trip_us(int rank, long n) {
    char ball[8] = "";
    const int there = 1 - rank, n_bytes = sizeof ball;
    double began_s = MPI_Wtime();
    for (long i = 0; i < n && rank < 2; i++) {
        if (rank == 0)
            MPI_Send(ball, n_bytes, MPI_BYTE, there, 0, MPI_COMM_WORLD);
        MPI_Recv(ball, n_bytes, MPI_BYTE, there, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank == 1)
            MPI_Send(ball, n_bytes, MPI_BYTE, there, 0, MPI_COMM_WORLD);
    }
    return 1e6 * (MPI_Wtime() - began_s) / (double)n;
}

int main(int argc, char **argv) {
    int rank, n_ranks;
    long n = argc > 1 ? atol(argv[1]) : 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
    if (n > 0 && n_ranks > 1) {
        round_trip_us(rank, n / 10 + 1); /* connections are made at the first message */
        double us = round_trip_us(rank, n);
        if (rank == 0)
            printf("%.3f\n", us);
    } else {
        printf("rank %d of %d\n", rank, n_ranks);
    }
    MPI_Finalize();
    return 0;
}
