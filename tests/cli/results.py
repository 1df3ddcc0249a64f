"""results.py - what the checks of results files share (check.py)."""
import importlib
import os
import sys

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # also works beside a run
try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"the tests need h5py for {sys.executable} (Debian: python3-h5py): {missing}")

PENDING, DONE, FAILED, CRASHED = 0, 1, 2, 4


def need(*names):
    """The first of these modules; exits 77, which skips the test, where one is not installed."""
    try:
        return [importlib.import_module(name) for name in names][0]
    except ImportError as missing:
        print(f"{missing.name} is not installed")
        sys.exit(77)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def statuses(file):
    """What became of each item; on the machine that wrote it a status that is not yet safe (128) counts as well."""
    status = file["status"][()]
    assert status.dtype == np.uint8, status.dtype
    return status.reshape(-1) & 0x7F


def by_item(file, name):
    """The values of a field, item by item: of a grid's results in the order of the cells, also where the field is an axis,
    or lies along one."""
    shape, values = file["status"].shape, file[name][()]
    if values.shape == shape or len(shape) == 1:
        return values.reshape(-1, *values.shape[len(shape) :])
    if values.ndim > 1:
        assert values.shape[:-1] == shape, (name, values.shape, shape)
        return values.reshape(-1, values.shape[-1])
    own = file[name] if h5py.h5ds.is_scale(file[name].id) else file[name].dims[0][0]
    axis = [file["status"].dims[d][0].name for d in range(len(shape))].index(own.name)
    return np.broadcast_to(values.reshape([-1 if d == axis else 1 for d in range(len(shape))]), shape).reshape(-1)


def status_is(file, wanted):
    status = statuses(file)
    assert (status == wanted).all(), f"{file.filename}: statuses {np.unique(status, return_counts=True)}"


def same_bytes(path, a, b, field):
    x, y = a[field][()], b[field][()]
    assert x.dtype == y.dtype and x.shape == y.shape, f"{path}: {field}: {x.dtype}{x.shape}, {y.dtype}{y.shape}"
    if x.dtype == object:  # texts
        x, y = (np.array([text(v) for v in values.reshape(-1)]) for values in (x, y))
    if x.tobytes() != y.tobytes():
        rows = np.flatnonzero((x != y).reshape(len(x), -1).any(axis=1))
        raise AssertionError(f"{path}: {field} differs in rows {rows[:10]}")
