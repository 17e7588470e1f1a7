#!/usr/bin/python3
"""Tests of the benchmark harness: what it computes, and what it does with peers that fail."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import report  # noqa: E402
from harness.build import BuildError, Builder, reason  # noqa: E402
from harness.process import RunError, measure, parse  # noqa: E402
from harness.rounds import run_topic  # noqa: E402
from harness.stats import Contender, Sample, aggregate  # noqa: E402
from harness.topic import Case, TopicError, read_topic, topic_names  # noqa: E402

YIBU = Contender("yibu", "io_uring", reference=True)
OTHER = Contender("other", "epoll")


def samples(contender, values, unit="ns", n=10):
    return [Sample(contender, "case", unit, i, value, n) for i, value in enumerate(values)]


class Statistics(unittest.TestCase):
    def test_value_is_the_median_with_its_spread(self):
        result, = aggregate(samples(YIBU, [5.0, 9.0, 4.0, 6.0, 5.5]))
        self.assertEqual((result.value, result.min, result.max, result.rounds, result.n),
                         (5.5, 4.0, 9.0, 5, 10))

    def test_ratio_is_the_median_over_rounds_not_the_ratio_of_medians(self):
        yibu = samples(YIBU, [1.0, 10.0, 100.0])
        other = samples(OTHER, [2.0, 10.0, 10.0])
        self.assertEqual(aggregate(yibu + other)[1].ratio, 1.0)

    def test_ahead_means_lower_for_times(self):
        result = aggregate(samples(YIBU, [10.0] * 10) + samples(OTHER, [9.0] * 9 + [11.0]))[1]
        self.assertEqual(result.ahead, 0.9)
        self.assertEqual(result.verdict, "ahead of Yibu")

    def test_ahead_means_higher_for_rates(self):
        both = samples(YIBU, [10.0] * 10, "op/s") + samples(OTHER, [9.0] * 10, "op/s")
        self.assertEqual(aggregate(both)[1].ahead, 0.0)
        self.assertEqual(aggregate(both)[1].verdict, "behind Yibu")

    def test_eight_rounds_of_ten_are_no_lead(self):
        result = aggregate(samples(YIBU, [10.0] * 10) + samples(OTHER, [9.0] * 8 + [11.0] * 2))[1]
        self.assertEqual(result.verdict, "no lead")

    def test_only_rounds_that_both_finished_are_compared(self):
        result = aggregate(samples(YIBU, [10.0, 10.0]) + samples(OTHER, [5.0, 5.0, 50.0]))[1]
        self.assertEqual((result.ratio, result.ahead, result.rounds), (0.5, 1.0, 3))

    def test_no_ratio_where_yibu_gave_nothing(self):
        result, = aggregate(samples(OTHER, [5.0]))
        self.assertNotIn("ratio", result.line("topic"))

    def test_yibu_comes_first_and_has_no_ratio_on_either_backend(self):
        second = Contender("yibu", "epoll")
        results = aggregate(samples(OTHER, [5.0]) + samples(second, [4.0]) + samples(YIBU, [2.0]))
        lines = [result.line("topic") for result in results]
        self.assertEqual([line["backend"] for line in lines][0], "io_uring")
        self.assertEqual([("ratio" in line, line["runtime"]) for line in lines],
                         [(False, "yibu"), (True, "other"), (False, "yibu")])

    def test_line_has_the_documented_form(self):
        line = aggregate(samples(YIBU, [5.2]) + samples(OTHER, [10.4]))[1].line("switch")
        self.assertEqual(line, {"bench": "switch", "case": "case", "runtime": "other",
                                "backend": "epoll", "value": 10.4, "min": 10.4, "max": 10.4,
                                "unit": "ns", "rounds": 1, "n": 10, "ratio": 2.0, "ahead": 0.0})


class Folder(unittest.TestCase):
    """A topic folder of its own, with peers in Python, which need no compiler."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)
        self.folder = self.root / "topic"
        self.folder.mkdir()
        self.about(rounds=3)

    def about(self, **more):
        about = {"title": "a topic", "cases": [{"name": "case", "n": 100, "args": [7]}], **more}
        (self.folder / "topic.json").write_text(json.dumps(about), encoding="utf-8")

    def peer(self, name, source):
        (self.folder / name).write_text(source, encoding="utf-8")

    def says(self, value, backend="'epoll'"):
        return ("import json, sys\n"
                f"print(json.dumps({{'case': sys.argv[1], 'value': {value}, 'unit': 'ns', "
                f"'n': int(sys.argv[2]), 'backend': {backend}}}))\n")

    def run_it(self, build=None):
        builder = Builder(self.root, self.root / "build")
        return run_topic(read_topic(self.folder), build or builder.peer)


