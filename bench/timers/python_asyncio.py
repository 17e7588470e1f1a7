"""call_at and cancel.

bench-backend: epoll
"""
import asyncio
import json
import random
import sys
import time


def report(case, total, n):
    print(json.dumps({"case": case, "value": total / n, "unit": "ns", "n": n}))


class Timers:
    def __init__(self, n):
        self.loop = asyncio.get_running_loop()
        self.delays = [random.random() for _ in range(n)]
        self.left = n
        self.all_fired = asyncio.Event()

    def fire(self):
        self.left -= 1
        if self.left == 0:
            self.all_fired.set()

    def add_all(self):
        start = time.perf_counter_ns()
        base = self.loop.time()
        handles = [self.loop.call_at(base + delay, self.fire) for delay in self.delays]
        return handles, time.perf_counter_ns() - start


async def main(n, what):
    timers = Timers(n)
    handles, added = timers.add_all()
    if what == "cancel":
        start = time.perf_counter_ns()
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)
        report("add", added, n)
        report("cancel", time.perf_counter_ns() - start, n)
    elif what == "overdue":
        time.sleep(1.05)
        start = time.perf_counter_ns()
        await timers.all_fired.wait()
        report("fire overdue", time.perf_counter_ns() - start, n)
    else:
        start = time.process_time_ns()
        await timers.all_fired.wait()
        report("fire in time", time.process_time_ns() - start, n)


asyncio.run(main(int(sys.argv[2]), sys.argv[3]))
