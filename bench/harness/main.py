"""The command line: chooses topics, builds, runs, reports."""
import argparse
import os
import sys
from pathlib import Path

from .build import BuildError, Builder
from .process import allowed_cpus, raise_file_limit
from .report import json_lines, text
from .rounds import Failure, Outcome, run_topic
from .topic import Peer, TopicError, read_peer, read_topic, topic_names

BENCH = Path(__file__).resolve().parent.parent


def arguments(words, names):
    parser = argparse.ArgumentParser(prog="./dev bench",
                                     description="Measures Yibu beside its peers.")
    parser.add_argument("topic", nargs="*", help="topics to run, of: " + ", ".join(names))
    parser.add_argument("--quick", action="store_true", help="5 small rounds")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON lines")
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    parser.add_argument("--peer", action="append", metavar="RUNTIME",
                        help="only these runtimes and Yibu; may be repeated")
    parser.add_argument("--rounds", type=int, metavar="N", help="this many rounds")
    parser.add_argument("--build-root", metavar="DIR", default=str(BENCH.parent / "build"),
                        help="where release/ and bench/ are built (build)")
    given = parser.parse_args(words)
    unknown = [name for name in given.topic if name not in names]
    if unknown:
        parser.error("no such topic: " + ", ".join(unknown) + "; there are " + ", ".join(names))
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds: at least 1")
    return given


class Progress:
    """One line that overwrites itself, on a terminal only."""

    def __init__(self, stream=sys.stderr):
        self.stream = stream
        self.on = stream.isatty()

    def show(self, words):
        if self.on:
            self.stream.write("\r\x1b[K" + words)
            self.stream.flush()

    def __call__(self, topic, number, case, peer):
        self.show(f"{topic.name}: round {number + 1} of {topic.rounds}, {case.name}, "
                  f"{peer.runtime} {peer.backend}")


def choose_topics(given, names):
    topics = [read_topic(BENCH / name, given.quick) for name in given.topic or names]
    for topic in topics:
        if given.rounds:
            topic.rounds = given.rounds
        if given.peer:
            topic.peers = [p for p in topic.peers if p.is_yibu or p.runtime in given.peer]
    return topics


def build_yibu(builder, topics, progress):
    """Builds the library; returns why it could not be built, or None."""
    progress.show("building Yibu")
    try:
        builder.yibu([peer for topic in topics for peer in topic.peers])
    except (BuildError, OSError) as error:
        return f"the library: {error} (see {builder.out}/yibu.log)"
    return None


def run_one(topic, builder, broken, progress):
    """Builds and runs one topic; `broken` says why there is no Yibu, if there is none."""
    def build(topic, peer):
        if peer.is_yibu and broken:
            raise BuildError(broken)
        progress.show(f"{topic.name}: building {peer.source.name}")
        return builder.peer(topic, peer)

    try:
        driver = builder.peer(topic, read_peer(topic.driver)) if topic.driver else None
    except BuildError as error:
        why = f"{topic.driver.name}: {error}"
        return Outcome(topic, failures=[Failure(Peer(topic.driver, "yibu", ""), "build", why)])
    return run_topic(topic, build, driver, progress)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":")[1].strip() for line in lines
                      if line.startswith("model name")), "unknown CPU")
    return f"{model}, {len(allowed_cpus())} CPUs, Linux {os.uname().release}"


def main(words):
    names = topic_names(BENCH)
    given = arguments(words, names)
    progress = Progress()
    raise_file_limit()
    try:
        topics = choose_topics(given, names)
    except TopicError as error:
        print(error, file=sys.stderr)
        return 2
    builder = Builder(BENCH.parent, Path(given.build_root).resolve())
    output = open(given.json, "w", encoding="utf-8") if given.json else None
    print(f"{machine()}\n")
    broken = build_yibu(builder, topics, progress)
    failed = False
    for topic in topics:
        outcome = run_one(topic, builder, broken, progress)
        progress.show("")
        print(text(outcome, given.markdown), flush=True)
        if output:
            output.writelines(line + "\n" for line in json_lines(outcome))
            output.flush()
        failed = failed or outcome.yibu_failed
    if output:
        output.close()
    return 1 if failed else 0
