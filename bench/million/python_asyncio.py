"""Tasks that sleep, then are cancelled and gathered.

bench-backend: epoll
"""
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


async def main(n):
    before = memory()
    start = time.perf_counter_ns()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(n)]
    await asyncio.sleep(0)
    created = time.perf_counter_ns() - start
    held = memory() - before
    start = time.perf_counter_ns()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ended = time.perf_counter_ns() - start
    report("create", created, "ns", n)
    report("memory", held, "bytes", n)
    report("cancel and join", ended, "ns", n)


asyncio.run(main(int(sys.argv[2])))
