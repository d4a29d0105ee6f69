"""A node over raw sockets that answers what a test wants, byte for byte, and remembers what it was sent."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Play = Callable[[socket.socket], None]
"""Does what it likes with the connection, which is closed afterwards."""


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    connection: int
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http(status: int, body: bytes, *headers: str) -> bytes:
    """An HTTP reply."""
    lines = [f"HTTP/1.1 {status} Some reason", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ok(request: dict[str, Any], result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}


def refused(request: dict[str, Any], code: int = -32000, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message, **more}}


def echo(asked: Any) -> Any:
    """The honest answer: each call's result is its method."""
    return [ok(each, each["method"]) for each in asked] if isinstance(asked, list) else ok(asked, asked["method"])


class RawNode:
    """Listens on loopback. ``answer`` takes the JSON of a request and gives a JSON value, exact bytes of a reply, or a :data:`Play`."""

    def __init__(self, answer: Callable[[Any], Any] = echo) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def asked(self) -> list[Any]:
        """What was asked: a method, or the list of methods of a batch."""
        requests = [seen.json for seen in self.seen]
        return [[each["method"] for each in one] if isinstance(one, list) else one["method"] for one in requests]

    def close(self) -> None:
        self.ended.set()
        for each in [self._socket, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        for number in range(10**6):
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        self._open.add(connection)
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while line := stream.readline():
                headers = {}
                while (header := stream.readline().strip()) != b"":
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers["content-length"]))
                self.seen.append(Seen(number, line.split()[1].decode(), headers, body))
                answer = self.answer(json.loads(body))
                if callable(answer):
                    answer(connection)
                    break
                connection.sendall(answer if isinstance(answer, bytes) else http(200, json.dumps(answer).encode()))
        self._open.discard(connection)
