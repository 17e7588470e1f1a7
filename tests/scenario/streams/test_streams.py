"""Streams and protocols against programs that know nothing of Yibu: curl, netcat and socat as clients
over TCP (IPv4 and IPv6) and Unix sockets (paths and abstract names), nginx as a server."""

import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest

import foreign

LAUNCHER = shlex.split(os.environ.get("TEST_LAUNCHER", ""))
SERVE = [*LAUNCHER, os.environ["YIBU_SERVE"]]
GET = [*LAUNCHER, os.environ["YIBU_GET"]]
LIMIT_S = 100  # seconds that nothing may take, however slow the machine
FORMS = ("stream", "protocol")


def run(*command, data=b""):
    return subprocess.run(command, input=data, capture_output=True, timeout=LIMIT_S,
                          check=True).stdout


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Clients(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="yibu-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = subprocess.Popen([*SERVE, self.folder], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        ports = self.server.stdout.readline().split()
        self.echo = dict(zip(FORMS, ports))
        self.http = ports[2]

    def end(self):
        _, errors = self.server.communicate("", timeout=LIMIT_S)
        self.assertEqual(self.server.returncode, 0, errors)
        self.assertEqual(errors, "")
        self.assertEqual(os.listdir(self.folder), [])  # the paths are gone

    def echoes(self, *command, size=3 << 20):
        data = os.urandom(size)
        self.assertEqual(digest(run(*command, data=data)), digest(data), command)

    def test_netcat_and_socat_over_tcp(self):
        for form in FORMS:
            self.echoes("nc", "-N", "127.0.0.1", self.echo[form])
            self.echoes("socat", "-t", str(LIMIT_S), "-", f"TCP4:127.0.0.1:{self.echo[form]}")

    def test_netcat_and_socat_over_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        for form in FORMS:
            self.echoes("nc", "-N", "::1", self.echo[form])
            self.echoes("socat", "-t", str(LIMIT_S), "-", f"TCP6:[::1]:{self.echo[form]}")

    def test_netcat_and_socat_over_unix_sockets(self):
        for form in FORMS:
            path = f"{self.folder}/{form}"
            self.echoes("nc", "-N", "-U", path)
            self.echoes("socat", "-t", str(LIMIT_S), "-", f"UNIX-CONNECT:{path}")
            self.echoes("socat", "-t", str(LIMIT_S), "-", f"ABSTRACT-CONNECT:{path[1:]}")

    def test_a_client_that_sends_byte_by_byte(self):
        for form in FORMS:
            self.echoes("socat", "-b", "1", "-t", str(LIMIT_S), "-",
                        f"TCP4:127.0.0.1:{self.echo[form]},nodelay", size=2000)

    def test_a_client_that_reads_late(self):
        for form in FORMS:
            data = os.urandom(8 << 20)
            command = "(sleep 0.3; cat) | sha256sum"
            client = subprocess.Popen(
                ["bash", "-c", f"nc -N 127.0.0.1 {self.echo[form]} | {command}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            answer, _ = client.communicate(data, timeout=LIMIT_S)
            self.assertEqual(answer.decode().split()[0], digest(data))

    def curl(self, *arguments, data=b""):
        return run("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time",
                   str(LIMIT_S), *arguments, f"http://127.0.0.1:{self.http}/a/path", data=data)

    def test_curl_gets_and_posts(self):
        head = self.curl("--user-agent", "a test").decode()
        self.assertTrue(head.startswith("GET /a/path HTTP/1."), head)
        self.assertIn("User-Agent: a test\r\n", head)
        data = os.urandom(1 << 20)
        answer = self.curl("--header", "Expect:", "--data-binary", "@-", data=data)
        self.assertEqual(digest(answer), digest(data))


class Nginx(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="yibu-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.data = os.urandom(5 << 20)
        (self.folder / "data").write_bytes(self.data)
        (self.folder / "data").chmod(0o644)
        self.nginx, (self.port,) = foreign.start_nginx(self.folder, lambda port: f"""
            worker_processes 1; error_log {self.folder}/errors;
            events {{}}
            http {{ access_log off;
                client_body_temp_path {self.folder}/1; proxy_temp_path {self.folder}/2;
                fastcgi_temp_path {self.folder}/3; uwsgi_temp_path {self.folder}/4;
                scgi_temp_path {self.folder}/5;
                server {{ listen 127.0.0.1:{port}; root {self.folder}; }} }}""")
        self.addCleanup(self.end)

    def end(self):
        self.nginx.terminate()
        self.nginx.wait(timeout=LIMIT_S)

    def test_a_file_comes_whole(self):
        for form in FORMS:
            for host in ("127.0.0.1", "127.1"):
                body = run(*GET, form, host, str(self.port), "/data")
                self.assertEqual(digest(body), digest(self.data), (form, host))

    def test_nobody_listens_once_it_has_ended(self):
        self.nginx.terminate()
        self.nginx.wait(timeout=LIMIT_S)
        for form in FORMS:
            done = subprocess.run([*GET, form, "127.0.0.1", str(self.port), "/data"],
                                  capture_output=True, timeout=LIMIT_S)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"refused", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
