"""Prints results for people, and writes them as JSON lines for programs."""
import json

from .stats import HIGHER_IS_BETTER, aggregate

COLUMNS = ("case", "runtime", "backend", "median", "min", "max", "spread", "/ Yibu", "")


def number(value):
    if value >= 1e5:
        return f"{value:,.0f}"
    return f"{value:.4g}" if value < 1000 else f"{value:,.1f}"


def row(result, case):
    spread = (result.max - result.min) / result.value if result.value else 0.0
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    backend = result.contender.backend
    if result.contender.reference:
        ratio = "1"
    return (case, result.contender.runtime, backend, f"{number(result.value)} {result.unit}",
            number(result.min), number(result.max), f"{spread:.0%}", ratio, result.verdict)


def rows(results):
    """One row a result, the name of a case only where it begins."""
    previous = None
    for result in results:
        key = (result.case, result.unit)
        yield row(result, result.case if key != previous else "")
        previous = key


def columns(table):
    """Lines with the columns aligned: words to the left, numbers to the right."""
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    for line in table:
        cells = [cell.rjust(width) if 3 <= i <= 7 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        yield "  ".join(cells).rstrip()


def contender_name(contender):
    kernel_side = contender.runtime.startswith(("yibu", "raw"))
    return f"{contender.runtime} {contender.backend}" if kernel_side else contender.runtime


def cell(result):
    """A median and its ratio: bold where Yibu is behind, in italics where nobody leads."""
    if result is None:
        return ""
    words = number(result.value)
    if result.contender.reference or result.ratio is None:
        return words
    mark = {"ahead of Yibu": "**", "no lead": "*"}.get(result.verdict, "")
    return f"{words} ({mark}{result.ratio:.2f}{mark})"


def markdown(results):
    """One row a case, one column a contender, for documents."""
    contenders = sorted(dict.fromkeys(result.contender for result in results),
                        key=lambda c: (c.runtime != "yibu", not c.runtime.startswith("yibu")))
    found = {(r.case, r.unit, r.contender): r for r in results}
    yield "| case | " + " | ".join(map(contender_name, contenders)) + " |"
    yield "| --- |" + " ---: |" * len(contenders)
    for case, unit in dict.fromkeys((result.case, result.unit) for result in results):
        cells = [cell(found.get((case, unit, contender))) for contender in contenders]
        yield f"| {case}, {unit} | " + " | ".join(cells) + " |"


def heading(outcome, results):
    topic = outcome.topic
    units = {result.unit for result in results}
    sense = "; ".join(f"{unit}: {'higher' if HIGHER_IS_BETTER[unit] else 'lower'} is better"
                      for unit in sorted(units))
    return f"{topic.name}: {topic.title} ({topic.rounds} rounds; {sense})"


def reference_note(results):
    """Says which Yibu the ratios are to."""
    for result in results:
        if result.contender.reference:
            return f"Ratios are to Yibu on {result.contender.backend}, its default here."
    return "No ratios: Yibu gave no values."


def failure_lines(outcome):
    for failure in outcome.failures:
        name = failure.peer.runtime
        if failure.peer.backend:
            name += f" ({failure.peer.backend})"
        what = "not built" if failure.where == "build" else f"failed in {failure.where}"
        yield f"  {name} {what}: {failure.why}"


def raw_table(results):
    """How much more each form of Yibu takes than the plain server of the same backend."""
    found = {(r.case, r.contender): r.over_raw for r in results
             if r.over_raw is not None and r.unit == "ns"}
    contenders = list(dict.fromkeys(contender for _, contender in found))
    if not found:
        return
    yield ""
    yield "CPU time of Yibu over that of the raw program on the same backend, median of the rounds:"
    yield ""
    yield "| case | " + " | ".join(map(contender_name, contenders)) + " |"
    yield "| --- |" + " ---: |" * len(contenders)
    for case in dict.fromkeys(case for case, _ in found):
        ratios = [found.get((case, contender)) for contender in contenders]
        yield f"| {case} | " + " | ".join("" if r is None else f"{r:.2f}" for r in ratios) + " |"


def text(outcome, as_markdown=False):
    """The report of one topic, failures included."""
    results = aggregate(outcome.samples)
    lines = [heading(outcome, results), ""]
    lines += markdown(results) if as_markdown else columns([COLUMNS, *rows(results)])
    lines += ["", reference_note(results)]
    if outcome.topic.paired:
        lines += raw_table(results)
    if outcome.failures:
        lines += ["", "Without a full result:", *failure_lines(outcome)]
    return "\n".join(lines) + "\n"


def json_lines(outcome):
    return [json.dumps(result.line(outcome.topic.name)) for result in aggregate(outcome.samples)]
