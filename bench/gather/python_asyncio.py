"""asyncio.gather over a batch of tasks."""
import asyncio
import json
import sys
import time


async def same(i):
    return i


async def gather(size):
    results = await asyncio.gather(*[asyncio.create_task(same(i)) for i in range(size)])
    assert results[-1] == size - 1


async def main(case, n, size):
    batches = max(1, n // size)
    await gather(size)
    start = time.perf_counter_ns()
    for _ in range(batches):
        await gather(size)
    spent = time.perf_counter_ns() - start
    n = batches * size
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
