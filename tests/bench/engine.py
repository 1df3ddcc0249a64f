"""engine.py SHEAF FOLDER - the measuring part of tests/bench/engine, which says what is measured and how, and sets up
the folder: baseline, hello and spin.so are in it."""
import os
import sys
import time

import h5py
import numpy as np

from running import (ABSENT, FOLDER, MPIRUN, ROUNDS, SHEAF, Layout, call, heading, mark, median, must, path, remove, run,
                     stop, words_for, write)

PARTS = os.environ.get("SHEAF_BENCH_PARTS", "abcdef")
WORK = os.environ.get("SHEAF_BENCH_WORK", "sleep")


class Probe:
    """What this build knows: jobs of one item that must run, or be refused as wrong (2) if the key is unknown."""

    def __init__(self):
        write("probe.csv", "cost_s\n0\n0\n")
        write("probe.yaml", "items: {csv: probe.csv}\nkernel: ./spin.so:spin\n")
        self.known = {}
        self.one = Layout(1, 1)
        if not self.has():
            stop(f"{SHEAF} cannot run the simplest job")

    def has(self, *settings):
        if settings not in self.known:
            remove("out.h5")
            code, _, err, _ = call(words_for("probe.yaml", self.one, settings))
            if code not in (0, 2):
                stop(f"a job of two items with {settings} ended with {code}:\n{err}")
            self.known[settings] = code == 0
        return self.known[settings]

    def has_layout(self, layout):
        if not layout.apart:
            return True
        if "apart" not in self.known:
            remove("out.h5")
            must(words_for("probe.yaml", layout, ()), layout.env)
            with h5py.File(path("out.h5")) as file:
                self.known["apart"] = bool(file["/sheaf/runs/nodes"][0] == layout.ranks)
        return self.known["apart"]


# -------------------------------------------------------------------------------------------------- (a) moving the data

N_STREAM = 10**8
TOTAL = 49995000.0  # what square_plus and the baseline add
WINDOW = 1 << 22


def input_values(first, n):
    """Whole numbers so small that x² + c is exact, with or without fused multiply-add."""
    return ((np.arange(first, first + n) * 7) & 0xFFFFF).astype("f8")


def make_stream():
    with h5py.File(path("x.h5"), "w") as file:
        x = file.create_dataset("x", (N_STREAM,), "f8")
        for i in range(0, N_STREAM, WINDOW):
            x[i : i + WINDOW] = input_values(i, min(WINDOW, N_STREAM - i))
        offset = x.id.get_offset()
    with open(path("x.h5"), "rb") as file:
        os.fsync(file.fileno())
    write("stream.yaml", "items: {hdf5: {file: x.h5, fields: {x: /x}}}\nkernel: square_plus\n")
    return offset


def check_stream(what, read):
    for i in range(0, N_STREAM, WINDOW):
        n = min(WINDOW, N_STREAM - i)
        x = input_values(i, n)
        if not np.array_equal(read(i, n), x * x + TOTAL):
            stop(f"{what}: wrong values in rows {i} to {i + n - 1}")


def check_results(what):
    with h5py.File(path("out.h5")) as file:
        y, status = file["y"], file["status"]
        check_stream(what, lambda i, n: y[i : i + n])
        if not all((status[i : i + WINDOW] == 1).all() for i in range(0, N_STREAM, WINDOW)):
            stop(f"{what}: not every item is done")


def check_raw():
    raw = np.memmap(path("raw"), "f8", "r")
    check_stream("baseline", lambda i, n: raw[i : i + n])


def claim_memory(n_items=N_STREAM):
    """Writes and removes a file as large as an output. Virtual machines hand memory that is free for some seconds back
    to their host, and whoever uses it first then waits for it: ten times as long as for the whole computation."""
    with open(path("claim"), "wb", buffering=0) as file:
        for _ in range(0, 9 * n_items, WINDOW):
            file.write(bytes(WINDOW))
    remove("claim")


def run_baseline(offset):
    claim_memory()
    out, _, wall_s = must([path("baseline"), path("x.h5"), str(offset), str(N_STREAM), path("raw"), "2"])
    return wall_s, float(out)


