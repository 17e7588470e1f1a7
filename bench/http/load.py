"""The load: wrk, on the CPU that is not the server's.

Started as `load.py CASE milliseconds folder loops port server-pid`.  A quarter of the time is for
warming up.  The CPU time is that of all processes of the server's session.
"""
import json
import os
import re
import socket
import subprocess
import sys
import time

CONNECTIONS = 64


def processes_of(session):
    """The processes of a session that the server, its leader, began."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.getsid(int(name)) == session:
                    yield int(name)
            except ProcessLookupError:
                pass


def cpu_seconds(session):
    """Of every thread of every process, from their process clocks (clock_getcpuclockid(3))."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in processes_of(session))


def wrk(seconds, url):
    """Runs it; returns how many requests were answered, and how many in a second."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", url]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True)
    said = done.stdout
    failed = re.search(r"Non-2xx or 3xx responses|Socket errors: (?!connect 0, read 0, write 0)",
                       said)
    count = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if failed or not count or not rate:
        sys.exit("wrk: " + " ".join(said.split()))
    return int(count.group(1)), float(rate.group(1))


def wait_for(port):
    """Until the server listens; nginx does so only after it has said where."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def main():
    case, milliseconds, port, server = sys.argv[1], int(sys.argv[2]), sys.argv[-2], sys.argv[-1]
    url = f"http://127.0.0.1:{port}/1k.txt"
    seconds = max(1, milliseconds / 1000)
    wait_for(int(port))
    wrk(max(1, seconds / 4), url)
    before = cpu_seconds(int(server))
    count, rate = wrk(seconds, url)
    spent = cpu_seconds(int(server)) - before
    print(json.dumps({"case": case, "value": rate, "unit": "op/s", "n": count}))
    print(json.dumps({"case": case, "value": spent / count * 1e9, "unit": "ns", "n": count}))


main()
