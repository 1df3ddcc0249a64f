#!/usr/bin/env bash
# tests/fuzz/run.sh [SECONDS [NAME…]] - builds the fuzz targets tests/fuzz/NAME_fuzz.c with clang and libFuzzer, the
# address and the undefined behaviour sanitizer, and runs each for so many seconds (8), all at the same time.
#
# It begins with tests/fuzz/corpus/NAME/ and what earlier runs found, in FOLDER/corpus/NAME/; tests/fuzz/NAME.dict has
# words worth trying. An input that crashes, hangs or breaks a claim stays in FOLDER, and the exit code is 1. FOLDER is
# build-fuzz, or what SHEAF_FUZZ_FOLDER says. Without clang or its fuzzer it says so and ends with 77 (skipped).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
folder=${SHEAF_FUZZ_FOLDER:-$top/build-fuzz}
seconds=${1:-8}
[ $# -eq 0 ] || shift
export SHEAF_PROGRAM=${SHEAF_PROGRAM:-$top/build/sheaf} # for results, which runs it on files
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1} UBSAN_OPTIONS=print_stacktrace=1

mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 1
export TMPDIR=$folder # what a target leaves when it crashes
clang=${SHEAF_CLANG:-clang}
if ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n); int LLVMFuzzerTestOneInput(const char *d, long n)
           { return n && !d; }' |
    "$clang" -fsanitize=fuzzer,address,undefined -x c -o "$folder/probe" - 2>"$folder/probe.log"; then
    echo "fuzz: skipped: clang cannot link libFuzzer and the sanitizers (Debian: clang libclang-rt-dev):"
    head -n 3 "$folder/probe.log" 2>/dev/null
    exit 77
fi
{ CC=$clang cmake -S "$here" -B "$folder" -G 'Unix Makefiles' && make -C "$folder" -j"$(nproc)"; } \
    >"$folder/build.log" 2>&1 || { tail -n 40 "$folder/build.log"; exit 1; }

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for source in "$here"/*_fuzz.c; do
        names+=("$(basename "$source" _fuzz.c)")
    done
fi

# fuzz NAME: runs one; its output goes to NAME.log.
fuzz() {
    local options=() corpus=("$folder/corpus/$1")
    mkdir -p "${corpus[0]}"
    [ ! -d "$here/corpus/$1" ] || corpus+=("$here/corpus/$1")
    [ ! -f "$here/$1.dict" ] || options+=("-dict=$here/$1.dict")
    "$folder/$1_fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$folder/$1-" "${options[@]}" "${corpus[@]}" >"$folder/$1.log" 2>&1
}

declare -A running
for name in "${names[@]}"; do
    fuzz "$name" &
    running[$name]=$!
done
failed=0
for name in "${names[@]}"; do
    if wait "${running[$name]}"; then
        awk -v name="$name" '/number_of_executed_units/ { n = $2 } /new_units_added/ { new = $2 }
            END { printf "fuzz: %s: %d inputs in '"$seconds"' s, %d of them new; nothing found\n", name, n, new }' \
            "$folder/$name.log"
        continue
    fi
    failed=1
    grep -avE '^#[0-9]+|^INFO|NEW_FUNC|^0x|^stat::|^$' "$folder/$name.log" | cut -c 1-300 | tail -n 60
    echo "fuzz: $name: FAILED; all of it: $folder/$name.log. To see it again:"
    find "$folder" -maxdepth 1 -name "$name-*" -newer "$folder/build.log" -exec echo "    $folder/${name}_fuzz" '{}' ';'
done
exit $failed
