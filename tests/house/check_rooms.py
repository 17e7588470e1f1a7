#!/usr/bin/python3
"""Each folder of src/ is a room: it may include itself, base, and the rooms above it in ROOMS,
never one below.  base may include libc alone and the core rooms libc and liburing (that one in
platform, where annotations for instruments live too).  What stands outside the library (tools,
bindings, examples) may include public headers only."""

import re
import sys
from pathlib import Path

import tree

ROOMS = ["base", "platform", "loop", "task", "sync", "exec", "io", "net", "proc", "sim",
         "tls", "dns", "adapters", "cluster", "hook"]
EXTENSIONS = {"tls", "dns", "adapters", "cluster", "hook"}
OUTSIDE = ["tools", "bindings", "examples"]
PUBLIC_OF_BASE = {"yibu/base.h", "yibu/buffer.h", "yibu/error.h", "yibu/alloc.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIBC = re.compile(
    r"(sys|linux|asm|asm-generic|arpa|net|netinet|bits)/.*|std\w+\.h|"
    r"(aio|alloca|assert|byteswap|complex|cpuid|ctype|dirent|dlfcn|elf|endian|err|errno|execinfo|"
    r"fcntl|features|fenv|float|fnmatch|ftw|getopt|glob|grp|ifaddrs|inttypes|langinfo|libgen|"
    r"limits|link|locale|malloc|math|memory|mntent|mqueue|netdb|paths|poll|pthread|pty|pwd|regex|"
    r"resolv|sched|search|semaphore|setjmp|signal|spawn|string|strings|syscall|sysexits|syslog|"
    r"termios|threads|time|uchar|ucontext|unistd|unwind|utime|wait|wchar|wctype|immintrin|"
    r"x86intrin|arm_acle)\.h")
PLATFORM_ONLY = re.compile(r"liburing(/.*)?\.h|liburing\.h|valgrind/.*|sanitizer/.*")


def target(path, name, src):
    """The file that a quoted include names, or None."""
    for folder in [path.parent, src, src / "adapters"]:
        candidate = (folder / name).resolve()
        if candidate.is_file():
            return candidate
    return None


def room_of(path, src):
    """The room a file is in, or None outside src/."""
    try:
        parts = path.relative_to(src).parts
    except ValueError:
        return None
    return parts[0] if len(parts) > 1 else None


def check_room_include(room, path, name, src):
    found = target(path, name, src)
    included = room_of(found, src) if found else Path(name).parts[0]
    if found is None and included not in ROOMS:
        return f'includes "{name}", which is nowhere'
    if included is None:
        return f'includes "{name}", which is in no room'
    if included not in ROOMS:
        return f'includes "{name}" of {included}, which is not a room'
    if ROOMS.index(included) > ROOMS.index(room):
        return f'{room} includes "{name}" of {included}, a room below it'
    return None


def check_system_include(room, name, src):
    if name.startswith("yibu/") or name == "yibu.h":
        if room == "base" and name not in PUBLIC_OF_BASE:
            return f"base includes <{name}>, the interface of a room below it"
        return None
    if (src / name).is_file():
        return f"includes <{name}>: internal headers are included in quotes"
    if LIBC.fullmatch(name) or room in EXTENSIONS:
        return None
    if PLATFORM_ONLY.fullmatch(name):
        return None if room == "platform" else f"{room} includes <{name}>, platform's alone"
    return f"{room} includes <{name}>: the core has libc and liburing, nothing else"


def check_outside_include(path, kind, name, root):
    src = root / "src"
    if kind == '"':
        found = target(path, name, src)
        if found is None:
            return None
        if src in found.parents:
            return f'includes "{name}", an internal header'
        return None
    if (src / name).is_file():
        return f"includes <{name}>, an internal header"
    return None


def includes(path):
    """(line number, kind, name) of each include of a file."""
    for number, line in tree.numbered(path):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def problems(root):
    root = root.resolve()
    src = root / "src"
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in ROOMS:
            yield f"src/{folder.name}: not a room of docs/ARCHITECTURE.md"
            continue
        for path in tree.c_files(folder):
            for number, kind, name in includes(path):
                problem = (check_room_include(folder.name, path, name, src) if kind == '"'
                           else check_system_include(folder.name, name, src))
                if problem:
                    yield f"{path.relative_to(root)}:{number}: {problem}"
    for folder in OUTSIDE:
        for path in tree.c_files(root / folder):
            for number, kind, name in includes(path):
                problem = check_outside_include(path, kind, name, root)
                if problem:
                    yield f"{path.relative_to(root)}:{number}: {problem}"


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())), "rooms")