class Discovery(Folder):
    def test_file_names_say_runtime_and_backend(self):
        for name in ("yibu.c", "raw_io_uring.c", "boost_context.cpp", "notes.txt"):
            self.peer(name, "")
        peers = read_topic(self.folder).peers
        self.assertEqual([(peer.runtime, peer.backend) for peer in peers],
                         [("yibu", ""), ("boost-context", ""), ("raw", "io_uring")])

    def test_first_lines_say_what_a_peer_needs(self):
        self.peer("libuv.c", "/* A peer.\n * bench-packages: libuv openssl\n"
                             " * bench-backend: epoll */\n")
        peer, = read_topic(self.folder).peers
        self.assertEqual((peer.words("packages"), peer.backend), (["libuv", "openssl"], "epoll"))

    def test_driver_is_no_peer(self):
        self.about(driver="load.c")
        self.peer("load.c", "")
        topic = read_topic(self.folder)
        self.assertEqual((topic.peers, topic.driver.name), ([], "load.c"))

    def test_quick_means_five_small_rounds(self):
        self.about(rounds=20, cases=[{"name": "case", "n": 100, "quick_n": 10}])
        topic = read_topic(self.folder, quick=True)
        self.assertEqual((topic.rounds, topic.cases[0].n), (5, 10))

    def test_slow_runtimes_do_fewer_operations(self):
        self.about(scale={"other": 0.1})
        self.peer("other.py", "")
        topic = read_topic(self.folder)
        self.assertEqual(topic.cases[0].n_of(topic.peers[0]), 10)

    def test_broken_description_is_an_error(self):
        (self.folder / "topic.json").write_text("{", encoding="utf-8")
        self.assertRaises(TopicError, read_topic, self.folder)

    def test_topics_are_folders_with_a_description(self):
        (self.root / "harness").mkdir()
        self.assertEqual(topic_names(self.root), ["topic"])

    def test_topics_of_this_project_can_be_read(self):
        bench = Path(__file__).resolve().parent
        for name in topic_names(bench):
            for quick in (False, True):
                topic = read_topic(bench / name, quick)
                self.assertGreaterEqual(topic.rounds, 5, name)
                self.assertTrue(topic.peers[0].is_yibu, name)


    def test_quick_runs_are_no_longer_and_known_peers_are_scaled(self):
        bench = Path(__file__).resolve().parent
        for name in topic_names(bench):
            full, quick = read_topic(bench / name), read_topic(bench / name, quick=True)
            stems = {peer.runtime for peer in full.peers} | {p.source.stem for p in full.peers}
            for case, small in zip(full.cases, quick.cases):
                self.assertLessEqual(small.n, case.n, name)
                self.assertLessEqual(set(case.scale), stems, name)

    def test_every_topic_is_described(self):
        bench = Path(__file__).resolve().parent
        described = (bench / "README.md").read_text(encoding="utf-8")
        for name in topic_names(bench):
            self.assertIn(f"\n### {name}\n", described)


