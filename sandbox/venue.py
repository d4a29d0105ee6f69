"""One run of the venue: its parameters, its choices and its state, wired together."""

from __future__ import annotations

import secrets
from random import Random

from orderseal.sandbox.book import Book
from orderseal.sandbox.clock import Clock, iso_nanoseconds
from orderseal.sandbox.corporate import CorporateActions
from orderseal.sandbox.deliveries import Deliveries
from orderseal.sandbox.depth import as_numbers, levels
from orderseal.sandbox.engine import Engine
from orderseal.sandbox.faults import DEFAULT_MIX, FaultSwitch, Pattern
from orderseal.sandbox.login import Logins
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.stream import Hub
from orderseal.sandbox.taker.access import Takers
from orderseal.sandbox.taker.desk import Desk
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
        self.taker_views = Views(self.variation, "varied")
        self.hub = Hub(self.clock, self.views, self.variation)
        self.book = Book(settings, self.variation, self.clock, rng, self.hub.status_changed, self._push_book)
        self.engine = Engine(settings, self.variation, self.clock, rng, self.book)
        self.desk = Desk(settings, self.variation, self.clock, self.book, self.hub)
        self.takers = Takers(settings, self.variation, self.clock, rng)
        self.actions = CorporateActions(self.clock, rng)
        self.deliveries = Deliveries()
        self.faults = FaultSwitch()
        if settings.chaos is not None:
            self.faults.mix(settings.chaos, DEFAULT_MIX, Pattern())

    def tick(self) -> None:
        """Let what is due by now take effect: ends of locks, of requests, and of orders."""
        self.desk.tick()
        self.book.expire()

    def pushed_book(self, ticker: str) -> dict[str, object]:
        """Return a ticker's order book in the form of the feed."""
        asks, bids = levels(self.book.orders_for(ticker))
        symbol = ticker.lower() if self.variation.book_symbol_case == "lower" else ticker
        moment = iso_nanoseconds(self.clock.time())
        return {"symbol": symbol, "market": "usex", "bid": as_numbers(bids), "ask": as_numbers(asks), "time": moment}

    def _push_book(self, ticker: str) -> None:
        if self.hub.watches(ticker):
            self.hub.book_changed(ticker, self.pushed_book(ticker))
