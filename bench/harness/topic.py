"""What there is to run: topics, their cases and their peers, found by file name.

A topic is a folder with a topic.json; a peer is a source file in it.  The name of the file
says the runtime: `raw_io_uring.c` is runtime `raw` on backend `io_uring`, `boost_context.cpp`
is `boost-context`.  The first lines of a source may say more, as `bench-WORD: VALUE`:

    bench-packages: libuv         pkg-config names to compile and link with
    bench-flags: -lm              further compiler flags
    bench-libraries: yibu-curl    further libraries of this project, for a Yibu peer
    bench-crates: tokio = "1"     a line of Cargo's [dependencies]
    bench-backend: epoll          the backend to report, where the name does not say it
"""
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

LANGUAGES = {".c": "c", ".cpp": "c++", ".go": "go", ".rs": "rust", ".py": "python"}
BACKENDS = ("io_uring", "epoll", "ucontext", "pthread", "pipe", "futex")
DIRECTIVE = re.compile(r"\bbench-(packages|flags|libraries|crates|backend):\s*(.*?)\s*(?:\*/)?\s*$")
DIRECTIVE_LINES = 40


class TopicError(Exception):
    """A topic.json that cannot be used, with the reason."""


@dataclass(frozen=True)
class Case:
    """One measurement: every peer is started as `PEER name n args...`.

    Slow runtimes do a part of n operations, quick ones a multiple: `scale` says how many, by
    runtime.  The value is that of one operation either way.  FOLDER in an argument is the topic's;
    `cpus` is the topic's unless the case says otherwise; `peers` are the runtimes that take part
    beside Yibu, none named: all."""
    name: str
    n: int
    args: tuple = ()
    cpus: str = "one"
    scale: dict = field(default_factory=dict)
    peers: tuple = ()

    def has(self, peer):
        return peer.is_yibu or not self.peers or peer.runtime in self.peers

    def n_of(self, peer):
        factor = self.scale.get(peer.source.stem, self.scale.get(peer.runtime, 1))
        return max(1, int(self.n * factor))


@dataclass
class Peer:
    """One source file and what its name and its first lines say about it."""
    source: Path
    runtime: str
    backend: str
    directives: dict = field(default_factory=dict)

    @property
    def language(self):
        return LANGUAGES[self.source.suffix]

    @property
    def is_yibu(self):
        return self.runtime == "yibu" or self.runtime.startswith("yibu-")

    @property
    def is_reference(self):
        return self.runtime == "yibu"

    def words(self, name):
        return [word for line in self.directives.get(name, []) for word in line.split()]


@dataclass
class Topic:
    """One folder: its description and its peers, Yibu's first."""
    name: str
    folder: Path
    title: str
    cases: list
    peers: list
    driver: Path = None
    rounds: int = 10
    limit_s: float = 60.0
    both_backends: bool = False
    warm_memory: bool = False
    paired: bool = False


def read_directives(source):
    found = {}
    with open(source, encoding="utf-8") as lines:
        for _, line in zip(range(DIRECTIVE_LINES), lines):
            match = DIRECTIVE.search(line)
            if match:
                found.setdefault(match.group(1), []).append(match.group(2))
    return found


def read_peer(source):
    stem, backend = source.stem, ""
    for name in BACKENDS:
        if stem.endswith("_" + name):
            stem, backend = stem[: -len(name) - 1], name
    directives = read_directives(source)
    backend = backend or " ".join(directives.get("backend", []))
    return Peer(source, stem.replace("_", "-"), backend, directives)


def read_case(entry, about, folder, quick):
    n = entry.get("quick_n", entry["n"]) if quick else entry["n"]
    args = tuple(str(arg).replace("FOLDER", str(folder)) for arg in entry.get("args", []))
    cpus = entry.get("cpus", about.get("cpus", "one"))
    scale = {**about.get("scale", {}), **entry.get("scale", {})}
    return Case(entry["name"], int(n), args, cpus, scale, tuple(entry.get("peers", ())))


def read_topic(folder, quick=False):
    """Reads one folder; raises TopicError where its topic.json is wrong."""
    try:
        about = json.loads((folder / "topic.json").read_text(encoding="utf-8"))
        cases = [read_case(entry, about, folder, quick) for entry in about["cases"]
                 if not (quick and entry.get("full_only", False))]
        title = about["title"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TopicError(f"{folder.name}/topic.json: {error!r}") from error
    helper = about.get("driver")
    sources = [path for path in sorted(folder.iterdir())
               if path.suffix in LANGUAGES and path.name != helper]
    peers = sorted((read_peer(path) for path in sources),
                   key=lambda peer: (not peer.is_reference, not peer.is_yibu))
    return Topic(folder.name, folder, title, cases, peers,
                 driver=folder / helper if helper else None,
                 rounds=5 if quick else int(about.get("rounds", 10)),
                 limit_s=float(about.get("limit_s", 60)),
                 both_backends=bool(about.get("both_backends", False)),
                 warm_memory=bool(about.get("warm_memory", False)),
                 paired=bool(about.get("paired", False)))


def topic_names(root):
    """Topics in the order of their "order" entries, then by name."""
    def order(folder):
        try:
            return json.loads((folder / "topic.json").read_text(encoding="utf-8"))["order"]
        except (ValueError, KeyError, TypeError):
            return 100
    folders = [path.parent for path in root.glob("*/topic.json")]
    return [folder.name for folder in sorted(folders, key=lambda f: (order(f), f.name))]
