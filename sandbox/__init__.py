"""Local twins of the venues: real HTTP (and WebSocket) servers on loopback, to test trading bots and integrations on.

* :class:`Sandbox` is Stove, with a local chain if it is asked for.
* :class:`BrokersTrSandbox`, :class:`TokenizationTrSandbox` and :class:`LicenseRocksSandbox` are the token platforms.

They are written from the venues' documents alone and share no code with the rest of the package, so that a client and a server check each
other. What the documents leave open they decide by chance, once per run; ``docs/assumptions.md`` lists those points. Nothing here moves
money, and no reply is a promise of what a live venue does.

Importing this package needs only the standard library. Starting a server needs ``pip install 'orderseal[sandbox]'``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orderseal.sandbox.brokerstr import BrokersTrSandbox, BrokersTrSettings, Integration
from orderseal.sandbox.deliveries import AcceptedOrder
from orderseal.sandbox.faults import DEFAULT_MIX, Fault, FaultKind
from orderseal.sandbox.licenserocks import LicenseRocksSandbox, LicenseRocksSettings, Transfer
from orderseal.sandbox.process import Sandbox, SandboxError
from orderseal.sandbox.requirements import require_extra
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.tokenizationtr import StartedTransaction, TokenizationTrSandbox, TokenizationTrSettings
from orderseal.sandbox.twins.journal import AcceptedWrite
from orderseal.sandbox.twins.settings import TwinSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = [
    "DEFAULT_MIX",
    "AcceptedOrder",
    "AcceptedWrite",
    "BrokersTrSandbox",
    "BrokersTrSettings",
    "Fault",
    "FaultKind",
    "Integration",
    "LicenseRocksSandbox",
    "LicenseRocksSettings",
    "Sandbox",
    "SandboxError",
    "Settings",
    "StartedTransaction",
    "TokenizationTrSandbox",
    "TokenizationTrSettings",
    "Transfer",
    "create_app",
    "run",
    "run_all",
]


def create_app(settings: Settings | TwinSettings | None = None) -> ASGIApp:
    """Return a fresh venue as an ASGI application, for use inside a test process; the type of the settings says which, by default Stove.

    Every call makes a venue of its own: own orders, own token secret, own choices. Stove's mock matching engine runs as
    tasks of the event loop that serves the requests. Raises ``ImportError`` if the ``sandbox`` extra is missing.
    """
    require_extra()
    if isinstance(settings, TwinSettings):
        from orderseal.sandbox.twins.registry import build

        return build(settings)
    from orderseal.sandbox.app import build_app

    return build_app(settings or Settings())


def run(
    settings: Settings | TwinSettings | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until Ctrl-C, then return normally.

    ``host`` must be a loopback address, otherwise ``ValueError``; ``port`` 0 takes a free one; ``OSError`` if the port is taken.
    ``on_ready`` is called once with the URL, such as ``http://127.0.0.1:8123``, when the server accepts connections.
    Raises ``ImportError`` if the ``sandbox`` extra is missing.
    """
    app = create_app(settings)
    from orderseal.sandbox.server import serve

    serve(app, host, port, on_ready)


def run_all(
    venues: Mapping[str, Settings | TwinSettings],
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[dict[str, str]], None] | None = None,
) -> None:
    """Serve several venues in the foreground, in this process, until Ctrl-C or SIGTERM; then return normally.

    ``venues`` gives each one a name of your own. The first is served on ``port`` (``OSError`` if it is taken), the others on the ports
    after it, or on free ones where those are taken. ``on_ready`` is called once with the URL of each, when all accept connections.
    ``host`` and the other errors are those of :func:`run`; ``ValueError`` also for no venue at all.
    """
    if not venues:
        raise ValueError("venues must name at least one venue")
    apps = [create_app(settings) for settings in venues.values()]
    from orderseal.sandbox.server import serve_together

    serve_together(apps, host, port, lambda urls: on_ready(dict(zip(venues, urls, strict=True))) if on_ready else None)
