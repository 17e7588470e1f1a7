"""A task a connection, on asyncio's streams and Python's ssl module (OpenSSL).

bench-backend: epoll
"""
import asyncio
import json
import ssl
import subprocess
import tempfile

PIECE = bytes(65536)


async def answer(reader, writer):
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            size = int(request.split()[1][1:])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            while size > 0:
                writer.write(PIECE[:size] if size < len(PIECE) else PIECE)
                size -= len(PIECE)
                await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out",
                        f"{folder}/cert.pem"], check=True, capture_output=True)
        made.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    return made


async def main():
    asyncio.get_running_loop().set_exception_handler(lambda loop, about: None)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context())
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
