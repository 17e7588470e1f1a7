"""nginx with one process, serving a file from the page cache.

bench-backend: epoll
"""
import json
import os
import socket
import subprocess
import tempfile

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    sendfile off;
    output_buffers 2 64k;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.3;
        root {folder};
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


folder = tempfile.mkdtemp(prefix="bench-tls-")
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
               check=True, capture_output=True)
with open(f"{folder}/{64 << 20}", "wb") as file:
    file.write(bytes(64 << 20))
os.chmod(folder, 0o755)
port = free_port()
with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as file:
    file.write(CONFIG.format(folder=folder, port=port))
subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-c", f"{folder}/nginx.conf"], check=True)
# The driver connects as soon as it knows the port: a child says so once somebody listens.
if os.fork() == 0:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            pass
    print(json.dumps({"port": port}), flush=True)
    os._exit(0)
os.execv("/usr/sbin/nginx", ["nginx", "-c", f"{folder}/nginx.conf"])
