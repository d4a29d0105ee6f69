"""What exists at the platform: tokens with their supply, users with their holdings, deals and purchases."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from orderseal.sandbox.twins.endpoint import Refusal
from orderseal.sandbox.twins.ids import object_id
from orderseal.sandbox.twins.samples import load

SAMPLES = load("orderseal.sandbox.tokenizationtr")
USER = str(SAMPLES["new_user"]["id"])
TOKEN = str(SAMPLES["user_token"]["id"])
CURRENCY = dict(SAMPLES["currency_token"])
NODE = str(CURRENCY["node_id"])
_HOLDING = 1000

DealStatus = Literal["active", "completed", "delisted", "cancelled"]
Money = dict[str, Any]


def money(amount: float, like: Money | None = None) -> Money:
    """Return an amount in whole units, with the currency's decimals beside it."""
    return {"amount": amount, "decimal": like["decimal"] if like else CURRENCY["decimals"], "symbol": like["symbol"] if like else "USDT"}


@dataclass(slots=True)
class Token:
    """A token; ``available`` is what the primary market still has."""

    id: str
    name: str
    symbol: str
    price: float
    supply: int
    available: int
    on_primary: bool
    open_to_secondary: bool
    created_at: float
    limits: tuple[int, int] = (1, 100)
    metric: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class User:
    """An end user; one of another node is closed to this caller."""

    id: str
    name: str
    surname: str
    email: str
    identity_number: str
    address: str
    verified: bool
    foreign: bool = False
    holdings: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.surname}"


@dataclass(slots=True, eq=False)
class Deal:
    """An offer on the secondary market; ``available`` is what is left of it."""

    id: int
    token_id: str
    seller_id: str
    quantity: float
    available: float
    price: Money
    created_at: float
    updated_at: float
    expires_at: float | None = None
    status: DealStatus = "active"
    buyer_id: str | None = None
    tx_hash: str | None = None


class State:
    """Everything that requests read and change. The documented ids exist from the start."""

    def __init__(self, rng: Random, now: float) -> None:
        self.rng = rng
        self.tokens: dict[str, Token] = {}
        self.users: dict[str, User] = {}
        self.deals: dict[int, Deal] = {}
        self.purchases: list[dict[str, Any]] = []
        self._expiring: list[Deal] = []
        self.unlisted = object_id(rng)
        self.seller = object_id(rng)
        self.foreign_user = object_id(rng)
        for token_id, name, listed in ((TOKEN, "House", True), (self.unlisted, "Draft house", False)):
            self.tokens[token_id] = Token(token_id, name, "HSE", 10.0, 1_000_000, 990_000, listed, listed, now)
        for user_id, name, foreign in ((USER, "Ada", False), (self.seller, "Seller", False), (self.foreign_user, "Eve", True)):
            address = "0x" + rng.randbytes(20).hex()
            user = User(user_id, name, "Example", f"{name.lower()}@example.invalid", "00000000000", address, True, foreign)
            user.holdings[TOKEN] = _HOLDING
            self.users[user_id] = user
        # The deals of the documented requests: 12 is delisted, 13 is bought; 14 is finished, and 15 comes next.
        for number, seller, quantity, left, status in (
            (12, USER, 50, 35, "active"),
            (13, self.seller, 50, 40, "active"),
            (14, USER, 10, 0, "completed"),
        ):
            deal = Deal(number, TOKEN, seller, quantity, left, money(12.5), now, now)
            deal.status = "completed" if status == "completed" else "active"
            self.deals[number] = deal

    def user(self, user_id: str, action: str | None = None) -> User:
        """Return a user on whose behalf the caller may act; ``action`` ends the documented text of the refusal."""
        user = self.users.get(user_id)
        if user is None:
            raise Refusal("missing", "User or token not found")
        if user.foreign:
            raise Refusal("forbidden", f"Insufficient permissions to {action}" if action else None)
        return user

    def token(self, token_id: str) -> Token:
        if token_id not in self.tokens:
            raise Refusal("missing", "User or token not found")
        return self.tokens[token_id]

    def add_deal(self, token_id: str, seller_id: str, quantity: float, price: Money, now: float, expires_at: float | None) -> Deal:
        deal = Deal(next(reversed(self.deals)) + 1, token_id, seller_id, quantity, quantity, price, now, now, expires_at)
        self.deals[deal.id] = deal
        if expires_at is not None:
            self._expiring.append(deal)
        return deal

    def close(self, deal: Deal, status: DealStatus, now: float) -> None:
        """End a deal; what is left of it goes back to its seller."""
        holdings = self.users[deal.seller_id].holdings
        holdings[deal.token_id] = holdings.get(deal.token_id, 0) + deal.available
        deal.status, deal.updated_at = status, now

    def expire(self, now: float) -> None:
        """Cancel the deals whose time is over, as the page says the platform does."""
        due = [deal for deal in self._expiring if deal.expires_at is not None and deal.expires_at <= now]
        self._expiring = [deal for deal in self._expiring if deal not in due]
        for deal in due:
            if deal.status == "active":
                self.close(deal, "cancelled", now)
