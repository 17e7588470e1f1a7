"""What the crawler's scenarios share: running it, and small servers that behave badly on purpose."""

import json
import os
import shlex
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import unittest

LAUNCHER = shlex.split(os.environ.get("TEST_LAUNCHER", ""))
CRAWL = [*LAUNCHER, os.environ.get("YIBU_CRAWL", "yibu-crawl")]
DEMO = [*LAUNCHER, os.environ.get("YIBU_DEMO", "yibu-demo")]
LIMIT = 100  # seconds that nothing may take, however slow the machine


def environment():
    """The environment without proxies, which a loopback server is not reached through."""
    return {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy")}


class Result:
    """What a crawl left behind."""

    def __init__(self, process, report):
        self.status = process.returncode
        self.output = process.stdout
        self.errors = process.stderr
        self.report = report

    def pages(self, outcome):
        """The URLs of the pages with that outcome."""
        return {page["url"] for page in self.report["pages"] if page["outcome"] == outcome}

    def broken(self):
        """{url: reason}"""
        return {link["url"]: link["reason"] for link in self.report["broken"]}


class Scenario(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="yibu-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read_report(self):
        try:
            with open(self.path("report.json"), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def crawl(self, *arguments):
        """Runs yibu-crawl to its end."""
        process = subprocess.run([*CRAWL, "--json", self.path("report.json"), *arguments],
                                 capture_output=True, text=True, timeout=LIMIT, check=False,
                                 env=environment())
        return Result(process, self.read_report())

    def start_crawl(self, *arguments):
        process = subprocess.Popen([*CRAWL, "--json", self.path("report.json"), *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def finish_crawl(self, process):
        process.stdout, process.stderr = process.communicate(timeout=LIMIT)
        result = Result(process, self.read_report())
        process.stdout = process.stderr = None
        return result

    def serve(self, handler):
        """Serves connections with handler(socket, path) on threads; returns the server's URL."""
        server = Server(handler)
        self.addCleanup(server.stop)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def listing(self, archive):
        """The names in an archive, as tar tells them."""
        process = subprocess.run(["tar", "--zstd", "-tf", archive], capture_output=True, text=True,
                                 timeout=LIMIT, check=False)
        self.assertEqual((process.returncode, process.stderr), (0, ""))
        return process.stdout.splitlines()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler):
        self.answer = handler
        super().__init__(("127.0.0.1", 0), Connection)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Connection(socketserver.BaseRequestHandler):
    """One request a connection."""

    def handle(self):
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                data = self.request.recv(4096)
                if not data:
                    return
                head += data
            path = head.split(b" ", 2)[1].decode()
            if path == "/robots.txt":
                send(self.request, 404)
            else:
                self.server.answer(self.request, path)
        except (ConnectionError, socket.timeout):
            pass


def send(connection, status, body=b"", kind="text/html", headers=()):
    lines = [f"HTTP/1.1 {status} x", f"Content-Type: {kind}", f"Content-Length: {len(body)}",
             "Connection: close", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode() + body)


def links(*targets):
    return "".join(f'<a href="{target}">{target}</a>\n' for target in targets).encode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def lacking(*programs):
    """The programs that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in programs if not shutil.which(program, path=path)]


def main():
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
