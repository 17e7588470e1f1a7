#!/usr/bin/python3
"""usage: check_symbols.py LIBRARY...

A shared library exports what the public headers declare, and nothing else; a static one defines
only names that begin with yibu_ or yb_, so that it clashes with nothing; together they export every
declared function; and the core needs libc and liburing alone."""

import re
import subprocess
import sys
from pathlib import Path

import tree

# Interposed by the process pool: see src/yibu.map.
EXCEPTIONS = {"__libc_start_main"}
INSTRUMENTS = re.compile(r"__(odr_)?(asan|tsan|ubsan|sanitizer|gcov)|_sub_[ID]_|__start_|__stop_")
CORE_NEEDS = re.compile(r"libc\.so\.6|liburing\.so\.2|ld-linux-.*|lib(a|t|ub)san\.so.*|libgcc_s\.so\.1")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def defined(path):
    """The global symbols that a library defines for others."""
    dynamic = ["-D"] if ".so" in path.name else []
    lines = run("nm", *dynamic, "--defined-only", "--extern-only", str(path)).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines if len(line.split()) == 3}


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", str(path)))


def shared_problems(name, symbols, functions):
    for symbol in sorted(symbols - set(functions) - EXCEPTIONS):
        if not INSTRUMENTS.match(symbol):
            yield f"{name}: exports {symbol}, which no public header declares"


def static_problems(name, symbols):
    for symbol in sorted(symbols - EXCEPTIONS):
        if not symbol.startswith(("yibu_", "yb_")) and not INSTRUMENTS.match(symbol):
            yield f"{name}: defines {symbol}: internal names begin with yb_"


def problems(root, libraries):
    functions, _ = tree.public_functions(root / "include")
    exported = set()
    for path in libraries:
        symbols = defined(path)
        if ".so" not in path.name:
            yield from static_problems(path.name, symbols)
            continue
        exported |= symbols
        yield from shared_problems(path.name, symbols, functions)
        if path.name.startswith("libyibu.so"):
            for library in needed(path):
                if not CORE_NEEDS.fullmatch(library):
                    yield f"{path.name}: needs {library}"
    for function in sorted(set(functions) - exported):
        yield f"{functions[function].relative_to(root)}: {function} is exported by no library"


if __name__ == "__main__":
    tree.report(list(problems(tree.root(), [Path(name) for name in sys.argv[1:]])), "symbols")