def stream_rows(probe):
    """(name, layout, settings, targets for whole and computing, present)"""
    rows = []
    team, pair, apart = Layout(1, 2), Layout(2, 1), Layout(2, 1, apart=True)
    direct, gather = ((team, (1.15, 1.0)), (pair, (1.25, 1.0))), ((team, (2.5, 2.5)), (pair, (2.5, 2.5)), (apart, (2.5, 2.5)))
    for transport, layouts in (("direct", direct), ("gather", gather)):
        settings = (f"transport={transport}",)
        for layout, targets in layouts:
            rows.append((transport, layout, settings, targets, probe.has(*settings) and probe.has_layout(layout)))
    if not rows[0][-1]:  # what there was before there was a choice
        rows += [("(no key)", layout, (), (2.5, 2.5), True) for layout in (team, pair)]
    return rows


def run_stream(layout, settings):
    """Seconds of the whole process, less those that MPI takes for nothing, and of computing."""
    mpi_s = must(layout.launch + [path("hello")], layout.env)[2] if layout.ranks > 1 else 0
    whole_s, computing_s = run("stream.yaml", layout, settings)
    return whole_s - mpi_s, computing_s


def part_a(probe):
    offset = make_stream()
    rows = stream_rows(probe)
    measured = {row: [] for row in rows}
    for turn in range(1 + ROUNDS + 1):
        for row in rows:
            name, layout, settings, _, present = row
            if not present:
                continue
            base = run_baseline(offset)
            if turn == 0:
                check_raw()
            remove("raw")
            claim_memory()
            own = run_stream(layout, settings)
            if turn == 0:
                check_results(f"{name} {layout.name}")
            else:
                measured[row].append((own, base))
            remove("out.h5")
    remove("x.h5")

    heading(f"(a) y = x² + c, 10⁸ float64, HDF5 to HDF5; ratio (least … most) to OpenMP with pread and pwrite\n"
            f"{'transport':10} {'layout':17} {'whole':>7} {'ratio':>7} {'':22} {'computing':>11} {'ratio':>7} {'':22}"
            f"  targets")
    for row, runs in measured.items():
        name, layout, _, targets, present = row
        print(f"{name:10} {layout.name:17}", end="")
        if not present:
            print(f" {ABSENT}")
            continue
        for k, width in ((0, 6), (1, 10)):
            ratios = [own[k] / base[k] for own, base in runs]
            spread = f"({min(ratios):.2f} … {max(ratios):.2f})"
            print(f" {median(own[k] for own, _ in runs):{width}.2f} s {median(ratios):5.2f} {spread:15}"
                  f" {mark(median(ratios) <= targets[k]):6} ", end="")
        print(f"  ≤ {targets[0]}, {targets[1]}")
    bases = [base for runs in measured.values() for _, base in runs]
    print(f"{'baseline':10} {'1 x 2':17} {median(b[0] for b in bases):6.2f} s {1:5.2f} {'':23}"
          f" {median(b[1] for b in bases):9.2f} s {1:5.2f}", flush=True)


# --------------------------------------------------------------------------------------------------------- (b) schedule

N_COSTS = 2000
POLICIES = {
    "auto": ("schedule.policy=auto",),
    "static": ("schedule.policy=static",),
    "weighted": ("schedule.policy=weighted", "schedule.cost=cost_s"),
    "dynamic": ("schedule.policy=dynamic",),
}


def make_costs():
    """Both with a mean of exactly 1 ms."""
    uneven = np.random.default_rng(20240229).lognormal(0, 1.5, N_COSTS)
    growing = np.linspace(0, 2, N_COSTS)
    for name, cost in (("lognormal", uneven), ("growing", growing)):
        cost_s = 1e-3 * cost / cost.mean()
        write(f"{name}.csv", "cost_s\n" + "".join(f"{c:.9f}\n" for c in cost_s))
        write(f"{name}.yaml", f"items: {{csv: {name}.csv}}\nkernel: ./spin.so:spin\nparams: {{work: {WORK}}}\n")
    return ("lognormal", "growing")


def efficiency():
    with h5py.File(path("out.h5")) as file:
        start_s, end_s, cost_s = (file[name][:] for name in ("start_s", "end_s", "cost_s"))
    took_s = cost_s if WORK == "burn" else end_s - start_s
    return took_s.sum() / (2 * (end_s.max() - start_s.min()))


