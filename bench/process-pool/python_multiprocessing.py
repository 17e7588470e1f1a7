"""multiprocessing.Pool with its defaults."""
import json
import sys
import time
from collections import deque
from multiprocessing import Pool


def give_back(data):
    return data


def run(pool, in_flight, data, n):
    results = deque(pool.apply_async(give_back, (data,)) for _ in range(in_flight))
    for _ in range(n - in_flight):
        results.popleft().get()
        results.append(pool.apply_async(give_back, (data,)))
    for result in results:
        assert len(result.get()) == len(data)


def main(case, n, in_flight, size):
    with Pool() as pool:
        run(pool, in_flight, bytes(size), in_flight * 10)
        start = time.perf_counter_ns()
        run(pool, in_flight, bytes(size), n)
        spent = time.perf_counter_ns() - start
    value, unit = (spent / n, "ns") if in_flight == 1 else (n * 1e9 / spent, "op/s")
    print(json.dumps({"case": case, "value": value, "unit": unit, "n": n}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
