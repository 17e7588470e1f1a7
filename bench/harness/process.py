"""Runs one peer once: pinned, with a time limit, its JSON lines read from its output.

Without a driver the peer measures itself.  With one, the peer is a server: it prints
{"port": N}, perhaps with its "backend", and serves until it is ended, and the driver, on another
core, does the measuring and prints the lines.  Whatever was started is ended before `measure` returns.
"""
import json
import os
import resource
import select
import signal
import subprocess
import time


class RunError(Exception):
    """Why a run gave no values, in one line."""


def allowed_cpus():
    return sorted(os.sched_getaffinity(0))


def cpus_for(kind):
    """The CPUs of a peer: "all", or "one", the last, since the first takes the interrupts."""
    cpus = allowed_cpus()
    return cpus if kind == "all" else cpus[-1:]


def driver_cpus():
    """The driver's: every CPU that is not the server's, where there is another."""
    cpus = allowed_cpus()
    return cpus[:-1] or cpus


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def start(command, cpus, env, stdin=subprocess.DEVNULL):
    """Starts a program in a session of its own, so that its workers can be ended with it."""
    def prepare():
        os.sched_setaffinity(0, cpus)
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=env, preexec_fn=prepare,
                            start_new_session=True, text=True, errors="replace")


def end(process):
    """Ends a program and whatever it started; its group is its own, `start` saw to that."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def last_line(text):
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def describe_exit(status, errors):
    if status < 0:
        try:
            what = f"killed by {signal.Signals(-status).name}"
        except ValueError:
            what = f"killed by signal {-status}"
    else:
        what = f"exit status {status}"
    said = last_line(errors)
    return f"{what}: {said}" if said else what


def parse(output):
    """The JSON lines among what a program printed, each checked for what it must have."""
    lines = []
    for text in output.splitlines():
        if not text.startswith("{"):
            continue
        try:
            line = json.loads(text)
            float(line["value"])
            lines.append({"case": str(line["case"]), "value": float(line["value"]),
                          "unit": str(line["unit"]), "n": int(line["n"]),
                          "backend": str(line.get("backend", ""))})
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"bad line {text[:80]!r}") from error
    if not lines:
        raise RunError("printed no measurement")
    return lines


def finish(process, limit_s):
    """Waits for a program that ends by itself; returns what it printed."""
    try:
        output, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"hung: no end within {limit_s:g} s") from error
    if process.returncode != 0:
        raise RunError(describe_exit(process.returncode, errors))
    return output


def read_greeting(server, limit_s):
    """The port and the backend of a server, from the first line it prints."""
    deadline = time.monotonic() + limit_s
    ready, _, _ = select.select([server.stdout], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        raise RunError(f"hung: no port within {limit_s:g} s")
    first = server.stdout.readline()
    try:
        greeting = json.loads(first)
        return int(greeting["port"]), str(greeting.get("backend", ""))
    except (ValueError, KeyError, TypeError) as error:
        errors = server.stderr.read() if server.poll() is not None else ""
        raise RunError(f"printed no port {last_line(errors)}".strip()) from error


def drive(server, driver, case, n, limit_s):
    """Lets the driver measure a server that is up; returns its lines."""
    port, backend = read_greeting(server, min(limit_s, 20.0))
    command = [*driver, case.name, str(n), *case.args, str(port), str(server.pid)]
    load = start(command, driver_cpus(), dict(os.environ))
    try:
        output = finish(load, limit_s)
    except RunError as error:
        gone = server.poll() is not None
        raise RunError(f"{error}; the server was gone" if gone else str(error)) from error
    finally:
        end(load)
    return [{**line, "backend": line["backend"] or backend} for line in parse(output)]


def measure(command, topic, case, n, env=None, driver=None):
    """One run of one peer for one case; returns its lines or raises RunError."""
    arguments = [*command, case.name, str(n), *case.args]
    process = start(arguments, cpus_for(case.cpus), dict(os.environ, **(env or {})))
    try:
        if driver:
            return drive(process, driver, case, n, topic.limit_s)
        return parse(finish(process, topic.limit_s))
    finally:
        end(process)