def part_b(probe):
    jobs = make_costs()
    layouts = (Layout(1, 2), Layout(2, 1), Layout(2, 1, apart=True))
    rows = [(policy, layout) for policy in POLICIES for layout in layouts]
    present = {(p, l): probe.has(*POLICIES[p]) and probe.has_layout(l) for p, l in rows}
    measured = {(row, job): [] for row in rows for job in jobs}
    for _ in range(ROUNDS):
        for row, job in measured:
            if present[row]:
                run(f"{job}.yaml", row[1], POLICIES[row[0]])
                measured[row, job].append(efficiency())
    heading(f"(b) efficiency on 2 workers, 2,000 items of 1 ms in the mean ({WORK})\n"
            f"{'policy':12} {'layout':17} {'log-normal, σ 1.5':>18} {'':7} {'growing, 0 … 2 ms':>18}          target")
    for row in rows:
        policy, layout = row
        print(f"{policy:12} {layout.name:17}", end=" ")
        if not present[row]:
            print(ABSENT)
            continue
        for job in jobs:
            value = median(measured[row, job])
            print(f"{value:18.3f} {mark(value >= 0.97) if policy == 'auto' else '':7}", end=" ")
        print(" ≥ 0.97" if policy == "auto" else "", flush=True)


# --------------------------------------------------------------------------------------------------------- (c) hand-out

N_NOTHING = 10**6
LONG_S = 10e-6  # a longer gap between two calls is more than the next block of a grain


def gaps():
    """Seconds from the end of a kernel call to the next one of the same thread."""
    with h5py.File(path("out.h5")) as file:
        start_s, end_s, thread = (file[name][:] for name in ("start_s", "end_s", "thread"))
    order = np.lexsort((start_s, thread))
    start_s, end_s, thread = start_s[order], end_s[order], thread[order]
    return (start_s[1:] - end_s[:-1])[thread[1:] == thread[:-1]]


def part_c(probe):
    write("noop.yaml", f"items: {{count: {N_NOTHING}}}\nkernel: ./spin.so:noop\n")
    write("stamp.yaml", f"items: {{count: {N_NOTHING}}}\nkernel: ./spin.so:spin\n")
    layouts = (Layout(1, 1), Layout(1, 2), Layout(2, 1), Layout(2, 1, apart=True))
    measured = {layout: [] for layout in layouts if probe.has_layout(layout)}
    trips = []
    for _ in range(ROUNDS):
        for layout, runs in measured.items():
            computing_s = run("noop.yaml", layout)[1]
            run("stamp.yaml", layout)
            gap_s = gaps()
            pause_s = gap_s[gap_s > LONG_S] if (gap_s > LONG_S).any() else np.zeros(1)
            runs.append((1e9 * computing_s * layout.ranks * layout.threads / N_NOTHING, 1e9 * np.median(gap_s),
                         pause_s.size, 1e6 * np.median(pause_s), 1e6 * np.quantile(pause_s, 0.99),
                         1e6 * pause_s.max()))
        trips.append(float(must(MPIRUN + [path("hello"), "20000"])[0]))
    heading(f"(c) a million blocks of one item that do nothing\n"
            f"{'layout':17} {'worker time':>12} {'between calls':>14}   pauses over 10 µs: {'median':>9} {'99 %':>9} "
            f"{'longest':>9}")
    for layout in layouts:
        if layout not in measured:
            print(f"{layout.name:17} {ABSENT}")
            continue
        block, gap, n, middle, most, longest = (median(column) for column in zip(*measured[layout]))
        print(f"{layout.name:17} {block:9.0f} ns {gap:11.0f} ns   {n:17.0f}  {middle:6.0f} µs {most:6.0f} µs "
              f"{longest:6.0f} µs")
    print(f"{'bare MPI, 2 x 1':17} {median(trips):9.2f} µs a round trip", flush=True)


# ------------------------------------------------------------------------------------------------------------ (d) start


