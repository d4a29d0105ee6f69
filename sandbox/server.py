"""Runs the application on a loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from orderseal.sandbox.player import CONNECTION, Connection

_SHUTDOWN_SECONDS = 2
_LARGEST_FRAME = 64 * 1024


class _Protocol(H11Protocol):
    """HTTP/1.1 whose requests can reach their connection, for the faults that happen below HTTP."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: Connection(transport)}


class _Server(uvicorn.Server):
    """A server that reports when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    on_ready: Callable[[str], None] | None = None,
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until Ctrl-C or, if asked, until standard input ends, as it does when the parent process dies."""
    with contextlib.suppress(KeyboardInterrupt), _listen(_loopback(host), port) as listener:
        bound, actual_port = listener.getsockname()[:2]
        url = f"http://{f'[{bound}]' if ':' in bound else bound}:{actual_port}"
        config = uvicorn.Config(
            app,
            http=_Protocol,
            lifespan="off",
            ws="auto",
            ws_max_size=_LARGEST_FRAME,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        server = _Server(config, lambda: on_ready(url) if on_ready else None)
        if until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def _listen(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> socket.socket:
    # asyncio switches Nagle's delay (40 ms a reply) off only for sockets that name their protocol.
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(address), port))
    except BaseException:
        listener.close()
        raise
    return listener


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as exc:
        raise ValueError(f"host must be a loopback address such as 127.0.0.1, got {host!r}") from exc
    if not address.is_loopback:
        raise ValueError(f"host must be a loopback address such as 127.0.0.1, got {host!r}: the sandbox must not be reachable from outside")
    return address


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    server.should_exit = True
    time.sleep(2 * _SHUTDOWN_SECONDS + 1)
    os._exit(0)
