"""The sandbox as a child process."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from orderseal.sandbox.child import ChildServer
from orderseal.sandbox.deliveries import AcceptedOrder
from orderseal.sandbox.evm import Backend, ChainError, LocalChain
from orderseal.sandbox.faults import DEFAULT_MIX, Fault, Mix
from orderseal.sandbox.requirements import require_extra
from orderseal.sandbox.settings import Settings

__all__ = ["Sandbox", "SandboxError"]

_CONTROL_SECONDS = 30.0


class SandboxError(RuntimeError):
    """The server did not start, with the last lines of its error output; or it does not run, or refuses what it was asked for."""


class Sandbox:
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
        self.settings = settings or Settings()
        self._port = port
        self._server = ChildServer("the sandbox", SandboxError, start_timeout)
        self._url: str | None = None
        wanted = () if chain is None else dict.fromkeys(chain_ids)
        self.chains = {number: LocalChain(chain or "eth-tester", chain_id=number, anvil=anvil) for number in wanted}

    @property
    def chain(self) -> LocalChain:
        """The first local chain; raises ``ChainError`` if none was asked for."""
        if not self.chains:
            raise ChainError('this sandbox has no local chain: ask for one with Sandbox(chain="eth-tester")')
        return next(iter(self.chains.values()))

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; raises ``SandboxError`` unless the server runs."""
        if self._url is None:
            raise SandboxError("the sandbox is not running: use it in a with statement, or call start()")
        return self._url

    @property
    def pid(self) -> int:
        """Process id of the server; raises ``SandboxError`` unless it runs."""
        if (pid := self._server.pid) is None:
            raise SandboxError("the sandbox is not running: use it in a with statement, or call start()")
        return pid

    def start(self) -> Self:
        """Start the server and wait until it accepts connections."""
        require_extra()
        self._url = self._server.start(_command(self.settings, self._port))
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
        self._url = None
        self._server.stop()

    def inject(self, fault: Fault, *, count: int = 1, method: str = "POST", path: str = "/api/v1/orders") -> None:
        """Let the next ``count`` (1 to 10,000) matching requests meet a fault, after those asked for before.

        ``method`` may be ``*``, and a ``*`` in ``path``, which begins with ``/api/``, stands for anything. By default it is the next
        create request. Raises ``SandboxError`` if the server refuses.
        """
        self._ask("POST", "/sandbox/faults", fault.describe() | {"count": count, "method": method, "path": path})

    def chaos(self, seed: int, mix: Mix = DEFAULT_MIX, *, method: str = "POST", path: str = "/api/v1/orders") -> None:
        """From now on let each matching request meet one of the faults by chance, or none.

        ``mix`` gives each fault its probability, in all at most 1. Which fault a request meets depends on ``seed`` and on how many
        requests have matched since this call, and on nothing else. A mix for the same ``method`` and ``path`` replaces the one before.
        """
        faults = [fault.describe() | {"probability": probability} for fault, probability in mix]
        self._ask("POST", "/sandbox/faults/mix", {"seed": seed, "mix": faults, "method": method, "path": path})

    def calm(self) -> None:
        """No more faults."""
        self._ask("DELETE", "/sandbox/faults")

    def faults(self) -> dict[str, Any]:
        """Return what is ``planned``, the ``mixes``, and the faults that were ``played``, in order (``GET /sandbox/faults``)."""
        return dict(self._ask("GET", "/sandbox/faults"))

    def accepted(self, since: int = 0) -> list[AcceptedOrder]:
        """Return the orders that the venue has accepted, in order, from the position ``since``."""
        return [AcceptedOrder(**item) for item in self._ask("GET", f"/sandbox/accepted?since={since}")["orders"]]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        from http.client import HTTPConnection, HTTPException

        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_CONTROL_SECONDS)
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as exc:
            raise SandboxError(f"the sandbox does not answer: {exc}") from exc
        finally:
            connection.close()
        if "code" in answer:
            raise SandboxError(f"the sandbox refuses: {answer.get('details', answer['message'])}")
        return answer

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()


def _command(settings: Settings, port: int) -> list[str]:
    command = [sys.executable, "-P", "-m", "orderseal.sandbox", "--json", "--until-stdin-closes", "--port", str(port)]
    for item in fields(settings):
        value = getattr(settings, item.name)
        if value is not None:
            command.append(f"--{item.name.replace('_', '-')}={value}")
    return command
