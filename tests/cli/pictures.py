"""pictures.py WHAT ARGUMENTS... - reads pictures of `sheaf plot` as people do, by their ticks, colour bars and keys, and
compares them with what h5py and numpy say of the results file. Each function `check_WHAT` below is one check."""
import os
import re
import sys
import xml.etree.ElementTree as tree

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
import h5py
import numpy as np

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def number(label):
    """What a label at a tick says."""
    power = re.fullmatch(r"(?:(-?[\d.]+)×)?(-?)10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", label)
    if not power:
        return float(label)
    return float(power[1] or power[2] + "1") * 10.0 ** int(power[3].translate(RAISED))


def rectangles(path):
    """Those of the data of a path: [n][x1, y1, x2, y2]."""
    n = r"(-?[\d.]+)"
    found = re.findall(rf"M{n} {n}H{n}V{n}H{n}z", path.get("d"))
    assert path.get("d") == "".join(f"M{a} {b}H{c}V{d}H{e}z" for a, b, c, d, e in found), path.get("d")[:200]
    assert all(a == e for a, _, _, _, e in found)
    return np.array([[float(v) for v in r[:4]] for r in found])


class Picture:
    def __init__(self, path):
        self.root = tree.parse(path).getroot()
        for element in self.root.iter():
            element.tag = element.tag.replace("{http://www.w3.org/2000/svg}", "")
        assert self.root.tag == "svg"

    def all(self, name):
        return [e for e in self.root.iter() if e.get("class") == name]

    def one(self, name):
        found = self.all(name)
        assert len(found) == 1, (name, len(found))
        return found[0]

    def text(self, name):
        return self.one(name).text

    def label(self, axis):
        return [e.text for e in self.one(axis) if e.get("class") == "label"][0]

    def ticks(self, axis):
        """Labels, and their places."""
        where = "x" if axis == "x-axis" else "y"
        texts = [e for e in self.one(axis) if e.tag == "text" and e.get("class") != "label"]
        places = [float(e.get(where)) - (4 if where == "y" else 0) for e in texts]
        lines = [float(e.get(where + "1")) for e in self.one(axis) if e.tag == "line"]
        for place in places:
            assert min(abs(place - line) for line in lines) < 0.02, "a label without its tick"
        return [e.text for e in texts], np.array(places)

    def scale(self, axis, log=False):
        """From places to values, as the ticks have it; all of them must agree."""
        labels, places = self.ticks(axis)
        values = np.array([number(label) for label in labels])
        assert len(values) >= 2, labels
        values = np.log10(values) if log else values
        slope, start = np.polyfit(places, values, 1)
        assert np.allclose(start + slope * places, values, atol=0.02 * abs(slope)), (labels, places)
        return lambda place: 10 ** (start + slope * np.asarray(place)) if log else start + slope * np.asarray(place)

    def points(self, log_x=False, log_y=False):
        """Of each group of points their values [n][2], by x, and how exact a place is."""
        x, y = self.scale("x-axis", log_x), self.scale("y-axis", log_y)
        groups = [[(float(c.get("cx")), float(c.get("cy"))) for c in g if c.tag == "circle"] for g in self.all("points")]
        return [np.array([[float(x(a)), float(y(b))] for a, b in sorted(g)]).reshape(-1, 2) for g in groups]

    def crosses(self):
        n = r"(-?[\d.]+)"
        found = [m for p in self.all("failed") for m in re.findall(rf"M{n} {n}L{n} {n}M{n} {n}L{n} {n}", p.get("d"))]
        return [((float(m[0]) + float(m[2])) / 2, (float(m[1]) + float(m[3])) / 2) for m in found]

    def key(self):
        """What the key says of those without a value."""
        texts = [e.text for g in self.all("key") for e in g if e.tag == "text"]
        return {t.split(": ")[0]: int(t.split(": ")[1].replace(",", "")) for t in texts}

    def colours(self, log=False):
        """From values to colours [3], by the colour bar."""
        stops = [e for e in self.root.iter() if e.tag == "stop"]
        assert (stops[0].get("stop-color"), stops[-1].get("stop-color")) == ("#440154", "#fde725"), "viridis"
        at = [float(e.get("offset")) for e in stops]
        rgb = np.array([[int(e.get("stop-color")[i : i + 2], 16) for i in (1, 3, 5)] for e in stops])
        bar = [e for e in self.one("bar") if e.tag == "rect"][0]
        top, height = float(bar.get("y")), float(bar.get("height"))
        value = self.scale("bar", log)
        low, high = value(top + height), value(top)
        part = (lambda v: np.log10(v / low) / np.log10(high / low)) if log else (lambda v: (v - low) / (high - low))
        return lambda v: np.array([np.interp(part(v), at, rgb[:, i]) for i in range(3)])


