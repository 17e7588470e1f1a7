#!/usr/bin/python3
"""Standard input and output as streams, in the hands of a shell: pipelines, terminals, files.  Nothing
is left non-blocking, whatever becomes of the program, and nothing that is slow holds its loop."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

FILTER = [*os.environ.get("TEST_LAUNCHER", "").split(), os.environ["YIBU_FILTER"]]
PATIENCE_S = 60


def shell(script, **keywords):
    done = subprocess.run(["bash", "-c", script, "bash", *FILTER], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **keywords)
    return done.returncode, done.stdout, done.stderr


def non_blocking(fd):
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)


def read_until(fd, what):
    got = b""
    while what not in got:
        ready, _, _ = select.select([fd], [], [], PATIENCE_S)
        assert ready, f"{what!r} did not come, but {got!r}"
        got += os.read(fd, 65536)
    return got


class Standard(unittest.TestCase):
    def test_a_pipeline_goes_through(self):
        status, out, err = shell('seq 1 50000 | "$@" | sort -n | uniq -c | tail -1')
        self.assertEqual((status, out.split(), err), (0, ["1", "50000"], "fine\n"))

    def test_a_reader_that_leaves_is_an_error_and_no_signal(self):
        status, out, err = shell('yes | "$@" | head -1; echo ${PIPESTATUS[1]}')
        self.assertEqual((status, out, err), (0, "y\n1\n", "EPIPE\n"))

    def test_files_and_devices(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/in", "w", encoding="utf-8") as file:
                file.write("a line\nand another\n")
            script = f'echo before > out; "$@" < in >> out; cat out; "$@" < /dev/null; "$@" < in > new; cat new'
            status, out, err = shell(script, cwd=folder)
            self.assertEqual(out, "before\na line\nand another\na line\nand another\n")
            self.assertEqual((status, err), (0, "fine\nfine\nfine\n"))

    def test_a_part_of_a_file_is_left_to_who_comes_after_in_whole_lines_that_were_written(self):
        status, out, _ = shell('{ "$@"; echo after; } < <(echo one) > >(cat); wait $!')
        self.assertEqual((status, out), (0, "one\nafter\n"))

    def test_a_socket(self):
        script = 'exec 3<>/dev/tcp/127.0.0.1/$PORT; "$@" <&3 >&3'
        import socket
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            child = subprocess.Popen(["bash", "-c", script, "bash", *FILTER],
                                     env={**os.environ, "PORT": port}, stderr=subprocess.DEVNULL)
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"hello\n")
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(connection.recv(100), b"hello\n")
            self.assertEqual(child.wait(PATIENCE_S), 0)

    def test_a_killed_program_leaves_the_terminal_as_it_was(self):
        master, terminal = pty.openpty()
        before = termios.tcgetattr(terminal)
        child = subprocess.Popen(FILTER, stdin=terminal, stdout=terminal, stderr=terminal)
        os.write(master, b"hello\n")
        read_until(master, b"hello\r\nhello\r\n")
        self.assertFalse(non_blocking(terminal))
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE_S)
        self.assertFalse(non_blocking(terminal))
        self.assertEqual(termios.tcgetattr(terminal), before)
        os.close(terminal)
        os.close(master)

    def test_a_pipe_of_the_shell_stays_blocking(self):
        reading, writing = os.pipe()
        child = subprocess.Popen(FILTER, stdin=reading, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        os.write(writing, b"hello\n")
        self.assertEqual(os.read(child.stdout.fileno(), 100), b"hello\n")
        self.assertFalse(non_blocking(reading))
        self.assertFalse(non_blocking(child.stdout.fileno()))
        os.close(writing)
        self.assertEqual(child.wait(PATIENCE_S), 0)
        child.stdout.close()
        os.close(reading)

    def stopped(self, terminal_fd, read_fd):
        """Whoever reads stops for a while, and the loop goes round all the same."""
        child = subprocess.Popen([*FILTER, "count"], stdin=subprocess.PIPE, stdout=terminal_fd,
                                 stderr=subprocess.PIPE)
        os.close(terminal_fd)
        feeder = subprocess.Popen(["sh", "-c", "yes | head -n 200000"], stdout=child.stdin)
        child.stdin.close()
        time.sleep(0.5)  # nobody reads
        got = 0
        while True:
            try:
                data = os.read(read_fd, 65536)
            except OSError:  # EIO: the terminal's end
                data = b""
            if not data:
                break
            got += data.count(b"y")
        os.close(read_fd)
        said = child.stderr.read().decode()
        self.assertEqual((child.wait(PATIENCE_S), feeder.wait(PATIENCE_S)), (0, 0))
        child.stderr.close()
        self.assertEqual(got, 200000)
        self.assertGreater(int(said.split()[0]), 20)

    def test_a_stopped_terminal_does_not_hold_the_loop(self):
        master, terminal = pty.openpty()
        self.stopped(terminal, master)

    def test_a_stopped_reader_does_not_hold_the_loop(self):
        reading, writing = os.pipe()
        self.stopped(writing, reading)

    @unittest.skipIf(os.getuid() != 0, "only root can become somebody else")
    def test_a_pipe_that_cannot_be_opened_anew_is_used_as_it_is(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *FILTER],
                              input="hello\n", capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", "fine\n"))
        status, out, err = shell(
            'yes | setpriv --reuid=65534 --regid=65534 --clear-groups "$@" | head -1')
        self.assertEqual((status, out, err), (0, "y\n", "EPIPE\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
