#!/usr/bin/python3
"""The checks of this folder catch what they are there for, and let pass what is right."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

import check_asyncio  # noqa: E402
import check_conditionals  # noqa: E402
import check_documents  # noqa: E402
import check_reference  # noqa: E402
import check_rooms  # noqa: E402
import check_symbols  # noqa: E402
import check_width  # noqa: E402


class TreeTest(unittest.TestCase):
    """Each test writes a small tree and looks at what a check says of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for room in ["base", "loop", "task"]:
            self.write(f"src/{room}/{room}.h", "")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def assert_clean(self, check):
        self.assertEqual(list(check.problems(self.root)), [])

    def assert_caught(self, check, *expected):
        found = list(check.problems(self.root))
        self.assertEqual(len(found), len(expected), found)
        for problem, words in zip(found, expected):
            self.assertIn(words, problem)


class Rooms(TreeTest):
    def test_a_room_may_include_itself_base_and_those_above(self):
        self.write("src/task/task.c",
                   '#include "task/task.h"\n#include "task.h"\n#include "base/base.h"\n'
                   '#include "loop/loop.h"\n#include <net/if.h>\n#include <yibu/task.h>\n')
        self.assert_clean(check_rooms)

    def test_a_room_may_not_include_one_below(self):
        self.write("src/loop/loop.c", '#include "base/base.h"\n#include "task/task.h"\n')
        self.assert_caught(check_rooms, "src/loop/loop.c:2: loop includes \"task/task.h\" of task")

    def test_a_relative_path_hides_nothing(self):
        self.write("src/loop/loop.c", '#  include "../task/task.h"\n')
        self.assert_caught(check_rooms, "a room below it")

    def test_angle_brackets_hide_nothing(self):
        self.write("src/loop/loop.c", "#include <task/task.h>\n")
        self.assert_caught(check_rooms, "in quotes")

    def test_a_comment_is_no_include(self):
        self.write("src/loop/loop.c", '/*\n#include "task/task.h"\n*/\n')
        self.assert_clean(check_rooms)

    def test_base_has_libc_only(self):
        self.write("src/base/a.c", "#include <errno.h>\n#include <liburing.h>\n#include <yibu/task.h>\n")
        self.assert_caught(check_rooms, "liburing.h", "yibu/task.h")

    def test_the_core_links_no_other_library(self):
        self.write("src/task/a.c", "#include <curl/curl.h>\n")
        self.write("src/adapters/curl/a.c", "#include <curl/curl.h>\n")
        self.assert_caught(check_rooms, "src/task/a.c:1")

    def test_an_unknown_folder_is_no_room(self):
        self.write("src/attic/a.c", "")
        self.assert_caught(check_rooms, "src/attic: not a room")

    def test_tools_see_public_headers_only(self):
        self.write("tools/x/x.h", "")
        self.write("tools/x/x.c", '#include "x.h"\n#include <yibu.h>\n#include <zstd.h>\n'
                                  '#include "task/task.h"\n#include <loop/loop.h>\n'
                                  '#include "../../src/base/base.h"\n')
        self.assert_caught(check_rooms, "x.c:4", "x.c:5", "x.c:6")


class Conditionals(TreeTest):
    def test_platform_may_ask(self):
        self.write("src/platform/a.c", "#if defined(__linux__)\n#endif\n")
        self.assert_clean(check_conditionals)

    def test_other_rooms_have_guards_only(self):
        self.write("src/loop/a.h", "#ifndef YB_LOOP_A_H\n#define YB_LOOP_A_H\n#endif\n")
        self.write("src/loop/a.c", "# if \\\n defined(__x86_64__)\n#endif\n")
        self.assert_caught(check_conditionals, "src/loop/a.c:1")

    def test_public_headers_ask_for_the_language_only(self):
        self.write("include/yibu/a.h", "#ifdef __cplusplus\n#endif\n#if defined(__GNUC__)\n#endif\n"
                                       "#ifdef __linux__\n#endif\n")
        self.assert_caught(check_conditionals, "include/yibu/a.h:5")


class Width(TreeTest):
    def test_a_hundred_columns_and_no_more(self):
        self.write("src/loop/a.c", "/* " + "µ" * 94 + " */\n")
        self.assert_clean(check_width)
        self.write("tests/a.h", "\n/* " + "x" * 95 + " */\n")
        self.assert_caught(check_width, "tests/a.h:2: 101 columns")


