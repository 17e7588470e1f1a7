#!/usr/bin/python3
"""Runs one example and checks what a user would see.

usage: test_examples.py NAME COMMAND…    (the command that runs the example, perhaps with a launcher)
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

PATIENCE_S = 60
NAME = "127.1"  # no address in text form: the resolver is asked, which needs no hosts file for it
LAUNCHERS_WORDS = re.compile(r"^(--|==)\d+(--|==).*\n", re.MULTILINE)  # Valgrind's
command = []


def run(*arguments, status=0, text=""):
    """What the example prints, on standard error where its exit status, which must be the given one,
    is not 0."""
    done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True,
                          timeout=PATIENCE_S)
    if done.returncode != status:
        sys.exit(f"status {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
    return done.stdout if status == 0 else LAUNCHERS_WORDS.sub("", done.stderr)


@contextlib.contextmanager
def running(*arguments):
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def server(serve):
    """The port of a server that gives each connection to serve, on a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield str(listener.getsockname()[1])
    finally:
        listener.close()


@contextlib.contextmanager
def closed_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield str(bound.getsockname()[1])


def expect(seen, wanted):
    if seen != wanted:
        sys.exit(f"printed\n{seen}\nand not\n{wanted}")


def receive_all(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def echo_back(connection):
    with connection:
        while piece := connection.recv(65536):
            connection.sendall(piece)


def test_hello():
    expect(run(), "here 1\nbeside 1\nhere 2\nbeside 2\nbeside 3\n5 lines\n")


def test_bank():
    """Both hazards show with some seeds and not with others; `yibu sim` finds those."""
    for hazard, text in {"lost-update": "Stale file handle", "deadlock": "cycle: "}.items():
        done = [subprocess.run([*command, hazard, str(seed)], capture_output=True, text=True,
                               timeout=PATIENCE_S) for seed in range(20)]
        expect({run.returncode for run in done}, {0, 1})
        expect(all(text in run.stderr for run in done if run.returncode == 1), True)


def test_echo():
    with running() as process:
        port = int(process.stdout.readline().removeprefix("port "))
        first = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        second = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        second.sendall(b"while the first is silent")
        expect(second.recv(100), b"while the first is silent")

        data = os.urandom(1 << 20)
        sender = threading.Thread(target=lambda: (first.sendall(data),
                                                  first.shutdown(socket.SHUT_WR)))
        sender.start()
        expect(receive_all(first) == data, True)
        sender.join()

        process.send_signal(signal.SIGINT)
        expect(second.recv(100), b"")
        expect(process.wait(PATIENCE_S), 0)


def test_echo_protocol():
    test_echo()


def read_until(connection, end):
    """What is received up to `end`, with which it stops for now."""
    received = b""
    while not received.endswith(end):
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    return received


def test_chat():
    with running() as process:
        port = int(process.stdout.readline().removeprefix("port "))

        def enter(name):
            guest = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            expect(read_until(guest, b"? "), b"Your name? ")
            guest.sendall(name)
            expect(read_until(guest, b"\n"), b"Welcome!\n")
            return guest

        ann = enter(b"Ann\n")
        bob = enter(b"Bob\r\n")
        expect(read_until(ann, b"\n"), b"Bob is here\n")
        ann.sendall(b"hello\r\nhow are")
        expect(read_until(bob, b"\n"), b"Ann: hello\n")
        ann.sendall(b" you?\n")
        expect(read_until(bob, b"\n"), b"Ann: how are you?\n")
        bob.close()
        expect(read_until(ann, b"\n"), b"Bob has left\n")

        deaf = enter(b"Deaf\n")
        expect(read_until(ann, b"\n"), b"Deaf is here\n")
        ann.settimeout(PATIENCE_S)
        sender = threading.Thread(target=lambda: ann.sendall((b"x" * 900 + b"\n") * 8000))
        sender.start()
        expect(read_until(ann, b"\n"), b"Deaf has left\n")
        sender.join()
        deaf.close()
        carl = enter(b"Carl\n")
        expect(read_until(ann, b"\n"), b"Carl is here\n")
        ann.sendall(b"bye\n")
        expect(read_until(carl, b": bye\n").endswith(b"Ann: bye\n"), True)

        process.send_signal(signal.SIGINT)
        expect(receive_all(carl), b"")
        expect(process.wait(PATIENCE_S), 0)


def test_tls_proxy():
    def echo(connection):
        with connection:
            while piece := connection.recv(65536):
                connection.sendall(piece)

    @contextlib.contextmanager
    def proxy(*arguments):
        with running(*arguments) as process:
            yield process.stdout.readline().removeprefix("port ").strip()
            process.send_signal(signal.SIGINT)
            expect(process.wait(PATIENCE_S), 0)

    with tempfile.TemporaryDirectory() as folder, server(echo) as target:
        cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        with (proxy("terminate", "0", "127.0.0.1", target, cert, key) as secure,
              proxy("originate", "0", "127.0.0.1", secure, cert) as plain):
            data = os.urandom(1 << 20)
            with socket.create_connection(("127.0.0.1", int(plain))) as connection:
                sender = threading.Thread(target=connection.sendall, args=(data,))
                sender.start()
                received = b""
                while len(received) < len(data):
                    received += connection.recv(65536)
                sender.join()
                expect(received == data, True)
                connection.shutdown(socket.SHUT_WR)  # the end passes both proxies, and comes back
                expect(connection.recv(1), b"")
            context = ssl.create_default_context(cafile=cert)
            with (socket.create_connection(("127.0.0.1", int(secure))) as raw,
                  context.wrap_socket(raw, server_hostname="localhost") as connection):
                connection.sendall(b"hello")
                expect(connection.recv(5), b"hello")
                connection.unwrap().close()


def test_http_files():
    body = os.urandom(300000)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in {"big": body, "small": b"hello\n", "empty": b""}.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        with running(folder) as process:
            port = int(process.stdout.readline().removeprefix("port "))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

            def ask(path, how="GET", **fields):
                connection.request(how, path, headers=fields)
                answer = connection.getresponse()
                return answer.status, answer.read(), answer.getheader("Content-Range")

            expect(ask("/big"), (200, body, None))
            expect(ask("/small", Range="bytes=1-3"), (206, b"ell", "bytes 1-3/6"))
            expect(ask("/small", Range="bytes=4-100"), (206, b"o\n", "bytes 4-5/6"))
            expect(ask("/big", Range="bytes=-5"), (206, body[-5:], "bytes 299995-299999/300000"))
            expect(ask("/big", Range="bytes=299999-"), (206, body[-1:], "bytes 299999-299999/300000"))
            for refused in "bytes=3-1", "bytes=-0", "bytes=6-", "bytes=0-1,3-4", "lines=1-2":
                expect(ask("/small", Range=refused), (200, b"hello\n", None))
            expect(ask("/empty"), (200, b"", None))
            expect(ask("/small", "HEAD"), (200, b"", None))
            expect(ask("/nothing")[0], 404)
            expect(ask("/")[0], 404)
            expect(ask("/../" + os.path.basename(folder) + "/small")[0], 404)
            connection.request("POST", "/small", body=b"GET /small HTTP/1.1\r\n\r\n")
            expect(connection.getresponse().status, 405)
            for broken in b"what\r\n\r\n", b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n\r\n":
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as other:
                    other.sendall(broken)
                    expect(receive_all(other), b"")
            process.send_signal(signal.SIGINT)
            expect(process.wait(PATIENCE_S), 0)


def test_client():
    with server(echo_back) as port:
        expect(run("127.0.0.1", port, "hello"), "hello")
        expect(run(NAME, port, "hello"), "hello")
    with server(lambda connection: threading.Event().wait()) as port:
        expect(run("127.0.0.1", port, "hello", "50", status=1), "client: Connection timed out\n")
    with closed_port() as port:
        expect(run("127.0.0.1", port, "hello", status=1), "client: Connection refused\n")


def answer_after(barrier):
    def serve(connection):
        with connection:
            connection.recv(65536)
            barrier.wait(PATIENCE_S)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
    return serve


def test_fetch():
    together = answer_after(threading.Barrier(2))
    with server(together) as first, server(together) as second, closed_port() as closed:
        expect(run(f"127.0.0.1:{first}", f"127.0.0.1:{closed}", f"{NAME}:{second}"),
               "127.0.0.1: HTTP/1.0 200 OK, 24 bytes\n"
               "127.0.0.1: Connection refused\n"
               f"{NAME}: HTTP/1.0 200 OK, 24 bytes\n")


def test_scan():
    """Open ports among closed ones; a host that nobody knows; more at once than descriptors."""
    with server(receive_all) as port, closed_port() as closed:
        expect(run(NAME, port, port), f"{port} open\n0 closed, 0 silent\n")
        expect(run("127.0.0.1", closed, closed, "1", "60000"), "1 closed, 0 silent\n")
        first = max(1, int(port) - 300)
        lines = run("127.0.0.1", str(first), port, "50", "60000").splitlines()
        if f"{port} open" not in lines or len(lines) + int(lines[-1].split()[0]) != \
                int(port) - first + 2:
            sys.exit(f"printed\n{lines}")
    expect(run("no-such-host.invalid", status=1).split(": ")[0], "no-such-host.invalid")
    expect(run(status=2), "usage: scan HOST [FIRST [LAST [AT-ONCE [MILLISECONDS]]]]\n")


def test_ping():
    """Hundreds of hosts at once: they echo, keep silent, or are not there."""
    def echo(bound):
        with contextlib.suppress(OSError):
            while True:
                bound.sendto(*bound.recvfrom(64))

    with socket.socket(type=socket.SOCK_DGRAM) as echoing, \
         socket.socket(type=socket.SOCK_DGRAM) as silent, \
         socket.socket(type=socket.SOCK_DGRAM) as closed:
        ports = []
        for bound in echoing, silent, closed:
            bound.bind(("127.0.0.1", 0))
            ports.append(bound.getsockname()[1])
        closed.close()
        threading.Thread(target=echo, args=(echoing,), daemon=True).start()
        hosts = [f"127.0.0.1:{port}" for port in ports] * 30 + [f"{NAME}:{ports[0]}"]
        lines = run("3", "500", *hosts).splitlines()
        times = r": 3 of 3 answered, [\d.]+/[\d.]+/[\d.]+ ms"
        for line, host in zip(lines, hosts, strict=True):
            wanted = ": 0 of 3 answered: Connection timed out" if host == hosts[1] else times
            if not re.fullmatch(re.escape(host) + wanted, line):
                sys.exit(f"printed\n{line}")
    expect(run("1", status=2), "usage: ping COUNT MILLISECONDS HOST:PORT...\n")


def test_jobs():
    def jobs(text, *arguments):
        done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        return done.returncode, sorted(done.stdout.splitlines())

    expect(jobs(""), (0, []))
    expect(jobs("echo hello; echo there >&2\nprintf end"),
           (0, ["1: exit status 0", "1: hello", "1: there", "2: end", "2: exit status 0"]))
    expect(jobs("exit 3\nkill -9 $$\nsleep 1000 & echo early; sleep 1000\n", "2", "1"),
           (1, ["1: exit status 3", "2: exit status 137", "3: Connection timed out", "3: early"]))
    with tempfile.TemporaryDirectory() as folder:  # never more than two at once
        each = f"mkdir {folder}/$$; ls {folder} | wc -l; sleep 0.05; rmdir {folder}/$$\n"
        status, lines = jobs(each * 10, "2")
        expect(status, 0)
        expect({line.split()[1] for line in lines if "exit" not in line} <= {"1", "2"}, True)
        expect(len(lines), 20)
    listener = subprocess.Popen([*command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    listener.stdout.close()
    listener.stdin.write("yes\n")
    listener.stdin.close()
    expect("Broken pipe" in listener.stderr.read(), True)  # an error, not a signal
    expect(listener.wait(PATIENCE_S), 1)
    listener.stderr.close()


def test_tree_size():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/below")
        for name, size in {"a": 1000, "below/b": 234}.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(b"x" * size)
        lines = run(folder, f"{folder}/none").splitlines()
        expect(sorted(lines), sorted([f"{folder}: 1234 bytes",
                                      f"{folder}/none: No such file or directory"]))


def test_primes():
    expect(run("100000"), "9592 primes below 100000\n")


def test_collatz():
    expect(run("100000"), "77031 takes 350 steps\n")


def test_clean_up():
    expect(run(), "peer: hello\npeer: bye\nsession: ECANCELED\n")


def test_watch_files():
    with tempfile.TemporaryDirectory() as folder, running(folder, "2") as process:
        expect(process.stdout.readline(), f"watching {folder}\n")
        for name in ["one", "two"]:
            with open(f"{folder}/{name}", "w"):
                pass
            expect(process.stdout.readline(), f"{name}\n")
        expect(process.wait(PATIENCE_S), 0)


def test_tail():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/log"

        def append(text, mode="a"):
            with open(path, mode) as log:
                log.write(text)

        append("old\n")
        with running(path, "6") as process:
            expect(process.stdout.readline(), "following log\n")
            append("one\n")
            expect(process.stdout.readline(), "one\n")
            append("two\nthree\n")
            expect(process.stdout.readline() + process.stdout.readline(), "two\nthree\n")
            os.rename(path, f"{path}.1")
            append("after rotation\n")
            expect(process.stdout.readline(), "after rotation\n")
            append("", "w")
            append("cut\n")
            expect(process.stdout.readline(), "cut\n")
            os.unlink(path)
            append("new\n")
            expect(process.stdout.readline(), "new\n")
            expect(process.wait(PATIENCE_S), 0)


def test_callbacks():
    text = "".join(f"line {i}\n" for i in range(20000))
    expect(run(text=text) == text, True)
    with open(__file__, encoding="utf-8") as file:
        copied = subprocess.run(command, stdin=file, capture_output=True, text=True,
                                timeout=PATIENCE_S, check=True).stdout
        file.seek(0)
        expect(copied == file.read(), True)


def test_embed():
    expect(run(text="tea\n"), "Yibu says tea\n")
    expect(run(), "")


def test_pipeline():
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{i}" for i in range(20)]
        for i, name in enumerate(names):
            with open(name, "w", encoding="utf-8") as file:
                file.write("a  few\nwords " * i)
        expect(run(*names, f"{folder}/none"),
               f"{folder}/none: No such file or directory\n{3 * sum(range(20))} words\n")


def test_race():
    def silent(connection):
        receive_all(connection)  # until the loser is ended

    def greet(connection):
        connection.sendall(b"hello")

    with server(silent) as port:
        with contextlib.closing(socket.create_server(("127.0.0.2", int(port)))) as other:
            threading.Thread(target=lambda: greet(other.accept()[0]), daemon=True).start()
            expect(run("60000", port, "127.0.0.1", "127.0.0.2", "127.0.0.3"),
                   "127.0.0.2: hello\n")
        expect(run("50", port, "127.0.0.1", status=1), "race: Connection timed out\n")
    with closed_port() as port:
        expect(run("60000", port, "127.0.0.1", status=1), "race: Connection refused\n")


if __name__ == "__main__":
    command = sys.argv[2:]
    globals()[f"test_{sys.argv[1]}"]()
