"""TLS against programs that know nothing of Yibu: openssl s_server and s_client, curl, nginx, and
Python's ssl module; behind proxies that cut connections, or into single bytes."""

import contextlib
import hashlib
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import foreign

LAUNCHER = shlex.split(os.environ.get("TEST_LAUNCHER", ""))
PEER = [*LAUNCHER, os.environ["TLS_PEER"]]
LIMIT_S = 100  # seconds that nothing may take, however slow the machine
BIG = 8 << 20
FOLDER = tempfile.TemporaryDirectory()
CODES = {"protocol": -9216, "truncated": -9217, "expired": -9219, "not yet": -9220, "host": -9221,
         "self-signed": -9222, "unknown ca": -9223, "revoked": -9224, "no certificate": -9227,
         "rejected": -9228, "cipher": -9229, "version": -9230, "alpn": -9231}


def setUpModule():
    subprocess.run([os.environ["TLS_CERTIFICATES"], FOLDER.name], check=True, timeout=LIMIT_S)


def tearDownModule():
    FOLDER.cleanup()


def made(name):
    return os.path.join(FOLDER.name, name)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def recv_all(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


class Case(unittest.TestCase):
    def start(self, *command, **options):
        """A program that is ended with the test."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True, **options)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin and process.stdin.closed:
                process.stdin = None  # communicate would flush it
            process.communicate()

        self.addCleanup(end)
        return process

    def proxy(self, port, serve):
        """A port whose connections serve(client, server) carries to another port, on a thread."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    threading.Thread(target=serve, args=(client, server), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]


class Client(Case):
    """Ours against a server of somebody else's."""

    def s_server(self, certificate="server", *arguments):
        server = self.start("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                            made(f"{certificate}.pem"), "-cert_chain", made(f"{certificate}.pem"),
                            "-key", made(f"{certificate}.key"), *arguments)
        while line := server.stdout.readline():
            if found := re.match(rb"ACCEPT .*:(\d+)", line):
                return int(found[1]), server
        self.fail(server.stderr.read())

    def connect(self, port, *words, data=b"", ca="ca.pem"):
        trust = [f"ca={made(ca)}"] if ca else []
        return subprocess.run([*PEER, "client", str(port), *trust, *words], input=data,
                              capture_output=True, timeout=LIMIT_S)

    def expect(self, done, status, text):
        self.assertEqual(done.returncode, 0 if status == "success" else 1, done.stderr)
        said = done.stderr.decode()
        self.assertIn(text, said)
        if status != "success":
            self.assertIn(f"failed {CODES[status]}:", said)

    def test_certificates_are_judged(self):
        for certificate, status, text in (
                ("server", "success", "TLSv1.3"), ("chain", "success", "TLSv1.3"),
                ("wrong-host", "host", "hostname mismatch"),
                ("expired", "expired", "has expired"), ("future", "not yet", "not yet valid"),
                ("self-signed", "self-signed", "self-signed"),
                ("other-client", "unknown ca", "local issuer")):
            with self.subTest(certificate):
                port, _ = self.s_server(certificate, "-rev")
                self.expect(self.connect(port, "end=1"), status, text)

    def test_an_issuer_that_is_not_trusted_is_refused(self):
        port, _ = self.s_server("server", "-rev")
        self.expect(self.connect(port, ca="other-ca.pem"), "unknown ca", "local issuer")
        self.expect(self.connect(port, ca=None), "unknown ca", "local issuer")

    def test_a_revoked_certificate_is_refused(self):
        port, _ = self.s_server("revoked", "-rev")
        self.expect(self.connect(port), "success", "TLSv1.3")
        self.expect(self.connect(port, f"crl={made('crl.pem')}"), "revoked", "revoked")
        port, _ = self.s_server("server", "-rev")
        self.expect(self.connect(port, f"crl={made('crl.pem')}"), "success", "TLSv1.3")

    def test_versions(self):
        for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            port, _ = self.s_server("server", "-rev", flag)
            self.expect(self.connect(port, "end=1"), "success", version)
        port, _ = self.s_server("server", "-rev", "-tls1_2")
        self.expect(self.connect(port, "version=1.3"), "version", "alert protocol version")

    def test_application_protocols(self):
        port, _ = self.s_server("server", "-rev", "-alpn", "h2,http/1.1")
        self.expect(self.connect(port, "alpn=http/1.1,h2"), "success", "alpn=h2 ")
        self.expect(self.connect(port, "alpn=smtp"), "alpn", "no application protocol")

    def test_client_certificates(self):
        port, _ = self.s_server("server", "-rev", "-Verify", "2", "-verify_return_error",
                                "-CAfile", made("ca.pem"))
        self.expect(self.connect(port, f"cert={made('client')}", data=b"one\n"), "success",
                    "TLSv1.3")
        self.expect(self.connect(port, data=b"one\n"), "rejected", "certificate required")

    def test_a_session_is_resumed(self):
        for flag in ("-tls1_2", "-tls1_3"):
            port, _ = self.s_server("server", "-rev", flag)
            file = f"session={made('session' + flag)}"
            first = self.connect(port, file, data=b"abc\n")
            self.expect(first, "success", "reused=0")
            self.expect(self.connect(port, file, data=b"abc\n"), "success", "reused=1")

    def test_a_half_close_lets_the_answer_come(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made("server.pem"), made("server.key"))
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            raw, _ = listener.accept()
            with context.wrap_socket(raw, server_side=True) as connection:
                question = recv_all(connection)  # to the client's close_notify
                connection.sendall(question * 1000)
                connection.unwrap()

        threading.Thread(target=serve, daemon=True).start()
        done = self.connect(listener.getsockname()[1], data=b"question")
        self.expect(done, "success", "TLSv1.3")
        self.assertEqual(done.stdout, b"question" * 1000)

    def test_a_server_that_dies_is_no_end_of_the_stream(self):
        port, server = self.s_server("server")
        client = self.start(*PEER, "client", str(port), f"ca={made('ca.pem')}", "end=0")
        server.stdin.write(b"half of a mess")
        server.stdin.flush()
        self.assertEqual(os.read(client.stdout.fileno(), 100)[:4], b"half")
        server.kill()
        self.assertEqual(client.wait(LIMIT_S), 1)
        said = client.stderr.read().decode()
        self.assertRegex(said, r"failed (-9217|-104):")

    def test_a_cut_connection_is_truncated(self):
        def cut(client, server):
            def forward():
                with contextlib.suppress(OSError):
                    while piece := client.recv(65536):
                        server.sendall(piece)
            threading.Thread(target=forward, daemon=True).start()
            left = 100_000
            while left > 0 and (piece := server.recv(min(left, 4096))):
                client.sendall(piece)
                left -= len(piece)
            client.shutdown(socket.SHUT_WR)  # in order, for TCP

        with open(made("big"), "wb") as file:
            file.write(os.urandom(1 << 20))
        port = self.proxy(self.www(), cut)
        done = self.connect(port, "end=0", data=b"GET /big HTTP/1.0\r\n\r\n")
        self.expect(done, "truncated", "unexpected eof")

    def www(self):
        server = self.start("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                            made("server.pem"), "-key", made("server.key"), "-WWW",
                            cwd=FOLDER.name)
        while line := server.stdout.readline():
            if found := re.match(rb"ACCEPT .*:(\d+)", line):
                return int(found[1])
        self.fail(server.stderr.read())

    def test_nginx_serves_a_big_file(self):
        data = os.urandom(BIG)
        with open(made("file"), "wb") as file:
            file.write(data)
        os.chmod(FOLDER.name, 0o755)
        nginx, (port,) = foreign.start_nginx(FOLDER.name, lambda port: f"""
master_process off; error_log {made('nginx.log')};
events {{ }}
http {{
    access_log off;
    client_body_temp_path {made('t1')}; proxy_temp_path {made('t2')};
    fastcgi_temp_path {made('t3')}; uwsgi_temp_path {made('t4')}; scgi_temp_path {made('t5')};
    server {{
        listen 127.0.0.1:{port} ssl http2; root {FOLDER.name};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {made('chain.pem')}; ssl_certificate_key {made('chain.key')};
    }}
}}""")
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.kill)
        request = b"GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for version in ("1.2", "1.3"):
            done = self.connect(port, f"version={version}", "alpn=http/1.1", "end=0", data=request)
            self.expect(done, "success", "alpn=http/1.1")
            self.assertEqual(digest(done.stdout.partition(b"\r\n\r\n")[2]), digest(data))


