#!/usr/bin/python3
"""Conditional compilation lives in src/platform/ alone.  Elsewhere in src/ there are include guards
and nothing else; public headers may also ask for C++ and for the compiler's dialect, never for an
operating system or an architecture."""

import re
import sys
from pathlib import Path

import tree

CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)$")
GUARD = re.compile(r"[A-Z][A-Z0-9_]*_H")
PUBLIC = re.compile(r"__cplusplus|defined\s*\(?\s*(__cplusplus|__GNUC__|__clang__)\s*\)?")


def allowed(keyword, condition, public):
    if keyword == "ifndef" and GUARD.fullmatch(condition):
        return True
    return public and PUBLIC.fullmatch(condition) is not None


def problems(root):
    for folder, public in [("src", False), ("include", True)]:
        for path in tree.c_files(root / folder):
            name = path.relative_to(root)
            if name.parts[:2] == ("src", "platform"):
                continue
            for number, line in tree.numbered(path):
                match = CONDITIONAL.match(line)
                if match and not allowed(match.group(1), match.group(2).strip(), public):
                    yield f"{name}:{number}: {line.strip()}: belongs in src/platform/"


if __name__ == "__main__":
    tree.report(list(problems(Path(sys.argv[1]) if len(sys.argv) > 1 else tree.root())),
                "conditionals")
