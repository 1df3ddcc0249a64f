# shellcheck shell=bash
# setup.sh - what the benchmarks share; to be sourced after `here` was set to this folder. Sets `top`, `build` (the
# first argument of the benchmark) and `python`, one that has h5py; lets mpirun work.
top=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
# shellcheck source=jobs/mpi-env.sh
. "$top/jobs/mpi-env.sh"
export OMPI_MCA_pml=ob1 # as in the tests: starts in half the time
export PYTHONDONTWRITEBYTECODE=1 HDF5_USE_FILE_LOCKING=FALSE

python=
for candidate in "${SHEAF_PYTHON:-}" /usr/bin/python3 python3; do # Debian's own has h5py from python3-h5py
    if [ -n "$candidate" ] && "$candidate" -c 'import h5py, numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "$(basename "$0"): no Python with h5py is here (Debian: python3-h5py); set SHEAF_PYTHON" >&2
    exit 1
fi
