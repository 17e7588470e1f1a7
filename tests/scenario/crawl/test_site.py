#!/usr/bin/python3
"""A site served by nginx, over http and https: what yibu-crawl finds is what is there, and what
wget --spider finds."""

import os
import re
import subprocess
import unittest

import common
import foreign

NGINX = """
master_process off;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/html html; text/css css; text/plain txt; image/png png; }}
    client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary;
    uwsgi_temp_path temporary; scgi_temp_path temporary;
    gzip on;
    gzip_min_length 1;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.key;
        root site;
        location = /old.html {{ return 301 /new.html; }}
        location = /older.html {{ return 302 /old.html; }}
        location = /elsewhere.html {{ return 301 http://elsewhere.invalid/; }}
        location = /gone.html {{ return 410; }}
        location = /error.html {{ return 500; }}
        location = /slow.txt {{ limit_rate 200; }}
    }}
}}
"""

WORDS = " ".join(f"word{number * 7919 % 9973}" for number in range(600))

FILES = {
    "robots.txt": "User-agent: *\nDisallow: /private/\n",
    "index.html": "<link rel=stylesheet href=style.css><a href=docs/>docs</a>"
                  "<a href='deep/1.html'>deep</a><img src=picture.png>"
                  "<a href=missing.html>missing</a><a href=old.html>old</a>"
                  "<a href=older.html>older</a><a href=elsewhere.html>elsewhere</a>"
                  "<a href=slow.txt>slow</a><a href=private/secret.html>secret</a>"
                  "<a href='mailto:a@example.org'>mail</a><a href='copy/1.html'>copy</a>"
                  "<a href='spaced name.html#part'>spaced</a>"
                  "<a href='http://elsewhere.invalid/'>other site</a>",
    "style.css": "body { color: black }",
    "picture.png": "not really a picture",
    "new.html": "<a href=/>home</a>",
    "slow.txt": "slow " * 45,
    "spaced name.html": "<p>spaced",
    "private/secret.html": "secret",
    "docs/index.html": "<base href=/docs/><a href=a.html>a</a><a href=b.html>b</a>"
                       "<a href='../gone.html'>gone</a><a href='/docs/missing.html'>missing</a>",
    "docs/a.html": f"<p>{WORDS}</p><a href=/>home</a>",
    "docs/b.html": f"<p>{WORDS} and a little more</p><a href=/>home</a>",
    "copy/1.html": "<p>one and the same</p><a href=2.html>2</a><a href=1.html>1</a>",
    "copy/2.html": "<p>one and the same</p><a href=2.html>2</a><a href=1.html>1</a>",
    "deep/1.html": "<a href=2.html>2</a>",
    "deep/2.html": "<a href=3.html>3</a>",
    "deep/3.html": "<a href=/missing.html>missing again</a>",
}


