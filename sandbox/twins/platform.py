"""One run of a twin: what every platform has, and what each one decides for itself."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.faults import DEFAULT_MIX, FaultSwitch, Pattern
from orderseal.sandbox.replies import reply
from orderseal.sandbox.twins.endpoint import Endpoint, Problem, Refusal
from orderseal.sandbox.twins.journal import Journal
from orderseal.sandbox.twins.settings import TwinSettings
from orderseal.sandbox.twins.shapes import Shape

STATUS: dict[Problem, int] = {
    "malformed": 400,
    "invalid": 400,
    "media": 415,
    "too_large": 413,
    "unauthorized": 401,
    "forbidden": 403,
    "missing": 404,
    "route": 404,
    "method": 405,
    "conflict": 409,
    "unprocessable": 422,
    "rate": 429,
    "internal": 500,
}


class Platform(ABC):
    """The state of one run of a platform; ``seed`` reproduces every choice that varies."""

    title: ClassVar[str]
    about: ClassVar[str]
    usual: ClassVar[Pattern]
    """The writes that a fault meets unless it names other requests."""

    def __init__(self, settings: TwinSettings) -> None:
        self.settings = settings
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self.rng = Random(self.seed)  # noqa: S311 - choices and ids that must be reproducible; secrets come from `secrets`
        self.journal = Journal()
        self._clock = Clock(settings.clock_offset)
        self._faults = FaultSwitch()
        if settings.chaos is not None:
            self._faults.mix(settings.chaos, DEFAULT_MIX, self.usual)

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def faults(self) -> FaultSwitch:
        return self._faults

    @abstractmethod
    def tick(self) -> None:
        """Let what is due by now take effect."""

    @abstractmethod
    def expire_token(self, authorization: str) -> None:
        """Let the token of an ``Authorization`` header be past its end from now on."""

    @abstractmethod
    def endpoints(self) -> Sequence[Endpoint]:
        """Return the table, literal paths before those with parameters."""

    @abstractmethod
    def schemes(self) -> Mapping[str, object]:
        """Return the security schemes that the table names, as OpenAPI describes them."""

    @abstractmethod
    def admit(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        """Raise ``Refusal`` unless the caller may use the endpoint now."""

    @abstractmethod
    def error(self, refusal: Refusal, path: str) -> object:
        """Return the body of an error reply."""

    @abstractmethod
    def error_shape(self) -> Shape:
        """Return the shape of all those bodies."""

    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return what a client must know to log in: made at the start of the run, by chance."""

    @abstractmethod
    def seeds(self) -> Mapping[str, object]:
        """Return the ids of what exists from the start."""

    @abstractmethod
    def choices(self) -> Mapping[str, object]:
        """Return what was decided by chance for this run."""

    def routes(self) -> list[Route]:
        """Return test-control routes that only this platform has."""
        return []

    def refusal(self, status: int, path: str) -> Response:
        """Return the error reply that a fault asks for."""
        problems: dict[int, Problem] = {401: "unauthorized", 413: "too_large", 429: "rate"}
        return self.refuse(Refusal(problems.get(status, "internal"), status=status), path)

    def refuse(self, refusal: Refusal, path: str) -> Response:
        """Return the reply to a request that is refused."""
        response = reply(self.error(refusal, path), refusal.status or STATUS[refusal.problem])
        if refusal.retry_after is not None:
            response.headers["retry-after"] = str(refusal.retry_after)
        return response
