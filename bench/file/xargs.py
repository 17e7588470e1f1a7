"""find and xargs with two cats, from caches that were dropped."""
import json
import subprocess
import sys
import time


def main():
    name, n, prepare = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    folder = subprocess.run([sys.executable, prepare, "cold"], check=True, capture_output=True,
                            text=True).stdout.strip()
    start = time.monotonic_ns()
    subprocess.run(f"find '{folder}/small' -type f -print0 | xargs -0 -P2 cat > /dev/null",
                   shell=True, check=True)
    spent = time.monotonic_ns() - start
    print(json.dumps({"case": name, "value": spent / n, "unit": "ns", "n": n, "backend": ""}))


if __name__ == "__main__":
    main()