@unittest.skipIf(common.lacking("nginx", "openssl", "wget", "tar", "zstd"), "programs are missing")
class Site(common.Scenario):
    def setUp(self):
        super().setUp()
        for name, content in FILES.items():
            path = self.path(os.path.join("site", name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        self.make_certificates()
        nginx, self.ports = foreign.start_nginx(
            self.folder, lambda http, https: NGINX.format(http=http, https=https), count=2)
        self.addCleanup(self.end, nginx)
        self.http = f"http://127.0.0.1:{self.ports[0]}/"
        self.https = f"https://127.0.0.1:{self.ports[1]}/"

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True,
                       timeout=common.LIMIT)

    def make_certificates(self):
        """An authority of our own, and a certificate that it gave to the server."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                     "-subj", "/CN=Test authority")
        self.openssl("req", *key, "-keyout", "server.key", "-out", "server.csr",
                     "-subj", "/CN=localhost")
        with open(self.path("names"), "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem")

    def wget(self, url, *arguments):
        """What wget visits, and what it calls broken."""
        log = self.path("wget.log")
        subprocess.run(["wget", "--spider", "--recursive", "--level=inf", "--no-verbose",
                        "--tries=1", "--output-file", log, *arguments, url],
                       cwd=self.folder, check=False, timeout=common.LIMIT,
                       env={**common.environment(), "LC_ALL": "C"})
        with open(log, encoding="utf-8") as file:
            text = file.read()
        visited = set(re.findall(r"URL: ?(http\S+) 200 OK", text))
        visited |= set(re.findall(r"URL:(http\S+) \[\d+(?:/\d+)?\] ->", text))
        broken = re.search(r"^Found \d+ broken links?\.\n\n((?:\S+\n)*)", text, re.MULTILINE)
        return visited, set(broken.group(1).split() if broken else [])

    def check(self, result, base):
        """The findings, on whichever of the two."""
        self.assertEqual(result.errors, "")
        self.assertEqual(result.status, 1)
        self.assertTrue(result.report["complete"])
        self.assertEqual(result.broken(), {base + "missing.html": "404 Not Found",
                                           base + "docs/missing.html": "404 Not Found",
                                           base + "gone.html": "410 Gone"})
        referrers = {link["url"]: link["referrers"] for link in result.report["broken"]}
        self.assertEqual(set(referrers[base + "missing.html"]), {base, base + "deep/3.html"})
        self.assertEqual(result.pages("redirect"), {base + name for name in
                                                    ["old.html", "older.html", "elsewhere.html"]})
        self.assertEqual(result.pages("forbidden"), {base + "private/secret.html"})
        self.assertEqual(result.report["duplicates"],
                         [[base + "copy/1.html", base + "copy/2.html"]])
        self.assertEqual(result.report["near_duplicates"],
                         [[base + "docs/a.html", base + "docs/b.html"]])
        self.assertEqual(result.report["slow"], [base + "slow.txt"])
        self.assertIn(base + "missing.html: 404 Not Found", result.output)

    def test_finds_what_is_there_and_what_wget_finds(self):
        result = self.crawl(self.http)
        self.check(result, self.http)
        visited, broken = self.wget(self.http)
        self.assertEqual(broken, set(result.broken()))
        self.assertEqual({url for url in visited if "robots.txt" not in url},
                         result.pages("fine"))

    def test_finds_the_same_over_https(self):
        authority = self.path("ca.pem")
        result = self.crawl("--cacert", authority, self.https)
        self.check(result, self.https)
        visited, broken = self.wget(self.https, "--ca-certificate", authority)
        self.assertEqual(broken, set(result.broken()))
        self.assertEqual({url for url in visited if "robots.txt" not in url},
                         result.pages("fine"))

    def test_certificates_are_verified_unless_told_otherwise(self):
        result = self.crawl(self.https)
        self.assertEqual(result.status, 1)
        self.assertRegex(result.broken()[self.https], "certificate")
        self.assertEqual(self.crawl("--insecure", "--depth=0", self.https).status, 0)

    def test_archives_what_it_fetched(self):
        archive = self.path("site.tar.zst")
        result = self.crawl("--archive", archive, self.http)
        names = self.listing(archive)
        self.assertEqual(len(names), len(result.pages("fine")))
        self.assertEqual(result.report["archive"]["pages"], len(names))
        subprocess.run(["tar", "--zstd", "-xf", archive, "-C", self.folder], check=True,
                       timeout=common.LIMIT)
        host = f"127.0.0.1:{self.ports[0]}"
        for name in ["index.html", "style.css", "docs/a.html", "copy/2.html", "slow.txt"]:
            with open(self.path(os.path.join(host, name)), encoding="utf-8") as file:
                self.assertEqual(file.read(), FILES[name])

    def test_limits_hold_and_are_told(self):
        result = self.crawl("--depth=1", "--slow=100", self.http)
        self.assertNotIn(self.http + "deep/2.html", result.pages("fine"))
        self.assertGreater(result.report["totals"]["links_beyond_depth"], 0)
        self.assertIn("--depth 1", result.output)
        self.assertEqual(result.report["slow"], [])
        result = self.crawl("--max-pages=3", self.http)
        self.assertEqual(len(result.report["pages"]), 3)
        self.assertIn("--max-pages 3", result.output)

    def test_one_at_a_time_finds_the_same(self):
        self.check(self.crawl("--concurrency=1", self.http), self.http)

    def test_json_to_standard_output_is_all_there_is(self):
        process = subprocess.run([*common.CRAWL, "--json=-", "--depth=0", self.http],
                                 capture_output=True, text=True, timeout=common.LIMIT, check=False,
                                 env=common.environment())
        self.assertEqual(process.stderr, "")
        self.assertTrue(process.stdout.startswith("{") and process.stdout.endswith("}\n"))


if __name__ == "__main__":
    common.main()
