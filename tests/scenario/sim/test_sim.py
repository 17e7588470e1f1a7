"""The command `yibu sim` with the example's planted hazards, and with programs made to try it."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

TOOL = [*shlex.split(os.environ.get("TEST_LAUNCHER", "")), os.environ["YIBU_TOOL"]]
BANK = os.environ["YIBU_BANK"]
CASES = os.environ["YIBU_CASES"]
LIMIT_S = 100


def sim(*arguments, status, folder=None):
    done = subprocess.run([*TOOL, "sim", *arguments], capture_output=True, text=True,
                          timeout=LIMIT_S, cwd=folder)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def failing_seed(out):
    return int(re.search(r"^seed (\d+) fails", out, re.MULTILINE)[1])


def trace_of(out):
    return [line for line in out.splitlines() if re.match(r" +\d+\.\d{9}  ", line)]


def replay_command(out):
    command = shlex.split(out.splitlines()[-1])
    assert command[0] == "yibu", command
    return [*TOOL, *command[1:]]


def choices_of(out):
    command = replay_command(out)
    text = command[command.index("--choices") + 1]
    return {int(index): int(value) for index, value in
            (choice.split(":") for choice in text.split(","))}


class Example(unittest.TestCase):
    def find(self, hazard):
        """Finds the hazard, replays it with the very command that was printed, and gives the
        trace."""
        out, _ = sim("--seeds", "1000", BANK, hazard, status=1)
        self.assertLessEqual(failing_seed(out), 1000)
        replayed = subprocess.run(replay_command(out), capture_output=True, text=True,
                                  timeout=LIMIT_S)
        self.assertEqual(replayed.returncode, 1)
        self.assertEqual(trace_of(replayed.stdout), trace_of(out))
        return out, trace_of(out)

    def test_neither_hazard_shows_first_come_first_served(self):
        for hazard in ["lost-update", "deadlock"]:
            sim("--seed", "1", "--choices", "0:0", BANK, hazard, status=0)

    def test_the_lost_update_is_found_and_replayed(self):
        out, trace = self.find("lost-update")
        said = [line for line in trace if re.search(r"(reads|writes) \d", line)]
        self.assertEqual([re.search(r"\w+ \d$", line)[0] for line in said],
                         ["reads 0", "reads 0", "writes 1", "writes 1"])
        self.assertEqual(len(choices_of(out)), 1)

    def test_the_deadlock_is_found_named_and_replayed(self):
        out, trace = self.find("deadlock")
        self.assertIn("deadlock", out.splitlines()[0])
        self.assertRegex(trace[-1], r'cycle: "save" -> "spend" -> "save"')
        self.assertEqual(len(choices_of(out)), 1)

    def test_a_failing_seed_is_the_first_one_whatever_the_jobs(self):
        outs = {sim("--jobs", jobs, "--seeds", "100", BANK, "lost-update", status=1)[0]
                for jobs in ["1", "2", "7"]}
        self.assertEqual(len(outs), 1)


class Tool(unittest.TestCase):
    def test_the_same_seed_gives_the_same_trace_in_every_process(self):
        for seed in ["1", "2", "3"]:
            traces = {sim("--seed", seed, CASES, "everything", status=0)[0] for _ in range(5)}
            self.assertEqual(len(traces), 1)
        self.assertGreater(len(trace_of(traces.pop())), 100)

    def test_different_seeds_give_different_traces(self):
        traces = {sim("--seed", str(seed), CASES, "everything", status=0)[0] for seed in range(10)}
        self.assertGreater(len(traces), 8)

    def test_no_failing_seed_is_said(self):
        out, _ = sim("--seeds", "20", CASES, "everything", status=0)
        self.assertEqual(out, "20 seeds from 1 on: none fails\n")

    def test_the_first_failing_seed_is_found(self):
        out, _ = sim("--seeds", "100", "--start", "20", CASES, "rare", status=1)
        self.assertEqual(failing_seed(out), 37)
        sim("--seeds", "17", "--start", "20", CASES, "rare", status=0)

    def test_shrinking_gives_the_least_that_still_fails(self):
        # The first choice is whether the main task's only step begins with a cancel.
        out, _ = sim("--start", "5", CASES, "three", status=1)
        self.assertEqual(choices_of(out), {1: 900, 2: 900, 3: 900})

    def test_without_shrinking_the_seed_alone_is_replayed(self):
        out, _ = sim("--shrink-runs", "0", CASES, "three", status=1)
        self.assertNotIn("--choices", replay_command(out))
        self.assertEqual(subprocess.run(replay_command(out), capture_output=True,
                                        timeout=LIMIT_S).returncode, 3)

    def test_long_lists_go_into_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            out, _ = sim("--shrink-runs", "1", CASES, "three", status=1, folder=folder)
            command = replay_command(out)
            self.assertRegex(command[command.index("--choices") + 1], r"^@yibu-sim-\d+\.choices$")
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, cwd=folder)
            self.assertEqual(done.returncode, 3)

    def test_a_program_that_aborts_has_failed_and_its_trace_is_whole(self):
        out, _ = sim("--start", "1", CASES, "abort", status=1)
        self.assertIn("died of signal 6", out.splitlines()[0])
        self.assertIn("is about to abort", trace_of(out)[-1])
        self.assertEqual(choices_of(out), {1: 7})
        done = subprocess.run(replay_command(out), capture_output=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 128 + 6)

    def test_a_program_that_hangs_is_ended(self):
        out, _ = sim("--timeout", "1", "--seeds", "1", "--shrink-runs", "0", CASES, "spin",
                     status=1)
        self.assertIn("hung", out.splitlines()[0])


class Misuse(unittest.TestCase):
    def complains(self, text, *arguments):
        out, errors = sim(*arguments, status=2)
        self.assertEqual(out, "")
        self.assertIn(text, errors)

    def test_bad_arguments_are_refused(self):
        self.complains("no program")
        self.complains("not a number of seeds", "--seeds", "many", CASES)
        self.complains("not a number of seeds", "--seeds", "0", CASES)
        self.complains("not a seed", "--seed", "-1", CASES)
        self.complains("not a number of jobs", "--jobs", "0", CASES)
        self.complains("belong to one run", "--choices", "0:1", CASES)
        self.complains("unrecognized option", "--nonsense", CASES)

    def test_a_program_that_does_not_exist_is_named(self):
        self.complains("/nonexistent/program: No such file", "/nonexistent/program")

    def test_a_program_without_a_simulation_is_told_from_one_that_fails(self):
        self.complains("began no simulation", "/bin/true")
        self.complains("exit status 5", CASES, "no such case")

    def test_help_is_there(self):
        self.assertIn("--seeds", sim("--help", status=0)[0])
        done = subprocess.run([*TOOL, "--version"], capture_output=True, text=True, check=True)
        self.assertRegex(done.stdout, r"^yibu \d+\.\d+\.\d+\n$")
        self.assertEqual(subprocess.run(TOOL, capture_output=True).returncode, 2)
        self.assertEqual(subprocess.run([*TOOL, "nonsense"], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main()