def axes_of(results, *names):
    return [results[name].asstr()[:] if results[name].dtype.kind == "O" else results[name][:] for name in names]


def flags(word):
    return ("x" in word, "y" in word, "c" in word) if word != "uneven" else (False,) * 3


def check_lines(svg, path, field, x_name, *selection, log=""):
    """Points of lines: x, and y of the cells that remain of the cube at `selection`, as numpy indexes it; with two
    dimensions left the first is that of the lines where `x_name` is the last."""
    log = os.environ.get("LOG", "")
    picture = Picture(svg)
    with h5py.File(path) as f:
        values, status, (x,) = f[field][()], f["status"][()] & 0x7F, axes_of(f, x_name)
    if selection:
        values, status = (eval("a[" + selection[0] + "]", {"a": a}) for a in (values, status))
    if values.ndim == 1:
        values, status = values[None], status[None]
    if values.shape[1] != len(x):
        values, status = values.T, status.T
    order = np.argsort(x)
    groups = picture.points(*flags(log)[:2])
    assert len(groups) == len(values), (len(groups), values.shape)
    span = values[status == 1].max() - values[status == 1].min()
    for group, row, st in zip(groups, values, status):
        row, st, at = row[order], st[order], x[order]
        expected = np.array([at[st == 1], row[st == 1]]).T
        assert group.shape == expected.shape, (group.shape, expected.shape)
        off = np.abs(group - expected)
        for k, is_log in enumerate(flags(log)[:2]):
            if is_log:
                off[:, k] = np.abs(np.log10(group[:, k] / expected[:, k]))
        near = off <= 1e-3 * np.where(flags(log)[:2], 1, [max(np.ptp(x), 1e-3), max(span, 1e-3)])  # a third of a pixel
        assert near.all(), (group[~near.all(axis=1)], expected[~near.all(axis=1)])
    failed = (status >= 2) & (status <= 4)
    assert len(picture.crosses()) == failed.sum(), (picture.crosses(), failed.sum())
    crossed = sorted(float(picture.scale("x-axis", "x" in log)(a)) for a, _ in picture.crosses())
    assert np.allclose(crossed, np.sort(np.broadcast_to(x, failed.shape)[failed]), rtol=2e-3), crossed
    said = {"pending": int((status == 0).sum()), "failed": int(failed.sum()), "skipped": int((status == 5).sum())}
    assert picture.key() == {k: v for k, v in said.items() if v}, picture.key()
    for kind, st in (("pending", 0), ("skipped", 5)):
        drawn = np.zeros(status.shape, bool)
        for r in picture.all(kind):
            left, width = float(r.get("x")), float(r.get("width"))
            scale = picture.scale("x-axis", "x" in log)
            within = (scale(left) < x) & (x < scale(left + width))
            bottom = float(picture.one("box").get("y")) + float(picture.one("box").get("height"))
            row = 0 if len(values) == 1 else round((bottom - float(r.get("y")) - float(r.get("height"))) / 8)
            drawn[row] |= within
        assert (drawn == (status == st)).all(), (kind, drawn, status)


def check_heat(svg, path, field, x_name, y_name, selection=""):
    """The colour at the middle of each cell."""
    log = os.environ.get("LOG", "")
    picture = Picture(svg)
    with h5py.File(path) as f:
        values, status = f[field][()], f["status"][()] & 0x7F
        x, y = axes_of(f, x_name, y_name)
    if selection:
        values, status = (eval("a[" + selection + "]", {"a": a}) for a in (values, status))
    if values.shape != (len(x), len(y)):
        values, status = values.T, status.T
    assert values.shape == (len(x), len(y))
    colours = picture.colours(flags(log)[2])
    places = []
    for axis, at, is_log in (("x-axis", x, flags(log)[0]), ("y-axis", y, flags(log)[1])):
        labels, ticks = picture.ticks(axis)
        if at.dtype.kind == "O":
            assert labels == list(at), (labels, at)
            places.append(ticks)
            continue
        scale = picture.scale(axis, is_log)
        pixels = np.arange(0, 700, 0.05)
        order = np.argsort(scale(pixels))
        places.append(np.interp(at, scale(pixels)[order], pixels[order]))
    seen, n_drawn = {}, 0
    for kind in ("cells", "pending", "failed-cells", "skipped"):
        for p in picture.all(kind):
            r = rectangles(p)
            lows, highs = np.minimum(r[:, :2], r[:, 2:]), np.maximum(r[:, :2], r[:, 2:])
            n_drawn += len(r)
            for i, px in enumerate(places[0]):
                for j, py in enumerate(places[1]):
                    if ((lows[:, 0] < px) & (px < highs[:, 0]) & (lows[:, 1] < py) & (py < highs[:, 1])).any():
                        assert (i, j) not in seen, "two colours in a cell"
                        seen[i, j] = (kind, p.get("fill"))
    for i in range(len(x)):
        for j in range(len(y)):
            st = status[i, j]
            kind, fill = seen.get((i, j), ("none", ""))
            assert kind == {0: "pending", 1: "cells", 5: "skipped"}.get(st, "failed-cells"), (i, j, st, kind)
            if st == 1:
                rgb = np.array([int(fill[k : k + 2], 16) for k in (1, 3, 5)])
                assert np.abs(rgb - colours(values[i, j])).max() <= 4, (i, j, values[i, j], fill, colours(values[i, j]))
    failed = (status >= 2) & (status <= 4)
    crosses = picture.crosses()
    assert len(crosses) == failed.sum()
    for i, j in [] if log == "uneven" else zip(*np.nonzero(failed)):  # where the middle of a cell is its value
        assert min(abs(a - places[0][i]) + abs(b - places[1][j]) for a, b in crosses) < 2, (i, j)
    said = {"pending": int((status == 0).sum()), "failed": int(failed.sum()), "skipped": int((status == 5).sum())}
    assert picture.key() == {k: v for k, v in said.items() if v}, picture.key()
    assert n_drawn <= status.size, "cells that are alike are one"


