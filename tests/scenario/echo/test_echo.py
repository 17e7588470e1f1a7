"""The echo server and the client of examples/ against programs that know nothing of Yibu: netcat,
socat, curl, and a client that behaves badly on purpose."""

import contextlib
import hashlib
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import unittest

LAUNCHER = shlex.split(os.environ.get("TEST_LAUNCHER", ""))
ECHO = [*LAUNCHER, os.environ["YIBU_ECHO"]]
CLIENT = [*LAUNCHER, os.environ["YIBU_CLIENT"]]
LIMIT_S = 100  # seconds that nothing may take, however slow the machine
MANY = 50


def digest(data):
    return hashlib.sha256(data).hexdigest()


class EchoServer(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([*ECHO, "0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.port = self.server.stdout.readline().split()[1]

    def end(self):
        """An interrupt ends the server in order, whatever clients did to it."""
        self.server.send_signal(signal.SIGINT)
        _, errors = self.server.communicate(timeout=LIMIT_S)
        self.assertEqual(self.server.returncode, 0, errors)

    def talk(self, *command, data):
        return subprocess.run(command, input=data, capture_output=True, timeout=LIMIT_S, check=True)

    def connect(self):
        return socket.create_connection(("127.0.0.1", int(self.port)), timeout=LIMIT_S)

    def test_netcat_gets_back_what_it_sends(self):
        data = os.urandom(4 << 20)
        answer = self.talk("nc", "-N", "127.0.0.1", self.port, data=data).stdout
        self.assertEqual(digest(answer), digest(data))

    def test_netcat_over_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        self.assertEqual(self.talk("nc", "-N", "::1", self.port, data=b"six").stdout, b"six")

    def test_socat_gets_back_what_it_sends(self):
        data = os.urandom(1 << 20)
        answer = self.talk("socat", "-t", str(LIMIT_S), "-", f"TCP:127.0.0.1:{self.port}",
                           data=data).stdout
        self.assertEqual(digest(answer), digest(data))

    def test_curl_gets_its_own_request_back(self):
        done = subprocess.run(
            ["curl", "--silent", "--http0.9", "--noproxy", "*", "--user-agent", "echoed",
             "--max-time", "1", f"http://127.0.0.1:{self.port}/path"],
            capture_output=True, timeout=LIMIT_S)
        self.assertIn(b"GET /path HTTP/1.1\r\n", done.stdout)
        self.assertIn(b"User-Agent: echoed\r\n", done.stdout)

    def test_many_clients_at_once(self):
        clients = [subprocess.Popen(["nc", "-N", "127.0.0.1", self.port], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE) for _ in range(MANY)]
        for number, client in enumerate(clients):
            client.stdin.write(b"%d" % number * 1000)
            client.stdin.flush()
        for number, client in enumerate(clients):
            answer, _ = client.communicate(timeout=LIMIT_S)
            self.assertEqual(answer, b"%d" % number * 1000)

    def test_a_client_that_resets_harms_nobody_else(self):
        steady = self.connect()
        for _ in range(MANY):
            rude = self.connect()
            rude.sendall(b"x" * 10000)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
        steady.sendall(b"still here")
        self.assertEqual(steady.recv(100), b"still here")
        steady.close()

    def test_a_client_that_never_reads_harms_nobody_else(self):
        greedy = self.connect()
        greedy.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                greedy.send(b"x" * 65536)
        other = self.connect()
        other.sendall(b"hello")
        self.assertEqual(other.recv(100), b"hello")
        other.close()
        greedy.close()

    def test_open_connections_do_not_hold_up_the_end(self):
        self.clients = [self.connect() for _ in range(MANY)]
        for client in self.clients:
            client.sendall(b"x")
            self.assertEqual(client.recv(1), b"x")
        self.addCleanup(lambda: [client.close() for client in self.clients])


class Client(unittest.TestCase):
    def serve(self, *command):
        """Starts socat on a port of the kernel's choice; returns the port."""
        server = subprocess.Popen(["socat", "-d", "-d", *command], stderr=subprocess.PIPE,
                                  text=True, start_new_session=True)

        def end():
            os.killpg(server.pid, signal.SIGKILL)  # and what it runs, which has its errors open
            server.communicate()

        self.addCleanup(end)
        for line in server.stderr:
            found = re.search(r"listening on .*:(\d+)$", line.strip())
            if found:
                return found[1]
        self.fail("socat does not listen")

    def run_client(self, *arguments):
        return subprocess.run([*CLIENT, *arguments], capture_output=True, text=True,
                              timeout=LIMIT_S)

    def test_the_client_gets_its_text_back_from_socat(self):
        port = self.serve("TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat")
        done = self.run_client("127.0.0.1", port, "round trip")
        self.assertEqual((done.returncode, done.stdout), (0, "round trip"), done.stderr)

    def test_the_client_finds_the_server_by_name(self):
        port = self.serve("TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat")
        # No address in text form: the resolver is asked, which needs no hosts file for this one.
        done = self.run_client("127.1", port, "by name")
        self.assertEqual((done.returncode, done.stdout), (0, "by name"), done.stderr)

    def test_a_server_that_never_answers_is_left_in_time(self):
        port = self.serve("TCP-LISTEN:0,bind=127.0.0.1", "EXEC:sleep 1000")
        done = self.run_client("127.0.0.1", port, "hello?", "200")
        self.assertEqual(done.returncode, 1)
        self.assertIn("timed out", done.stderr.lower())


if __name__ == "__main__":
    unittest.main()
