"""asyncio.Lock and asyncio.Semaphore, taken by the only task there is."""
import asyncio
import json
import sys
import time


async def main(case, n, kind):
    thing = asyncio.Lock() if kind == "lock" else asyncio.Semaphore(1)
    start = time.perf_counter_ns()
    for _ in range(n):
        async with thing:
            pass
    spent = time.perf_counter_ns() - start
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