def check_scatter(svg, path, field, x_name, y_name="", selection="..."):
    """Points of the cells at `selection`, as numpy indexes it, whose first dimension is that of x and y; the others repeat
    them."""
    log = os.environ.get("LOG", "")
    picture = Picture(svg)
    with h5py.File(path) as f:
        values, status = f[field][()], f["status"][()] & 0x7F
        values, status = (eval("a[" + selection + "]", {"a": a}) for a in (values, status))
        along = lambda a: np.broadcast_to(a.reshape(a.shape + (1,) * (values.ndim - a.ndim)), values.shape)
        x, y = (along(f[n][()]).ravel() if n else values.ravel() for n in (x_name, y_name))
        values, status = values.ravel(), status.ravel()
    (points,) = picture.points(*flags(log)[:2])
    points = points[np.lexsort(np.round(points.T[::-1], 4))]
    order = [i for i in np.lexsort((y, x)) if status[i] == 1]
    expected = np.array([x[order], y[order]]).T
    assert points.shape == expected.shape, (points.shape, expected.shape)
    for k, is_log in enumerate(flags(log)[:2]):
        off = np.log10(points[:, k] / expected[:, k]) if is_log else points[:, k] - expected[:, k]
        span = np.ptp(np.log10(expected[:, k])) if is_log else np.ptp(expected[:, k])
        assert np.abs(off).max() < 1e-3 * span, (k, np.abs(off).max(), span)
    failed = (status >= 2) & (status <= 4)
    assert len(picture.crosses()) == failed.sum()
    said = {"pending": int((status == 0).sum()), "failed": int(failed.sum()), "skipped": int((status == 5).sum())}
    assert picture.key() == {k: v for k, v in said.items() if v}, picture.key()
    pending = "".join(p.get("d") for p in picture.all("pending"))
    assert pending.count("M") == (status == 0).sum()
    skipped = [e for g in picture.all("skipped") for e in g]
    at = sorted(float(picture.scale("x-axis", "x" in log)(float(e.get("cx" if y_name else "x1")))) for e in skipped)
    assert np.allclose(at, np.sort(x[status == 5]), atol=1e-3 * np.ptp(x)), at
    if y_name:
        colours = picture.colours(flags(log)[2])
        circles = sorted((float(c.get("cx")), c.get("fill")) for c in picture.one("points"))
        for (_, fill), i in zip(circles, order):
            rgb = np.array([int(fill[k : k + 2], 16) for k in (1, 3, 5)])
            assert np.abs(rgb - colours(values[i])).max() <= 3, (fill, values[i])


def check_texts(svg, *pairs):
    """CLASS=TEXT; for labels AXIS.label=TEXT, for ticks AXIS.ticks=LABELS with blanks between."""
    picture = Picture(svg)
    for pair in pairs:
        name, expected = pair.split("=", 1)
        if name.endswith(".label"):
            found = picture.label(name[:-6])
        elif name.endswith(".ticks"):
            found = " ".join(picture.ticks(name[:-6])[0])
        elif name == "legend":
            found = " ".join(e.text for e in picture.one("legend") if e.tag == "text")
        else:
            found = picture.text(name)
        assert found == expected, (name, found, expected)


def check_size(svg, most_bytes, most_cells):
    n = sum(len(rectangles(p)) for kind in ("cells", "pending") for p in Picture(svg).all(kind))
    assert os.path.getsize(svg) <= int(most_bytes) and 0 < n <= int(most_cells), (os.path.getsize(svg), n)


def check_png(path, width, height):
    with open(path, "rb") as f:
        head = f.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    assert size == (int(width), int(height)), size


if __name__ == "__main__":
    globals()["check_" + sys.argv[1]](*sys.argv[2:])
