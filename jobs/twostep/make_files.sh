#!/bin/sh
# make_files.sh [N]: writes N (default: 500) small files of numbers into data/ here, always the same ones.
cd "$(dirname "$0")" && mkdir -p data && awk -v n="${1:-500}" 'BEGIN {
    for (i = 0; i < n; i++) {
        file = sprintf("data/signal%04d.txt", i)
        for (k = 0; k < 64; k++) {
            state = (state * 69069 + 12345) % 65536
            printf "%.4f\n", 3 * sin((1 + i % 7) * k / 10) + i / 100 + state / 65536 > file
        }
        close(file)
    }
}'
