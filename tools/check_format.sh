#!/bin/sh
# Is every C file laid out as .clang-format says? tools/check_format.sh [ROOT]
# With FIX=1 in the environment the files are put in order instead.
set -eu
cd "${1:-.}"
command -v clang-format > /dev/null || {
    echo "format: clang-format is missing" >&2
    exit 3
}
mode="--dry-run -Werror"
[ -z "${FIX:-}" ] || mode=-i
# bench/kbench.c keeps the layout of the Linux world, where it runs as well.
# shellcheck disable=SC2086
find kernel user tests \( -name '*.c' -o -name '*.h' \) -print | sort |
    xargs clang-format --style=file $mode
echo "format: $(find kernel user tests \( -name '*.c' -o -name '*.h' \) | wc -l) files hold"
