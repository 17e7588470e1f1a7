#!/usr/bin/python3
"""Every public function has its place in docs/reference/: a heading that names it.  A function that
a macro wraps to add the place of the call (yibu_x_at behind yibu_x) goes by the macro's name; one
that ends in an underscore is a macro's own business.  And no heading names what does not exist."""

import re
import sys
from pathlib import Path

import tree

HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)


def headings(folder):
    """{name: page} for every yibu_ name in a heading of the reference."""
    named = {}
    for page in sorted(folder.rglob("*.md")):
        for heading in HEADING.findall(page.read_text(encoding="utf-8")):
            for name in re.findall(r"\byibu_\w+", heading):
                named[name] = page
    return named


def visible_name(function, macros):
    wrapper = function.removesuffix("_at")
    return wrapper if wrapper != function and wrapper in macros else function


def problems(root):
    functions, macros = tree.public_functions(root / "include")
    named = headings(root / "docs" / "reference")
    for function, header in functions.items():
        if not function.endswith("_") and visible_name(function, macros) not in named:
            yield f"{header.relative_to(root)}: {function} has no page in docs/reference/"
    text = "".join(tree.code(path) for path in (root / "include").rglob("*.h"))
    for name, page in named.items():
        if not re.search(rf"\b{name}\b", text):
            yield f"{page.relative_to(root)}: {name} is in no public header"


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())),
                "reference")
