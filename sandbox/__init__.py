"""A local twin of the Stove venue: a real HTTP and WebSocket server on loopback, to test trading bots on.

It is written from the venue's documents alone and shares no code with the rest of the package, so that a client and
this server check each other. What the documents leave open it decides by chance, once per run; ``docs/assumptions.md``
lists those points. Nothing here moves money, and no reply is a promise of what the live venue does.

Importing this package needs only the standard library. Starting a server needs ``pip install 'orderseal[sandbox]'``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orderseal.sandbox.deliveries import AcceptedOrder
from orderseal.sandbox.faults import DEFAULT_MIX, Fault, FaultKind
from orderseal.sandbox.process import Sandbox, SandboxError
from orderseal.sandbox.requirements import require_extra
from orderseal.sandbox.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["DEFAULT_MIX", "AcceptedOrder", "Fault", "FaultKind", "Sandbox", "SandboxError", "Settings", "create_app", "run"]


def create_app(settings: Settings | None = None) -> Starlette:
    """Return a fresh venue as an ASGI application, for use inside a test process.

    Every call makes a venue of its own: own orders, own token secret, own choices. The mock matching engine runs as
    tasks of the event loop that serves the requests. Raises ``ImportError`` if the ``sandbox`` extra is missing.
    """
    require_extra()
    from orderseal.sandbox.app import build_app

    return build_app(settings or Settings())


def run(
    settings: Settings | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until Ctrl-C, then return normally.

    ``host`` must be a loopback address, otherwise ``ValueError``; ``port`` 0 takes a free one; ``OSError`` if the port is taken.
    ``on_ready`` is called once with the URL, such as ``http://127.0.0.1:8123``, when the server accepts connections.
    Raises ``ImportError`` if the ``sandbox`` extra is missing.
    """
    require_extra()
    from orderseal.sandbox.server import serve

    serve(settings or Settings(), host, port, on_ready)
