#!/usr/bin/python3
"""Whatever servers, pages, disks and users do: a clear message, a correct partial report, a status
that is documented, and an end."""

import os
import resource
import signal
import subprocess
import time
import unittest

import common
from common import links, send


class Servers(common.Scenario):
    """Hosts and servers that do not do what they should."""

    def test_an_unresolvable_host(self):
        result = self.crawl("--retries=0", "--timeout=20", "http://no-such-host.invalid/")
        self.assertEqual(result.status, 1)
        self.assertRegex(result.broken()["http://no-such-host.invalid/"],
                         "resolve host: no-such-host.invalid|timed out")

    def test_a_refused_connection(self):
        url = f"http://127.0.0.1:{common.free_port()}/"
        result = self.crawl("--retries=1", url)
        self.assertEqual(result.status, 1)
        self.assertRegex(result.broken()[url], "connect")
        self.assertIn(url, result.output)

    def test_a_server_that_never_answers(self):
        def stall(connection, path):
            if path == "/":
                send(connection, 200, links("never", "half"))
                return
            if path == "/half":
                connection.sendall(b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf")
            connection.settimeout(common.LIMIT)
            connection.recv(1)

        url = self.serve(stall)
        start = time.monotonic()
        result = self.crawl("--timeout=1", "--retries=0", url)
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual(result.status, 1)
        self.assertEqual(result.broken(), {
            url + "/never": "timed out after 1 s",
            url + "/half": "timed out after 1 s, in the middle of the page"})
        self.assertEqual(result.pages("fine"), {url + "/"})

    def test_a_server_that_fails_for_a_moment_is_asked_again(self):
        asked = []

        def recover(connection, path):
            asked.append(path)
            send(connection, 503 if len(asked) < 3 else 200, b"here")

        result = self.crawl(self.serve(recover))
        self.assertEqual((result.status, asked), (0, ["/", "/", "/"]))

    def test_robots_that_cannot_be_had_forbid_the_site(self):
        class Failing(common.Connection):
            def handle(self):
                self.request.recv(4096)
                send(self.request, 500)

        server = common.Server(None)
        server.RequestHandlerClass = Failing
        self.addCleanup(server.stop)
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        result = self.crawl(url)
        self.assertEqual(result.pages("forbidden"), {url})
        self.assertIn("robots.txt answered 500", result.output)


class Bodies(common.Scenario):
    """Pages that no crawler should choke on."""

    def test_a_body_of_10_gib_is_cut_off(self):
        def pour(connection, path):
            if path == "/":
                send(connection, 200, links("announced", "endless"))
                return
            size = b"Content-Length: 10737418240\r\n" if path == "/announced" else b""
            connection.sendall(b"HTTP/1.1 200 x\r\n" + size + b"\r\n")
            while True:
                connection.sendall(b"x" * 65536)

        url = self.serve(pour)
        result = self.crawl("--max-body=4M", url)
        self.assertEqual(result.status, 0)
        self.assertEqual(result.pages("cut_off"), {url + "/announced", url + "/endless"})
        self.assertIn("Cut off: 2", result.output)
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak_kib, 1024 * 1024)

    def test_a_bomb_is_cut_off_as_it_unfolds(self):
        import gzip
        bomb = gzip.compress(b"\0" * 50_000_000)

        def explode(connection, path):
            send(connection, 200, bomb, headers=["Content-Encoding: gzip"])

        url = self.serve(explode)
        result = self.crawl("--max-body=4M", url)
        self.assertEqual(result.pages("cut_off"), {url + "/"})

    def test_redirects_in_a_circle_and_without_end(self):
        def turn(connection, path):
            if path == "/":
                send(connection, 200, links("a", "on?0", "self", "nowhere"))
                return
            target = {"/a": "/b", "/b": "/a", "/self": "/self", "/nowhere": "http://"}.get(path)
            if path.startswith("/on"):
                target = f"/on?{int(path.partition('?')[2]) + 1}"
            send(connection, 302, headers=[f"Location: {target}"])

        url = self.serve(turn)
        broken = self.crawl(url).broken()
        self.assertEqual(broken.pop(url + "/on?10"), "more than 10 redirects")
        self.assertEqual(broken.pop(url + "/self"), "redirect loop")
        self.assertRegex(broken.pop(url + "/nowhere"), "not a URL|Malformed")
        self.assertEqual(list(broken.values()), ["redirect loop"])

    def test_malformed_pages(self):
        pages = {
            "/": links("nul", "unclosed", "deep", "binary", "empty"),
            "/nul": b"\0" * 1_000_000,
            "/unclosed": b"<a href='found'><table><b></i></a><td><p <<<&#xffffffff;&amp",
            "/deep": b"<div>" * 300_000 + b"<a href=too-deep>",
            "/binary": bytes(range(256)) * 1000,
            "/empty": b"",
            "/found": b"found",
            "/too-deep": b"found",
        }

        def answer(connection, path):
            send(connection, 200, pages[path])

        url = self.serve(answer)
        result = self.crawl(url)
        self.assertEqual(result.status, 0)
        fine = result.pages("fine")
        self.assertTrue({url + "/nul", url + "/deep", url + "/binary", url + "/empty",
                         url + "/found"} <= fine)
        if url + "/too-deep" not in fine:
            self.assertIn("too tangled", result.output)

    def test_a_link_cannot_speak_to_the_terminal(self):
        def answer(connection, path):
            send(connection, 200 if path == "/" else 404, b"<a href='http://\x1b[31m'>x</a>")

        result = self.crawl(self.serve(answer))
        self.assertEqual(result.status, 1)
        self.assertNotIn("\x1b", result.output)


