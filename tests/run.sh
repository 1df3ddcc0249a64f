#!/usr/bin/env bash
# tests/run.sh - sets up, builds and tests everything; not zero if anything failed.
#   1. build/        the tests and the lint (with CI set, warnings are errors)
#   2. build-asan/   unit tests under the address and undefined behaviour sanitizers
#   3. build-tsan/   pool, team and the whole program under the thread sanitizer
#   4. build-clang/  compiled by clang, warnings are errors
#   5. build-fuzz/   job files, tables, … by a fuzzer, for some seconds
# SHEAF_TEST_QUICK=1 stops after the first.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
SHEAF_RANKS=4
. jobs/mpi-env.sh
jobs=$(nproc)
failed=()

phase() {
    printf '\n===== %s  (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

# note WHAT: remembers a failure.
note() {
    echo "FAILED: $1" >&2
    failed+=("$1")
}

# build_in FOLDER CONFIGURE-OPTION…: configures where that is new or the options differ from last time, and makes.
build_in() {
    local folder=$1
    shift
    mkdir -p "$folder"
    (
        cd "$folder" || exit 1
        if [ ! -f Makefile ] || [ "$(cat configured-with 2>/dev/null)" != "$*" ]; then
            [ ! -f Makefile ] || make -s distclean >/dev/null 2>&1
            ../configure "$@" >configure.out 2>&1 || { tail -n 30 configure.out; exit 1; }
            sed -n '/^Sheaf /,/sanitizers/p' configure.out
            echo "$*" >configured-with
        fi
        make -s -j"$jobs" >/dev/null # warnings and errors go to stderr
    )
}

phase "packages and configure"
./bootstrap --slurm || exit 1

phase "build"
main_options=()
[ -z "${CI:-}" ] || main_options=(--enable-werror)
build_in build "${main_options[@]}" || { note "build"; exit 1; }

phase "tests"
make -s -j"$jobs" -C build check 2>&1 | tee build/check.log || note "tests"

if [ "${SHEAF_TEST_QUICK:-0}" != 1 ]; then
    phase "unit tests with sanitizers"
    build_in build-asan CC="${CC:-mpicc}" --enable-sanitizers &&
        ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
            make -s -j"$jobs" -C build-asan check CHECK_LABEL=unit ||
        note "unit tests with sanitizers"

    phase "threads with the thread sanitizer"
    build_in build-tsan CC="${CC:-mpicc}" --enable-sanitizers=thread &&
        setarch "$(uname -m)" -R make -s -j"$jobs" -C build-tsan check CHECK_LABEL=threads ||
        note "threads with the thread sanitizer"

    phase "compiling with clang"
    if command -v clang >/dev/null; then
        (export OMPI_CC=clang && build_in build-clang CC=mpicc --enable-werror) || note "compiling with clang"
    else
        echo "skipped: there is no clang"
    fi

    phase "fuzzing"
    tests/fuzz/run.sh || { [ $? = 77 ] && [ -z "${CI:-}" ]; } || note "fuzzing"
fi

phase "the tests of build/ once more"
sed -n '/tests passed, /,$p' build/check.log | grep -v '^make'
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
    exit 1
fi
echo "all passed"
