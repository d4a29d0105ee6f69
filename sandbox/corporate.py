"""Corporate actions that wait for a maker's shares; a test adds them. Source: "Corporate actions" page (maker)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID

from orderseal.sandbox.body import Fields, invalid
from orderseal.sandbox.clock import Clock, iso
from orderseal.sandbox.market import NASDAQ, instrument
from orderseal.sandbox.orders import read_amount
from orderseal.sandbox.signatures import parse_address

_PARAMS: dict[str, tuple[str, ...]] = {
    "dividend": ("dividend_per_share", "tax_rate", "fee_amount"),
    "stock_split": ("split_ratio", "compensation_per_share", "fee_amount"),
    "reverse_stock_split": ("merge_ratio", "compensation_per_share", "fee_amount"),
    "delisting": (),
}
_QUANTITIES = ("holding_qty", "action_qty", "compensation_qty")
_FIELDS = ("maker", "ticker", "action_type", *_QUANTITIES, "params")


@dataclass(frozen=True, slots=True)
class Action:
    """One action; ``quantities`` are shares, as decimal strings."""

    id: str
    maker: str
    token_address: str
    kind: str
    quantities: dict[str, str]
    params: dict[str, str]
    created_at: float


class CorporateActions:
    """What is pending, for all makers."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._actions: list[Action] = []

    def add(self, fields: Fields) -> Action:
        """Add an action that a test describes; raise ``ApiError`` for one that the page does not know."""
        fields.only(*_FIELDS)
        maker, kind = parse_address(fields.string("maker")), fields.string("action_type")
        if maker is None:
            raise invalid("The maker field must be an address")
        if kind not in _PARAMS:
            raise invalid(f"The action_type field must be one of {', '.join(_PARAMS)}")
        given = fields.nested("params").only(*_PARAMS[kind]) if fields.has("params") else None
        action = Action(
            id=str(UUID(int=self._rng.getrandbits(128), version=4)),
            maker=maker,
            token_address=instrument(fields.string("ticker"), NASDAQ).token_address,
            kind=kind,
            quantities={name: _quantity(fields, name) for name in _QUANTITIES},
            params={name: given.string(name) for name in _PARAMS[kind] if given is not None and given.has(name)},
            created_at=self._clock.time(),
        )
        self._actions.append(action)
        return action

    def pending(self, maker: str, token: str | None) -> list[Action]:
        """Return a maker's, of one token or of all."""
        return [action for action in self._actions if action.maker == maker and token in (None, action.token_address)]


def describe(action: Action, maker: str, token_address: str) -> dict[str, object]:
    """Return an item of the page's list, with its two addresses as this run spells them."""
    return {
        "id": action.id,
        "maker": maker,
        "holding_qty": action.quantities["holding_qty"],
        "token_address": token_address,
        "action_qty": action.quantities["action_qty"],
        "action_type": action.kind,
        "compensation_qty": action.quantities["compensation_qty"],
        "created_at": iso(action.created_at),
        "params": action.params,
    }


def _quantity(fields: Fields, name: str) -> str:
    if not fields.has(name):
        return "0"
    value = read_amount(fields, name)
    if value is None:
        raise invalid(f"The {name} field must be a decimal string")
    return str(value)