def many_pages(connection, path):
    """Incompressible pages without end, each linking to the next two."""
    number = int(path[1:] or 0)
    body = links(2 * number + 1, 2 * number + 2) + os.urandom(300_000)
    send(connection, 200, body)


class Disks(common.Scenario):
    def test_a_full_disk_ends_the_archive_and_not_the_crawl(self):
        result = self.crawl("--archive=/dev/full", "--max-pages=8", self.serve(many_pages))
        self.assertEqual(result.status, 3)
        self.assertIn("yibu-crawl: /dev/full: No space left on device", result.errors)
        self.assertIn("not complete: No space left on device", result.output)
        self.assertEqual(len(result.pages("fine")), 8)
        self.assertEqual(result.report["archive"]["pages"], 0)

    def test_what_fits_on_a_full_disk_can_be_read(self):
        script = """mount -t tmpfs -o size=2m tmpfs "$1" || exit 77
            mkdir "$1/out"
            shift; "$@"; status=$?
            tar --zstd -tf "$archive" >"$names" || status=99
            exit $status"""
        disk = self.path("disk")
        os.mkdir(disk)
        names = self.path("names")
        archive = os.path.join(disk, "site.tar.zst")
        process = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", disk,
             *common.CRAWL, "--json", self.path("report.json"), "--max-pages=12", "--archive",
             archive, self.serve(many_pages)],
            capture_output=True, text=True, timeout=common.LIMIT, check=False,
            env={**common.environment(), "archive": archive, "names": names})
        if process.returncode == 77 or "unshare" in process.stderr:
            self.skipTest("no mount of our own here: " + process.stderr)
        result = common.Result(process, self.read_report())
        self.assertEqual(result.status, 3, result.errors)
        self.assertIn("No space left on device", result.errors)
        with open(names, encoding="utf-8") as file:
            listed = file.read().splitlines()
        self.assertEqual(len(listed), result.report["archive"]["pages"])
        self.assertGreater(len(listed), 0)
        self.assertEqual(len(result.pages("fine")), 12)

    def test_a_report_that_cannot_be_written_is_told(self):
        process = subprocess.run([*common.CRAWL, "--json=/dev/full", "--depth=0",
                                  self.serve(many_pages)], capture_output=True, text=True,
                                 timeout=common.LIMIT, check=False, env=common.environment())
        self.assertEqual(process.returncode, 3)
        self.assertIn("/dev/full: No space left on device", process.stderr)

    def test_files_that_cannot_be_made_are_told_at_once(self):
        for option in ["--json=/nowhere/at/all", "--archive=/nowhere/at/all"]:
            process = subprocess.run([*common.CRAWL, option, "http://127.0.0.1:1/"],
                                     capture_output=True, text=True, timeout=common.LIMIT,
                                     check=False)
            self.assertEqual((process.returncode, process.stdout), (2, ""))
            self.assertEqual(process.stderr,
                             "yibu-crawl: /nowhere/at/all: No such file or directory\n")


class Users(common.Scenario):
    def interrupt(self, number):
        """Ends a crawl of a site without end after some pages."""
        seen = []

        def slowly(connection, path):
            seen.append(path)
            time.sleep(0.02)
            many_pages(connection, path)

        archive = self.path("site.tar.zst")
        process = self.start_crawl("--archive", archive, self.serve(slowly))
        while len(seen) < 40:
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        start = time.monotonic()
        process.send_signal(number)
        result = self.finish_crawl(process)
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual((result.status, result.errors), (130, ""))
        self.assertTrue(result.report["interrupted"])
        self.assertFalse(result.report["complete"])
        self.assertIn("Interrupted", result.output)
        self.assertGreater(len(result.pages("fine")), 10)
        self.assertGreater(len(result.pages("not_visited")), 0)
        self.assertEqual(len(self.listing(archive)), result.report["archive"]["pages"])

    def test_an_interrupt_halfway(self):
        self.interrupt(signal.SIGINT)

    def test_a_termination_halfway(self):
        self.interrupt(signal.SIGTERM)

    def test_an_interrupt_while_nothing_comes(self):
        arrived = []

        def stall(connection, path):
            arrived.append(path)
            connection.settimeout(common.LIMIT)
            connection.recv(1)

        process = self.start_crawl("--timeout=60", self.serve(stall))
        while not arrived:
            time.sleep(0.01)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        result = self.finish_crawl(process)
        self.assertLess(time.monotonic() - start, 8)
        self.assertEqual(result.status, 130)
        self.assertEqual(result.report["totals"]["not_visited"], 1)

    def test_command_lines_that_are_wrong(self):
        for arguments, message in [
                ([], "name at least one URL"),
                (["--depth=x", "http://h/"], "--depth takes a number"),
                (["--concurrency=0", "http://h/"], "--concurrency takes a number from 1"),
                (["--timeout=never", "http://h/"], "--timeout takes seconds"),
                (["--max-body=-1", "http://h/"], "--max-body takes a size"),
                (["--level=99", "http://h/"], "--level takes a number from 1 to 22"),
                (["ftp://h/"], "neither http nor https"),
                (["http://"], "not a URL"),
                (["--no-such-option", "http://h/"], "unrecognized option")]:
            process = subprocess.run([*common.CRAWL, *arguments], capture_output=True, text=True,
                                     timeout=common.LIMIT, check=False)
            self.assertEqual((process.returncode, process.stdout), (2, ""))
            self.assertIn(message, process.stderr)

    def test_help_and_version(self):
        for option, text in [("--help", "Exit status: 0"), ("--version", "yibu-crawl ")]:
            process = subprocess.run([*common.CRAWL, option], capture_output=True, text=True,
                                     timeout=common.LIMIT, check=False)
            self.assertEqual((process.returncode, process.stderr), (0, ""))
            self.assertIn(text, process.stdout)


if __name__ == "__main__":
    common.main()
