"""What the house checks share: the files of a tree, C without its comments, and how to report."""

import re
import sys
from pathlib import Path

C_SUFFIXES = {".c", ".h", ".S", ".cc", ".cpp", ".hpp"}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def c_files(folder):
    """The C, C++ and assembly files below a folder, which may not exist."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix in C_SUFFIXES)


def code(path):
    """The text of a file with comments blanked and continued lines joined, its lines kept."""
    text = COMMENT.sub(lambda m: "\n" * m.group().count("\n"), path.read_text(encoding="utf-8"))
    joined = re.compile(r"([^\n]*)\\\n([^\n]*)\n")
    while joined.search(text):
        text = joined.sub(r"\1 \2\n\n", text)
    return text


def numbered(path):
    """(number, line) of a file's code."""
    return enumerate(code(path).split("\n"), start=1)


def public_functions(headers):
    """The functions that public headers declare, as {name: header}, and all their macros."""
    functions, macros = {}, set()
    for path in sorted(headers.rglob("*.h")):
        text = code(path)
        for match in re.finditer(r"\bYIBU_API\b[^;{#]*?\b(yibu_\w+)\s*\(", text):
            functions[match.group(1)] = path
        macros.update(re.findall(r"^#\s*define\s+(yibu_\w+|YIBU_\w+)\(", text, re.MULTILINE))
    return functions, macros


def report(problems, what):
    """Prints the problems and exits accordingly."""
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{what}: {len(problems)} problem(s)" if problems else f"{what}: fine")
    sys.exit(1 if problems else 0)


def root():
    return Path(__file__).resolve().parents[2]