class Reference(TreeTest):
    HEADER = ("YIBU_API int yibu_a(void);\nYIBU_API yibu_task *yibu_b_at(int x,\n    int y);\n"
              "#define yibu_b(x) yibu_b_at((x), 1)\nYIBU_API void yibu_c_(void);\n")

    def test_headings_name_every_function(self):
        self.write("include/yibu/a.h", self.HEADER)
        self.write("docs/reference/a.md", "# A\n## yibu_a\n### `yibu_b`\n")
        self.assert_clean(check_reference)

    def test_a_function_without_a_page_and_a_page_without_a_function(self):
        self.write("include/yibu/a.h", self.HEADER)
        self.write("docs/reference/a.md", "## yibu_b, yibu_gone\nyibu_a in passing\n")
        self.assert_caught(check_reference, "yibu_a has no page", "yibu_gone is in no public")


class Documents(TreeTest):
    def test_links_and_programs_that_hold(self):
        self.write("docs/a.md", "# The way\n[b](b.md#to-it) [up](../README.md) [x](https://x.org)\n")
        self.write("docs/b.md", "## To it\n")
        self.write("README.md", "```c\n#include <stdio.h>\nint main(void) { puts(\"hi\"); }\n```\n"
                                "```c\nfragment();\n```\n")
        self.assert_clean(check_documents)

    def test_links_and_programs_that_do_not(self):
        self.write("README.md", "[gone](docs/gone.md)\n```c\nint main(void) { return x; }\n```\n")
        self.write("docs/a.md", "# A\n[b](a.md#b)\n")
        self.assert_caught(check_documents, "docs/gone.md", "does not compile", "a heading")


    def test_a_copy_is_to_the_letter(self):
        self.write("a/b.c", "int b;\n")
        self.write("docs/a.md", "<!-- as a/b.c -->\n```c\nint b;\n```\n")
        self.assert_clean(check_documents)
        self.write("README.md", "<!-- as a/b.c -->\n```c\nint c;\n```\n<!-- as gone.c -->\n```c\n```\n")
        self.assert_caught(check_documents, "not as a/b.c", "not as gone.c")


class Asyncio(TreeTest):
    def setUp(self):
        super().setUp()
        self.write("include/yibu/a.h", "YIBU_API int yibu_a(void);\n")
        self.write("tests/house/asyncio_names.txt", "# names\n[Things]\na\nb\nc\n")
        self.write("tests/unit/CMakeLists.txt", "foreach(x IN ITEMS p q)\n"
                   "yb_add_test(NAME ${x} SOURCES test_${x}.c LABELS x)\nendforeach()\n")
        self.write("tests/unit/test_p.c",
                   "LOOP_TEST(a_works)\n{\n}\nLOOP_TEST(idle)\n{\n}\n"
                   "x[] = {cmocka_unit_test(a_works)};\n")

    def page(self, *rows):
        self.write("docs/asyncio.md", "# A\n## Things\n| x |\n|---|\n" + "\n".join(rows) + "\n")

    def test_a_row_for_each_name(self):
        self.page("| `a` | `yibu_a`, `$YIBU_E` | as is | `p: a_works` |", "| `b` | no | use a | - |",
                  "| `c` | later: files | wants files | - |")
        self.assert_clean(check_asyncio)

    def test_missing_double_and_unknown_rows(self):
        self.page("| `a` | `yibu_a` | x | `p: a_works` |", "| `b` | no | x | - |",
                  "| `b` | no | x | - |", "| `d` | no | x | - |")
        self.assert_caught(check_asyncio, "b has 2 rows", "c has 0 rows", "d is no name")

    def test_empty_cells_and_what_does_not_exist(self):
        self.page("| `a` | `yibu_z` | x | `p: gone` |", "| `b` | no | | - |",
                  "| `c` | `yibu_a` | x | - |", "## More", "`p: idle`")
        self.assert_caught(check_asyncio, "no test p: gone", "yibu_z is in no", "four cells",
                           "no test shows it", "no test p: idle")


class Symbols(unittest.TestCase):
    def test_foreign_names_are_caught(self):
        shared = list(check_symbols.shared_problems("x", {"yibu_a", "yibu_b", "helper"}, {"yibu_a": 0}))
        self.assertEqual(len(shared), 2, shared)
        static = list(check_symbols.static_problems("x", {"yibu_a", "yb_b", "helper"}))
        self.assertEqual(len(static), 1, static)

    def test_the_documented_exception_passes(self):
        self.assertEqual(list(check_symbols.shared_problems("x", {"__libc_start_main"}, {})), [])


if __name__ == "__main__":
    unittest.main()