def part_d(_):
    write("one.yaml", "items: {count: 1}\nkernel: square_plus\n")
    pair, alone = Layout(2, 1), Layout(1, 1)
    measured = []
    for _ in range(5 * ROUNDS):
        bare_s = must(MPIRUN + [path("hello")])[2]
        pair_s = run("one.yaml", pair)[0]
        bare_alone_s = must([path("hello")])[2]
        alone_s = run("one.yaml", alone)[0]
        measured.append((bare_s, pair_s, pair_s / bare_s, bare_alone_s, alone_s))
    bare_s, pair_s, ratio, bare_alone_s, alone_s = (median(column) for column in zip(*measured))
    heading(f"(d) a job of one item, from start to end; ratio to a bare MPI program\n"
            f"{'':17} {'bare MPI':>9} {'sheaf run':>10} {'ratio':>7}         target")
    print(f"{'mpirun -np 2':17} {1e3 * bare_s:6.0f} ms {1e3 * pair_s:7.0f} ms {ratio:7.2f}  {mark(ratio <= 1.3):6}"
          f" ≤ 1.3")
    print(f"{'without mpirun':17} {1e3 * bare_alone_s:6.0f} ms {1e3 * alone_s:7.0f} ms", flush=True)


# ------------------------------------------------------------------------------------------------------------ (e) tables

N_TABLE = 5 * 10**6
READ_CSV = """
import sys, time
import pandas
began_s = time.perf_counter()
pandas.read_csv(sys.argv[1])
print(time.perf_counter() - began_s)
"""


def make_table(name, digits):
    """Three columns of numbers below 1, with so many digits."""
    random, step = np.random.default_rng(20240501), 10**5
    with open(path(name), "w") as file:
        file.write("a,b,c\n")
        for _ in range(0, N_TABLE, step):
            rows = random.random((step, 3)).tolist()
            file.write("".join(f"{a:.{digits}f},{b:.{digits}f},{c:.{digits}f}\n" for a, b, c in rows))
    write(f"{name}.yaml", f"items: {{csv: {name}}}\nexpression: {{y: a + b*c}}\n")


def check_table(name):
    """What strtod reads, and fused multiply-add or not."""
    y = np.memmap(path("raw"), "f8", "r")
    with h5py.File(path("out.h5")) as file:
        a, b, c = (file[field][:] for field in "abc")
        if not (np.allclose(file["y"][:], y, rtol=1e-15, atol=0) and (file["status"][:] == 1).all()):
            stop(f"{name}: wrong values")
    with open(path(name)) as file:
        next(file)
        for i, line in zip(range(1000), file):
            if tuple(map(float, line.split(","))) != (a[i], b[i], c[i]):
                stop(f"{name}: row {i} was not copied as it is written")


def part_e(_):
    team, has_pandas = Layout(1, 2), call([sys.executable, "-c", "import pandas"])[0] == 0
    heading(f"(e) y = a + b*c, a CSV of 5 million rows of three numbers, to a new file; rate to that of others\n"
            f"{'digits':9} {'size':>7} {'sheaf run':>10} {'read_csv':>9} {'ratio':>6} {'':22} {'strtod':>8} {'ratio':>6}")
    for digits, least in ((8, 4.0), (17, None)):
        name = f"table{digits}.csv"
        make_table(name, digits)
        runs = []
        for turn in range(1 + ROUNDS):
            claim_memory()
            base_s = must([path("csv_baseline"), path(name), path("raw"), "2"])[2]
            claim_memory()
            own_s = run(f"{name}.yaml", team)[0]
            if turn == 0:
                check_table(name)
            pandas_s = float(must([sys.executable, "-c", READ_CSV, path(name)])[0]) if has_pandas else float("nan")
            remove("raw")
            if turn > 0:
                runs.append((own_s, pandas_s, base_s))
        own_s, pandas_s, base_s = (median(column) for column in zip(*runs))
        to_pandas, to_base = median(p / s for s, p, _ in runs), median(b / s for s, _, b in runs)
        target = f"{mark(to_pandas >= least)} (≥ {least})" if least and has_pandas else ""
        print(f"{digits:6}    {os.path.getsize(path(name)) / 1e6:4.0f} MB {own_s:8.2f} s {pandas_s:7.2f} s {to_pandas:6.2f}"
              f" {target:22} {base_s:6.2f} s {to_base:6.2f} {mark(to_base >= 0.7)} (≥ 0.7)", flush=True)
        remove(name)


