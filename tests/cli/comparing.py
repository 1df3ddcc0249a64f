"""comparing.py - checks of `sheaf diff` and `sheaf merge` (check.py): the same worked out with h5py and numpy."""
import json

from results import DONE, by_item, h5py, np, statuses, text


def flat(file, name):
    values = by_item(file, name)
    return np.array([text(v) for v in values]) if values.dtype == object else values


def check_change(path, *changes):
    """Changes values of a results file: NAME INDEX VALUE, as often as wanted; VALUE is an expression of the old value v."""
    with h5py.File(path, "r+") as f:
        for name, index, value in zip(*[iter(changes)] * 3):
            place = tuple(int(i) for i in index.split(","))
            f[name][place] = eval(value, {"np": np, "v": f[name][place]})


def differ(a, b, rtol, atol):
    if a.dtype.kind == "U":
        return a != b
    same = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else a == b
    if rtol == atol == 0:
        zeros = (np.signbit(a) != np.signbit(b)) & (a == 0) if a.dtype.kind == "f" else False
        return ~same | zeros
    with np.errstate(invalid="ignore"):
        return ~same & ~(np.abs(a - b) <= atol + rtol * np.maximum(np.abs(a), np.abs(b)))


def check_diff(said, path_a, path_b, keys, rtol, atol):
    """What `sheaf diff --json` said of two files, whose items are those with equal values of keys (A,B,…; "": equal index)."""
    said, rtol, atol = json.load(open(said)), float(rtol), float(atol)
    with h5py.File(path_a) as a, h5py.File(path_b) as b:
        na, nb = len(statuses(a)), len(statuses(b))
        if keys:
            of_a, of_b = (list(zip(*[flat(f, key).tolist() for key in keys.split(",")])) for f in (a, b))
        else:
            of_a, of_b = range(na), range(nb)
        where = {key: i for i, key in enumerate(of_b)}
        pairs = np.array([(i, where[key]) for i, key in enumerate(of_a) if key in where], dtype=int).reshape(-1, 2)
        ia, ib = pairs[:, 0], pairs[:, 1]
        assert (said["items_a"], said["items_b"], said["in_both"]) == (na, nb, len(pairs)), said
        sa, sb = statuses(a)[ia], statuses(b)[ib]
        names = ["pending", "done", "failed", "timed out", "crashed", "skipped"]
        told = {(names.index(s["a"]), names.index(s["b"])): s["items"] for s in said["statuses"]}
        assert told == {(x, y): int(((sa == x) & (sb == y)).sum()) for x, y in set(zip(sa, sb)) if x != y}, told
        any_differs = sa != sb
        assert {f["name"] for f in said["fields"]} >= {"y"}, said
        for f in said["fields"]:
            x, y = flat(a, f["name"])[ia], flat(b, f["name"])[ib]
            looked = (sa == sb) & (sa != 0) if f["name"] in ("y", "z", "t", "stdout", "exit_code", "stderr") else sa >= 0
            wrong = differ(x, y, rtol, atol) & looked
            any_differs |= wrong
            assert f["compared"] == looked.sum() and f["differ"] == wrong.sum(), (f, wrong.sum(), looked.sum())
            if x.dtype.kind == "U" or not wrong.any():
                continue
            x, y = x[wrong].astype(float), y[wrong].astype(float)
            gap = np.abs(x - y)
            assert f["only_nan"] == np.isnan(gap).sum(), f
            if np.isnan(gap).all():
                assert f["at"] is None and f["largest"] is None, f
                continue
            relative = gap / np.maximum(np.abs(x), np.abs(y))
            assert f["largest"] == np.nanmax(gap) and f["at"] == ia[wrong][np.nanargmax(gap)], (f, np.nanmax(gap))
            assert abs(f["largest_relative"] - np.nanmax(relative)) <= 1e-15 * np.nanmax(relative), f
        assert said["differ"] == any_differs.sum(), (said, any_differs.sum())
        assert said["same"] == (not any_differs.any() and na == nb == len(pairs)), said


def check_merged(out, *parts):
    """Rows of the new file are those of the first part that has them done, else failed; messages, attempts and runs go along."""
    rank = np.array([0, 3, 2, 2, 2, 1])
    with h5py.File(out) as new:
        files = [h5py.File(part) for part in parts]
        status = np.array([statuses(f) for f in files])
        owner = rank[status].argmax(axis=0)  # the first of the best
        n = len(owner)
        assert (statuses(new) == status[owner, np.arange(n)]).all()
        assert (new["status"][()] < 128).all()
        looked = 0
        for name in list(new) + ["sheaf/text_sums"]:
            if name not in new or not isinstance(new[name], h5py.Dataset) or new[name].shape[:1] != (n,):
                continue
            if name in ("status", "item") or new[name].dtype == object:
                continue
            for p, f in enumerate(files):
                rows = (owner == p) & (statuses(new) != 0)
                assert new[name][()][rows].tobytes() == f[name][()][rows].tobytes(), (name, parts[p])
                looked += rows.sum()
            if new[name].dtype.kind == "f" and name != "seconds":
                assert np.isnan(new[name][()][statuses(new) == 0]).all(), name
        assert looked
        said = [dict(zip(f["sheaf/errors/item"][()], f["sheaf/errors/message"][()])) for f in [new] + files]
        said = [{item: bytes(text) for item, text in one.items() if item >= 0} for one in said]
        assert said[0] == {i: said[1 + owner[i]][i] for i in range(n) if i in said[1 + owner[i]] and statuses(new)[i] != 1}
        starts = sorted(start for f in files for start in f["sheaf/runs/start"][()] if start > 0)
        assert [s for s in new["sheaf/runs/start"][()] if s > 0] == starts
        if "reduced" in new["sheaf"]:
            assert new["sheaf/reduced"][()].tolist() == [0]
        assert not new["sheaf/in_flight"][()].any() and new["sheaf/sums_turn"][()] % 2 == 0
        for f in files:
            f.close()


def check_make_x(path, n):
    with h5py.File(path, "w") as f:
        f["x"] = np.sqrt(np.arange(int(n)))


def check_change_unseen(path):
    """Sums as of a file that has none yet."""
    with h5py.File(path, "r+") as f:
        f["sheaf/sums"][...] = 0
