"""From samples to results: medians, spreads, and ratios to Yibu round by round.

A Sample is one value that one contender measured for one case in one round.  The reference
is Yibu on its default backend; a ratio compares values of the same round only, because two
rounds on a noisy machine are two machines.
"""
from dataclasses import dataclass
from statistics import median

HIGHER_IS_BETTER = {"ns": False, "bytes": False, "op/s": True}
LEAD = 0.9


@dataclass(frozen=True)
class Contender:
    """A peer as it takes part: a runtime on a backend; the reference is Yibu's default."""
    runtime: str
    backend: str
    reference: bool = False


@dataclass(frozen=True)
class Sample:
    contender: Contender
    case: str
    unit: str
    round: int
    value: float
    n: int


@dataclass
class Result:
    """The rounds of one contender in one case."""
    contender: Contender
    case: str
    unit: str
    value: float
    min: float
    max: float
    rounds: int
    n: int
    ratio: float = None
    ahead: float = None
    behind: float = None
    over_raw: float = None

    def line(self, bench):
        """The JSON line; ratio and ahead are for every runtime but Yibu."""
        line = {"bench": bench, "case": self.case, "runtime": self.contender.runtime,
                "backend": self.contender.backend, "value": rounded(self.value),
                "min": rounded(self.min), "max": rounded(self.max), "unit": self.unit,
                "rounds": self.rounds, "n": self.n}
        if self.contender.runtime != "yibu" and self.ratio is not None:
            line["ratio"] = rounded(self.ratio)
            line["ahead"] = rounded(self.ahead)
        if self.over_raw is not None:
            line["over_raw"] = rounded(self.over_raw)
        return line

    @property
    def verdict(self):
        """Who leads, where nine rounds of ten agree."""
        if self.ratio is None:
            return ""
        if self.ahead >= LEAD:
            return "ahead of Yibu"
        return "behind Yibu" if self.behind >= LEAD else "no lead"


def rounded(value):
    """Five significant digits: more would be noise."""
    return float(f"{value:.5g}") if value < 1e5 else round(value)


def is_better(value, other, unit):
    return value > other if HIGHER_IS_BETTER[unit] else value < other


def compare(result, mine, reference):
    """Fills in ratio, ahead and behind from the rounds that both have finished."""
    pairs = [(mine[i], reference[i]) for i in sorted(mine) if reference.get(i)]
    if not pairs:
        return
    result.ratio = median(value / other for value, other in pairs)
    result.ahead = sum(is_better(v, o, result.unit) for v, o in pairs) / len(pairs)
    result.behind = sum(is_better(o, v, result.unit) for v, o in pairs) / len(pairs)


def compare_to_raw(result, rounds):
    """Yibu over the plain server or program on the same backend, round by round."""
    raw = rounds.get(Contender("raw", result.contender.backend), {})
    mine = rounds[result.contender]
    pairs = [(mine[i], raw[i]) for i in sorted(mine) if raw.get(i)]
    if pairs and result.contender.backend and result.contender.runtime.startswith("yibu"):
        result.over_raw = median(value / other for value, other in pairs)


def summarize(contender, case, unit, samples):
    values = [sample.value for sample in samples]
    return Result(contender, case, unit, median(values), min(values), max(values),
                  len(values), samples[-1].n)


def aggregate(samples):
    """Results in the order in which cases and contenders first appeared."""
    groups = {}
    for sample in samples:
        contenders = groups.setdefault((sample.case, sample.unit), {})
        contenders.setdefault(sample.contender, []).append(sample)
    results = []
    for (case, unit), contenders in groups.items():
        rounds = {who: {s.round: s.value for s in them} for who, them in contenders.items()}
        reference = next((rounds[who] for who in rounds if who.reference), {})
        for who, them in sorted(contenders.items(), key=lambda item: not item[0].reference):
            result = summarize(who, case, unit, them)
            if not who.reference:
                compare(result, rounds[who], reference)
            compare_to_raw(result, rounds)
            results.append(result)
    return results
