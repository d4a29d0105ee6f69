"""The sandbox as a child process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Self

from orderseal.sandbox.controlled import SandboxError, VenueServer
from orderseal.sandbox.deliveries import AcceptedOrder
from orderseal.sandbox.evm import Backend, ChainError, LocalChain
from orderseal.sandbox.settings import SECRET_VARIABLES, Settings

__all__ = ["Sandbox", "SandboxError"]


class Sandbox(VenueServer):
    """A sandbox server in a child process: a context manager with the server's ``url``.

    ``port`` 0 takes a free one; ``start_timeout`` is in seconds. Entering raises ``SandboxError`` if the server is not ready by then, and
    ``ImportError`` if the ``sandbox`` extra is missing. The server ends on ``stop()``, on leaving the ``with`` block, and by itself when
    this process dies, however it dies. One object may be started again after it was stopped; it is not safe to share between threads
    while it starts or stops.

    With ``chain`` (``"eth-tester"`` or ``"anvil"``) a local chain starts for each of ``chain_ids``, in a process of its own: ``chains`` has
    them by id, and ``chain`` is the first; ``anvil`` names the binary. Then entering also raises ``ChainError``.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        start_timeout: float = 30.0,
        chain: Backend | None = None,
        chain_ids: Sequence[int] = (17000, 97),
        anvil: str | None = None,
    ) -> None:
        super().__init__("the sandbox", start_timeout)
        self.settings = settings or Settings()
        self._port = port
        wanted = () if chain is None else dict.fromkeys(chain_ids)
        self.chains = {number: LocalChain(chain or "eth-tester", chain_id=number, anvil=anvil) for number in wanted}

    @property
    def chain(self) -> LocalChain:
        """The first local chain; raises ``ChainError`` if none was asked for."""
        if not self.chains:
            raise ChainError('this sandbox has no local chain: ask for one with Sandbox(chain="eth-tester")')
        return next(iter(self.chains.values()))

    def start(self) -> Self:
        """Start the server and wait until it accepts connections."""
        super().start()
        try:
            for chain in self.chains.values():
                chain.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server, gently at first, and wait until it is gone; does nothing if it is not running."""
        for chain in self.chains.values():
            chain.stop()
        super().stop()

    def accepted(self, since: int = 0) -> list[AcceptedOrder]:
        """Return the orders that the venue has accepted, in order, from the position ``since``."""
        return [AcceptedOrder(**item) for item in self._ask("GET", f"/sandbox/accepted?since={since}")["orders"]]

    def credentials(self) -> dict[str, str]:
        """Return ``taker_key``, ``taker_secret`` and ``taker_address`` of the first taker (``GET /sandbox/credentials``)."""
        return dict(self._ask("GET", "/sandbox/credentials"))

    def new_taker(self) -> dict[str, str]:
        """Make one more taker, and return the same of it."""
        return dict(self._ask("POST", "/sandbox/takers"))

    def expire_taker(self, key: str) -> None:
        """From now on an API key is expired."""
        self._ask("POST", "/sandbox/takers/expire", {"taker_key": key})

    def silence(self, seconds: float, *, lose: bool = False) -> None:
        """Let every WebSocket stay open and say nothing for 0 to 3600 seconds; then what was meant for it comes, or with ``lose`` never."""
        self._ask("POST", "/sandbox/silence-sockets", {"seconds": seconds, "lose": lose})

    def drop(self) -> None:
        """Close every WebSocket."""
        self._ask("POST", "/sandbox/drop-sockets")

    def announce_action(self, maker: str, ticker: str, action_type: str, **details: Any) -> str:
        """Let a corporate action wait for a maker, and return its id.

        ``action_type`` is dividend, stock_split, reverse_stock_split or delisting; ``details`` may be ``holding_qty``, ``action_qty`` and
        ``compensation_qty`` (shares as decimal strings) and ``params`` (strings, as on the venue's page).
        """
        body = {"maker": maker, "ticker": ticker, "action_type": action_type}
        return str(self._ask("POST", "/sandbox/corporate-actions", body | details)["id"])

    def _command(self) -> list[str]:
        command = [sys.executable, "-P", "-m", "orderseal.sandbox", "--json", "--until-stdin-closes", "--port", str(self._port)]
        for name, value in self.settings.describe().items():
            if value is not None:
                command.append(f"--{name.replace('_', '-')}={value}")
        return command

    def _environment(self) -> dict[str, str]:
        given = {variable: getattr(self.settings, name) for name, variable in SECRET_VARIABLES.items()}
        return {variable: value for variable, value in given.items() if value is not None}
