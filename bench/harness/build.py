"""Builds Yibu in release and the peers, with Debian's tools alone.

Whatever cannot be built raises BuildError with one line that says why; the whole output of
the tool is in build/bench/TOPIC/PEER.log.
"""
import os
import re
import shlex
import subprocess
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra"]
OPTIMIZE = ["-O2", "-g", "-fno-plt", "-D_GNU_SOURCE"]
CRATES = Path("/usr/share/cargo/registry")
TOOLS = {"c": "/usr/bin/gcc", "c++": "/usr/bin/g++", "go": "/usr/bin/go",
         "rust": "/usr/bin/cargo", "python": "/usr/bin/python3"}


class BuildError(Exception):
    """Why a peer cannot take part, in one line."""


def reason(output):
    """The line of a compiler's output that says most: the first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b(\[\w+\])?[: ]|undefined ref", line,
                                                  re.IGNORECASE)]
    return (errors or lines[-1:] or ["no output"])[0][:160]


def call(command, log, env=None, cwd=None):
    """Runs a tool with its output in a log file; returns the output."""
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, **(env or {})), cwd=cwd,
                              text=True, errors="replace", check=False)
    except OSError as error:
        raise BuildError(f"{command[0]}: {error.strerror}") from error
    log.write_text(shlex.join(command) + "\n" + done.stdout, encoding="utf-8")
    if done.returncode != 0:
        raise BuildError(reason(done.stdout))
    return done.stdout


def is_newer(target, sources):
    if not target.exists():
        return False
    return all(target.stat().st_mtime >= source.stat().st_mtime for source in sources)


def libraries_of(peer):
    """The static libraries of this project that a Yibu peer links, the core last."""
    return [*peer.words("libraries"), "yibu"]


def tests_if_possible():
    """Configuring the tests needs cmocka, which benchmarks do not."""
    has_cmocka = subprocess.run(["pkg-config", "--exists", "cmocka"], check=False).returncode == 0
    return "-DYIBU_TESTS=" + ("ON" if has_cmocka else "OFF")


class Builder:
    """Knows the folders: the project, and below `build_root` release/ and bench/."""

    def __init__(self, root, build_root):
        self.root = root
        self.release = build_root / "release"
        self.out = build_root / "bench"
        self.common = root / "bench" / "common"

    def yibu(self, peers):
        """Configures Yibu in release, and builds the libraries that the Yibu peers link."""
        log = self.out / "yibu.log"
        names = {name for peer in peers if peer.is_yibu for name in libraries_of(peer)}
        targets = [name.replace("-", "_") + "_static" for name in sorted(names)]
        call(["cmake", "--preset", "release", "-B", str(self.release), tests_if_possible()],
             log, cwd=self.root)
        call(["cmake", "--build", str(self.release), "--parallel", str(os.cpu_count() or 1),
              "--target", *targets], log, cwd=self.root)

    def library(self, name):
        found = sorted(self.release.rglob(f"lib{name}.a"))
        if not found:
            raise BuildError(f"lib{name}.a is not in {self.release.name}/")
        return found[0]

    def peer(self, topic, peer):
        """Builds one peer; returns the command that starts it."""
        tool = TOOLS[peer.language]
        if not os.access(tool, os.X_OK):
            raise BuildError(f"{tool} is missing")
        folder = self.out / topic.name
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / peer.source.stem
        if peer.language == "python":
            return self.python(peer, folder)
        {"c": self.c, "c++": self.c, "go": self.go, "rust": self.rust}[peer.language](
            topic, peer, target)
        return [str(target)]

    def python(self, peer, folder):
        """Isolated (-I), so that `uvloop.py` does not stand in for the module uvloop."""
        modules = peer.words("packages")
        if modules:
            call([TOOLS["python"], "-I", "-c", "import " + ", ".join(modules)],
                 folder / f"{peer.source.stem}.log")
        return [TOOLS["python"], "-I", "-B", str(peer.source)]

    def c(self, _topic, peer, target):
        """Compiles and links C or C++; Yibu's static libraries come with liburing."""
        plus = peer.language == "c++"
        log = target.with_name(target.name + ".log")
        libraries = []
        packages = peer.words("packages")
        if peer.is_yibu:
            libraries = [self.library(name) for name in libraries_of(peer)]
            packages = packages + ["liburing"]
        if is_newer(target, [peer.source, *self.common.iterdir(), *libraries]):
            return
        flags = self.pkg_config(packages, log) + peer.words("flags")
        include = ["-I" + str(self.common), "-I" + str(self.root / "include")]
        call([TOOLS[peer.language], "-std=gnu++17" if plus else "-std=gnu11", *OPTIMIZE,
              *WARNINGS, *include, "-o", str(target), str(peer.source),
              *map(str, libraries), *flags, "-pthread"], log)

    def pkg_config(self, packages, log):
        if not packages:
            return []
        return call(["pkg-config", "--cflags", "--libs", *packages], log).split()

    def go(self, _topic, peer, target):
        if is_newer(target, [peer.source]):
            return
        env = {"GOCACHE": str(self.out / "go-cache"), "GOFLAGS": "", "GO111MODULE": "off",
               "GOPATH": str(self.out / "go-path"), "CGO_ENABLED": "0"}
        call([TOOLS["go"], "build", "-o", str(target), str(peer.source)],
             target.with_name(target.name + ".log"), env)

    def rust(self, topic, peer, target):
        """One Cargo package a peer, one target folder for all, so Tokio is compiled once."""
        if is_newer(target, [peer.source]):
            return
        name = f"{topic.name}-{peer.source.stem}"
        package = self.out / "cargo" / name
        (package / ".cargo").mkdir(parents=True, exist_ok=True)
        (package / ".cargo" / "config.toml").write_text(
            '[source.crates-io]\nreplace-with = "debian"\n'
            f'[source.debian]\ndirectory = "{CRATES}"\n', encoding="utf-8")
        (package / "Cargo.toml").write_text(
            f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n\n'
            f'[[bin]]\nname = "{name}"\npath = "{peer.source}"\n\n'
            '[profile.release]\ndebug = 1\nlto = true\ncodegen-units = 1\n\n'
            '[dependencies]\n' + "\n".join(peer.directives.get("crates", [])) + "\n",
            encoding="utf-8")
        env = {"CARGO_HOME": str(self.out / "cargo" / "home"), "RUSTC": "/usr/bin/rustc",
               "CARGO_TARGET_DIR": str(self.out / "cargo" / "target"), "RUSTFLAGS": ""}
        call([TOOLS["rust"], "build", "--release", "--offline"],
             target.with_name(target.name + ".log"), env, cwd=package)
        built = self.out / "cargo" / "target" / "release" / name
        target.unlink(missing_ok=True)
        os.link(built, target)
