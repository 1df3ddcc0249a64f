"""running.py - what the benchmarks share: running Sheaf and others, from start to end, and printing what came out.

The benchmark is started as NAME.py SHEAF FOLDER; files and runs are in the folder."""
import os
import re
import statistics
import subprocess
import sys
import time

NAME = os.path.splitext(os.path.basename(sys.argv[0]))[0]
SHEAF, FOLDER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ROUNDS = int(os.environ.get("SHEAF_BENCH_ROUNDS", 3))
MPIRUN = ["mpirun", "-np", "2"]
APART = {"SHEAF_RANKS_PER_NODE": "1"}
LONGEST_S = 300  # a run that takes longer has failed
ABSENT = "not in this build"


def path(name):
    return os.path.join(FOLDER, name)


def stop(why):
    sys.exit(f"{NAME}: {why}")


# -------------------------------------------------------------------------------------------------------------- running


class Layout:
    """Ranks x threads, perhaps with every rank on a node of its own."""

    def __init__(self, ranks, threads, apart=False):
        self.ranks, self.threads, self.apart = ranks, threads, apart
        self.name = f"{ranks} x {threads}" + (" nodes apart" if apart else "")
        bound = [] if threads == 1 else ["--bind-to", "none"]
        self.launch = MPIRUN + bound if ranks > 1 else []
        self.env = APART if apart else {}


def call(words, env=None):
    """Runs a program; its exit code, its texts, and the seconds it took."""
    env = {k: v for k, v in os.environ.items() if k not in APART} | (env or {})
    began_s = time.perf_counter()
    try:
        done = subprocess.run(words, env=env, cwd=FOLDER, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        stop(f"{' '.join(words)} did not end within {LONGEST_S} s")
    return done.returncode, done.stdout, done.stderr, time.perf_counter() - began_s


def must(words, env=None):
    code, out, err, wall_s = call(words, env)
    if code != 0:
        stop(f"{' '.join(words)} ended with {code}:\n{err}")
    return out, err, wall_s


def words_for(job, layout, settings):
    words = layout.launch + [SHEAF, "run", path(job), "--threads", str(layout.threads), "-o", path("out.h5")]
    return words + [f"--set={s}" for s in settings]


def remove(name):
    if os.path.exists(path(name)):
        os.unlink(path(name))


def seconds(text):
    """A duration as the summary writes it: 7.5 ms, 1.25 s, 1:05."""
    value, _, unit = text.partition(" ")
    if unit:
        return float(value) * (1e-3 if unit == "ms" else 1)
    return sum(float(part) * 60**i for i, part in enumerate(reversed(value.split(":"))))


def run(job, layout, settings=()):
    """One run from the start; seconds of the whole process, and of computing as the summary has it. The results stay
    in out.h5."""
    remove("out.h5")
    _, err, wall_s = must(words_for(job, layout, settings), layout.env)
    duration = r"(\d[\d.:]*(?: m?s)?)"
    part = re.search(duration + " of it computing", err) or re.search("^  " + duration, err, re.M)
    if not part:
        stop(f"no time in the summary of {job}:\n{err}")
    return wall_s, seconds(part.group(1))


def write(name, text):
    with open(path(name), "w") as file:
        file.write(text)


# ------------------------------------------------------------------------------------------------------------- printing


def mark(met):
    return "met" if met else "MISSED"


def heading(text):
    print(f"\n{text}", flush=True)


def median(values):
    return statistics.median(values)
