#!/usr/bin/env bash
# tests/lint.sh - the rules of the source tree that a compiler does not know. Says what is wrong, where, and what the
# rule is; run by `make check`, or by hand. CC and CPPFLAGS (HDF5's headers, …) are taken from the environment.
set -uo pipefail
shopt -s lastpipe # `… | complain` counts in this shell
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
: "${CC:=mpicc}" "${CXX:=g++}"
if [ -z "${CPPFLAGS+set}" ]; then
    CPPFLAGS=$(for module in hdf5-openmpi hdf5 hdf5-serial; do pkg-config --cflags $module 2>/dev/null && break; done)
fi
compile="$CC $CPPFLAGS -Iinclude -Isrc -D_GNU_SOURCE -std=c11"
longest=500 # lines of a file

findings=0
# complain RULE: reads findings, a line each, from stdin; prints them under the rule.
complain() {
    local lines n
    lines=$(cat)
    [ -n "$lines" ] || return 0
    n=$(echo "$lines" | wc -l)
    findings=$((findings + n))
    echo "$lines" | sed 's/^/  /'
    printf '  rule: %s\n\n' "$1"
}

sources=$(find src include -name '*.[ch]' | sort)
headers=$(echo "$sources" | grep '\.h$')

# Each heavy dependency has one home: what its code looks like there, and nowhere else.
# home ROOM WHAT PATTERN
home() {
    grep -nE "$3" $sources /dev/null | grep -v "^src/$1/" | complain "$2 is used in src/$1 only"
}
home comm MPI '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]mpi'
home exec OpenMP '^[[:space:]]*#[[:space:]]*(include[[:space:]]*[<"]omp\.h|pragma[[:space:]]+omp)|_Pragma[[:space:]]*\([[:space:]]*"omp'
home core zlib '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]zlib'
home core Random123 '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]Random123'
home kernel jansson '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]jansson'
home kernel PCRE2 '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]pcre2'
home store HDF5 '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](hdf5|H5)'

# Includes point down. A room sees itself and every room on a lower floor; rooms on one floor do not see each other.
awk '
BEGIN {
    floor["core"] = 1; floor["sweep"] = floor["reduce"] = 2; floor["job"] = floor["process"] = 3; floor["plan"] = floor["kernel"] = 4
    floor["comm"] = floor["exec"] = floor["store"] = floor["report"] = floor["plot"] = 5
    floor["app"] = 6; floor["cmd"] = 7; floor["main.c"] = 8
}
FNR == 1 {
    split(FILENAME, place, "/")
    room = place[2]
    if (!(room in floor)) print FILENAME ": no floor is known for src/" room
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    name = $0
    sub(/^[^"<]*["<]/, "", name)
    sub(/[">].*/, "", name)
    where = FILENAME ":" FNR ": "
    if (name ~ /^\.\.?\//) { print where "includes \"" name "\"; write it as \"ROOM/file.h\""; next }
    n = split(name, part, "/")
    if (n == 1) {
        if ($0 ~ /"/) print where "includes \"" name "\"; write it as \"" room "/" name "\""
        next
    }
    if (!(part[1] in floor)) next
    if (floor[part[1]] > floor[room]) print where "src/" room " includes \"" name "\", which is above it"
    if (n == 3 && split(FILENAME, place, "/") == 4 && part[2] != place[3] && part[2] != "program")
        print where "src/kernel/" place[3] " includes \"" name "\", another kind"
    if (floor[part[1]] == floor[room] && part[1] != room) print where "src/" room " includes \"" name "\", a sibling"
}' $(echo "$sources" | grep '^src/') |
    complain 'includes point down: main > cmd > app > comm exec store report plot > plan kernel > job process > core; siblings
        do not meet, nor do kinds of kernels'

# The public header leans on nothing but the C library.
grep -nE '^[[:space:]]*#[[:space:]]*include' include/sheaf/kernel.h | grep -vE '<std[a-z]+\.h>' |
    sed 's|^|include/sheaf/kernel.h:|' | complain 'the public header includes standard headers only'

# Every header stands alone.
for header in $headers; do
    name=${header#src/}
    echo "#include \"${name#include/}\"" | $compile -Wall -Wextra -fsyntax-only -x c - 2>&1 | grep -E 'error|warning'
done | complain 'every header compiles alone'
$CXX -std=c++17 -Wall -Wextra -pedantic -Iinclude -fsyntax-only -x c++ include/sheaf/kernel.h 2>&1 |
    grep -v 'pragma once' | complain 'the public header is C++ clean (-std=c++17 -pedantic)'

# No header lets MPI, OpenMP or HDF5 through to the rooms above: what a source outside the home sees in the end.
for source in $(echo "$sources" | grep '\.c$'); do
    case $source in
    src/comm/*) foreign='hdf5|omp' ;;
    src/exec/*) foreign='hdf5|mpi' ;;
    src/store/*) continue ;; # parallel HDF5 includes mpi.h by itself
    *) foreign='hdf5|mpi|omp' ;;
    esac
    $compile -M "$source" 2>/dev/null | tr -s ' \\' '\n\n' | grep -E "/($foreign)\.h\$" | sed "s|^|$source: sees |"
done | complain 'a header never exposes the library of its room'

for source in $(echo "$sources" | grep '^src/'); do
    lines=$(wc -l <"$source")
    [ "$lines" -le $longest ] || echo "$source: $lines lines"
done | complain "no file of src/ is longer than $longest lines; 100 to 400 is the aim"

for source in $(echo "$sources" | grep '^src/'); do
    grep -qE "(^|[[:space:]])$source([[:space:]]|\$)" Makefile.am || echo "$source"
done | complain 'every source is listed in Makefile.am, or it is missing from the tarball'

# Other versions format differently.
formatter=
for tool in clang-format-14 clang-format; do
    if $tool --version 2>/dev/null | grep -q 'version 14\.'; then
        formatter=$tool
        break
    fi
done
if [ -n "$formatter" ]; then
    find src include tests jobs -name '*.[ch]' -o -name '*.cpp' | sort | xargs $formatter --dry-run -Werror 2>&1 |
        awk -F : '/error:/ { n[$1]++; if (n[$1] == 1) first[$1] = $2 }
                  END { for (file in n) print file ":" first[file] ": " n[file] " to format, the first here" }' |
        sort | complain "the format is clang-format 14's: $formatter -i FILE"
else
    echo "lint: clang-format 14 is not here; the format is not checked"
fi

if [ $findings -gt 0 ]; then
    echo "lint: $findings findings"
    exit 1
fi
echo "lint: $(echo "$sources" | wc -l) files, nothing to say"
