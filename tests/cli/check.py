"""check.py WHAT ARGUMENTS... - looks into results files with h5py and numpy, independently of Sheaf. Each function
`check_WHAT`, below or in samples.py, is one check; it takes texts and raises AssertionError with what it found."""
import csv
import io
import json
import math
import os
import shutil
import sys

from results import (CRASHED, DONE, FAILED, PENDING, by_item, h5py, need, np, same_bytes, status_is, statuses, text)
from comparing import *
from samples import *

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def check_same(fields, reference, *paths):
    """The fields (A,B,..) have the same bytes in all files, and every item is done."""
    assert paths
    with h5py.File(reference) as a:
        status_is(a, DONE)
        for path in paths:
            with h5py.File(path) as b:
                status_is(b, DONE)
                for field in fields.split(","):
                    same_bytes(path, a, b, field)


# --- what the values should be -------------------------------------------------------------------------------------


def check_square_plus(path, n):
    """y = x**2 + sum(range(10000)) for the index x; whole numbers below 2**53, so exact."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        x = np.arange(int(n), dtype=np.int64)
        assert f["y"].dtype == np.float64 and f["y"].shape == (int(n),), f["y"]
        assert (f["y"][:] == (x * x + sum(range(10000))).astype(np.float64)).all()


def check_square_plus_hdf5(path, source, dataset, terms):
    """The same for x from an HDF5 file: one rounding for the square, one for the sum, as in numpy."""
    with h5py.File(path) as f, h5py.File(source) as s:
        status_is(f, DONE)
        x = s[dataset][:].astype(np.float64)
        assert (f["y"][:] == x * x + float(sum(range(int(terms))))).all()


def check_pi(path, seed, samples):
    """The hits that NumPy counts with the same generator; the seed is in the file."""
    samples = int(samples)
    with h5py.File(path) as f:
        assert f["sheaf"].attrs["seed"] == int(seed)
        status_is(f, DONE)
        for item, hits in enumerate(f["hits"][:]):
            stream = np.random.Generator(np.random.Philox(key=[int(seed), item]))
            wanted = ((stream.random((samples, 2)) ** 2).sum(axis=1) < 1).sum()
            assert hits == wanted, f"item {item}: {hits}, but NumPy counts {wanted}"
        assert (f["pi"][:] == 4 * f["hits"][:] / samples).all()


def check_jpl(path):
    """Against the values JPL publishes, which it rounds; see data/README.md."""
    with h5py.File(path) as f, open(f"{TOP}/tests/data/jpl_moid_every_third.csv", newline="") as known:
        status_is(f, DONE)
        moid, names, n = f["moid"][:], f["name"].asstr()[:], 0
        assert len(moid) == 7099
        for row in csv.DictReader(known):
            k = int(row["row"])
            assert names[k] == row["name"], (k, names[k], row["name"])
            assert abs(moid[k] - float(row["earth_moid_au"])) < 0.002, (k, moid[k], row)
            n += 1
        assert n > 2300, n  # JPL has none for a few
        for angle in ("true_anomaly", "earth_longitude"):
            assert ((f[angle][:] >= 0) & (f[angle][:] <= 360)).all()


def check_uneven(path):
    """y = x + first item of the block of 7, place in the block, index."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        i = np.arange(len(f["x"]))
        assert f["y"].shape == (len(i), 3)
        assert (f["y"][:] == np.stack([f["x"][:] + i // 7 * 7, i % 7, i], axis=1)).all()


def check_poke(path):
    with h5py.File(path) as f:
        status_is(f, DONE)
        x = f["x"][:]
        ten = 10 * np.floor(x).astype(np.int64)[:, None]
        assert (f["f64"][:] == x).all()
        for name, kind, width in (("f32", np.float32, 2), ("i64", np.int64, 3), ("i32", np.int32, 4), ("u8", np.uint8, 5)):
            wanted = ten + np.arange(width)
            wanted = wanted % 256 if kind == np.uint8 else wanted
            assert f[name].dtype == kind and f[name].shape == wanted.shape, f[name]
            assert (f[name][:] == wanted.astype(kind)).all(), name


def check_expression_count(path, n):
    """y = i*i + 5 and z = y/7 - sqrt(i): rounded once at each step, as in numpy."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        i = np.arange(int(n), dtype=np.float64)
        assert f["y"].dtype == np.float64 and f["y"].shape == (int(n),), f["y"]
        assert (f["y"][:] == i * i + 5).all()
        assert (f["z"][:] == (i * i + 5) / 7 - np.sqrt(i)).all()


def check_expression(path, x):
    """The formulas of expression_test.cpp."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        x = f[x][:]
        y, i = x * x + 5, np.arange(len(x))
        assert (f["y"][:] == y).all()
        assert np.allclose(f["wave"][:], np.sin(x) * np.exp(-np.abs(x) / 20) + y**0.3, rtol=1e-14, atol=1e-15)
        assert (f["r"][:] == np.sqrt(x * x + y * y) / 3).all()
        assert (f["part"][:] == np.where((x > 0) & (x < 30), x / 3, -i)).all()


def check_expression_functions(path):
    """drag(v, rho) = v*v*rho/2, by value and by reference, and called where i > 0 only."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        i = np.arange(5000.0)
        drag = i * i * 3 / 2
        assert (f["a"][:] == drag).all() and (f["b"][:] == drag).all()
        with np.errstate(divide="ignore", invalid="ignore"):
            assert (f["c"][:] == np.where(i > 0, drag * drag * (1 / i) / 2, 0)).all()


def check_orbits(path):
    """jobs/expression.yaml."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        a, e, i = f["a_au"][:], f["e"][:], np.radians(f["i_deg"][:])
        t = 5.2044 / a + 2 * np.cos(i) * np.sqrt(a / 5.2044 * (1 - e * e))
        assert len(a) == 7099
        assert (f["perihelion"][:] == a * (1 - e)).all() and (f["aphelion"][:] == a * (1 + e)).all()
        assert np.allclose(f["period"][:], a * np.sqrt(a), rtol=1e-14)
        assert np.allclose(f["tisserand"][:], t, rtol=1e-14)
        assert (f["near_earth"][:] == ((a * (1 - e) < 1.3) & (a * (1 + e) > 0.983))).all()
        assert sorted(set(f["near_earth"][:])) == [0, 1]
        assert (f["kind"][:] == np.where(t > 3, 1, np.where(t > 2, 2, 3))).all()
        assert sorted(set(f["kind"][:])) == [1, 2, 3]


def check_traces(path):
    """The kernel of same_bytes_test.cpp: blocks of 3, the item's first random number, and where it was computed."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        x, y, i = f["x"][:], f["y"][:], np.arange(len(f["x"]))
        first = [np.random.Generator(np.random.Philox(key=[5, item])).random() for item in i]
        assert (y[:, 0] == first).all()
        assert np.allclose(y[:, 1], np.sin(x) * np.exp(-x / 300) + y[:, 0], rtol=1e-12, atol=1e-14)
        assert (y[:, 2] == x + 1000.0 * i).all()
        assert (f["k"][:] == i // 3 * 3 % 1000 * 10 + i % 3).all()


def check_slow(path, state):
    """y = 2 x + 1 in each row that is marked done, whatever happened; with state `all` that is all of them."""
    with h5py.File(path) as f:
        x, y, status = by_item(f, "x"), by_item(f, "y"), statuses(f)
        assert np.isin(status, (PENDING, DONE)).all(), np.unique(status)
        done = status == DONE
        cells = y[~done]  # a row is written before its status
        assert f["status"].ndim == 1 or (np.isnan(cells) | (cells == 2 * x[~done] + 1)).all(), f"{path}: {cells}"
        assert (y[done] == 2 * x[done] + 1).all(), f"{path}: wrong rows {np.flatnonzero(done & (y != 2 * x + 1))}"
        assert state != "all" or done.all(), f"{path}: {np.count_nonzero(~done)} of {len(x)} are not done"
        assert state != "some" or done.any() and not done.all()
        for name in f:  # the whole file can be read
            f[name][()] if isinstance(f[name], h5py.Dataset) else None


def check_power_cut(path, disk, seed):
    """Plays the cut: of each page of the results file and of its journals what was synced last, or what was written since.
    What was never synced may be nothing but zeros. Seed 0: by chance all that was written is there."""
    rng = np.random.default_rng(int(seed))
    folder = os.path.splitext(path)[0] + ".d"
    journals = [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []
    for name in [path, *journals]:
        with open(name, "rb") as file:
            now = file.read()
        synced = os.path.join(disk, str(os.stat(name).st_ino))
        before = b""
        if os.path.exists(synced):
            with open(synced, "rb") as file:
                before = file.read()
        before = before.ljust(len(now), b"\0")[: len(now)]
        with open(name, "r+b") as file:
            for at in range(0, len(now), 4096):
                if int(seed) and rng.integers(2):
                    file.seek(at)
                    file.write(before[at : at + 4096])
        shutil.copyfile(name, synced)  # what is on the disk from here on


def check_safe(path, kernel):
    """A plain reader's done, status 1, is right, whatever it finds else."""
    with h5py.File(path) as f:
        done = f["status"][:] == DONE
        assert not done.all(), f"{path}: all of {len(done)} are done"
        if kernel == "slow":
            assert (f["y"][:][done] == 2 * f["x"][:][done] + 1).all(), np.flatnonzero(done & (f["y"][:] != 2 * f["x"][:] + 1))


def check_echoed(path):
    """Each item has said which it is."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        said = [text(s) for s in f["stdout"][:]]
        assert said == [f"item {i}\n" for i in range(len(said))], said[:10]


def check_odd(path):
    """Everything is done, y = 2 x + 1."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        assert (f["y"][:] == 2 * f["x"][:] + 1).all(), f["y"][:]


def check_killed(killed, finished, reference, least="0"):
    """Folders of copies: made after kills, and after the runs that went on from there."""
    n = 0
    for name in sorted(os.listdir(killed)):
        path = os.path.join(killed, name)
        check_slow(path, "any")
        with h5py.File(path) as f:
            assert (statuses(f)[: int(least)] == DONE).all(), f"{path}: lost what was done before"
        n += 1
    paths = [os.path.join(finished, name) for name in sorted(os.listdir(finished))]
    assert n > 0 and paths
    check_same("y,x", reference, *paths)


def check_slow_folder(folder):
    names = sorted(os.listdir(folder))
    assert names
    for name in names:
        check_slow(os.path.join(folder, name), "any")


def each_results(folder):
    """The results files of a folder, which has some: their paths, and the open files."""
    names = sorted(os.listdir(folder))
    assert names
    for name in names:
        path = os.path.join(folder, name)
        with h5py.File(path) as f:
            yield path, f


def check_killed_fails(killed, finished):
    """The kernel `fails`: y = x where done, NaN where failed; in the end each failed item has its message."""
    for folder in (killed, finished):
        for path, f in each_results(folder):
            x, y, status = f["x"][:], f["y"][:], statuses(f)
            assert (y[status == DONE] == x[status == DONE]).all(), path
            assert np.isnan(y[status == FAILED]).all(), path
            noted = f["sheaf/errors/item"][:]
            assert set(noted[noted >= 0]) >= set(np.flatnonzero(status == FAILED)), path
            if folder == finished:
                assert sorted(noted[noted >= 0]) == [1, 4, 5, 6, 7], (path, noted[noted >= 0])
                assert list(np.flatnonzero(status == FAILED)) == [1, 4, 5, 6, 7], (path, status)
                assert (np.delete(status, [1, 4, 5, 6, 7]) == DONE).all()


def check_killed_retries(killed, finished):
    """All items fail, each with a number of its own in its message, and some are tried again: whatever was killed, no item
    that has failed is without its message or has another's."""
    for folder in (killed, finished):
        for path, f in each_results(folder):
            x, status, found = f["x"][:], statuses(f), [[] for _ in f["x"]]
            for item, slot in zip(f["sheaf/errors/item"][:], f["sheaf/errors/message"][:]):
                if 0 <= item < len(x):  # half a -1 over an item is none
                    found[item].append(bytes(slot).rstrip(b"\0").decode())
            assert folder == killed or (status == FAILED).all(), path
            for i in np.flatnonzero(status == FAILED):
                wanted = "x is %g: below 1e6 only, or float32 would round" % x[i]
                assert set(found[i]) == {wanted} and (folder == killed or len(found[i]) == 1), (path, i, found[i])


def integral_period(length, amplitude_deg, g):
    """The pendulum's period as the integral it is, 4 sqrt(L/g) K(sin(amplitude/2)). With t = sinh(u) in K's algebraic
    form, K = integral over u > 0 of 1 / sqrt(1 + (k' sinh u)^2), k' = cos(amplitude/2): smooth, even and soon gone,
    where the trapezoidal rule is exact to rounding."""
    h = 0.02
    u = np.arange(0, 60, h)
    values = 1 / np.sqrt(1 + (math.cos(math.radians(amplitude_deg) / 2) * np.sinh(u)) ** 2)
    return 4 * math.sqrt(length / g) * h * (values.sum() - values[0] / 2)


def check_pendulum(path, g):
    with h5py.File(path) as f:
        status_is(f, DONE)
        assert len(f["period"]) >= 10
        for length, amplitude, period, stretch in zip(f["length"][:], f["amplitude"][:], f["period"][:], f["stretch"][:]):
            wanted = integral_period(length, amplitude, float(g))
            assert abs(period / wanted - 1) < 1e-11, (length, amplitude, period, wanted)
            small = 2 * math.pi * math.sqrt(length / float(g))
            assert abs(stretch / (wanted / small) - 1) < 1e-11, (length, amplitude, stretch)


def check_some_squares(path):
    with h5py.File(path) as f:
        done = statuses(f) == DONE
        x = np.arange(len(done), dtype=np.float64)
        assert done[:10].all() and not done.all(), np.count_nonzero(done)
        assert (f["y"][:][done] == (x * x + sum(range(10000)))[done]).all()


# --- resuming ------------------------------------------------------------------------------------------------------


def check_items(path, begin, end):
    """Only items begin..end-1 of a slow job are done; the others hold the fill value."""
    with h5py.File(path) as f:
        status, y, x = statuses(f), f["y"][:], f["x"][:]
        inside = (np.arange(len(x)) >= int(begin)) & (np.arange(len(x)) < int(end))
        assert (status == np.where(inside, DONE, PENDING)).all(), status
        assert (y[inside] == 2 * x[inside] + 1).all()
        assert np.isnan(y[~inside]).all(), y


def check_runs(path, *items):
    """One row of the table of runs for each run, with the number of items it computed (-1: not told)."""
    with h5py.File(path) as f:
        runs = {name: d[:] for name, d in f["sheaf/runs"].items()}
        used = np.flatnonzero(runs["start"] > 0)
        assert list(used) == list(range(len(items))), used
        for k, wanted in enumerate(items):
            assert int(wanted) < 0 or runs["items"][k] == int(wanted), (k, runs["items"][: len(items)])
            assert runs["end"][k] >= runs["start"][k] > 1.6e9
            assert runs["ranks"][k] >= 1 and runs["threads"][k] >= 1 and runs["nodes"][k] == 1
            assert bytes(runs["host"][k]).rstrip(b"\0").decode() == os.uname().nodename


def check_many_runs(path, least, items):
    """At least so many runs, each of which added to so many items. One that was not let come to its end may not have told
    how many, or not of those that others finished after it had counted."""
    with h5py.File(path) as f:
        runs = {name: f["sheaf/runs/" + name][:] for name in ("start", "items", "before", "reason")}
        n = np.count_nonzero(runs["start"] > 0)
        computed, reason, before = runs["items"][:n], runs["reason"][:n], runs["before"][:n]
        added = np.diff(np.append(before, int(items)))
        assert n >= int(least) and before[0] == 0 and (added > 0).all(), (n, before)
        assert (computed <= added).all() and computed[-1] == added[-1] and reason[-1] == 1, (computed, added, reason)


def check_empty(path, *fields):
    with h5py.File(path) as f:
        assert f["status"].shape == (0,)
        for field in fields:
            assert f[field].shape[0] == 0


def check_spoil(path, row):
    with h5py.File(path, "r+") as f:
        f["y"][int(row)] = -1234.5


def check_spoilt(path, row):
    with h5py.File(path) as f:
        status_is(f, DONE)
        assert f["y"][int(row)] == -1234.5, "the row was computed again"


# --- failing items -------------------------------------------------------------------------------------------------


def check_failed(path, output, *items):
    """Exactly these items failed, hold NaN, and have a message; the others are done."""
    with h5py.File(path) as f:
        failed = np.flatnonzero(statuses(f) == FAILED)
        assert list(failed) == sorted(map(int, items)), failed
        assert (statuses(f)[np.setdiff1d(np.arange(len(f["status"])), failed)] == DONE).all()
        assert np.isnan(f[output][:][failed]).all()
        assert not np.isnan(f[output][:][statuses(f) == DONE]).any()
        noted = f["sheaf/errors/item"][:]
        assert sorted(noted[noted >= 0]) == list(failed), noted[noted >= 0]


def check_fails_values(path):
    with h5py.File(path) as f:
        done = statuses(f) == DONE
        assert (f["y"][:][done] == f["x"][:][done]).all()


def check_messages(path):
    """Messages in the file are UTF-8, one line, end with NUL bytes and fit their slots; the long one is cut."""
    with h5py.File(path) as f:
        items, slots = f["sheaf/errors/item"][:], f["sheaf/errors/message"][:]
        for item, slot in zip(items[items >= 0], slots):
            raw = bytes(slot)
            assert b"\0" in raw, "not ended"
            message = raw[: raw.index(b"\0")].decode("utf-8")
            assert message and all(ord(c) >= 0x20 and ord(c) != 0x7F for c in message), (item, message)
            if item == 2:  # hostile.c writes 10,000 characters
                pattern = ("100%s of %n nothing next line   %%" * 9)[: len(message)]
                assert 200 <= len(message) < 300 and message.rstrip("…") == pattern[: len(message.rstrip("…"))], message


def check_where_failed(table, items):
    """`sheaf show --where-failed --csv` has exactly these items, each with a message of one line."""
    head, *rows = read_table(table)
    assert head[:3] == ["item", "status", "message"], head
    assert [r[0] for r in rows] == items.split(","), [r[0] for r in rows]
    for r in rows:
        assert len(r) == len(head) and r[1] == "failed" and len(r[2]) > 5 and "\n" not in r[2], r


def check_only_block(path, begin, end):
    """Whatever became of items begin..end-1, all others are done and right; what is done there is right too."""
    with h5py.File(path) as f:
        i = np.arange(len(f["x"]))
        outside = (i < int(begin)) | (i >= int(end))
        status, x, y = statuses(f), f["x"][:], f["y"][:]
        assert (status[outside] == DONE).all() and np.isin(status, (DONE, FAILED)).all(), status
        assert (y[status == DONE] == x[status == DONE]).all() and np.isnan(y[status == FAILED]).all()


# --- items that end the program ------------------------------------------------------------------------------------


def check_crashed(path, *items):
    """Exactly these items are marked crashed, hold NaN and have a message that says so; all others are done, y = 2 x + 1."""
    with h5py.File(path) as f:
        x, y, status = f["x"][:], f["y"][:], statuses(f)
        meanings = dict(zip(text(f["status"].attrs["flag_meanings"]).split(), f["status"].attrs["flag_values"]))
        assert meanings["crashed"] == CRASHED, meanings
        crashed = np.flatnonzero(status == CRASHED)
        assert list(crashed) == sorted(map(int, items)), crashed
        assert (np.delete(status, crashed) == DONE).all(), status
        assert (y[status == DONE] == 2 * x[status == DONE] + 1).all() and np.isnan(y[crashed]).all(), y
        noted = {int(i): bytes(m) for i, m in zip(f["sheaf/errors/item"][:], f["sheaf/errors/message"][:]) if i >= 0}
        assert sorted(noted) == list(crashed), noted
        assert all(b"died" in m and b"alone" in m for m in noted.values()), noted


def check_ended(path, outcome, message, *items):
    """Exactly these items ended so, hold NaN, and have a message with this in it; all others are done, y = 2 x + 1. It
    was not the run itself that died: no block is noted as in flight, or under suspicion."""
    with h5py.File(path) as f:
        x, y, status = f["x"][:], f["y"][:], statuses(f)
        meanings = dict(zip(text(f["status"].attrs["flag_meanings"]).split(), f["status"].attrs["flag_values"]))
        ended = np.flatnonzero(status != DONE)
        assert list(ended) == sorted(map(int, items)), status
        assert (status[ended] == meanings[outcome]).all(), status
        assert (y[status == DONE] == 2 * x[status == DONE] + 1).all() and np.isnan(y[ended]).all(), y
        noted = {int(i): bytes(m).decode() for i, m in zip(f["sheaf/errors/item"][:], f["sheaf/errors/message"][:]) if i >= 0}
        assert sorted(noted) == list(ended), noted
        assert all(message in m for m in noted.values()), noted
        assert (f["sheaf/in_flight"][:, 1] == 0).all() and not suspects_of(f)


def check_attempts(path, at, n):
    """The items with this x took n attempts, all others one."""
    with h5py.File(path) as f:
        assert (f["attempts"][:] == np.where(f["x"][:] == int(at), int(n), 1)).all(), f["attempts"][:]


def check_isolated(path, at=None, n=None):
    """The kernel of plugins/isolated.c: everything is done, each item has said what it is."""
    with h5py.File(path) as f:
        status_is(f, DONE)
        x = f["x"][:]
        words = f["word"].asstr()[:] if "word" in f else ["no word"] * len(x)
        assert (f["y"][:] == 2 * x + 1).all()
        assert list(f["said"].asstr()[:]) == ["x is %g, %s\n" % both for both in zip(x, words)], f["said"][:]
    if at is not None:
        check_attempts(path, at, n)


def check_same_but_attempts(*threes):
    """Two files of one job and its fields, time and again: the same identity, statuses, messages and values; only the
    second file counts attempts."""
    assert threes
    for plain, isolated, fields in zip(threes[::3], threes[1::3], threes[2::3]):
        with h5py.File(plain) as a, h5py.File(isolated) as b:
            assert set(b) - set(a) == {"attempts"} and set(a) <= set(b), (set(a), set(b))
            assert text(a["sheaf"].attrs["identity"]) == text(b["sheaf"].attrs["identity"])
            for field in fields.split(",") + ["status"]:
                if a[field].dtype.kind == "O":
                    assert list(a[field][:]) == list(b[field][:]), (isolated, field)
                else:
                    same_bytes(isolated, a, b, field)
            noted = [dict(zip(f["sheaf/errors/item"][:].tolist(), f["sheaf/errors/message"][:])) for f in (a, b)]
            assert noted[0].keys() == noted[1].keys(), noted
            assert all(bytes(noted[0][i]) == bytes(noted[1][i]) for i in noted[0]), noted
            assert (b["attempts"][:] == 1).all()


def check_slow_or_crashed(*paths):
    """Between runs: whatever is done is right, whatever is given up is NaN."""
    assert paths
    for path in paths:
        with h5py.File(path) as f:
            x, y, status = f["x"][:], f["y"][:], statuses(f)
            assert np.isin(status, (PENDING, DONE, CRASHED)).all(), (path, status)
            assert (y[status == DONE] == 2 * x[status == DONE] + 1).all() and np.isnan(y[status == CRASHED]).all(), path


def check_crashed_folder(folder, *items):
    names = sorted(os.listdir(folder))
    assert names
    for name in names:
        check_crashed(os.path.join(folder, name), *items)


def suspects_of(f):
    """The doubt about each span, by its first block; the table ends with the first that has none."""
    table = f["sheaf/suspects"][:]
    n = int((table[:, 2] > 0).argmin())
    return dict(zip(table[:n, 0].tolist(), table[:n, 2].tolist()))


def check_no_suspicion(path):
    """Nothing is noted as in flight, no block is under suspicion, no item is given up."""
    with h5py.File(path) as f:
        flights = f["sheaf/in_flight"][:]
        assert (flights[:, 1] == 0).all(), flights[flights[:, 1] != 0]
        assert not suspects_of(f), suspects_of(f)
        assert not (statuses(f) == CRASHED).any()


def check_none_alone(path):
    """No block is under so much suspicion (2) that it is computed last and alone, and no item is given up."""
    with h5py.File(path) as f:
        doubts = suspects_of(f)
        assert all(doubt < 2 for doubt in doubts.values()), doubts
        assert not (statuses(f) == CRASHED).any()


# --- labels --------------------------------------------------------------------------------------------------------


def check_moid_labels(path, job):
    with h5py.File(path) as f:
        outputs = {"moid": "au", "true_anomaly": "deg", "earth_longitude": "deg"}
        for name, units in outputs.items():
            a = f[name].attrs
            assert text(a["units"]) == units and len(text(a["long_name"])) > 10, dict(a)
            assert np.isnan(a["_FillValue"]).all() and a["_FillValue"].dtype == f[name].dtype
        flags = f["status"].attrs
        assert flags["flag_values"].dtype == np.uint8
        meanings = dict(zip(text(flags["flag_meanings"]).split(), flags["flag_values"]))
        assert len(meanings) == len(flags["flag_values"])
        assert (meanings["pending"], meanings["done"], meanings["failed"]) == (PENDING, DONE, FAILED)
        for name in f:
            if isinstance(f[name], h5py.Dataset) and not h5py.h5ds.is_scale(f[name].id):
                for dimension in f[name].dims:
                    assert len(dimension) == 1, f"{name}: a dimension without a scale"
        for name in ("moid", "status", "name", "e"):
            assert f[name].dims[0][0] == f["item"], name
        seconds = f["sheaf/seconds"]
        assert seconds.dims[0][0] == f["sheaf/block"] and seconds.dtype == np.float32
        assert len(seconds) == math.ceil(len(f["moid"]) / int(seconds.attrs["items_per_block"][0]))
        assert text(f.attrs["title"]) == "moid" and text(f.attrs["Conventions"]).startswith("CF-")
        assert f["sheaf/job"][:].tobytes() == open(job, "rb").read()
        assert len(text(f["sheaf"].attrs["identity"])) >= 16 and b"moid" in f["sheaf/identity"][:].tobytes()
        assert text(f["sheaf"].attrs["version"])


def check_csv_columns(path, source):
    """Every column of the CSV is there: texts as str, whole numbers as int64, numbers as float64, empty cells NaN."""
    with h5py.File(path) as f, open(source, newline="", encoding="utf-8-sig") as given:
        rows = list(csv.DictReader(given))
        assert len(rows) == len(f["status"])
        for name in rows[0]:
            cells = [row[name] for row in rows]
            dataset = f[name]
            if h5py.check_string_dtype(dataset.dtype) is not None:
                assert h5py.check_string_dtype(dataset.dtype).encoding == "utf-8"
                assert list(dataset.asstr()[:]) == cells, name
                assert not all(is_number(c) for c in cells if c.strip()), f"{name}: numbers kept as text"
            elif dataset.dtype == np.int64:
                assert [int(c) for c in cells] == list(dataset[:]), name
            else:
                assert dataset.dtype == np.float64, (name, dataset.dtype)
                wanted = np.array([float(c) if c.strip() else math.nan for c in cells])
                assert np.array_equal(dataset[:], wanted, equal_nan=True), name


def is_number(cell):
    try:
        float(cell)
        return True
    except ValueError:
        return False


def check_types(path, *pairs):
    with h5py.File(path) as f:
        for pair in pairs:
            name, wanted = pair.split("=")
            kind = "str" if h5py.check_string_dtype(f[name].dtype) is not None else str(f[name].dtype)
            assert kind == wanted, (name, kind)


def check_linked(path, source):
    """Input fields are external links with the source's values; nothing is copied."""
    with h5py.File(path) as f, h5py.File(source) as s:
        for name, there in (("x", "x"), ("k", "deep/k"), ("w", "w")):
            assert isinstance(f.get(name, getlink=True), h5py.ExternalLink), name
            assert (f[name][:] == s[there][:]).all(), name
        assert (f["y"][:] == 2 * s["x"][:] + 1).all()


def check_xarray(path):
    """Both engines give labelled variables; exits 77 where xarray is not installed."""
    engines, xarray = [], need("xarray")
    for engine, module in (("h5netcdf", "h5netcdf"), ("netcdf4", "netCDF4")):
        try:
            __import__(module)
            engines.append(engine)
        except ImportError:
            pass
    if not engines:
        print("neither python3-h5netcdf nor python3-netcdf4 is installed")
        sys.exit(77)
    for engine in engines:
        with xarray.open_dataset(path, engine=engine) as data, h5py.File(path) as f:
            assert data["moid"].dims == ("item",), (engine, data["moid"].dims)
            assert data["moid"].attrs["units"] == "au"
            assert (data["moid"].values == f["moid"][:]).all()
            assert str(data["name"].values[0]) == f["name"].asstr()[0]
            assert len(data.to_dataframe()) == len(f["moid"]), (engine, dict(data.dims))
            assert data["epoch_mjd"].dtype == np.int64, (engine, data["epoch_mjd"].dtype)


def check_cube(path):
    """What xarray gives by either engine, of items `grid: {mass: linspace(1, 10, 4) kg, n: [3, 5], model: [a, "b c"],
    place: {zip: {lat: [1.5, -2], site: [x, "y z"]}}}, repeat: 2` and y = mass * n + lat, of which the first 40 are done."""
    xarray = need("xarray", "h5netcdf", "netCDF4")
    mass, n, lat = np.linspace(1, 10, 4), np.array([3, 5]), np.array([1.5, -2])
    wanted = np.empty((4, 2, 2, 2, 2))
    for i, a in enumerate(mass):
        for j, b in enumerate(n):
            for k in range(2):
                for l, c in enumerate(lat):
                    wanted[i, j, k, l, :] = a * b + c
    wanted.reshape(-1)[40:] = np.nan
    for engine in ("h5netcdf", "netcdf4"):
        with xarray.open_dataset(path, engine=engine) as d:
            assert d.y.dims == ("mass", "n", "model", "place", "repeat"), (engine, d.y.dims)
            assert d.status.dims == d.y.dims and d.lat.dims == ("place",), engine
            assert set(d.y.coords) == {"mass", "n", "model", "repeat", "lat", "site"}, (engine, d.y.coords)
            assert (d.mass.values == mass).all() and d.mass.attrs == {"units": "kg"}, (engine, d.mass)
            assert d.n.dtype == np.int64 and list(d.model.values) == ["a", "b c"], (engine, d.n, d.model)
            assert list(d.site.values) == ["x", "y z"], engine
            assert np.array_equal(d.y.values, wanted, equal_nan=True), engine
            near = d.y.sel(mass=4.4, method="nearest").sel(n=5, model="b c", repeat=1)
            assert (near.values == wanted[1, 1, 1, :, 1]).all() and near.mass == 4, (engine, near)
            assert len(d.y.to_dataframe()) == 64, engine


def check_same_items(table, grid, fields):
    """A table of the same items has the same results, and inputs: `mass` 3 by `charge` 17 by `lat` and `site` 2 by `repeat` 5."""
    with h5py.File(table) as a, h5py.File(grid) as b:
        assert b["status"].shape == (3, 17, 2, 5) and b["mass"].attrs["units"] == "kg"
        for name in fields.split(",") + ["status", "mass", "charge", "lat", "site", "repeat"]:
            x, y = a[name][:], by_item(b, name)
            assert len(x) == 510 and (x == y).all() and x.dtype == y.dtype, (name, x.dtype, y.dtype)


def check_twice(path):
    """y = 2 x + 1 of every item, but for those that are left out."""
    with h5py.File(path) as f:
        status, x, y = statuses(f), by_item(f, "x"), by_item(f, "y")
        assert np.isin(status, (DONE, 5)).all() and 0 < (status == DONE).sum() and ((status == 5).sum() < len(status) / 2)
        assert len(x) > 1 and (y[status == DONE] == 2 * x[status == DONE].astype(float) + 1).all(), (x, y)


def check_listed(path):
    """Fields side by side are coordinates along one dimension."""
    xarray = need("xarray", "h5netcdf", "netCDF4")
    for engine in ("h5netcdf", "netcdf4"):
        with xarray.open_dataset(path, engine=engine) as d:
            assert d.y.dims == ("item",) and set(d.y.coords) == {"x", "label"}, (engine, d.y.coords)
            assert list(d.x.values) == [1.5, 2, 4] and list(d.label.values) == ["a", "b", "c"], engine


# --- show ----------------------------------------------------------------------------------------------------------


def read_table(path):
    return list(csv.reader(io.StringIO(open(path, newline="", encoding="utf-8").read())))


def check_csv_output(table, path):
    """`sheaf show --csv` and the file say the same, to the last bit."""
    with h5py.File(path) as f:
        head, *rows = read_table(table)
        assert head[:2] == ["item", "status"], head
        assert len(rows) == len(f["status"]) and [int(r[0]) for r in rows] == list(range(len(rows)))
        meanings = text(f["status"].attrs["flag_meanings"]).split()
        assert [r[1] for r in rows] == [meanings[s] for s in statuses(f)]
        own = {"item", "block", "status", "seconds", "sheaf"}
        wanted = []
        for name in f:
            if name in own or (h5py.h5ds.is_scale(f[name].id) and name.startswith("values_")):
                continue
            d = f[name]
            wanted += [name] if d.ndim == 1 else [f"{name}[{w}]" for w in range(d.shape[1])]
        assert sorted(head[2:]) == sorted(wanted), (head, wanted)
        for column, name in list(enumerate(head))[2:]:
            base, _, place = name.partition("[")
            d = f[base]
            values = d[:] if d.ndim == 1 else d[:, int(place[:-1])]
            cells = [r[column] for r in rows]
            if h5py.check_string_dtype(d.dtype) is not None:
                assert cells == [text(v) for v in values], name
            elif d.dtype.kind == "f":
                again = np.array([float(c) for c in cells]).astype(d.dtype)
                assert np.array_equal(again, values, equal_nan=True), name
            else:
                assert [int(c) for c in cells] == [int(v) for v in values], name


def check_sorted(table, path, field, direction, n):
    """The table has the n rows with the smallest (largest) values of the field, in order; what is NaN comes last."""
    with h5py.File(path) as f:
        values = f[field][:].astype(float)
        key = np.where(np.isnan(values), np.inf, values if direction == "up" else -values)
        wanted = np.lexsort((np.arange(len(key)), key))[: int(n)]
        rows = read_table(table)[1:]
        assert [int(r[0]) for r in rows] == list(wanted), (rows[:5], wanted[:5])


def check_pending_cells(table, column):
    """What is not computed shows no number."""
    head, *rows = read_table(table)
    at, states = head.index(column), {row[1] for row in rows}
    assert states == {"pending", "done"}, states
    shown = {row[at] for row in rows if row[1] == "pending"}
    assert shown <= {"", "nan"}, f"pending rows show {sorted(shown)[:5]}"


# --- commands ------------------------------------------------------------------------------------------------------


def check_holds(path, *claims):
    """Python expressions that are true of a results file; what they may name is in `known`."""
    with h5py.File(path) as f:

        def seen(item):
            return [tuple(line.split()[:2]) for line in open(f"seen.{item}")]

        def slots():
            return {tuple(line.split()[2:]) for item in range(len(f["status"])) for line in open(f"seen.{item}")}

        noted = zip(f["sheaf/errors/item"][:], f["sheaf/errors/message"][:])
        known = {
            "f": f,
            "np": np,
            "os": os,
            "json": json,
            "status": statuses(f),
            "message": {int(i): bytes(m).split(b"\0")[0].decode() for i, m in noted if i >= 0},
            "text": lambda name: list(f[name].asstr()[:]),
            "units": lambda name: text(f[name].attrs["units"]),
            "seed": lambda job, item: int(np.random.Philox(key=[job, item]).random_raw()) >> 1,
            "seen": seen,
            "slots": slots,
        }
        for claim in claims:
            if not eval(claim, known):
                raise AssertionError(f"{path}: not so: {claim}\n{show_known(known)}")


def show_known(known):
    f = known["f"]
    lines = [f"status {list(known['status'])}", f"message {known['message']}"]
    lines += [f"{name} {f[name][:]}"[:2000] for name in f if name not in ("item", "block", "sheaf")]
    return "\n".join(lines)


def check_make_nasty(path):
    """A CSV with texts that mean something to a shell, whole numbers, and numbers whose decimals are Python's."""
    texts = ["plain", "", " two  blanks ", "it's \"quoted\"", "$(touch PWNED)", "`touch PWNED`", "; touch PWNED #"]
    texts += ["' ; touch PWNED ; '", "\" ; touch PWNED ; \"", "*", "-n", "--", "a\\b\\\\c\\", "$HOME ${HOME} $((1+1))"]
    texts += ["two\nlines\n\nand more", "{s} {{s}} {item}", "~ ! % & | < > [a-z] ?", "Größe 日本 \U0001f680"]
    with open(path, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["s", "n", "x"])
        for i, s in enumerate(texts):
            rows.writerow([s, i * 10**17 - 5, repr([0.1, 1e22, -1 / 3, 2.2250738585072014e-308][i % 4])])


# --- making inputs -------------------------------------------------------------------------------------------------


def check_make_input(path, n):
    """An HDF5 input: x float64, k int32, w two values an item, cost."""
    n = int(n)
    with h5py.File(path, "w") as f:
        f["x"] = np.linspace(-50, 75, n)
        f["deep/k"] = (np.arange(n) * 7 % 1000).astype(np.int32)
        f["w"] = np.arange(2.0 * n).reshape(n, 2)
        f["cost"] = 1 + (np.arange(n) % 97).astype(np.float32)


def check_make_large_input(path, n):
    """x in one piece, most of it a hole of zeros that takes no space on the disk; a wave at both ends and in the middle."""
    n = int(n)
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(path, "w") as f:
        space = h5py.h5s.create_simple((n,))
        h5py.h5d.create(f.id, b"x", h5py.h5t.IEEE_F64LE, space, create)
        for first in (0, n // 2, n - 100000):
            f["x"][first : first + 100000] = np.arange(first, first + 100000) * 0.5


def check_large(source, path, terms):
    """y = x**2 + sum(range(terms)), everywhere; read in pieces."""
    with h5py.File(source) as s, h5py.File(path) as f:
        piece, total = 1 << 24, float(sum(range(int(terms))))
        for first in range(0, len(s["x"]), piece):
            x = s["x"][first : first + piece]
            assert (f["status"][first : first + piece] & 0x7F == DONE).all(), first
            assert (f["y"][first : first + piece] == x * x + total).all(), first


def check_make_foreign(path):
    with h5py.File(path, "w") as f:
        f["precious"] = np.arange(10)


def check_untrusted(path):
    """Rows were written that are not safe, and no machine's word counts for them."""
    with h5py.File(path, "r") as f:
        assert (f["status"][()] >= 128).any()
        assert not f["sheaf/boot"][()].any()


def check_make_empty(path):
    h5py.File(path, "w").close()


def check_hold(path):
    """Opens the file as a notebook would, with HDF5's own locking, says so, and keeps it open until stdin ends."""
    del os.environ["HDF5_USE_FILE_LOCKING"]
    with h5py.File(path, "r") as f:
        before = statuses(f)
        print("open", flush=True)
        sys.stdin.read()
        print(len(before), flush=True)


if __name__ == "__main__":
    globals()["check_" + sys.argv[1]](*sys.argv[2:])
