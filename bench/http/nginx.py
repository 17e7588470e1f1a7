"""nginx: as many worker processes as loops, each with a listener of its own, and no log.

bench-backend: epoll
"""
import json
import os
import shutil
import socket
import sys
import tempfile

CONFIGURATION = """
{user}
daemon off;
worker_processes {workers};
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/1;
    proxy_temp_path {folder}/2;
    fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4;
    scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {sharing};
        root {root};
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def remove_at_the_end(folder):
    """A process outside the session, which the harness ends, waits for the end of all others."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(write_end)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        os.read(read_end, 1)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    os.close(read_end)
    os.set_inheritable(write_end, True)


def main():
    root, workers = sys.argv[3], int(sys.argv[4])
    folder = tempfile.mkdtemp(prefix="yibu-bench-")
    os.chmod(folder, 0o755)
    remove_at_the_end(folder)
    port = free_port()
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.format(workers=workers, folder=folder, port=port, root=root,
                                        user="user root;" if os.geteuid() == 0 else "",
                                        sharing="reuseport" if workers > 1 else ""))
    print(json.dumps({"port": port}), flush=True)
    os.execvp("nginx", ["nginx", "-e", "stderr", "-p", folder, "-c", configuration])


main()