class Running(Folder):
    def test_every_round_of_every_peer_is_counted(self):
        self.peer("yibu.py", self.says(10))
        self.peer("other.py", self.says(20))
        outcome = self.run_it()
        results = aggregate(outcome.samples)
        self.assertEqual([(r.contender.runtime, r.rounds, r.ratio) for r in results],
                         [("yibu", 3, None), ("other", 3, 2.0)])
        self.assertFalse(outcome.yibu_failed)

    def test_yibu_runs_on_its_default_backend_and_on_the_other(self):
        self.about(rounds=2, both_backends=True)
        self.peer("yibu.py", "import os\n"
                  + self.says(10, "os.environ.get('YIBU_BACKEND', 'io_uring')"))
        results = aggregate(self.run_it().samples)
        self.assertEqual([(r.contender.backend, r.contender.reference) for r in results],
                         [("io_uring", True), ("epoll", False)])

    def test_peers_are_pinned(self):
        self.peer("yibu.py", "import os\n" + self.says("len(os.sched_getaffinity(0))"))
        result, = aggregate(self.run_it().samples)
        self.assertEqual(result.value, 1)

    def failure(self, source, **about):
        self.about(rounds=2, **about)
        self.peer("yibu.py", self.says(10))
        self.peer("other.py", source)
        outcome = self.run_it()
        self.assertEqual(len(outcome.failures), 1)
        self.assertFalse(outcome.yibu_failed)
        self.assertEqual([r.contender.runtime for r in aggregate(outcome.samples)], ["yibu"])
        self.assertIn("other", report.text(outcome))
        return outcome.failures[0].why

    def test_a_crash_is_reported_with_its_signal(self):
        why = self.failure("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
        self.assertIn("SIGSEGV", why)

    def test_an_exit_status_is_reported_with_the_last_words(self):
        why = self.failure("import sys\nsys.exit('out of luck')\n")
        self.assertEqual(why, "exit status 1: out of luck")

    def test_a_hang_is_ended_and_reported(self):
        self.assertIn("hung", self.failure("import time\ntime.sleep(60)\n", limit_s=1))

    def test_silence_is_reported(self):
        self.assertIn("printed no measurement", self.failure("pass\n"))

    def test_a_bad_line_is_reported(self):
        self.assertIn("bad line", self.failure("print('{\"case\": 1}')\n"))

    def test_a_missing_package_is_reported(self):
        why = self.failure('"""A peer.\n\nbench-packages: no_such_module\n"""\n')
        self.assertIn("no_such_module", why)

    def test_a_failure_of_yibu_is_noticed(self):
        self.peer("yibu.py", "raise SystemExit(3)\n")
        self.assertTrue(self.run_it().yibu_failed)

    def test_a_yibu_that_cannot_be_built_is_noticed(self):
        def build(_topic, _peer):
            raise BuildError("no compiler")

        self.peer("yibu.py", "")
        outcome = self.run_it(build)
        self.assertTrue(outcome.yibu_failed)
        self.assertIn("yibu not built: no compiler", report.text(outcome))


class Driving(Folder):
    SERVER = ("import time\n"
              "print('{\"port\": 4321, \"backend\": \"epoll\"}', flush=True)\n"
              "time.sleep(60)\n")

    def test_the_driver_measures_the_server(self):
        driver = self.root / "driver.py"
        driver.write_text(self.says("int(sys.argv[4]) + (int(sys.argv[5]) > 1)", "''"),
                          encoding="utf-8")
        self.peer("yibu.py", self.SERVER)
        command = ["/usr/bin/python3", "-I", str(self.folder / "yibu.py")]
        line, = measure(command, read_topic(self.folder), Case("case", 100, ("7",)), 100,
                        driver=["/usr/bin/python3", "-I", str(driver)])
        self.assertEqual((line["value"], line["backend"]), (4322, "epoll"))

    def test_a_server_without_a_port_is_reported(self):
        self.peer("yibu.py", "import sys\nsys.exit('no socket')\n")
        command = ["/usr/bin/python3", "-I", str(self.folder / "yibu.py")]
        with self.assertRaisesRegex(RunError, "no port"):
            measure(command, read_topic(self.folder), Case("case", 1), 1, driver=["/bin/true"])


class Words(unittest.TestCase):
    def test_the_reason_of_a_failed_build_is_its_first_error(self):
        output = "cc -DYIBU_WERROR=ON\nx.c:1: error: no such thing\nx.c:2: error: more\nstopped"
        self.assertEqual(reason(output), "x.c:1: error: no such thing")

    def test_other_output_of_a_peer_is_ignored(self):
        line, = parse('hello\n{"case": "c", "value": 1, "unit": "ns", "n": 2}\n')
        self.assertEqual(line["n"], 2)

    def test_markdown_has_a_row_a_case_and_a_column_a_contender(self):
        results = aggregate(samples(YIBU, [10.0] * 10) + samples(OTHER, [9.0] * 10))
        self.assertEqual(list(report.markdown(results)),
                         ["| case | yibu io_uring | other |", "| --- | ---: | ---: |",
                          "| case, ns | 10 | 9 (**0.90**) |"])

    def test_json_lines_are_one_a_result(self):
        class Outcome:
            samples = samples(YIBU, [1.0]) + samples(OTHER, [2.0])

            class topic:
                name = "switch"

        lines = [json.loads(line) for line in report.json_lines(Outcome)]
        self.assertEqual([line["runtime"] for line in lines], ["yibu", "other"])


if __name__ == "__main__":
    unittest.main()
