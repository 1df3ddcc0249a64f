"""commands.py SHEAF FOLDER - the measuring part of tests/bench/commands, which says what is measured and how, and sets
up the folder: worker.py and pool.py are in it."""
import glob
import os
import shutil
import sys
import time

import h5py

from running import (FOLDER, ROUNDS, Layout, heading, mark, median, must, path, remove, run, stop,
                     words_for, write)

PARTS = os.environ.get("SHEAF_BENCH_PARTS", "ab")
SHRINK = int(os.environ.get("SHEAF_BENCH_SHRINK", 1))
CORES = len(os.sched_getaffinity(0))
LAYOUTS = (Layout(1, CORES), Layout(2, max(1, CORES // 2)))


def clear():
    """Everything that a run of Sheaf leaves: the results and a folder of texts beside them."""
    remove("out.h5")
    for folder in glob.glob(path("out*.d")):
        shutil.rmtree(folder)


def rate(n, wall_s):
    return f"{n / wall_s:9,.0f}/s"


def compared(own_s, other_s, target):
    """How many times the other's rate ours is: the median of pairs, the spread, and whether that is the target, if any."""
    ratios = [other / own for own, other in zip(own_s, other_s)]
    spread = f"({min(ratios):.2f} … {max(ratios):.2f})"
    verdict = f"{mark(median(ratios) >= target):6} ≥ {target}" if target else ""
    return f"{median(ratios):7.2f} {spread:16} {verdict}"


def run_sheaf(job, layout):
    clear()
    return run(job, layout)


# ------------------------------------------------------------------------------------------------------- (a) commands

N_LINES = 5000 // SHRINK


def make_lines():
    write("lines.txt", "".join(f"{i}\n" for i in range(N_LINES)))
    write("echo.yaml", 'items: {lines: lines.txt}\ncommand: ["echo", "{line}"]\n')


def check_echo(layout):
    with h5py.File(path("out.h5")) as file:
        stdout, codes, status = file["stdout"].asstr()[:], file["exit_code"][:], file["status"][:]
    if not (status == 1).all() or codes.any() or list(stdout) != [f"{i}\n" for i in range(N_LINES)]:
        stop(f"echo, {layout.name}: what the commands printed is not in the results")


def run_tool(words):
    """A tool that echoes every line, in any order; the seconds it took."""
    script = 'out=$1; lines=$2; shift 2; exec "$@" <"$lines" >"$out"'
    wall_s = must(["sh", "-c", script, "sh", path("printed"), path("lines.txt"), *words])[2]
    with open(path("printed")) as file:
        if sorted(map(int, file)) != list(range(N_LINES)):
            stop(f"{words[0]} lost lines")
    return wall_s


def part_a():
    make_lines()
    xargs = ["xargs", "-n", "1", "-P", str(CORES), "echo"]
    parallel = ["parallel", "--will-cite", "-j", str(CORES), "echo"] if shutil.which("parallel") else None
    own_s, computing_s, xargs_s, parallel_s = ({layout: [] for layout in LAYOUTS} for _ in range(4))
    for turn in range(1 + ROUNDS):
        gathered_s = run_tool(parallel) if parallel and turn else 0
        for layout in LAYOUTS:
            only_s = run_tool(xargs)
            wall_s, part_s = run_sheaf("echo.yaml", layout)
            if turn == 0:
                check_echo(layout)
            if turn > 0:
                for times, value in ((own_s, wall_s), (computing_s, part_s), (xargs_s, only_s),
                                     (parallel_s, gathered_s)):
                    times[layout].append(value)

    heading(f"(a) echo, {N_LINES:,} times; ratio (least … most) of rates, of whole programs\n"
            f"{'':22} {'whole':>11} {'computing':>11} {f'to xargs -P {CORES}':>16}  {'':22} "
            f"{f'to parallel -j {CORES}' if parallel else '':>18}")
    for layout in LAYOUTS:
        print(f"{'sheaf ' + layout.name:22}", end=" ")
        print(rate(N_LINES, median(own_s[layout])), rate(N_LINES, median(computing_s[layout])),
              compared(own_s[layout], xargs_s[layout], 1.0),
              compared(own_s[layout], parallel_s[layout], 4.0) if parallel else "")
    print(f"{'xargs':22} {rate(N_LINES, median(sum(xargs_s.values(), [])))}")
    if parallel:
        print(f"{'parallel':22} {rate(N_LINES, median(parallel_s[LAYOUTS[0]]))}", flush=True)
    else:
        print(f"{'parallel':22} is not here (Debian: apt install parallel)", flush=True)


# --------------------------------------------------------------------------------------------------------- (b) workers

# chunksize of the pool, batch of the worker (0: an item a line), items, target
SIZES = ((1, 0, 100000 // SHRINK, 5.0), (100, 0, 200000 // SHRINK, None), (100, 100, 200000 // SHRINK, 1.0))


def make_numbers(n, batch):
    """Quarters, whose squares are exact, and so is their sum."""
    program, more = ("batch_worker.py", f"batch: {batch}\n") if batch else ("worker.py", "")
    write(f"x{n}.csv", "x\n" + "".join(f"{i % 1000 / 4}\n" for i in range(n)))
    write(f"square{n}-{batch}.yaml",
          f"items: {{csv: x{n}.csv}}\nworker: [{sys.executable}, {program}]\noutputs: [y]\n{more}")


def squares(n):
    return [(i % 1000 / 4) ** 2 for i in range(n)]


def check_squares(layout, n):
    with h5py.File(path("out.h5")) as file:
        if not (file["status"][:] == 1).all() or list(file["y"][:]) != squares(n):
            stop(f"worker, {layout.name}: wrong results")


def run_pool(n, chunk):
    out, _, wall_s = must([sys.executable, path("pool.py"), path(f"x{n}.csv"), str(CORES), str(chunk)])
    pool_s, total = map(float, out.split())
    if total != sum(squares(n)):
        stop("pool.py: wrong results")
    return wall_s, pool_s


def part_b():
    for _, batch, n, _ in SIZES:
        make_numbers(n, batch)
    measured = {(size, layout): [] for size in SIZES for layout in LAYOUTS}
    for turn in range(1 + ROUNDS):
        for size in SIZES:
            chunk, batch, n, _ = size
            for layout in LAYOUTS:
                pool = run_pool(n, chunk)
                own = run_sheaf(f"square{n}-{batch}.yaml", layout)
                if turn == 0:
                    check_squares(layout, n)
                else:
                    measured[size, layout].append((own, pool))

    heading(f"(b) x² in Python; ratio (least … most) of rates, of whole programs, to ProcessPoolExecutor({CORES}).map\n"
            f"{'':22} {'whole':>11} {'computing':>11} {'ratio':>7}")
    for size in SIZES:
        chunk, batch, n, target = size
        for layout in LAYOUTS:
            own, pool = zip(*measured[size, layout])
            whole_s, computing_s = zip(*own)
            print(f"{f'batch {batch}, {layout.name}' if batch else 'a line each, ' + layout.name:22}",
                  rate(n, median(whole_s)), rate(n, median(computing_s)),
                  compared(whole_s, [whole for whole, _ in pool], target))
        pools = [pool for layout in LAYOUTS for _, pool in measured[size, layout]]
        whole_s, pool_s = zip(*pools)
        print(f"{f'pool, chunksize {chunk}':22} {rate(n, median(whole_s))} {rate(n, median(pool_s))}   {n:,} items",
              flush=True)


# ----------------------------------------------------------------------------------------------------------------- main


def main():
    began_s = time.monotonic()
    print(f"{ROUNDS} rounds in {FOLDER}; {CORES} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for letter, part in (("a", part_a), ("b", part_b)):
        if letter in PARTS:
            part()
    print(f"\n{time.monotonic() - began_s:.0f} s; load {os.getloadavg()[0]:.1f}")


main()
