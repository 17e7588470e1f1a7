"""Runs a topic whose servers are all up at once, and are measured in turns.

A noisy machine changes within a second.  So for each case every server is started with a driver of
its own, which connects and then measures once for each line that it reads: a round takes each of
them for some milliseconds, and the rounds of two of them are side by side.
"""
import json
import os
import select
import subprocess

from .process import (RunError, cpus_for, describe_exit, driver_cpus, end, last_line, parse,
                      read_greeting, start)

START_LIMIT_S = 60.0


def read_line(process, limit_s):
    ready, _, _ = select.select([process.stdout], [], [], limit_s)
    if not ready:
        raise RunError(f"hung: no answer within {limit_s:g} s")
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise RunError(describe_exit(process.returncode, process.stderr.read()))
    return line


class Pair:
    """A server and its driver."""

    def __init__(self, command, topic, case, n, env, driver):
        self.limit_s = topic.limit_s
        self.server = start([*command, case.name, str(n), *case.args], cpus_for(case.cpus),
                            dict(os.environ, **env))
        self.load = None
        try:
            port, self.backend = read_greeting(self.server, START_LIMIT_S)
            self.load = start([*driver, case.name, str(n), *case.args, str(port),
                               str(self.server.pid)], driver_cpus(), dict(os.environ),
                              stdin=subprocess.PIPE)
            json.loads(read_line(self.load, START_LIMIT_S))
        except (RunError, ValueError) as error:
            self.end()
            raise RunError(str(error)) from error

    def measure(self):
        """One round: the lines of its two measurements, rate and CPU time."""
        try:
            self.load.stdin.write("\n")
            self.load.stdin.flush()
            output = read_line(self.load, self.limit_s) + self.load.stdout.readline()
        except (OSError, RunError) as error:
            gone = self.server.poll()
            said = "" if gone is None else "; the server was gone " + last_line(
                self.server.stderr.read())
            raise RunError(f"{error}{said}") from error
        return [{**line, "backend": line["backend"] or self.backend} for line in parse(output)]

    def end(self):
        for process in (self.load, self.server):
            if process:
                end(process)
