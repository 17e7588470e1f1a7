"""queue.Queue between two threads: asyncio has nothing that crosses them."""
import json
import queue
import sys
import threading
import time


def put_all(items, n):
    for i in range(n):
        items.put(i)


def main(case, n, capacity):
    items = queue.Queue(capacity)
    start = time.perf_counter_ns()
    thread = threading.Thread(target=put_all, args=(items, n))
    thread.start()
    for i in range(n):
        assert items.get() == i
    spent = time.perf_counter_ns() - start
    thread.join()
    print(json.dumps({"case": case, "value": spent / n, "unit": "ns", "n": n}))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
