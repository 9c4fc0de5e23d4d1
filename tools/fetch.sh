#!/bin/sh
# Fetch pinned Debian packages: tools/fetch.sh NAME...
#
# Each NAME stands in tools/packages.txt. It is downloaded into build/packages/archives, its
# sha256 is compared with the pin, and it is unpacked into build/packages/NAME. What is there
# already is left alone, so that everything works offline once fetched. A private apt state under
# build/apt serves for this: other architectures and sources are reached without the host's own
# package lists, configuration or cache being touched, and without being root.
#
# When the archive no longer serves the pinned version the newest one is taken, with one line of
# warning; the pin then moves by a commit. Another sha256 under the same version is an error.
# Callers at the same time wait for each other; an unpacked tree appears whole or not at all.
set -eu
cd "$(dirname "$0")/.."
pins=tools/packages.txt
top=$PWD
apt=$top/build/apt
packages=$top/build/packages

die()
{
    echo "fetch: $*" >&2
    exit 1
}

pin_of()
{
    awk -v name="$1" '!/^#/ && $1 == name { print $2, $3, $4, $5; exit }' "$pins"
}

# The stamp of an unpacked tree is the pin it was fetched for, then the version that came.
is_fetched()
{
    [ -f "$packages/$1/.stamp" ] || return 1
    read -r arch version sum kind came < "$packages/$1/.stamp"
    [ "$arch $version $sum $kind" = "$2" ] || return 1
    [ "$came" = "$version" ] || echo "fetch: warning: $1 is $came here, pinned $version" >&2
}

# Lists and configuration of our own under build/apt; `apt-get update` into them.
apt_prepare()
{
    command -v apt-get > /dev/null ||
        die "no apt here: unpack the Debian packages of $pins into build/packages/NAME yourself"
    [ -r /etc/os-release ] || die "no /etc/os-release, cannot tell the Debian release"
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/log" "$apt/empty"
    : > "$apt/state/status"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r "$keyring" ] || die "no $keyring: install debian-archive-keyring (on a system other than" \
        "Debian, unpack the packages of $pins into build/packages/NAME yourself)"
    apt-get update --print-uris 2> /dev/null |
        sed -n "s#^'\(.*\)/dists/\($codename\(-updates\|-security\)\{0,1\}\)/InRelease'.*#\1 \2#p" |
        while read -r base suite; do
            echo "deb [signed-by=$keyring] $base $suite main"
            echo "deb-src [signed-by=$keyring] $base $suite main"
        done > "$apt/sources.list"
    [ -s "$apt/sources.list" ] || die "apt names no mirror of $codename"
    {
        echo 'APT::Architecture "arm64"; APT::Architectures { "arm64"; };'
        echo 'Acquire::Languages "none"; APT::Sandbox::User "";'
        echo "Dir::Etc::parts \"$apt/empty\"; Dir::Etc::main \"/dev/null\";"
        echo "Dir::Etc::preferences \"/dev/null\"; Dir::Etc::preferencesparts \"$apt/empty\";"
        echo "Dir::Etc::sourcelist \"$apt/sources.list\"; Dir::Etc::sourceparts \"$apt/empty\";"
        echo "Dir::State \"$apt/state\"; Dir::State::lists \"$apt/state/lists\";"
        echo "Dir::State::status \"$apt/state/status\";"
        echo "Dir::Cache \"$apt/cache\"; Dir::Cache::archives \"$apt/cache/archives\";"
        echo "Dir::Log \"$apt/log\";"
        apt-config dump | grep -i '^Acquire::.*Proxy.* "' || :
    } > "$apt/apt.conf"
    export APT_CONFIG="$apt/apt.conf"
    # A foreign source in the host's list may fail here; what counts is that the packages come.
    apt-get -q update > "$apt/log/update" 2>&1 || :
}

first_dependency()
{
    apt-cache show --no-all-versions "$1" 2> /dev/null |
        sed -n 's/^Depends: \([^ ,]*\).*/\1/p' | sed -n 1p
}

# Download NAME (pinned to VERSION if it is still served) into the directory $work.
download()
{
    case $4 in
    source) get="source --download-only" ;;
    *) get=download ;;
    esac
    name=$1
    if [ "$4" = meta ]; then
        name=$(first_dependency "$1=$3")
        [ -n "$name" ] || name=$(first_dependency "$1")
        [ -n "$name" ] || die "the archive does not know $1"
    fi
    (cd "$work" && apt-get -q $get "$name=$3" > "$apt/log/get" 2>&1) ||
        (cd "$work" && apt-get -q $get "$name" > "$apt/log/get" 2>&1) || {
        cat "$apt/log/update" "$apt/log/get" >&2
        die "cannot download $name"
    }
}

fetch()
{
    pin=$(pin_of "$1")
    [ -n "$pin" ] || die "$1 is not in $pins"
    ! is_fetched "$1" "$pin" || return 0
    set -- "$1" $pin
    [ -n "${APT_CONFIG_READY:-}" ] || apt_prepare
    APT_CONFIG_READY=1
    echo "fetch: $1 $3" >&2
    work=$packages/.tmp.$$
    rm -rf "$work"
    mkdir -p "$work" "$packages/archives"
    download "$1" "$2" "$3" "$5"
    if [ "$5" = source ]; then
        file=$(ls "$work"/*.dsc)
        came=$(sed -n 's/^Version: //p' "$file" | sed -n 1p)
    else
        file=$(ls "$work"/*.deb)
        came=$(dpkg-deb -f "$file" Version)
    fi
    sum=$(sha256sum "$file" | cut -d ' ' -f 1)
    if [ "$came" = "$3" ]; then
        [ "$sum" = "$4" ] || die "$1 $3 has sha256 $sum, pinned $4"
    else
        echo "fetch: warning: $1 $3 is no longer served, taking $came (sha256 $sum)" >&2
    fi
    if [ "$5" = source ]; then
        # dpkg-source holds every other file against the sums in the .dsc.
        dpkg-source --require-strong-checksums -x "$file" "$work/tree" > "$apt/log/unpack" 2>&1 || {
            cat "$apt/log/unpack" >&2
            die "cannot unpack $file"
        }
    else
        dpkg-deb -x "$file" "$work/tree"
    fi
    echo "$2 $3 $4 $5 $came" > "$work/tree/.stamp"
    rm -rf "$packages/.old" && [ ! -d "$packages/$1" ] || mv "$packages/$1" "$packages/.old"
    mv "$work/tree" "$packages/$1"
    mv "$work"/* "$packages/archives/"
    rm -rf "$work" "$packages/.old"
}

missing=
for name in "$@"; do
    is_fetched "$name" "$(pin_of "$name")" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
mkdir -p "$packages"
exec 9> "$packages/.lock"
flock 9
trap 'rm -rf "$packages/.tmp.$$"' EXIT
trap 'exit 1' INT TERM HUP
for name in $missing; do
    fetch "$name"
done
