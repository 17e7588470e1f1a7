#!/bin/sh
# Installs a build into a folder of its own, moves it, and builds and runs consumers in C and C++
# against it: through pkg-config and find_package, with the shared and the static library.
# usage: test_install.sh BUILD VERSION [COMPONENT]...
set -eu
build=$1 version=$2
shift 2
components=$*
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-Wall -Wextra -Wpedantic -Wundef -Werror"

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
libdir=$(dirname "$(find "$work/prefix" -name libyibu.a)")
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"

check() {
    echo "$1"
    shift
    "$@"
}

through_pkg_config() {
    [ "$(pkg-config --modversion yibu)" = "$version" ]
    # shellcheck disable=SC2046,SC2086  # lists of flags
    for language in "gcc -std=c11 $here/consumer.c" "g++ -std=c++11 $here/consumer.cpp"; do
        $language $flags $(pkg-config --cflags --libs yibu) -o "$work/shared"
        check "pkg-config shared: $language" "$work/shared"
        $language $flags $(pkg-config --cflags yibu) \
            -Wl,-Bstatic $(pkg-config --static --libs yibu) -Wl,-Bdynamic -o "$work/static"
        check "pkg-config static: $language" env -u LD_LIBRARY_PATH "$work/static"
    done
    # shellcheck disable=SC2046,SC2086
    for component in $components; do
        gcc -std=c11 $flags "$here/component_$component.c" \
            $(pkg-config --cflags --libs "yibu-$component") -o "$work/component"
        check "pkg-config $component" "$work/component"
    done
}

through_find_package() {
    mkdir "$work/source"
    cp "$here"/*.c "$here"/*.cpp "$work/source"
    sed -e "s/@VERSION@/$version/" -e "s/@COMPONENTS@/$components/" \
        "$here/CMakeLists.txt.in" >"$work/source/CMakeLists.txt"
    cmake -G Ninja -S "$work/source" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
        -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" >/dev/null
    cmake --build "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
    for program in "$work/build/"*-default "$work/build/"*-shared "$work/build/"*-static; do
        check "find_package $(basename "$program")" "$program"
    done
}

through_pkg_config
through_find_package
