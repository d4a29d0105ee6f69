"""A twin as a child process."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, ClassVar, Generic, TypeVar

from orderseal.sandbox.controlled import VenueServer
from orderseal.sandbox.twins.journal import AcceptedWrite
from orderseal.sandbox.twins.settings import TwinSettings

__all__ = ["TwinServer"]

S = TypeVar("S", bound=TwinSettings)


class TwinServer(VenueServer, Generic[S]):
    """The server of a twin in a child process: a context manager with the server's ``url``.

    ``port`` 0 takes a free one; ``start_timeout`` is in seconds. Entering raises ``SandboxError`` if the server is not ready by then, and
    ``ImportError`` if the ``sandbox`` extra is missing. The server ends on ``stop()``, on leaving the ``with`` block, and by itself when
    this process dies. In a browser, ``/docs`` shows what it serves; ``/openapi.json`` is the same for tools.
    """

    venue: ClassVar[str]
    defaults: ClassVar[type[Any]]

    def __init__(self, settings: S | None = None, *, port: int = 0, start_timeout: float = 30.0) -> None:
        super().__init__(f"the {self.venue} sandbox", start_timeout)
        self.settings: S = self.defaults() if settings is None else settings
        self._port = port

    def accepted(self, since: int = 0, operation: str | None = None) -> list[AcceptedWrite]:
        """Return the writes that took effect, in order, from the position ``since``; only those of one operation if it is named."""
        told = self._ask("GET", f"/sandbox/accepted?since={since}")["writes"]
        writes = [AcceptedWrite(**item | {"ids": tuple(item["ids"])}) for item in told]
        return [write for write in writes if operation in (None, write.operation)]

    def seeds(self) -> dict[str, Any]:
        """Return the ids of what exists from the start (``GET /sandbox/seeds``)."""
        return dict(self._ask("GET", "/sandbox/seeds"))

    def run(self) -> dict[str, Any]:
        """Return the seed, the settings and what was decided by chance for this run (``GET /sandbox/run``)."""
        return dict(self._ask("GET", "/sandbox/run"))

    def _credential(self, name: str) -> str:
        return str(self._ask("GET", "/sandbox/credentials")[name])

    def _command(self) -> list[str]:
        given = json.dumps(asdict(self.settings))
        command = [sys.executable, "-P", "-m", "orderseal.sandbox.twins", self.venue, "--json", "--until-stdin-closes"]
        return [*command, "--port", str(self._port), "--settings", given]
