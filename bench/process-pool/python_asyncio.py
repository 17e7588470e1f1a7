"""asyncio: run_in_executor on a ProcessPoolExecutor; a task for each in flight.

bench-backend: epoll
"""
import asyncio
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def give_back(data):
    return data


async def caller(pool, data, each):
    loop = asyncio.get_running_loop()
    for _ in range(each):
        assert len(await loop.run_in_executor(pool, give_back, data)) == len(data)


async def run(pool, in_flight, data, each):
    await asyncio.gather(*[caller(pool, data, each) for _ in range(in_flight)])


async def main(case, n, in_flight, size):
    each = max(1, n // in_flight)
    with ProcessPoolExecutor() as pool:
        await run(pool, in_flight, bytes(size), 10)
        start = time.perf_counter_ns()
        await run(pool, in_flight, bytes(size), each)
        spent = time.perf_counter_ns() - start
    n = each * in_flight
    value, unit = (spent / n, "ns") if in_flight == 1 else (n * 1e9 / spent, "op/s")
    print(json.dumps({"case": case, "value": value, "unit": unit, "n": n}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
