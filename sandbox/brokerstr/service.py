"""What BrokersTR does: tokens, markets, KYC addresses, nodes, purchases. One method for each documented endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any, cast

from orderseal.sandbox.body import Fields
from orderseal.sandbox.brokerstr import markets
from orderseal.sandbox.brokerstr.markets import SAMPLES
from orderseal.sandbox.brokerstr.purchases import Purchases
from orderseal.sandbox.brokerstr.settings import BrokersTrSettings
from orderseal.sandbox.brokerstr.tokens import Tokens
from orderseal.sandbox.brokerstr.variation import Variation
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.ids import rfc3339, uuid4
from orderseal.sandbox.twins.paging import cut

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Row = dict[str, Any]


class Service:
    """Everything that requests read and change."""

    def __init__(self, settings: BrokersTrSettings, variation: Variation, clock: Clock, rng: Random) -> None:
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self._node_id = str(SAMPLES["token"]["node_id"])
        self._tokens = Tokens(settings.external_ids, settings.integration, self._variation, self._rng, self._now)
        self._markets: dict[str, Row] = {}
        self._kyc_addresses: dict[str, Row] = {}
        self._kyc_tokens: dict[str, Row] = {}
        for number in (1, 2):
            self._add_market({"node_id": self._node_id, "domain": f"market{number}.example.com"})
        listed = self._tokens.add_listed(next(iter(self._markets)))
        delays = (settings.delay_min, settings.delay_max)
        self._purchases = Purchases(self._clock, self._rng, delays, listed["id"], next(iter(self._markets)), self._tokens)

    def _now(self) -> str:
        return rfc3339(self._clock.time())

    def seeds(self) -> Mapping[str, object]:
        """Return the ids of what exists from the start."""
        return {
            "node_id": self._node_id,
            "market_ids": list(self._markets)[:2],
            "token_id": self._purchases.token_id,
            "external_ids": sorted(self._tokens.known),
        }

    def feed(self, fields: Fields) -> str:
        """Take a purchase from the test control; return its id."""
        return self._purchases.feed(fields, self._markets)

    def create_token(self, call: Call) -> Answer:
        row = self._tokens.associate(call.path["external_id"], self._wanted_markets(call))
        return Answer(self._tokens.shown(row), 201, (row["id"],))

    def token_by_external_id(self, call: Call) -> Answer:
        return Answer(self._tokens.short(self._tokens.by_external_id(call.path["external_id"])))

    def token(self, call: Call) -> Answer:
        return Answer(self._tokens.shown(self._token(call, "id")))

    def market_tokens(self, call: Call) -> Answer:
        market = self._market(call)["id"]
        rows = [row for row in self._tokens.rows.values() if market in self._tokens.markets[row["id"]]]
        return self._page(call, "tokens", [self._tokens.listed(row) for row in rows], 20)

    def replace_markets(self, call: Call) -> Answer:
        token = self._token(call, "token_id")
        chosen = self._tokens.markets[token["id"]] = self._wanted_markets(call)
        stamps = dict.fromkeys(("created_at", "updated_at"), self._now())
        rows = [
            {"id": uuid4(self._rng), "distributor_id": token["distributor_id"], "token_id": token["id"], "market_id": market}
            | {"status": self._variation.market_token_status, **stamps}
            for market in chosen
        ]
        return Answer({"distributor_market_tokens": rows, "total": len(rows)}, ids=(token["id"],))

    def add_kyc_token(self, call: Call) -> Answer:
        token, given = self._token(call, "token_id"), cast("Row", call.body)
        if given["kyc_address_id"] not in self._kyc_addresses:
            raise Refusal("missing", "KYC address not found")
        stamps = dict.fromkeys(("created_at", "updated_at"), self._now())
        row = {"id": uuid4(self._rng), "distributor_id": token["distributor_id"], "token_id": token["id"]} | given | stamps
        self._kyc_tokens[row["id"]] = row
        return Answer(row, 201, (row["id"],))

    def change_kyc_token(self, call: Call) -> Answer:
        token = self._token(call, "token_id")
        row = self._of(self._kyc_tokens, call, "id", "KYC token")
        if row["token_id"] != token["id"]:
            raise Refusal("missing", "KYC token not found")
        row |= cast("Row", call.body) | {"updated_at": self._now()}
        return Answer(row, ids=(row["id"],))

    def create_market(self, call: Call) -> Answer:
        row = self._add_market(cast("Row", call.body))
        return Answer(row, 201, (row["id"],))

    def change_market(self, call: Call) -> Answer:
        row = self._of(self._markets, call, "id", "Market")
        markets.change(row, cast("Row", call.body), self._now())
        return Answer(row, ids=(row["id"],))

    def node_children(self, call: Call) -> Answer:
        self._check_id(call, "id")
        return self._page(call, "nodes", markets.children(self._node_id, call.path["id"]), 100)

    def add_kyc_address(self, call: Call) -> Answer:
        market, now = self._market(call), self._clock.time()
        row = {"id": uuid4(self._rng), "market_id": market["id"]} | cast("Row", call.body)
        self._kyc_addresses[row["id"]] = row | markets.stamps(now)
        return Answer(row | markets.fresh_stamps(now), 201, (row["id"],))

    def kyc_addresses(self, call: Call) -> Answer:
        market, chain = self._market(call)["id"], call.query.get("chain_id")
        rows = [row for row in self._kyc_addresses.values() if row["market_id"] == market and chain in (None, row["chain_id"])]
        return self._page(call, "kyc_addresses", rows, 20)

    def change_kyc_address(self, call: Call) -> Answer:
        # The page shows times that a change leaves as they were.
        row = self._of(self._kyc_addresses, call, "id", "KYC address")
        row |= cast("Row", call.body)
        return Answer(row, ids=(row["id"],))

    def external_purchases(self, call: Call) -> Answer:
        market = self._market(call)["id"]
        start, end = cast("datetime", call.query["start_date"]), cast("datetime", call.query["end_date"])
        rows = self._purchases.between(market, start.timestamp(), end.timestamp())
        return Answer({"purchases": rows, "total": len(rows), "page": 1, "per_page": len(rows)})

    def _add_market(self, given: Row) -> Row:
        if given["node_id"] != self._node_id:
            raise Refusal("missing", "Node not found")
        row: Row = {"id": uuid4(self._rng), "node_id": given["node_id"], "domain": given["domain"], "webhook": None}
        row |= {"created_at": self._now(), "updated_at": self._now()}
        if given.get("webhook") is not None:
            row["webhook"] = markets.webhook(given["webhook"])
        self._markets[row["id"]] = row
        return row

    def _wanted_markets(self, call: Call) -> list[str]:
        given = cast("Row", call.body)
        if given["is_all_market"]:
            return list(self._markets)
        if not given.get("market_ids"):
            raise Refusal("invalid", "market_ids is required if is_all_market is false")
        if unknown := [market for market in given["market_ids"] if market not in self._markets]:
            raise Refusal("missing", f"Market {unknown[0]} not found")
        return list(dict.fromkeys(given["market_ids"]))

    def _page(self, call: Call, name: str, rows: list[Row], usual: int) -> Answer:
        page, size = cast("int", call.query.get("page", 1)), cast("int", call.query.get("per_page", usual))
        found, size = cut(rows, page, size, self._variation.large_page_size)
        return Answer({name: found, "total": len(rows), "page": page, "per_page": size})

    def _token(self, call: Call, name: str) -> Row:
        self._check_id(call, name)
        return self._tokens.find(call.path[name].lower())

    def _market(self, call: Call) -> Row:
        return self._of(self._markets, call, "market_id", "Market")

    def _of(self, rows: dict[str, Row], call: Call, name: str, what: str) -> Row:
        self._check_id(call, name)
        if (row := rows.get(call.path[name].lower())) is None:
            raise Refusal("missing", f"{what} not found")
        return row

    def _check_id(self, call: Call, name: str) -> None:
        if not _UUID.fullmatch(call.path[name]):
            raise Refusal(self._variation.bad_id, f"{name} must be a UUID")
