#!/usr/bin/env bash
# jobs/quickstart.sh - from a fresh clone to a first result: installs what is missing, builds in build/, computes how
# close the orbits of 7,099 asteroids come to Earth's, and shows the ten closest. Running it again is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/mpi-env.sh

log=build/quickstart.log
mkdir -p build
: >"$log"

# step WHAT COMMAND…: runs it quietly; says what, and shows the end of the log if it fails.
step() {
    local what=$1
    shift
    echo "$what (log: $log)"
    "$@" >>"$log" 2>&1 || {
        echo "--- the end of $log:" >&2
        tail -n 25 "$log" >&2
        echo "--- failed: $what" >&2
        exit 1
    }
}

# show COMMAND…: prints it, then runs it.
show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

build() (
    cd build || exit 1
    [ -f Makefile ] || ../configure || exit 1
    make -j"$(nproc)"
)

[ -x configure ] || step "installing what is missing …" ./bootstrap --no-tests
step "building Sheaf …" build

show mpirun -np 2 build/sheaf run jobs/moid.yaml
show build/sheaf show moid.h5 --sort moid --head 10
