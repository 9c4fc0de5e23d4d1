#!/bin/sh
# Build and run the unit tests on the host: kernel sources, with ASan and UBSan.
#
#   tests/unit/build.sh OUT [TEST-NAME-PART...]
#
# Objects and the program `unit` go to OUT. CC, and more flags in UNIT_CFLAGS, come from the
# environment. The exit status is the test program's.
set -eu

# Kernel sources under test, and the tests. Extend these.
KERNEL_SOURCES="kernel/lib/*.c kernel/arch/host/*.c kernel/core/[!tu]*.c kernel/core/uaccess.c
    kernel/mm/bump.c kernel/mm/memmap.c kernel/mm/page.c kernel/mm/section.c kernel/mm/slab.c kernel/mm/vmalloc.c"
TEST_SOURCES="tests/unit/*.c"
# Sources whose functions are named as the host libc's: built with tests/unit/rename.h.
RENAMED="kernel/lib/string.c"

CC=${CC:-cc}
CFLAGS="-std=gnu11 -O1 -g -Wall -Wextra -Werror -fno-omit-frame-pointer -Ikernel -Itests/unit
    -pthread -fsanitize=address,undefined -fno-sanitize-recover=all ${UNIT_CFLAGS:-}"

[ $# -ge 1 ] || { echo "usage: $0 OUT [TEST-NAME-PART...]" >&2; exit 2; }
mkdir -p "$1"
OUT=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/../.."

objects=
jobs=
for source in $KERNEL_SOURCES $TEST_SOURCES; do
    object=$OUT/$(echo "${source%.c}" | tr / _).o
    objects="$objects $object"
    extra=
    for renamed in $RENAMED; do
        [ "$source" != "$renamed" ] || extra="-include tests/unit/rename.h"
    done
    jobs="$jobs$CC $(echo $CFLAGS) $extra -c $source -o $object
"
done
printf '%s' "$jobs" | tr '\n' '\0' | xargs -0 -P "$(nproc 2>/dev/null || echo 2)" -n 1 sh -c
$CC $CFLAGS -o "$OUT/unit" $objects
exec "$OUT/unit" "$@"
