"""One run of the venue: its parameters, its choices and its state, wired together."""

from __future__ import annotations

import secrets
from random import Random

from orderseal.sandbox.book import Book
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.deliveries import Deliveries
from orderseal.sandbox.engine import Engine
from orderseal.sandbox.faults import DEFAULT_MIX, FaultSwitch, Pattern
from orderseal.sandbox.login import Logins
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.stream import Hub
from orderseal.sandbox.tokens import Tokens
from orderseal.sandbox.variation import draw
from orderseal.sandbox.views import Views


class Venue:
    """All state of one run; ``seed`` reproduces every choice that varies."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        rng = Random(self.seed)  # noqa: S311 - choices and ids that must be reproducible; secrets come from `secrets`
        self.variation = draw(rng)
        self.clock = Clock(settings.clock_offset)
        self.tokens = Tokens(settings.chain_id, settings.jwt_lifetime, self.clock)
        self.logins = Logins(settings, self.variation, self.clock)
        self.views = Views(self.variation, settings.quantity_unit)
        self.hub = Hub(self.clock, self.views)
        self.book = Book(settings, self.variation, self.clock, rng, self.hub.publish)
        self.engine = Engine(settings, self.variation, self.clock, rng, self.book)
        self.deliveries = Deliveries()
        self.faults = FaultSwitch()
        if settings.chaos is not None:
            self.faults.mix(settings.chaos, DEFAULT_MIX, Pattern())
