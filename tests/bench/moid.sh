#!/usr/bin/env bash
# tests/bench/moid.sh [BUILD] - items/s of `moid` on 1 x 1, 1 x 2 and 2 x 1 (ranks x threads), as ratios to 1 x 1 in the
# same run, and the share of wall time outside the kernel. The catalogue is repeated so that a run takes some seconds.
# Timings are for reading; no test depends on them.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
. "$top/jobs/mpi-env.sh"
copies=${SHEAF_BENCH_COPIES:-60} rounds=${SHEAF_BENCH_ROUNDS:-5}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

awk -v copies="$copies" 'NR == 1 { print; next } { row[NR] = $0 }
    END { for (c = 0; c < copies; c++) for (r = 2; r <= NR; r++) print row[r] }' \
    "$top/data/asteroids.csv" >"$folder/items.csv"
printf 'items: {csv: items.csv}\nkernel: moid\n' >"$folder/bench.yaml"

# layout NAME RANKS THREADS: one run; adds "NAME items wall computing busy" to times.
layout() {
    local launch=()
    [ "$2" = 1 ] || launch=(mpirun -np "$2")
    "${launch[@]}" "$build/sheaf" run "$folder/bench.yaml" --threads "$3" --overwrite -o "$folder/out.h5" \
        2>"$folder/summary" || { cat "$folder/summary" >&2; exit 1; }
    /usr/bin/env python3 - "$1" "$folder/summary" >>"$folder/times" <<'PY'
import re, sys
text = open(sys.argv[2]).read()
items = int(re.search(r"([\d,]+) of", text).group(1).replace(",", ""))
def seconds(s):
    value, unit = re.match(r"([\d.]+) (ms|s)", s).groups()
    return float(value) * (1e-3 if unit == "ms" else 1)
wall = seconds(re.search(r"^  ([\d.]+ m?s)", text, re.M).group(1))
part = re.search(r"([\d.]+ m?s) of it computing", text)
computing = seconds(part.group(1)) if part else wall
busy = [float(b) for b in re.findall(r"(\d+) %", text)]
print(sys.argv[1], items, wall, computing, sum(busy) / len(busy) / 100)
PY
}

for round in $(seq "$rounds"); do # in turn, so that a drifting machine is fair to all
    layout 1x1 1 1
    layout 1x2 1 2
    layout 2x1 2 1
done
/usr/bin/env python3 - "$folder/times" <<'PY'
import statistics, sys
runs = {}
for line in open(sys.argv[1]):
    name, *figures = line.split()
    runs.setdefault(name, []).append([float(f) for f in figures])
def rate(r): return r[0] / r[1]
def outside(name, r):  # worker seconds of the wall that are not in the kernel
    workers = 1 if name == "1x1" else 2
    return 1 - r[3] * r[2] / r[1]
print("ranks x threads   items/s   to 1x1   of wall outside the kernel   of computing")
for name, rs in runs.items():
    ratio = statistics.median(rate(r) / rate(b) for r, b in zip(rs, runs["1x1"]))
    print(f"{name:>15} {statistics.median(map(rate, rs)):9.0f} {ratio:8.2f}"
          f"{statistics.median(outside(name, r) for r in rs):22.1%}{statistics.median(1 - r[3] for r in rs):15.1%}")
PY
