"""concurrent.futures: a ThreadPoolExecutor with its defaults."""
import json
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor


def nothing():
    return 7


def run(pool, in_flight, n):
    futures = deque(pool.submit(nothing) for _ in range(in_flight))
    for _ in range(n - in_flight):
        futures.popleft().result()
        futures.append(pool.submit(nothing))
    for future in futures:
        future.result()


def main(case, n, in_flight):
    with ThreadPoolExecutor() as pool:
        run(pool, in_flight, in_flight * 10)
        start = time.perf_counter_ns()
        run(pool, in_flight, n)
        spent = time.perf_counter_ns() - start
    value, unit = (spent / n, "ns") if in_flight == 1 else (n * 1e9 / spent, "op/s")
    print(json.dumps({"case": case, "value": value, "unit": unit, "n": n}))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
