#!/usr/bin/python3
"""The demonstration, in small: four ways, the same findings, figures for programs, a picture."""

import json
import os
import subprocess
import unittest
import xml.etree.ElementTree

import common

NAMES = ["one-by-one", "threads", "coroutines", "right-worker"]
KEYS = {"name", "pages", "wall_s", "cpu_s", "cpu_percent", "stall_ms", "peak_rss_bytes"}


class Demo(common.Scenario):
    def setUp(self):
        super().setUp()
        self.tree = self.path("tree")
        for number in range(6):
            folder = os.path.join(self.tree, f"folder{number % 2}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"file{number}.c"), "w", encoding="ascii") as file:
                file.writelines(f"int name_{number}_{line};\n" for line in range(50 + number))

    def demo(self, *arguments):
        return subprocess.run([*common.DEMO, "--json", self.path("figures.json"), "--timeline",
                               self.path("timeline.svg"), *arguments], capture_output=True,
                              text=True, timeout=common.LIMIT, check=False, cwd=self.folder,
                              env=common.environment())

    def figures(self):
        with open(self.path("figures.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_four_ways_find_the_same(self):
        process = self.demo("--tree", self.tree, "--concurrency=8", "--level=3", "--latency=5")
        self.assertEqual((process.returncode, process.stderr), (0, ""))
        figures = self.figures()
        self.assertEqual((figures["concurrency"], figures["latency_s"]), (8, 0.005))
        self.assertEqual([run["name"] for run in figures["runs"]], NAMES)
        for run in figures["runs"]:
            self.assertEqual(set(run), KEYS)
            self.assertEqual(run["pages"], figures["runs"][0]["pages"])
            for key in KEYS - {"name"}:
                self.assertGreater(run[key], 0, f"{key} of {run['name']}")
        self.assertIn("All found the same", process.stdout)
        self.assertIn("broken links: 5", process.stdout)
        self.assertIn("timeline.svg", process.stdout)
        xml.etree.ElementTree.parse(self.path("timeline.svg"))

    def test_real_sites_are_crawled_in_the_last_way(self):
        def answer(connection, path):
            common.send(connection, 200 if path in "/here" else 404, common.links("here", "gone"))

        process = self.demo(self.serve(answer) + "/")
        self.assertEqual((process.returncode, process.stderr), (0, ""))
        self.assertEqual([run["name"] for run in self.figures()["runs"]], ["right-worker"])
        self.assertIn("/gone: 404 Not Found", process.stdout)

    def test_a_tree_without_text_is_told(self):
        os.mkdir(self.path("empty"))
        process = self.demo("--tree", self.path("empty"))
        self.assertEqual(process.returncode, 1)
        self.assertIn("there is no text file in it", process.stderr)


if __name__ == "__main__":
    common.main()
