"""Runs applications on loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from types import FrameType

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
        server = _Server(_config(app), lambda: on_ready(_url(listener)) if on_ready else None)
        if until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def serve_together(apps: Sequence[ASGIApp], host: str, port: int, on_ready: Callable[[list[str]], None]) -> None:
    """Serve several applications in one process until Ctrl-C or SIGTERM.

    The first one gets ``port``, or the call raises ``OSError``; the others get the ports after it, or free ones where those are taken.
    ``on_ready`` gets their URLs once all of them accept connections.
    """
    address = _loopback(host)
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(_listen(address, port))]
        others = (port + number if port else 0 for number in range(1, len(apps)))
        listeners.extend(stack.enter_context(_listen_near(address, other)) for other in others)
        waiting = len(apps)

        def started() -> None:
            nonlocal waiting
            waiting -= 1
            if not waiting:
                on_ready([_url(listener) for listener in listeners])

        servers = [_ServerAmongOthers(_config(app), started) for app in apps]
        with _signals_to(servers):
            asyncio.run(_run_together(servers, listeners))


class _ServerAmongOthers(_Server):
    """A server that leaves the process's signals to whoever runs all of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _run_together(servers: Sequence[uvicorn.Server], listeners: Sequence[socket.socket]) -> None:
    async with asyncio.TaskGroup() as group:
        for server, listener in zip(servers, listeners, strict=True):
            group.create_task(server.serve(sockets=[listener]))


@contextlib.contextmanager
def _signals_to(servers: Sequence[uvicorn.Server]) -> Generator[None, None, None]:
    """Let Ctrl-C and SIGTERM end all servers; nothing is changed where the process's signals are not ours, off its main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        for server in servers:
            server.handle_exit(number, frame)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
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


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _listen_near(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> socket.socket:
    """Listen on a port, or on a free one if it cannot be had."""
    try:
        return _listen(address, port)
    except (OSError, OverflowError):
        return _listen(address, 0)


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
