#!/usr/bin/python3
"""No line of C is longer than 100 columns: the formatter sees to code, and this to comments."""

import sys
from pathlib import Path

import tree

COLUMNS = 100
FOLDERS = ["include", "src", "tools", "examples", "tests", "bench"]


def problems(root):
    for folder in FOLDERS:
        for path in tree.c_files(root / folder):
            for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
                if len(line) > COLUMNS:
                    yield f"{path.relative_to(root)}:{number}: {len(line)} columns"


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())), "width")
