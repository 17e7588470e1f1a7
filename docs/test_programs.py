#!/usr/bin/python3
"""The programs in the documents do what the documents say.

A C program (a block with a main) that is directly followed by a block `output` is compiled, linked
to Yibu, run on each backend, and must print exactly that and exit with status 0.

usage: test_programs.py TREE LIBRARY-FOLDER BACKEND…
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = re.compile(r"^```c\n((?:(?!^```).)*?\bint main\((?:(?!^```).)*)^```\n\s*^```output\n(.*?)^```",
                     re.MULTILINE | re.DOTALL)


def documents(root):
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def build(root, libraries, source, program):
    Path(f"{program}.c").write_text(source, encoding="utf-8")
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"{program}.c", "-o", program,
                    f"-I{root / 'include'}", f"-L{libraries}", "-lyibu", f"-Wl,-rpath,{libraries}"],
                   check=True)


def problem(program, backend, wanted):
    """In a folder of its own, where it may make files."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program], cwd=folder, env={**os.environ, "YIBU_BACKEND": backend},
                              timeout=30, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    if done.stdout == wanted and done.returncode == 0:
        return None
    return f"on {backend}, status {done.returncode}, printed\n{done.stdout}and not\n{wanted}"


def main(root, libraries, *backends):
    found = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for document in documents(root):
            for source, wanted in PROGRAM.findall(document.read_text(encoding="utf-8")):
                count += 1
                program = f"{folder}/program{count}"
                build(root, libraries, source, program)
                for backend in backends:
                    if wrong := problem(program, backend, wanted):
                        found += 1
                        print(f"{document.relative_to(root)}: a program, {wrong}", file=sys.stderr)
    print(f"{count} programs run, {found} problem(s)")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
