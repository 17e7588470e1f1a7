"""N tasks that do nothing but yield."""
import asyncio
import json
import sys
import time


async def yielder(turns):
    for _ in range(turns):
        await asyncio.sleep(0)


async def main(case, n, tasks):
    turns = max(1, n // tasks)
    started = [asyncio.create_task(yielder(turns)) for _ in range(tasks)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    start = time.perf_counter_ns()
    await asyncio.gather(*started)
    spent = time.perf_counter_ns() - start
    n = turns * tasks
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
