"""An asyncio.Queue between two tasks."""
import asyncio
import json
import sys
import time


async def put_all(queue, n):
    for i in range(n):
        await queue.put(i)


async def main(case, n, capacity):
    queue = asyncio.Queue(capacity)
    start = time.perf_counter_ns()
    putter = asyncio.create_task(put_all(queue, n))
    for i in range(n):
        assert await queue.get() == i
    spent = time.perf_counter_ns() - start
    await putter
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
