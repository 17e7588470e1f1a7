#!/usr/bin/python3
"""Documents hold: a link to a file of the tree, or to a heading in it, leads somewhere, and a C
program in a document (a block with a main) compiles without a warning.  A block below a line
`<!-- as FILE -->` is that file of the tree, to the letter."""

import re
import subprocess
import sys
from pathlib import Path

import tree

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
COPY = re.compile(r"^<!-- as (\S+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMPILE = ["gcc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c", "-"]


def documents(root):
    yield from sorted(root.glob("*.md"))
    for folder in ["docs", "bench", "examples", "tools"]:
        yield from sorted((root / folder).rglob("*.md"))


def anchors(path):
    """The fragments that a document's headings answer to, as common renderers make them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#+\s+(.*?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        yield plain.replace(" ", "-")


def link_problem(document, link):
    if re.match(r"\w+:", link):
        return None
    name, _, fragment = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return f"links to {link}, which does not exist"
    if fragment and target.suffix == ".md" and fragment not in anchors(target):
        return f"links to {link}, a heading that does not exist"
    return None


def copy_problem(root, name, text):
    file = root / name
    same = file.is_file() and file.read_text(encoding="utf-8") == text
    return None if same else f"a block is not as {name}"


def program_problem(root, text):
    compiled = subprocess.run([*COMPILE, f"-I{root / 'include'}"], input=text, text=True,
                              capture_output=True)
    return f"a program does not compile:\n{compiled.stderr}" if compiled.returncode else None


def problems(root):
    root = root.resolve()
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        found = [link_problem(document, link) for link in LINK.findall(FENCE.sub("", text))]
        found += [copy_problem(root, name, block) for name, block in COPY.findall(text)]
        found += [program_problem(root, block) for language, block in FENCE.findall(text)
                  if language == "c" and re.search(r"\bint main\(", block)]
        yield from (f"{document.relative_to(root)}: {problem}" for problem in found if problem)


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())),
                "documents")
