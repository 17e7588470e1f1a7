"""Creates a batch of tasks, then gathers them."""
import asyncio
import json
import sys
import time


async def nothing():
    return 7


async def batch_of(batch):
    if batch == 1:
        await asyncio.create_task(nothing())
        return
    await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(batch)])


async def main(case, n, batch):
    batches = max(1, n // batch)
    await batch_of(batch)
    start = time.perf_counter_ns()
    for _ in range(batches):
        await batch_of(batch)
    spent = time.perf_counter_ns() - start
    n = batches * batch
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
