"""The sandbox as a child process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Self

from orderseal.sandbox.controlled import SandboxError, VenueServer
from orderseal.sandbox.deliveries import AcceptedOrder
from orderseal.sandbox.evm import Backend, ChainError, LocalChain
from orderseal.sandbox.settings import Settings

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

    def _command(self) -> list[str]:
        command = [sys.executable, "-P", "-m", "orderseal.sandbox", "--json", "--until-stdin-closes", "--port", str(self._port)]
        for item in fields(self.settings):
            value = getattr(self.settings, item.name)
            if value is not None:
                command.append(f"--{item.name.replace('_', '-')}={value}")
        return command
