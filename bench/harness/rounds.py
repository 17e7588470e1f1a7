"""Runs a topic: every contender of every case in turns, round by round.

The order rotates from round to round, so that nobody always runs after the same neighbour.
A contender that fails once is out for the rest of that case, and its failure is reported;
the rounds it had finished stay, and `rounds` says how many they are.
"""
from dataclasses import dataclass, field

from .build import BuildError
from .memory import make_ready
from .paired import Pair
from .process import RunError, measure
from .stats import Contender, Sample

YIBU_BACKENDS = ("io_uring", "epoll")


@dataclass
class Entry:
    """A peer that takes part: Yibu twice where both of its backends are measured.  `memory` is
    how many bytes its last run reported."""
    peer: object
    command: list
    reference: bool = False
    default: bool = True
    backend: str = ""
    memory: int = 0
    pair: Pair = None


@dataclass
class Failure:
    peer: object
    where: str
    why: str


@dataclass
class Outcome:
    """What a topic gave: samples, and who failed where and why."""
    topic: object
    samples: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    @property
    def yibu_failed(self):
        return any(failure.peer.is_yibu for failure in self.failures)


def build_entries(topic, build, outcome):
    """Builds the peers of a topic; those that cannot be built become failures."""
    entries = []
    for peer in topic.peers:
        try:
            command = build(topic, peer)
        except BuildError as error:
            outcome.failures.append(Failure(peer, "build", str(error)))
            continue
        entries.append(Entry(peer, command, reference=peer.is_reference,
                             backend=peer.backend))
        if peer.is_yibu and topic.both_backends:
            entries.append(Entry(peer, command, default=False))
    return entries


class Race:
    """One topic under way."""

    def __init__(self, topic, entries, driver, outcome, progress):
        self.topic, self.entries, self.driver = topic, entries, driver
        self.outcome, self.progress = outcome, progress
        self.out = set()
        self.default_backend = ""

    def environment(self, entry):
        """Yibu's default backend is asked for by asking for nothing; the other by its name."""
        if not entry.peer.is_yibu or entry.default:
            return {}
        other = [name for name in YIBU_BACKENDS if name != self.default_backend]
        return {"YIBU_BACKEND": other[0]}

    def fail(self, entry, case, error):
        self.out.add((id(entry), case.name))
        backend = self.environment(entry).get("YIBU_BACKEND", "")
        where = f"{case.name} ({backend})" if backend else case.name
        self.outcome.failures.append(Failure(entry.peer, where, str(error)))

    def run_one(self, number, case, entry):
        n = case.n_of(entry.peer)
        env = self.environment(entry)
        if self.topic.warm_memory:
            make_ready(entry.memory)
        try:
            lines = entry.pair.measure() if entry.pair else measure(
                entry.command, self.topic, case, n, env, self.driver)
        except RunError as error:
            self.fail(entry, case, error)
            return
        for line in lines:
            backend = line["backend"] or env.get("YIBU_BACKEND", "") or entry.backend
            if entry.reference:
                self.default_backend = backend
            if line["unit"] == "bytes":
                entry.memory = int(line["value"] * line["n"])
            who = Contender(entry.peer.runtime, backend, entry.reference)
            self.outcome.samples.append(
                Sample(who, line["case"], line["unit"], number, line["value"], line["n"]))

    def turns(self, number, case):
        shift = number % max(1, len(self.entries))
        for entry in self.entries[shift:] + self.entries[:shift]:
            if case.has(entry.peer) and (id(entry), case.name) not in self.out:
                self.progress(self.topic, number, case, entry.peer)
                yield entry

    def run(self):
        for number in range(self.topic.rounds):
            for case in self.topic.cases:
                for entry in self.turns(number, case):
                    self.run_one(number, case, entry)

    def pair_up(self, case):
        """Starts every server; the reference's tells which backend is Yibu's default."""
        for entry in self.entries:
            try:
                entry.pair = Pair(entry.command, self.topic, case, case.n_of(entry.peer),
                                  self.environment(entry), self.driver)
            except RunError as error:
                self.fail(entry, case, error)
                continue
            if entry.reference:
                self.default_backend = entry.pair.backend

    def run_paired(self):
        """Case by case, with every contender up at once."""
        for case in self.topic.cases:
            try:
                self.pair_up(case)
                for number in range(self.topic.rounds):
                    for entry in self.turns(number, case):
                        self.run_one(number, case, entry)
            finally:
                for entry in self.entries:
                    if entry.pair:
                        entry.pair.end()
                    entry.pair = None


def run_topic(topic, build, driver=None, progress=lambda *_: None):
    """Builds and runs one topic; `driver` is the command of its load generator, if any."""
    outcome = Outcome(topic)
    entries = build_entries(topic, build, outcome)
    race = Race(topic, entries, driver, outcome, progress)
    if topic.paired:
        race.run_paired()
    else:
        race.run()
    return outcome
