#!/usr/bin/env bash
# tests/bench/reduce.sh [BUILD] - what reductions cost: whole processes over generated items, as ratios to the same map without
# any, in pairs. Timings are for reading; no test depends on them.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
items=${SHEAF_BENCH_ITEMS:-30000000} rounds=${SHEAF_BENCH_ROUNDS:-7}
folder=$(mktemp -d "${TMPDIR:-/dev/shm}/sheaf-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# job NAME REDUCE
job() {
    printf 'items: {count: %s}\nexpression: {y: sqrt(item)}\n%s\n' "$items" "$2" >"$folder/$1.yaml"
}
job bare ''
job mean 'reduce: {m: {mean: y}}'
job variance 'reduce: {v: {variance: y}}'
job minimum 'reduce: {lo: {min: y}}'
job condition 'reduce: {m: {mean: y, where: "y > 100"}}'

# names: in turn, so that a drifting machine is fair to all; rounds of "NAME seconds"
for round in $(seq "$rounds"); do
    for name in bare mean variance minimum condition; do
        began=$(date +%s.%N)
        "$build/sheaf" run "$folder/$name.yaml" --overwrite -q -o "$folder/out.h5"
        echo "$name $began $(date +%s.%N)"
    done
done | awk '{ s = $3 - $2; if ($1 == "bare") bare = s; n[$1]++; ratio[$1, n[$1]] = s / bare
              if (!($1 in least) || s < least[$1]) least[$1] = s }
    END { print "reduction      least seconds   to the bare map (median of pairs)"
          split("bare mean variance minimum condition", names, " ")
          for (i = 1; i <= 5; i++) { name = names[i]; m = n[name]
              for (a = 1; a <= m; a++) r[a] = ratio[name, a]
              for (a = 1; a <= m; a++) for (b = a + 1; b <= m; b++) if (r[b] < r[a]) { t = r[a]; r[a] = r[b]; r[b] = t }
              printf "%-14s %13.3f %12.2f\n", name, least[name], r[int((m + 1) / 2)] } }'
