"""A node as providers have it: it answers below a path that holds a key, and repeats that key in its refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@contextmanager
def provider(rpc_url: str, key: str) -> Iterator[str]:
    """Serve a chain at ``http://127.0.0.1:PORT/v3/KEY``; give that URL."""
    behind = urlsplit(rpc_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.rstrip("/") == f"/v3/{key}":
                connection = HTTPConnection(behind.hostname or "", behind.port, timeout=60)
                connection.request("POST", "/", body, {"Content-Type": "application/json"})
                answer = connection.getresponse().read()
                connection.close()
            else:
                said = f'"no project for {self.path} (is it {key}?)"'
                answer = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":' + said.encode() + b"}}"
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v3/{key}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
