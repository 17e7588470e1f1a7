"""Tasks that wait, each on an asyncio.Event of its own; then every event is set."""
import asyncio
import json
import sys
import time


def memory():
    with open("/proc/self/status", encoding="ascii") as status:
        return sum(int(line.split()[1]) * 1024 for line in status
                   if line.startswith(("VmRSS:", "VmPTE:")))


def report(case, total, unit, n):
    print(json.dumps({"case": case, "value": total / n, "unit": unit, "n": n}))


woken = 0


async def waiter(event):
    global woken
    await event.wait()
    woken += 1


async def main(n):
    before = memory()
    events = [asyncio.Event() for _ in range(n)]
    tasks = [asyncio.create_task(waiter(event)) for event in events]
    await asyncio.sleep(0)
    held = memory() - before
    start = time.perf_counter_ns()
    for event in events:
        event.set()
    while woken < n:
        await asyncio.sleep(0)
    spent = time.perf_counter_ns() - start
    await asyncio.gather(*tasks)
    report("wake", spent, "ns", n)
    report("memory", held, "bytes", n)


asyncio.run(main(int(sys.argv[2])))
