"""UDP and Unix sockets against programs that know nothing of Yibu: socat, dig and dnsmasq."""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
import unittest

import foreign

PROGRAM = [*shlex.split(os.environ.get("TEST_LAUNCHER", "")), os.environ["YIBU_DATAGRAMS"]]
LIMIT_S = 60  # seconds that nothing may take, however slow the machine


def needs(program):
    return unittest.skipUnless(foreign.program(program), f"no {program} here")


class Servers(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def serve(self, *arguments):
        """Starts a server, which an interrupt ends in order; returns its port."""
        server = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, server)
        return server.stdout.readline().split()[1]

    def end(self, server):
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=LIMIT_S)
        self.assertEqual(server.returncode, 0, errors)

    def socat(self, address, data):
        """What comes back to socat, which sends all data as one datagram or record.  UDP may lose
        it, also between two processes of one machine, and is asked again."""
        for patience_s in 1, 5, 20:
            done = subprocess.run(["socat", "-b65536", f"-t{patience_s}", f"-T{patience_s}", "-",
                                   address],
                                  input=data, capture_output=True, timeout=LIMIT_S, check=True)
            if done.stdout:
                return done.stdout
        return b""

    @needs("socat")
    def test_socat_over_udp(self):
        for form in "udp", "callback":
            port = self.serve(form)
            for size in 1, 1000, 60000:
                data = os.urandom(size)
                self.assertEqual(self.socat(f"UDP4:127.0.0.1:{port}", data), data)

    @needs("socat")
    def test_socat_over_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        port = self.serve("udp")
        self.assertEqual(self.socat(f"UDP6:[::1]:{port}", b"six"), b"six")

    @needs("socat")
    def test_socat_over_unix_datagrams(self):
        path = f"{self.folder}/echo"
        self.serve("unix", path)
        data = os.urandom(30000)
        self.assertEqual(self.socat(f"UNIX-SENDTO:{path},bind={self.folder}/client", data), data)

    @needs("socat")
    def test_socat_over_sequenced_packets(self):
        path = f"{self.folder}/records"
        self.serve("seqpacket", path)
        data = os.urandom(30000)
        self.assertEqual(self.socat(f"UNIX-CONNECT:{path},type=5", data), data)

    @needs("socat")
    def test_socat_receives_what_is_sent(self):
        path = f"{self.folder}/lines"
        receiver = subprocess.Popen(["socat", "-u", f"UNIX-RECV:{path}", "-"],
                                    stdout=subprocess.PIPE)
        try:
            deadline = time.monotonic() + LIMIT_S
            while not os.path.exists(path) and time.monotonic() < deadline:
                time.sleep(0.01)
            lines = "".join(f"line {i}\n" for i in range(2000))
            subprocess.run([*PROGRAM, "send-unix", path], input=lines, text=True, check=True,
                           timeout=LIMIT_S)
            self.assertEqual(receiver.stdout.read(len(lines)), lines.encode())
        finally:
            receiver.kill()
            receiver.communicate()

    @contextlib.contextmanager
    def dnsmasq(self):
        process, port = foreign.start_dnsmasq("--address=/yibu.test/192.0.2.7")
        try:
            yield port
        finally:
            process.kill()
            process.communicate()

    @needs("dig")
    @needs("dnsmasq")
    def test_dig_asks_dnsmasq_through_a_relay(self):
        with self.dnsmasq() as port:
            relay = self.serve("relay", str(port))
            digs = [subprocess.Popen(["dig", "-p", relay, "@127.0.0.1", "+short", "+tries=10",
                                      "+time=1", f"host{i}.yibu.test"],
                                     stdout=subprocess.PIPE, text=True) for i in range(8)]
            for dig in digs:
                answer, _ = dig.communicate(timeout=LIMIT_S)
                self.assertEqual(answer, "192.0.2.7\n")


if __name__ == "__main__":
    unittest.main()
