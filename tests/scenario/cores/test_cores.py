"""A server on two loops, with curl and netcat as its clients: a thousand requests and connections,
on two cores and on one, over TCP and a Unix socket, and while it stops."""

import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest

SERVE = [*shlex.split(os.environ.get("TEST_LAUNCHER", "")), os.environ["YIBU_SERVE"]]
LIMIT_S = 100  # seconds that nothing may take, however slow the machine
HELLO = "hello world\n"


def curl(*arguments):
    return subprocess.run(["curl", "--silent", "--show-error", "--max-time", str(LIMIT_S),
                           "--retry", "9", "--retry-connrefused", *arguments],
                          capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout


class Server:
    """In a `with` block; then SIGTERM, and `answered` says how many requests each loop had."""

    def __init__(self, *arguments, cpus=None):
        pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
        self.process = subprocess.Popen([*SERVE, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=pin)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        self.answered = ()
        self.stopped = False

    def __enter__(self):
        return self

    def stop(self):
        if not self.stopped:
            self.process.send_signal(signal.SIGTERM)
        self.stopped = True

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        self.stop()
        _, said = self.process.communicate(timeout=LIMIT_S)
        if kind is None:
            assert self.process.returncode == 0, said
            self.answered = tuple(int(word) for word in said.split())


class Cores(unittest.TestCase):
    def check_thousand(self, server):
        text = curl("--parallel", "--parallel-max", "50", "--header", "Connection: close",
                    f"{server.url}/[1-1000]")
        self.assertTrue(text == HELLO * 1000, text.replace(HELLO, ""))

    def test_a_thousand_requests_of_curl(self):
        with Server() as server:
            self.check_thousand(server)
        self.assertEqual(sum(server.answered), 1000)

    def test_on_one_core(self):
        with Server(cpus={min(os.sched_getaffinity(0))}) as server:
            self.check_thousand(server)
        self.assertEqual(sum(server.answered), 1000)

    def test_netcat(self):
        with Server() as server:
            curl(server.url)  # tries until the loops listen, which is after the port was said
            for _ in range(20):
                done = subprocess.run(["nc", "-N", "127.0.0.1", str(server.port)], text=True,
                                      input="GET / HTTP/1.0\r\n\r\n", stdout=subprocess.PIPE,
                                      timeout=LIMIT_S, check=True)
                self.assertTrue(done.stdout.endswith(HELLO))

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/socket"
            with Server(path) as server:
                while not os.path.exists(path):
                    time.sleep(0.01)
                text = curl("--unix-socket", path, "http://here/[1-100]")
                self.assertEqual(text, HELLO * 100)
            self.assertEqual(os.listdir(folder), [])

    def test_connections_hop_between_requests(self):
        with Server() as server:
            self.assertEqual(curl(f"{server.url}/hop", f"{server.url}/hop", f"{server.url}/hop"),
                             HELLO * 3)
        self.assertEqual(sum(server.answered), 3)
        self.assertTrue(all(server.answered), server.answered)

    def test_thousands_of_connections_at_once(self):
        with Server() as server:
            curl(server.url)
            clients = [socket.create_connection(("127.0.0.1", server.port), LIMIT_S)
                       for _ in range(3000)]
            for client in clients:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            for client in clients:
                with client, client.makefile("rb") as answer:
                    self.assertEqual(answer.readline(), b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(sum(server.answered), 3001)
        self.assertGreater(min(server.answered), 1000)

    def test_what_has_begun_is_finished_when_it_stops(self):
        with Server() as server:
            curl(server.url)
            slow = [subprocess.Popen(["curl", "--silent", "--show-error", f"{server.url}/slow"],
                                     stdout=subprocess.PIPE, text=True) for _ in range(10)]
            time.sleep(0.5)  # into the answers, which take twice as long
            server.stop()
            for client in slow:
                text, _ = client.communicate(timeout=LIMIT_S)
                self.assertEqual((client.returncode, text), (0, HELLO))
        self.assertEqual(sum(server.answered), 11)


if __name__ == "__main__":
    unittest.main()
