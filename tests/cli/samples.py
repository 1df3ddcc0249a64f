"""samples.py - checks of items that are drawn (check.py)."""
import math

from results import DONE, by_item, h5py, need, np, statuses, text


def check_sobol(path, dimensions):
    """Point i is SciPy's at the place whose Gray code is i; exits 77 without SciPy."""
    qmc = need("scipy.stats.qmc")
    with h5py.File(path) as f:
        ours = np.stack([f[f"x{d}"][:] for d in range(int(dimensions))], axis=1)
        i = np.arange(len(ours))
        theirs = qmc.Sobol(int(dimensions), scramble=False).random(len(ours))
        assert (theirs == ours[i ^ (i >> 1)]).all()
        assert (f["f"][:] == ours[:, 0] + 1).all()


def check_parts(*paths):
    for path in paths:
        with h5py.File(path) as f:
            n, x = len(f["x0"]), [f["x0"][:], f["x1"][:]]
            for values in x:
                assert sorted(np.floor(values * n).astype(int)) == list(range(n)), path
                assert n < 99 or "false" in path or (np.diff(values) < 0).sum() > n / 3, f"{path}: in order"
            assert n < 999 or abs(np.corrcoef(*x)[0, 1]) < 0.06, (path, np.corrcoef(*x))


def check_laws(start, n):
    """Files START + law, whose points are those of START + `uniform`."""
    from statistics import NormalDist

    def values(law):
        with h5py.File(f"{start}{law}.h5") as f:
            assert len(f["x0"]) == int(n)
            return f["x0"][:]

    u = values("uniform")
    k = (u * 2.0**53).astype(np.int64)
    assert ((u >= 0) & (u < 1)).all() and (k == u * 2.0**53).all() and len(set(k)) == int(n)
    assert np.abs(values("uniform2") - (-2 + 7 * u)).max() < 1e-15 * 8
    assert np.abs(values("loguniform") / (1e-3 * 1e4**u) - 1).max() < 1e-14
    near = np.minimum(k, 2**53 - 1 - k).tolist()  # from the nearer end, where nothing is rounded
    below = np.array([NormalDist().inv_cdf((i + 0.5) / 2**53) for i in near])
    normal = 2 + 0.5 * np.where(k < 2**52, below, -below)
    assert np.abs(values("normal") - normal).max() < 1e-14, np.abs(values("normal") - normal).max()
    assert (values("integers") == -3 + np.floor(7 * u)).all()
    assert (values("choice") == np.array([10, 20.5, 30])[np.floor(3 * u).astype(int)]).all()
    assert abs(u.mean() - 0.5) < 4 / math.sqrt(12 * int(n)) and abs(u.var() - 1 / 12) < 0.005


def check_rates(random, sobol, few, many, n_seeds):
    """Root mean square errors of the mean of exp(x0) x1 x2^2, which is (e - 1) / 6, over the seeds."""

    def error(start, count):
        means = []
        for seed in range(int(n_seeds)):
            with h5py.File(f"{start}{count}-{seed}.h5") as f:
                means.append(f["f"][:].mean())
        assert len(set(means)) == int(n_seeds), "seeds give different points"
        return math.sqrt(np.mean((np.array(means) - (math.e - 1) / 6) ** 2))

    ratio = int(many) / int(few)
    assert ratio**-0.8 < error(random, many) / error(random, few) < ratio**-0.25
    assert error(sobol, many) / error(sobol, few) < ratio**-1.2
    assert error(sobol, many) < error(random, many) / 50


def check_drawn(expression, command):
    with h5py.File(expression) as e, h5py.File(command) as c:
        x, k, y, n, m, r = (by_item(e, name) for name in ("x0", "k", "y", "n", "m", "repeat"))
        assert e["status"].shape == (300, 2) and e["x0"].attrs["units"] == "m" and e["x0"].shape == (300,)
        assert np.abs(by_item(e, "f") - (x + k * y - n)).max() < 1e-14 and (by_item(e, "r") == r).all()
        assert set(n) == set(range(-3, 4)) and set(map(text, m)) == {"a", "b c", "d"}
        for i, said in enumerate(map(text, c["stdout"][()].reshape(-1))):
            a = said.split("|")
            assert [float(a[0]), float(a[1]), float(a[2])] == [x[i], k[i], y[i]], (i, said)
            assert a[3:] == [str(n[i]), text(m[i]), str(r[i])], (i, said)


def points(path):
    """[item][dimension], of a file with the fields x, a, b, c and d."""
    with h5py.File(path) as f:
        assert (statuses(f) == DONE).all()
        return np.stack([f[name][:] for name in "xabcd"], axis=1)


def is_latin(x):
    """Whether each of n equal parts of each dimension has one of n points."""
    n = len(x)
    return all(sorted(np.floor(column * n).astype(int)) == list(range(n)) for column in x.T)


def is_net(x):
    """Whether 2**m points are a (0, m, 2)-net: each box that is 2**-a by 2**(a - m), wherever it lies on the grid of such
    boxes, has one of them."""
    n = len(x)
    m = n.bit_length() - 1
    splits = ((2**a, 2 ** (m - a)) for a in range(m + 1))
    return all(len(set(map(tuple, np.floor(x * split).astype(int)))) == n for split in splits)


def check_projections(method, start, n_seeds):
    """Of 1,024 points: one dimension at a time, and the first two together, also of each 256 that begin at a multiple of
    that, since Sobol's first two are a (0, 2)-sequence. Points of the other methods are no net."""
    for seed in range(int(n_seeds)):
        x = points(f"{start}{seed}.h5")
        assert len(x) == 1024 and is_latin(x) == (method != "random"), (method, seed)
        pieces = [x[:, :2]] + [x[first : first + 256, :2] for first in range(0, 1024, 256)]
        assert [is_net(piece) for piece in pieces] == [method == "sobol"] * 5, (method, seed)


def check_discrepancy(method, start, n_seeds):
    """The squared centered discrepancy of 1,024 points in 5 dimensions, as the mean over seeds, is that of SciPy's own points.
    It is a mean over pairs of points, so its expectation is that of every correct engine of the method: of the random and
    latin points since they have the same law, of the scrambled ones since Owen's scrambling and SciPy's (a random linear one
    with a shift) have the same law for every pair. So the two means differ by chance only, by as much as those of SciPy's
    seeds do: five times that is 1 in a million."""
    qmc, n = need("scipy.stats.qmc"), 1024
    engines = {
        "random": lambda seed: np.random.default_rng(seed).random((n, 5)),
        "latin": lambda seed: qmc.LatinHypercube(5, seed=seed).random(n),
        "sobol": lambda seed: qmc.Sobol(5, scramble=True, seed=seed).random(n),
    }
    ours = [qmc.discrepancy(points(f"{start}{seed}.h5"), method="CD") for seed in range(int(n_seeds))]
    theirs = [qmc.discrepancy(engines[method](seed), method="CD") for seed in range(64)]
    assert len(set(ours)) == int(n_seeds), "seeds give different points"
    spread = np.std(theirs, ddof=1) * math.sqrt(1 / len(ours) + 1 / len(theirs))
    found = f"{method}: {np.mean(ours):.3e}, SciPy's {np.mean(theirs):.3e}, +- {spread:.1e} by chance"
    print(found)
    assert abs(np.mean(ours) - np.mean(theirs)) < 5 * spread, found
