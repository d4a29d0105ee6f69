"""Token associations and their on-chain recipes. Source: Create Token by External ID, and the other pages on tokens."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, cast

from orderseal.sandbox.brokerstr.settings import Integration
from orderseal.sandbox.brokerstr.variation import Variation
from orderseal.sandbox.twins.endpoint import Refusal
from orderseal.sandbox.twins.ids import address, tx_hash, uuid4
from orderseal.sandbox.twins.samples import load

SAMPLES = load("orderseal.sandbox.brokerstr")

LEFT_OUT = ("id", "node_id", "distributor_id", "currency_token_id")
DOCUMENTED = str(SAMPLES["token"]["external_id"])


class Tokens:
    """The tokens that were associated, and the external ids that can be."""

    def __init__(
        self, external_ids: tuple[str, ...], integration: Integration | None, variation: Variation, rng: Random, now: Callable[[], str]
    ) -> None:
        self.known = {DOCUMENTED, "ext_token_12345", *external_ids}
        self.rows: dict[str, dict[str, Any]] = {}
        self.markets: dict[str, list[str]] = {}
        self._integration = integration
        self._variation = variation
        self._rng = rng
        self._now = now

    def find(self, token_id: str) -> dict[str, Any]:
        if token_id not in self.rows:
            raise Refusal("missing", "Token not found")
        return self.rows[token_id]

    def by_external_id(self, external_id: str) -> dict[str, Any]:
        for row in self.rows.values():
            if row["external_id"] == external_id:
                return row
        raise Refusal("missing", "Token not found")

    def associate(self, external_id: str, markets: list[str]) -> dict[str, Any]:
        """Return the new token; a second association of the same id is a conflict, or the same token again."""
        if external_id not in self.known:
            raise Refusal("missing", "External token not found")
        for row in self.rows.values():
            if row["external_id"] == external_id:
                if self._variation.duplicate_association == "conflict":
                    raise Refusal("conflict", "Token is already associated")
                self.markets[row["id"]] = markets
                return row
        return self._add(self._new(external_id), markets)

    def add_listed(self, market: str) -> dict[str, Any]:
        """Add the token that the page on a market's tokens shows."""
        row = self._new(f"ext_{self._rng.randrange(10**9)}")
        sample = cast("dict[str, Any]", SAMPLES["market_token"])
        row |= {name: deepcopy(sample[name]) for name in ("value", "status", "rules")}
        row["integration"] |= {name: deepcopy(sample[name]) for name in ("function_name", "is_approved", "args")}
        return self._add(row, [market])

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"deleted_at": None} if self._variation.deleted_at_shown else {})

    def short(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the form of the page on external ids: without the ids, with the currency."""
        return {name: value for name, value in self.shown(row).items() if name not in LEFT_OUT} | {"currency_token": self.currency()}

    def listed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the form of the page on a market's tokens."""
        return self.shown(row) | {"currency_token": {"id": row["currency_token_id"], **self.currency(), "chain_id": row["chain_id"]}}

    def currency(self) -> dict[str, Any]:
        if (own := self._integration) is None:
            return dict(SAMPLES["currency_token"])
        return {
            "name": own.currency_symbol,
            "symbol": own.currency_symbol,
            "decimals": own.currency_decimals,
            "address": own.currency_address,
        }

    def _add(self, row: dict[str, Any], markets: list[str]) -> dict[str, Any]:
        self.rows[row["id"]] = row
        self.markets[row["id"]] = markets
        return row

    def _new(self, external_id: str) -> dict[str, Any]:
        row: dict[str, Any] = deepcopy(SAMPLES["token"])
        row |= {"created_at": self._now(), "updated_at": self._now()}
        if external_id != DOCUMENTED:
            number = len(self.rows) + 1
            row |= {"id": uuid4(self._rng), "external_id": external_id, "name": f"House {number}", "symbol": f"H{number}"}
            row["contract"] = {"address": address(self._rng), "hash": tx_hash(self._rng)}
            row["status"] = self._variation.token_status
            # Floats with noise, as the documented value has.
            row["value"] = 0.1 * 3 * number
        recipe = row["integration"]
        if (own := self._integration) is not None:
            row["chain_id"] = recipe["chain_id"] = own.chain_id
            row["contract"]["address"] = own.token_address
            row["value"] = row["value"] if own.value is None else own.value
            recipe |= {"contract_address": own.contract_address, "currency_token_address": own.currency_address}
            recipe["abi"] = recipe["abi"] if own.abi is None else own.abi
        recipe["args"][1]["value"] = row["contract"]["address"]
        recipe["args"][2]["value"] = recipe["currency_token_address"]
        return row
