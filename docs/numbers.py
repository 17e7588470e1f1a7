#!/usr/bin/python3
"""Writes the section with measured numbers into README.md and README.zh-CN.md, from what
`./dev bench --json BENCH` and `./dev demo --json DEMO` have written.

usage: docs/numbers.py --bench BENCH [--demo DEMO] --machine TEXT --machine-zh TEXT

TEXT names the machine and the date.  The section stands between two comments, before the limits;
where it is missing it is put there.
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- numbers: docs/numbers.py -->\n", "<!-- end of numbers -->\n"

# (topic, case, unit or None, English, Chinese)
ROWS = [
    ("switch", "2 tasks", None, "switch, 2 tasks", "切换，2 个任务"),
    ("switch", "1000 tasks", None, "switch, 1,000 tasks", "切换，1000 个任务"),
    ("spawn", "one at a time", None, "start and join a task", "启动并等待一个任务"),
    ("spawn", "batch of 1000", None, "the same, 1,000 at a time", "同上，每批 1000 个"),
    ("million", "create", None, "a million sleeping tasks: create one", "百万个休眠任务：创建一个"),
    ("million", "memory", None, "… memory of one", "……一个占用的内存"),
    ("million", "cancel and join", None, "… cancel and join one", "……取消并等待一个"),
    ("gather", "1000 tasks", None, "start 1,000 tasks and gather them", "启动 1000 个任务并 gather"),
    ("lock", "lock", None, "lock and unlock", "加锁并解锁"),
    ("lock", "semaphore", None, "semaphore, acquire and release", "信号量获取并释放"),
    ("queue", "capacity 128", None, "queue of 128, put and get", "队列（容量 128），放入并取出"),
    ("queue", "capacity 1", None, "… of 1", "……容量 1"),
    ("channel", "capacity 256", None, "channel between two threads", "两个线程之间的通道"),
    ("timers", "add", None, "a million timers: add one", "百万个定时器：添加一个"),
    ("timers", "cancel", None, "… cancel one", "……取消一个"),
    ("timers", "fire overdue", None, "… fire one", "……触发一个"),
    ("events", "wake", None, "a million waiting tasks: wake one", "百万个等待中的任务：唤醒一个"),
    ("echo", "50 connections, 64 B", "op/s", "echo, 50 connections", "回显，50 条连接"),
    ("echo", "50 connections, 64 B", "ns", "… server CPU a request", "……每个请求的服务端 CPU"),
    ("echo", "1000 connections, 64 B", "op/s", "echo, 1,000 connections", "回显，1000 条连接"),
    ("thread-pool", "one at a time", None, "thread pool, round trip", "线程池往返"),
    ("thread-pool", "64 in flight", None, "… 64 in flight", "……同时 64 个"),
    ("process-pool", "64 B, one at a time", None, "process pool, 64 B", "进程池，64 字节"),
    ("process-pool", "64 B, 64 in flight", None, "… 64 in flight", "……同时 64 个"),
    ("process-pool", "1 MiB, one at a time", None, "process pool, 1 MiB", "进程池，1 MiB"),
]
COLUMNS = {"yibu": "Yibu", "raw": "raw C", "libuv": "libuv", "boost-context": "Boost.Context",
           "go": "Go", "tokio": "Tokio", "python-asyncio": "asyncio", "uvloop": "uvloop"}
WAYS = {"one-by-one": ("one after another", "逐个进行"), "threads": ("threads only", "只用线程"),
        "coroutines": ("coroutines only", "只用协程"),
        "right-worker": ("**the right worker**", "**各尽其职**")}
TEXTS = {
    "README.md": {
        "title": "## Measured", "before": "## Limits",
        "bench": "{machine}; medians of `./dev bench`. [bench/](bench/README.md) says what is "
                 "measured and how, and where Yibu loses.",
        "demo": "`./dev demo`, the same site crawled in four ways:",
        "demo_head": ["", "time", "pages/s", "CPU", "longest stall", "memory"]},
    "README.zh-CN.md": {
        "title": "## 实测", "before": "## 限制",
        "bench": "{machine}；数值为 `./dev bench` 的中位数。测的是什么、怎么测、Yibu 输在哪里，见 "
                 "[bench/](bench/README.md)。",
        "demo": "`./dev demo`：同一个站点，用四种方式抓取：",
        "demo_head": ["", "用时", "页/秒", "CPU", "最长停顿", "内存"]},
}


def three_digits(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def scaled(value, steps):
    for limit, unit in steps:
        if value >= limit:
            return f"{three_digits(value / limit)} {unit}"
    return f"{three_digits(value)} {steps[-1][1]}"


def shown(value, unit):
    if unit == "ns":
        return scaled(value, [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")])
    if unit == "bytes":
        return scaled(value, [(2**20, "MiB"), (2**10, "KiB"), (1, "B")])
    return f"{float(f'{value:.3g}'):,.0f}/s"


def cells(lines, topic, case, unit):
    """{runtime: text}; of a runtime on two backends the better, of Yibu the default."""
    best = {}
    for line in lines:
        if (line["bench"], line["case"]) != (topic, case) or unit not in (None, line["unit"]):
            continue
        runtime, value = line["runtime"], line["value"]
        higher = line["unit"] == "op/s"
        known = best.get(runtime)
        if not known or (runtime != "yibu" and (value > known[0]) == higher):
            best[runtime] = (value, line["unit"])
    return {runtime: shown(*pair) for runtime, pair in best.items()}


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def bench_table(lines, language):
    found = [(row[3 + language], cells(lines, *row[:3])) for row in ROWS]
    found = [(name, row) for name, row in found if "yibu" in row]
    columns = [c for c in COLUMNS if any(c in row for _, row in found)]
    return table([""] + [COLUMNS[c] for c in columns],
                 [[name] + [row.get(c, "") for c in columns] for name, row in found])


def demo_table(demo, language, head):
    return table(head, [
        [WAYS[run["name"]][language], f"{run['wall_s']:.2f} s", f"{run['pages'] / run['wall_s']:.0f}",
         f"{run['cpu_percent']:.0f} %", f"{run['stall_ms']:.1f} ms",
         f"{run['peak_rss_bytes'] / 2**20:.0f} MiB"] for run in demo["runs"]])


def section(text, machine, lines, demo, language):
    parts = [text["title"], "", text["bench"].format(machine=machine), "",
             *bench_table(lines, language), ""]
    if demo:
        parts += [text["demo"], "", *demo_table(demo, language, text["demo_head"]), ""]
    return BEGIN + "\n".join(parts) + "\n" + END


def place(document, written, before):
    """The document with the section in place of the old one, or before a heading."""
    old = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if old.search(document):
        return old.sub(lambda _: written, document)
    return document.replace(f"{before}\n", f"{written}\n{before}\n", 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--demo", type=Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--machine-zh", required=True)
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.bench.read_text(encoding="utf-8").splitlines()]
    demo = json.loads(arguments.demo.read_text(encoding="utf-8")) if arguments.demo else None
    machines = [arguments.machine, arguments.machine_zh]
    for language, (name, text) in enumerate(TEXTS.items()):
        document = (ROOT / name).read_text(encoding="utf-8")
        written = section(text, machines[language], lines, demo, language)
        (ROOT / name).write_text(place(document, written, text["before"]), encoding="utf-8")


if __name__ == "__main__":
    main()
