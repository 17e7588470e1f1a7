#!/usr/bin/python3
"""A typed coroutine that is declared or called wrongly does not compile, in C and in C++, and the
compiler's message says what is wrong, in the program's own lines.

usage: test_async_mistakes.py INCLUDE-FOLDER
"""

import re
import shutil
import subprocess
import sys
import tempfile

DECLARATION = "static YIBU_ASYNC(size_t, fetch, const char *, url, int, tries)"
PROGRAM = """
#include <yibu.h>

{declaration}
{{
    (void)url;
    {body}
    return 0;
}}

static YIBU_ASYNC(void, use)
{{
    size_t bytes = 0;
    int wrong = 0;
    (void)bytes, (void)wrong;
    yibu_task *task = yibu_start(fetch, "url", 3);
    int r = fetch_await(task, &bytes);
    yibu_task_unref(task);
    {use}
    return r;
}}

int main(void)
{{
    return use_run(NULL) < 0;
}}
"""
MISTAKES = {
    "a call's argument of another type": (
        dict(use='r = fetch("url", "three", &bytes);'),
        r'fetch\(".*\n(.*\n)*.*tries'),
    "a call's result of another type": (
        dict(use='r = fetch("url", 3, &wrong);'),
        r"int ?\*.*(size_t|unsigned long) ?\*|(size_t|unsigned long) ?\*.*int ?\*|'ret'|argument 3"),
    "a call without its result": (
        dict(use='r = fetch("url", 3);'),
        r"too few arguments|no matching function"),
    "a started argument of another type": (
        dict(use="task = yibu_start(fetch, 7, 3);"),
        r"yibu_start\(fetch, 7, 3\)(.*\n)*.*url"),
    "a started argument too few": (
        dict(use='task = yibu_start(fetch, "url");'),
        r"(too few arguments|no matching function)(.*\n)*.*(fetch|yibu_start\(fetch)"),
    "a started argument too many": (
        dict(use='task = yibu_start(fetch, "url", 3, 4);'),
        r"(too many arguments|no matching function)(.*\n)*.*(fetch|yibu_start\(fetch)"),
    "a detached argument of another type": (
        dict(use='r = yibu_go(fetch, "url", "three");'),
        r'yibu_go\(fetch, "url", "three"\)(.*\n)*.*tries'),
    "an argument of a child of another type": (
        dict(use='yibu_group group = YIBU_GROUP_INIT; r = yibu_go_in(&group, fetch, "url", "three");'),
        r'yibu_go_in\(&group, fetch, "url", "three"\)(.*\n)*.*tries'),
    "an awaited result of another type": (
        dict(use="r = fetch_await(task, &wrong);"),
        r"fetch_await\(task, &wrong\)"),
    "an awaited result where there is none": (
        dict(use="r = use_await(task, &bytes);"),
        r"too many arguments|no matching function"),
    "a body's result of another type": (
        dict(body='*ret = "many";'),
        r'\*ret = "many"'),
    "a coroutine that does not exist": (
        dict(use='task = yibu_start(fetsh, "url", 3);'),
        r"fetsh.* (undeclared|not declared)|undeclared identifier .fetsh"),
    "an argument without a name": (
        dict(declaration="YIBU_ASYNC(size_t, fetch, const char *, url, int)"),
        r"YIBU_ASYNC\(size_t, fetch, ...\): an argument is its type, a comma and its name"),
    "nine arguments": (
        dict(declaration=DECLARATION[:-1] + "".join(f", int, a{i}" for i in range(7)) + ")"),
        r"YIBU_ASYNC\(size_t, fetch, ...\): more than 8 arguments"),
    "two arguments of one name": (
        dict(declaration=DECLARATION[:-1] + ", int, url)"),
        r"url"),
}
CXX_MISTAKES = {
    "an argument that is a reference": (
        dict(declaration=DECLARATION.replace("const char *", "const char *const &")),
        r"argument url is a reference"),
}
SAMPLE = "a started argument of another type"  # also where headers are the system's


def programs():
    for name, (changes, message) in {**MISTAKES, **CXX_MISTAKES}.items():
        parts = dict(declaration=DECLARATION, body="*ret = (size_t)tries;", use="") | changes
        yield name, PROGRAM.format(**parts), message, name in CXX_MISTAKES


def compilers():
    for compiler, language in [("gcc", "c"), ("clang", "c"), ("g++", "c++"), ("clang++", "c++")]:
        if shutil.which(compiler):
            standard = {"c": "-std=c11", "c++": "-std=c++11"}[language]
            yield [compiler, standard, "-x", language, "-fsyntax-only"], language


def compile_with(command, source, *options):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:  # compilers quote its lines
        file.write(source)
        file.flush()
        return subprocess.run([*command, *options, file.name], capture_output=True, text=True,
                              check=False)


def problems(include):
    correct = PROGRAM.format(declaration=DECLARATION, body="*ret = (size_t)tries;", use="")
    for command, language in compilers():
        options = [f"-I{include}", f"-isystem{include}"]
        for option in options:
            done = compile_with(command, correct, option, "-Wall", "-Wextra", "-Wpedantic", "-Werror")
            if done.returncode:
                yield f"{command[0]} {option}: refuses what is correct\n{done.stderr}"
            for name, source, message, only_cxx in programs():
                if (only_cxx and language == "c") or (option != options[0] and name != SAMPLE):
                    continue
                done = compile_with(command, source, option)
                if not done.returncode:
                    yield f"{command[0]} {option}: accepts {name}"
                elif not re.search(message, done.stderr):
                    yield f"{command[0]} {option}: {name}: does not say {message}\n{done.stderr}"


if __name__ == "__main__":
    found = list(problems(sys.argv[1]))
    print(*found, sep="\n", file=sys.stderr)
    sys.exit(1 if found else 0)
