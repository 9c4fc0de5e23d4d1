#!/bin/sh
# Builds the ABI test binary and its archive: build.sh OUTDIR -> OUTDIR/abi, OUTDIR/abi.cpio
# (newc, /init and the mount points). CROSS_COMPILE names another toolchain prefix.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
sources=$(cd "$here" && ls *.c | LC_ALL=C sort)
obj="$out/abi.o.d"
mkdir -p "$obj"
for s in $sources; do
    o="$obj/${s%.c}.o"
    if [ ! -e "$o" ] || [ "$here/$s" -nt "$o" ] || [ "$here/abi.h" -nt "$o" ] ||
        [ "$here/build.sh" -nt "$o" ]; then
        "${CROSS_COMPILE:-aarch64-linux-gnu-}gcc" -std=gnu11 -D_GNU_SOURCE -O2 -fno-toplevel-reorder -Wall -Wextra \
            -Wno-unused-result -Wno-nonnull -Wno-format-truncation -Wno-clobbered -Wno-stringop-overflow \
            -Wno-stringop-overread -Wno-restrict -Wno-array-bounds -Wno-format-security \
            -pthread -c -o "$o" "$here/$s"
    fi
done
objects=$(for s in $sources; do echo "$obj/${s%.c}.o"; done)
"${CROSS_COMPILE:-aarch64-linux-gnu-}gcc" -static -pthread -o "$out/abi" $objects
root="$out/abi.root"
rm -rf "$root"
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/tmp"
cp "$out/abi" "$root/init"
/usr/bin/python3 "$here/cpio.py" "$root" "$out/abi.cpio"
