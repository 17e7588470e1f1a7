"""Servers of somebody else's that do not choose a port themselves: they get one that is free, and
another where somebody was faster."""

import os
import shutil
import socket
import subprocess
import time

ATTEMPTS = 20


def program(name):
    """Where it is; None: not installed.  Servers are not on every user's path."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port():
    """Free for TCP and UDP, a moment ago."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port = stream.getsockname()[1]
            try:
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def start_nginx(folder, configure, count=1):
    """nginx with the configuration that configure(port, …) returns for so many ports, in a folder.
    Returns the process and its ports, at which it listens."""
    pid_file = os.path.join(folder, "nginx.pid")  # written once it listens
    for _ in range(ATTEMPTS):
        ports = [free_port() for _ in range(count)]
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
            file.write(f"daemon off; pid {pid_file};\n{configure(*ports)}")
        process = subprocess.Popen([program("nginx"), "-p", folder, "-c", "nginx.conf"],
                                   stderr=subprocess.DEVNULL)
        while process.poll() is None:
            if os.path.exists(pid_file):
                return process, ports
            time.sleep(0.01)
    raise OSError(f"nginx does not start in {folder}")


def start_dnsmasq(*options):
    """Returns the process and its port, at which it answers."""
    for _ in range(ATTEMPTS):
        port = free_port()
        process = subprocess.Popen(
            [program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", f"--port={port}",
             "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
             "--user=", "--group=", "--pid-file=", "--log-facility=-", *options],
            stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "started" in line:
                return process, port
        process.communicate()
    raise OSError("dnsmasq does not start")