class Server(Case):
    """Ours against clients of somebody else's."""

    def serve(self, *words, certificate="server"):
        server = self.start(*PEER, "server", f"cert={made(certificate)}", *words)
        self.server = server
        return int(server.stdout.readline().split()[1])

    def said(self):
        """What the server said, once it has ended in order."""
        self.server.send_signal(signal.SIGINT)
        self.server.stdin.close()
        self.server.stdin = None
        _, errors = self.server.communicate(timeout=LIMIT_S)
        self.assertEqual(self.server.returncode, 0, errors)
        return errors.decode()

    def s_client(self, port, *arguments, data=b"hello\n"):
        """Sends data, and goes once it has come back, or at the end."""
        client = self.start("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile",
                            made("ca.pem"), "-verify_return_error", *arguments)
        with contextlib.suppress(BrokenPipeError):  # a client that was refused may have gone
            client.stdin.write(data)
            client.stdin.flush()
        output = b""
        while data not in output and (piece := os.read(client.stdout.fileno(), 65536)):
            output += piece
        with contextlib.suppress(BrokenPipeError):
            client.stdin.close()
        client.wait(LIMIT_S)
        return output.decode(errors="replace")

    def python_client(self, port, **options):
        context = ssl.create_default_context(cafile=made("ca.pem"))
        raw = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        return context.wrap_socket(raw, server_hostname="localhost", **options)

    def test_versions_and_names(self):
        port = self.serve(f"sni={made('second')}")
        for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            output = self.s_client(port, flag, "-servername", "localhost")
            self.assertIn(version, output)
            self.assertIn("hello\n", output)
            output = self.s_client(port, flag, "-servername", "second.test",
                                   "-verify_hostname", "second.test")
            self.assertIn("CN = second.test", output)
            self.assertIn("Verification: OK", output)
        said = self.said()
        self.assertIn("name=second.test", said)

    def test_application_protocols(self):
        port = self.serve("alpn=h2,http/1.1")
        self.assertIn("ALPN protocol: h2", self.s_client(port, "-alpn", "http/1.1,h2"))
        self.s_client(port, "-alpn", "smtp")
        self.assertIn(f"failed {CODES['alpn']}:", self.said())

    def test_client_certificates(self):
        port = self.serve(f"ca={made('ca.pem')}", "verify=1")
        self.assertIn("hello", self.s_client(port, "-cert", made("client.pem"),
                                             "-key", made("client.key")))
        self.s_client(port)
        self.s_client(port, "-cert", made("other-client.pem"), "-key", made("other-client.key"))
        said = self.said()
        self.assertIn("peer=CN=a client", said)
        self.assertIn(f"failed {CODES['no certificate']}:", said)
        self.assertIn(f"failed {CODES['unknown ca']}:", said)

    def test_sessions_are_resumed(self):
        port = self.serve()
        for flag in ("-tls1_2", "-tls1_3"):
            file = made("s_client" + flag)
            self.assertIn("New, ", self.s_client(port, flag, "-sess_out", file))
            self.assertIn("Reused, ", self.s_client(port, flag, "-sess_in", file))
        self.assertEqual(self.said().count("reused=1"), 2)

    def test_starttls(self):
        port = self.serve("starttls=1")
        output = self.s_client(port, "-starttls", "smtp")
        self.assertIn("Verification: OK", output)
        self.assertIn("hello", output)
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as plain:
            plain.sendall(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
            self.assertIn(b"220 go ahead", recv_all(plain)[:200])
        self.assertIn(f"failed {CODES['protocol']}:", self.said())

    def test_curl_says_hello(self):
        port = self.serve()
        done = subprocess.run(
            ["curl", "--silent", "--http0.9", "--noproxy", "*", "--cacert", made("ca.pem"),
             "--max-time", "2", "--user-agent", "echoed", f"https://localhost:{port}/path",
             "--resolve", f"localhost:{port}:127.0.0.1"],
            capture_output=True, timeout=LIMIT_S)
        self.assertIn(b"GET /path HTTP/1.1\r\n", done.stdout)
        self.assertIn("TLSv1.3", self.said())

    def test_curl_refuses_what_it_should(self):
        for certificate in ("wrong-host", "expired", "self-signed"):
            port = self.serve(certificate=certificate)
            done = subprocess.run(
                ["curl", "--silent", "--noproxy", "*", "--cacert", made("ca.pem"),
                 f"https://localhost:{port}/", "--resolve", f"localhost:{port}:127.0.0.1"],
                capture_output=True, timeout=LIMIT_S)
            self.assertEqual(done.returncode, 60)

    def test_big_transfers_both_ways_at_once(self):
        port = self.serve()
        data = os.urandom(BIG)
        with self.python_client(port) as connection:
            sender = threading.Thread(target=connection.sendall, args=(data,))
            sender.start()
            received = b""
            while len(received) < BIG:
                received += connection.recv(1 << 20)
            sender.join()
            connection.unwrap()
        self.assertEqual(digest(received), digest(data))
        self.assertNotIn("failed", self.said())

    def test_tiny_records(self):
        port = self.serve()
        with self.python_client(port) as connection:
            for number in range(2000):
                connection.sendall(bytes([number % 256]))
            received = b""
            while len(received) < 2000:
                received += connection.recv(4096)
        self.assertEqual(received, bytes(number % 256 for number in range(2000)))

    def test_segments_of_a_single_byte(self):
        def dribble(client, server):
            def carry(source, target):
                with contextlib.suppress(OSError):
                    while piece := source.recv(65536):
                        for byte in piece:
                            target.sendall(bytes([byte]))
                    target.shutdown(socket.SHUT_WR)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=carry, args=(server, client), daemon=True).start()
            carry(client, server)

        port = self.proxy(self.serve(), dribble)
        with self.python_client(port) as connection:
            connection.sendall(b"slowly " * 300)
            received = b""
            while len(received) < 2100:
                received += connection.recv(4096)
            connection.unwrap()
        self.assertEqual(received, b"slowly " * 300)
        self.assertNotIn("failed", self.said())

    def test_a_client_that_goes_without_a_word_is_told(self):
        port = self.serve()
        connection = self.python_client(port)
        connection.sendall(b"x")
        self.assertEqual(connection.recv(1), b"x")
        os.close(connection.detach())  # no close_notify
        with self.python_client(port) as other:  # others are served
            other.sendall(b"y")
            self.assertEqual(other.recv(1), b"y")
            other.unwrap()
        self.assertIn(f"failed {CODES['truncated']}:", self.said())

    def test_rubbish_harms_nobody_else(self):
        port = self.serve()
        steady = self.python_client(port)
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as rude:
                rude.sendall(os.urandom(1000))
        steady.sendall(b"still here")
        self.assertEqual(steady.recv(100), b"still here")
        steady.unwrap()
        steady.close()
        self.assertIn(f"failed {CODES['protocol']}:", self.said())


if __name__ == "__main__":
    unittest.main()
