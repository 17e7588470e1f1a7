#!/usr/bin/python3
"""docs/asyncio.md has one row for each public name of asyncio's chapters (asyncio_names.txt), and
docs/executors.md for those of concurrent.futures (executor_names.txt), under the chapter's heading,
and both keep their word: no cell is empty, every `program: test` is a test of the
suite, every yibu_ and YIBU_ name is in a public header.  A row without a counterpart begins its
second cell with "later" or "no" and needs no test."""

import re
import sys
from pathlib import Path

import tree

CELL = re.compile(r"(?<!\\)\|")
TEST = re.compile(r"`(\w+): (\w+)`")
PROGRAM = re.compile(r"yb_add_test\(\s*NAME\s+(\w+)\s+SOURCES\s+([^)]*)\)")
FOREACH = re.compile(r"foreach\((\w+) IN ITEMS ([^)]*)\)(.*?)endforeach\(\)", re.DOTALL)
LEFT_OUT = re.compile(r"(later|no)\b")


PAGES = {"docs/asyncio.md": "asyncio_names.txt", "docs/executors.md": "executor_names.txt"}


def names(file):
    """{chapter: [name]} of a list beside this check."""
    chapters, chapter = {}, None
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            chapter = chapters.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            chapter.append(line)
    return chapters


def sections(text):
    """{heading: its text} of a document."""
    parts = re.split(r"^## +(.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def rows(section):
    """The cells of each row of a section's tables, without head and rule."""
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in CELL.split(line.strip("|"))]


def unrolled(text):
    """A list file with its foreach loops written out."""
    return FOREACH.sub(lambda loop: "".join(loop[3].replace(f"${{{loop[1]}}}", item)
                                            for item in loop[2].split()), text)


def programs(root):
    """{test program: the text of its sources}."""
    found = {}
    for lists in sorted((root / "tests").rglob("CMakeLists.txt")):
        for name, rest in PROGRAM.findall(unrolled(lists.read_text(encoding="utf-8"))):
            files = [lists.parent / word for word in rest.split()]
            found[name] = "".join(tree.code(file) for file in files
                                  if file.suffix in tree.C_SUFFIXES and file.is_file())
    return found


def is_test(text, name):
    """Whether a program defines a test of that name and runs it."""
    defined = rf"^(?:static void {name}\(void|\w*TEST\w*\([^)]*\b{name}\b)"
    run = rf"[ {{]\w*test\w*\(\s*{name}\b"
    return re.search(defined, text, re.MULTILINE) and re.search(run, text, re.IGNORECASE)


def row_problems(cells, tests, headers):
    name = cells[0].strip("`")
    if len(cells) != 4 or not all(cells):
        yield f"{name}: a row has four cells, none of them empty"
        return
    named = TEST.findall(cells[3])
    if not named and not LEFT_OUT.match(cells[1]):
        yield f"{name}: no test shows it"
    for program, test in named:
        if not is_test(tests.get(program, ""), test):
            yield f"{name}: there is no test {program}: {test}"
    for ours in re.findall(r"(?<![$\w])(?:yibu|YIBU)_\w+", " ".join(cells[1:3])):
        if not re.search(rf"\b{ours}\b", headers):
            yield f"{name}: {ours} is in no public header"


def page_problems(page, chapters, tests, headers):
    found = sections(page.read_text(encoding="utf-8"))
    for chapter, wanted in chapters.items():
        table = list(rows(found.get(chapter, "")))
        listed = [cells[0].strip("`") for cells in table]
        yield from (f"{chapter}: {name} has {listed.count(name)} rows"
                    for name in wanted if listed.count(name) != 1)
        yield from (f"{chapter}: {name} is no name of that chapter"
                    for name in listed if name not in wanted)
        for cells in table:
            yield from row_problems(cells, tests, headers)
    for heading, section in found.items():
        if heading not in chapters:
            yield from (f"{heading}: there is no test {program}: {test}"
                        for program, test in TEST.findall(section)
                        if not is_test(tests.get(program, ""), test))


def problems(root):
    headers = "".join(tree.code(path) for path in (root / "include").rglob("*.h"))
    tests = programs(root)
    for page, list_name in PAGES.items():
        if (root / page).is_file():
            chapters = names(root / "tests/house" / list_name)
            yield from page_problems(root / page, chapters, tests, headers)


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())), "asyncio")
