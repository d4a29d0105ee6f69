"""A venue's server in a child process, and its test control."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from orderseal.sandbox.child import ChildServer
from orderseal.sandbox.faults import DEFAULT_MIX, Fault, Mix
from orderseal.sandbox.requirements import require_extra

__all__ = ["SandboxError", "VenueServer"]

_CONTROL_SECONDS = 30.0


class SandboxError(RuntimeError):
    """The server did not start, with the last lines of its error output; or it does not run, or refuses what it was asked for."""


class VenueServer(ABC):
    """A context manager with the server's ``url``, the fault switch, and a way to ask the test control."""

    def __init__(self, name: str, start_timeout: float) -> None:
        self._name = name
        self._server = ChildServer(name, SandboxError, start_timeout)
        self._url: str | None = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that starts the server."""

    def _environment(self) -> dict[str, str]:
        """Return what the server must know and no other user may see: variables of its environment."""
        return {}

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; raises ``SandboxError`` unless the server runs."""
        if self._url is None:
            raise self._not_running()
        return self._url

    @property
    def pid(self) -> int:
        """Process id of the server; raises ``SandboxError`` unless it runs."""
        if (pid := self._server.pid) is None:
            raise self._not_running()
        return pid

    def start(self) -> Self:
        """Start the server and wait until it accepts connections."""
        require_extra()
        self._url = self._server.start(self._command(), self._environment())
        return self

    def stop(self) -> None:
        """End the server, gently at first, and wait until it is gone; does nothing if it is not running."""
        self._url = None
        self._server.stop()

    def inject(self, fault: Fault, *, count: int = 1, method: str | None = None, path: str | None = None) -> None:
        """Let the next ``count`` (1 to 10,000) matching requests meet a fault, after those asked for before.

        ``method`` may be ``*``, and a ``*`` in ``path``, which begins with ``/api/`` or ``/v2/``, stands for anything. By default it is
        the next request that creates something: an order, a purchase, an association. Raises ``SandboxError`` if the server refuses.
        """
        self._ask("POST", "/sandbox/faults", fault.describe() | {"count": count} | _given(method, path))

    def chaos(self, seed: int, mix: Mix = DEFAULT_MIX, *, method: str | None = None, path: str | None = None) -> None:
        """From now on let each matching request meet one of the faults by chance, or none.

        ``mix`` gives each fault its probability, in all at most 1. Which fault a request meets depends on ``seed`` and on how many
        requests have matched since this call, and on nothing else. A mix for the same ``method`` and ``path`` replaces the one before.
        """
        faults = [fault.describe() | {"probability": probability} for fault, probability in mix]
        self._ask("POST", "/sandbox/faults/mix", {"seed": seed, "mix": faults} | _given(method, path))

    def calm(self) -> None:
        """No more faults."""
        self._ask("DELETE", "/sandbox/faults")

    def faults(self) -> dict[str, Any]:
        """Return what is ``planned``, the ``mixes``, and the faults that were ``played``, in order (``GET /sandbox/faults``)."""
        return dict(self._ask("GET", "/sandbox/faults"))

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        from http.client import HTTPConnection, HTTPException

        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_CONTROL_SECONDS)
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as exc:
            raise SandboxError(f"{self._name} does not answer: {exc}") from exc
        finally:
            connection.close()
        if "code" in answer:
            raise SandboxError(f"the sandbox refuses: {answer.get('details', answer['message'])}")
        return answer

    def _not_running(self) -> SandboxError:
        return SandboxError(f"{self._name} is not running: use it in a with statement, or call start()")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()


def _given(method: str | None, path: str | None) -> dict[str, str]:
    return {name: value for name, value in (("method", method), ("path", path)) if value is not None}
