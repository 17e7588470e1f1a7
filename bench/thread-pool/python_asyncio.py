"""asyncio.to_thread on the default executor; a task for each in flight.

bench-backend: epoll
"""
import asyncio
import json
import sys
import time


def nothing():
    return 7


async def caller(each):
    for _ in range(each):
        await asyncio.to_thread(nothing)


async def run(in_flight, each):
    await asyncio.gather(*[caller(each) for _ in range(in_flight)])


async def main(case, n, in_flight):
    each = max(1, n // in_flight)
    await run(in_flight, 10)
    start = time.perf_counter_ns()
    await run(in_flight, each)
    spent = time.perf_counter_ns() - start
    n = each * in_flight
    value, unit = (spent / n, "ns") if in_flight == 1 else (n * 1e9 / spent, "op/s")
    print(json.dumps({"case": case, "value": value, "unit": unit, "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