# -------------------------------------------------------------------------------------------------- (f) generated items

AXES = {"a": (4000, 1, 4000), "b": (5000, -2500, 2499)}  # whole numbers, so that the sum below is exact
N_CELLS = AXES["a"][0] * AXES["b"][0]


def make_cells():
    """The same items twice: as a grid, and its fields as datasets in one piece."""
    a, b = (np.linspace(first, last, n) for n, first, last in AXES.values())
    cells = {"a": np.repeat(a, b.size), "b": np.tile(b, a.size)}
    with h5py.File(path("cells.h5"), "w") as file:
        for name, values in cells.items():
            file[name] = values
    with open(path("cells.h5"), "rb") as file:
        os.fsync(file.fileno())
    grid = ", ".join(f"{name}: {{linspace: [{first}, {last}, {n}]}}" for name, (n, first, last) in AXES.items())
    formula = "expression: {y: a + b}\n"
    write("generated.yaml", f"items: {{grid: {{{grid}}}}}\n{formula}")
    write("mapped.yaml", f"items: {{hdf5: {{file: cells.h5, fields: {{a: /a, b: /b}}}}}}\ninputs: link\n{formula}")
    return cells["a"] + cells["b"]


def check_cells(what, y):
    with h5py.File(path("out.h5")) as file:
        if not (np.array_equal(file["y"][:].reshape(-1), y) and (file["status"][:] == 1).all()):
            stop(f"{what}: wrong values")


def part_f(probe):
    y = make_cells()
    rows = [("direct", Layout(1, 1)), ("direct", Layout(1, 2)), ("direct", Layout(2, 1)), ("gather", Layout(2, 1, True))]
    measured = {row: [] for row in rows if probe.has(f"transport={row[0]}") and probe.has_layout(row[1])}
    for turn in range(1 + ROUNDS):
        for (transport, layout), runs in measured.items():
            took = {}
            for source in ("generated", "mapped") if turn % 2 else ("mapped", "generated"):
                claim_memory(N_CELLS)
                took[source] = run(f"{source}.yaml", layout, (f"transport={transport}",))
                if turn == 0:
                    check_cells(f"{source} {layout.name}", y)
            remove("out.h5")
            if turn > 0:
                runs.append((took["generated"], took["mapped"]))
    remove("cells.h5")

    heading(f"(f) y = a + b, {N_CELLS // 10**6} million items, as a grid and from HDF5; million items/s (least … most)\n"
            f"{'transport':10} {'layout':17} computing: {'grid':>4} {'HDF5':>6} {'ratio':>6} {'':22}"
            f" whole: {'grid':>4} {'HDF5':>6} {'ratio':>6} {'':16} target: computing ≥ 1")
    for (transport, layout), runs in measured.items():
        print(f"{transport:10} {layout.name:17}", end="")
        for k, width in ((1, 16), (0, 12)):
            rates = [median(N_CELLS / 1e6 / pair[i][k] for pair in runs) for i in (0, 1)]
            ratios = [mapped[k] / generated[k] for generated, mapped in runs]
            spread = f"({min(ratios):.2f} … {max(ratios):.2f})"
            print(f"{rates[0]:{width}.0f} {rates[1]:6.0f} {median(ratios):6.2f} {spread:15}", end=" ")
            print(f"{mark(median(ratios) >= 1):6}" if k == 1 else "", end="")
        print(flush=True)


# ----------------------------------------------------------------------------------------------------------------- main


def main():
    if WORK not in ("sleep", "burn"):
        stop(f"SHEAF_BENCH_WORK is '{WORK}'; it should be sleep or burn")
    began_s, probe = time.monotonic(), Probe()
    print(f"{ROUNDS} rounds in {FOLDER}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for letter, part in (("a", part_a), ("b", part_b), ("c", part_c), ("d", part_d), ("e", part_e),
                         ("f", part_f)):
        if letter in PARTS:
            part(probe)
    print(f"\n{time.monotonic() - began_s:.0f} s; load {os.getloadavg()[0]:.1f}")


main()
