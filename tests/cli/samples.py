"""samples.py - checks of items that are drawn (check.py)."""
import math

from results import by_item, h5py, need, np, text


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
