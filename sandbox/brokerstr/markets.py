"""Markets with their webhooks, KYC addresses and nodes. Source: the pages on them."""

from __future__ import annotations

from typing import Any

from orderseal.sandbox.twins.endpoint import Refusal
from orderseal.sandbox.twins.ids import TURKEY, rfc3339
from orderseal.sandbox.twins.samples import load

SAMPLES = load("orderseal.sandbox.brokerstr")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Requests name a webhook's method by its number, counted from 1; replies by this text. The pages name the first two."""


def webhook(given: dict[str, Any]) -> dict[str, Any]:
    """Return a webhook as replies show it, the password included."""
    login = given.get("authentication")
    if login is not None:
        wanted = {"type", "username", "password"} if login["type"] == 1 else {"type", "token"}
        if login.keys() != wanted:
            raise Refusal("invalid", f"webhook.authentication of type {login['type']} needs {', '.join(sorted(wanted))}")
    return given | {"method": METHODS[given["method"] - 1]}


def change(market: dict[str, Any], given: dict[str, Any], now: str) -> None:
    """Change a market: an absent webhook stays, ``null`` removes it, an object sets it."""
    if "domain" in given:
        market["domain"] = given["domain"]
    if "webhook" in given:
        market["webhook"] = None if given["webhook"] is None else webhook(given["webhook"])
    market["updated_at"] = now


def stamps(now: float) -> dict[str, str]:
    """Return the two times of a KYC address as a reading shows them: in UTC, and a little after those in the reply to its creation."""
    return dict.fromkeys(("created_at", "updated_at"), rfc3339(now + 0.000814))


def fresh_stamps(now: float) -> dict[str, str]:
    """Return the two times as the reply to a creation shows them: with Turkey's offset."""
    return dict.fromkeys(("created_at", "updated_at"), rfc3339(now, zone=TURKEY))


def children(node_id: str, wanted: str) -> list[dict[str, Any]]:
    """Return the nodes below a node."""
    child = dict(SAMPLES["child_node"])
    if wanted == node_id:
        return [child]
    if wanted == child["id"]:
        return []
    raise Refusal("missing", "Node not found")
