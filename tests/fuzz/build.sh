#!/bin/sh
# Build and run the fuzz targets on the host: kernel sources with libFuzzer, ASan and UBSan.
#
#   tests/fuzz/build.sh OUT [SECONDS [TARGET...]]
#
# Without SECONDS each target gets the same inputs in every run: a fixed count from a fixed seed.
# With SECONDS each runs so long, and keeps what it finds interesting in OUT/corpus/TARGET for the
# next time. The first inputs are made here, in OUT/seeds. An input that fails stays in OUT as
# TARGET-crash-...: `OUT/TARGET FILE` runs it again. CC (a clang), and more flags in FUZZ_CFLAGS,
# come from the environment. Exit status 0 when nothing failed.
set -eu

# The targets, and what goes with each besides the sources that it includes. Extend these.
TARGETS="elf cpio gunzip fdt param ldisc path"
sources_of() # TARGET
{
    case $1 in
    cpio) echo kernel/lib/cpio.c ;;
    fdt) echo kernel/lib/fdt.c kernel/lib/fdt_bus.c ;;
    gunzip) echo kernel/fs/gunzip.c "$OUT"/zlib/*.o ;;
    ldisc) echo kernel/lib/bitmap.c ;;
    param) echo kernel/core/param.c "$OUT/string.o" ;;
    path)
        echo kernel/fs/dcache.c kernel/fs/mount.c kernel/fs/inode.c kernel/fs/symlink.c \
            kernel/fs/context.c kernel/fs/tmpfs.c kernel/lib/hash.c "$OUT/string.o"
        ;;
    esac
}
# How many inputs the short run has, and the bytes of the longest.
size_of() # TARGET
{
    case $1 in
    elf) echo 80000 4096 ;;
    cpio) echo 150000 4096 ;;
    gunzip) echo 25000 4096 ;;
    fdt) echo 8000 4096 ;;
    param) echo 5000 2200 ;;
    ldisc) echo 2000 512 ;;
    path) echo 15000 256 ;;
    esac
}

CC=${CC:-clang}
CFLAGS="-std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -fno-omit-frame-pointer
    -Ikernel -Itests/fuzz -isystem build/packages/zlib -DZ_SOLO ${FUZZ_CFLAGS:-}"
SANITIZE="address,undefined -fno-sanitize-recover=all"
ZLIB_CFLAGS="-DZ_SOLO -DDYNAMIC_CRC_TABLE -DZ_TESTW=0 -DHAVE_MEMCPY -include kernel/lib/string.h
    -O1 -g -w -Ikernel"

[ $# -ge 1 ] || { echo "usage: $0 OUT [SECONDS [TARGET...]]" >&2; exit 2; }
mkdir -p "$1/zlib"
OUT=$(cd "$1" && pwd)
seconds=${2:-}
[ $# -lt 3 ] || { shift 2; TARGETS=$*; }
cd "$(dirname "$0")/../.."

# Runs the lines of its input as commands, some at a time.
in_parallel()
{
    tr '\n' '\0' | xargs -0 -P "$(nproc 2>/dev/null || echo 2)" -n 1 sh -c
}

# ---- programs

build()
{
    tools/fetch.sh zlib busybox-static
    {
        for file in inflate inftrees inffast adler32 crc32 zutil; do
            echo $CC $ZLIB_CFLAGS -fsanitize=fuzzer-no-link,$SANITIZE -c \
                -o "$OUT/zlib/$file.o" "build/packages/zlib/$file.c"
        done
        echo $CC $CFLAGS -fsanitize=fuzzer-no-link,$SANITIZE -include tests/unit/rename.h -c \
            -o "$OUT/string.o" kernel/lib/string.c
    } | in_parallel
    for target in $TARGETS; do
        echo $CC $CFLAGS -fsanitize=fuzzer,$SANITIZE -o "$OUT/$target" "tests/fuzz/$target.c" \
            tests/fuzz/standins.c $(sources_of "$target")
    done | in_parallel
}

# ---- first inputs

zeros() # COUNT
{
    head -c "$1" /dev/zero
}

# Bytes by their octal numbers: the operations of ldisc.c that a session has among what is typed.
session() # NAME FORMAT
{
    # shellcheck disable=SC2059
    printf "$2" > "$OUT/seeds/ldisc/$1"
}

# The same for path.c: operations, descriptors, and paths by the numbers of their names.
tree() # NAME FORMAT
{
    # shellcheck disable=SC2059
    printf "$2" > "$OUT/seeds/path/$1"
}

tree_source()
{
    cat << 'END'
/dts-v1/;
/memreserve/ 0x48000000 0x1000;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    aliases { serial0 = "/soc/serial@9000"; };
    chosen { stdout-path = "serial0:115200n8"; bootargs = "quiet"; };
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x8000000>; };
    gic: gic@8000000 {
        compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
    };
    cpus {
        #address-cells = <1>; #size-cells = <0>;
        cpu@0 { device_type = "cpu"; reg = <0>; enable-method = "psci"; };
    };
    soc {
        compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
        ranges = <0 0 0x9000000 0x100000>;
        serial@9000 {
            compatible = "arm,pl011", "arm,primecell"; reg = <0x9000 0x1000>; status = "okay";
            interrupts = <0 1 4>;
        };
        wide: wide { phandle = <77>; #interrupt-cells = <6>; };
        odd { interrupts-extended = <&wide 1 2 3 4 5 6>; };
        timer@a000 { reg = <0xa000 0x1000>; interrupts-extended = <&gic 1 13 8>, <&gic 1 14 8>; };
    };
};
END
}

make_seeds()
{
    rm -rf "$OUT/seeds" "$OUT/tree"
    for target in elf cpio gunzip fdt param ldisc path; do
        mkdir -p "$OUT/seeds/$target"
    done

    head -c 4096 build/packages/busybox-static/bin/busybox > "$OUT/seeds/elf/static"
    echo 'int main(void) { return 0; }' > "$OUT/main.c"
    aarch64-linux-gnu-gcc -o "$OUT/main" "$OUT/main.c"
    head -c 2048 "$OUT/main" > "$OUT/seeds/elf/dynamic"
    # One that was refused too late: its second segment is empty, and beyond all user addresses.
    {
        printf '\177ELF\2\1\1' && zeros 9 && printf '\3\0\267\0\1\0\0\0' && zeros 8
        printf '\100' && zeros 19 && printf '\100\0\70\0\2\0' && zeros 6
        printf '\1\0\0\0\6\0\0\0' && zeros 33 && printf '\20' && zeros 14
        printf '\1\0\0\0\6\0\0\0' && zeros 10 && printf '\377\377\377\377' && zeros 34
    } > "$OUT/seeds/elf/empty"

    mkdir -p "$OUT/tree/bin"
    echo text > "$OUT/tree/file"
    ln "$OUT/tree/file" "$OUT/tree/again"
    ln -s ../file "$OUT/tree/bin/link"
    find "$OUT/tree" -exec touch -h -d @1000000000 {} +
    (cd "$OUT/tree" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc) \
        > "$OUT/seeds/cpio/tree"
    python3 tools/mkinitramfs.py --out "$OUT/initramfs.cpio" \
        --busybox build/packages/busybox-static/bin/busybox
    head -c 4096 "$OUT/initramfs.cpio" > "$OUT/seeds/cpio/cut"
    { cat "$OUT/seeds/cpio/tree" && gzip -n < "$OUT/seeds/cpio/tree"; } > "$OUT/seeds/cpio/gzip"
    gzip -n < "$OUT/seeds/cpio/tree" > "$OUT/seeds/gunzip/tree"
    (cd kernel && gzip -c LAYERS) | tail -c +9 |
        { printf "\037\213\010\010\001\002\003\004" && cat; } > "$OUT/seeds/gunzip/named"
    head -c 4096 /dev/zero | gzip -n > "$OUT/seeds/gunzip/zeros"
    printf 'stored' | gzip -n > "$OUT/seeds/gunzip/short"

    tree_source | dtc -q -I dts -O dtb -o "$OUT/seeds/fdt/tree"
    tree_source | dtc -q -@ -V 16 -I dts -O dtb -o "$OUT/seeds/fdt/version16"

    printf 'console=ttyAMA0,115200 root=/dev/vda1 rw quiet -- single x=1' > "$OUT/seeds/param/usual"
    printf 'init="/bin/a b" "panic=5 " mod.opt=1 TERM="x y" max-cpus=2 loglevel=0x7 word' \
        > "$OUT/seeds/param/quoted"
    printf '%2100s' | tr ' ' 'a' > "$OUT/seeds/param/long"

    session shell 'ls -l\r\364\020\365\011\050hello, w\n\003echo x\177\177y z\027\025make\t\022\n\004'
    session raw '\362\001\362\003abc\364\001q\003\004\364\020\362\001line\n\364\020'
    session utf8 '\360\016a\303\251\342\202\254\177\177\n\363\013;end;\361\004\026\003\364\020'
    session tabs '\361\013\361\014\365\003\007\t\t\t\365\003\020\t\t\t'
    tree mounts '\000\006\000\000\012\006\000\000\077\006\000\000\013\006\000\006\002\006\000\001'
    tree umount '\000\006\000\000\012\006\000\000\013\006\000\000\012\006\000\000\177\006\000\000\033\006\000\000'
    tree dead '\000\006\000\000\077\006\000\000\031\006\001\004\000\000\006\000\001\002\006\001\004\001'
    tree links '\002\006\000\001\003\006\000\002\000\001\037\006\000\002\005\006\006\000\001\000\003\011\006\000\001'
    tree loop '\003\006\000\000\000\001\003\006\000\001\000\000\037\006\010\001\037\006\000\003'
    tree rename '\000\006\000\000\000\006\001\000\001\002\006\000\012\006\006\006\000\012\001\000\003'
    tree below '\000\006\000\000\000\006\001\000\001\006\006\006\000\000\002\000\001\002\006\006\006\001\000\001\000\002'
    tree exchange '\000\006\000\000\002\006\000\013\046\006\006\000\000\000\013\002\006\001\013\002\046\006\006\000\000\001\013\002'
    tree roots '\000\006\000\000\000\006\001\000\001\177\006\000\000\377\006\000\000\003\037\000\002\004\004'
    tree changes '\016\125\037\006\005\004\001\016\377\002\006\001\006\002\016\007\031\006\000\002'
    session full '\372x\240\n\366\377\372\n\010\364\377\370\001\001\370\000\377\023\371\021\367'
}

# ---- runs

# What would make a short run differ from the last one is off: libFuzzer's clocks, and random
# addresses (where the machine lets us), because it learns from whatever is compared.
run() # TARGET
{
    cd "$OUT"
    # shellcheck disable=SC2046
    set -- "$1" $(size_of "$1")
    if [ -n "$seconds" ]; then
        mkdir -p "corpus/$1"
        "./$1" -seed="$(date +%s)" -max_total_time="$seconds" -max_len="$3" \
            -artifact_prefix="$1-" "corpus/$1" "seeds/$1"
    else
        fixed="setarch -R"
        $fixed true 2> /dev/null || fixed=
        $fixed "./$1" -seed=1 -runs="$2" -reload=0 -entropic=0 -purge_allocator_interval=-1 \
            -max_len="$3" -artifact_prefix="$1-" "seeds/$1"
    fi
}

build
make_seeds
passed=0
failed=0
for target in $TARGETS; do
    if (run "$target") > "$OUT/$target.log" 2>&1; then
        passed=$((passed + 1))
        echo "$target: $(tail -n 1 "$OUT/$target.log" | tr '\t' ' ')"
    else
        failed=$((failed + 1))
        cat "$OUT/$target.log"
        echo "FAIL $target"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
