"""BrokersTR's twin: the documented requests, literally, and what the platform's facts say about the answers."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from orderseal.fixtures import load
from orderseal.sandbox import BrokersTrSandbox, BrokersTrSettings, Integration

BASE = "/api/v1/integration"
AUTH = {"X-Target-Server": "authentication", "Authorization": None}
WEBHOOK = {
    "host": "https://webhook.example.com",
    "path": "/webhook",
    "method": 1,
    "authentication": {"type": 1, "username": "u", "password": "p"},
    "timeout": 30,
}


def keys(value: Any) -> Any:
    """Return the form of a JSON value: its members, at any depth, without the values."""
    match value:
        case dict():
            return {name: keys(member) for name, member in value.items() if name != "deleted_at"}
        case list():
            return [keys(value[0])] if value else []
        case _:
            return type(value).__name__


def market(venue: BrokersTrSandbox) -> str:
    return str(venue.seeds()["market_ids"][0])


def test_the_documented_association_gets_the_documented_token(call: Any, fresh: Any) -> None:
    venue = fresh(BrokersTrSandbox())
    brokers = call(venue)
    printed = load("brokerstr/create-token-by-external-id")["verbatim"]
    request, wanted = printed["request"], printed["response"]["body"]
    reply = brokers.send(request["method"], request["path"], json=request["body"])
    token = brokers.good(reply, 201)
    assert keys(token) == keys(wanted)
    volatile = ("created_at", "updated_at", "deleted_at")
    assert {name: value for name, value in token.items() if name not in volatile} == {
        name: value for name, value in wanted.items() if name not in volatile
    }
    assert json.loads(token["integration"]["abi"])[4]["name"] == "buy"
    assert b"0.00044000000000000007" in reply.content
    (write,) = venue.accepted(operation="create_token_by_external_id")
    assert (write.body, write.ids, write.deliveries) == (request["body"], (token["id"],), 1)
    assert brokers.get(f"{BASE}/tokens/{token['id']}") == token
    short = brokers.get(request["path"])
    assert "id" not in short
    assert short["currency_token"] == {
        "name": "IsCoin",
        "symbol": "ISCN",
        "decimals": 6,
        "address": "0x073c0196e516a0e77b1c804d1825fb1bad23895d",
    }
    again = brokers.send(request["method"], request["path"], json=request["body"])
    assert again.status_code == (409 if venue.run()["variation"]["duplicate_association"] == "conflict" else 201)


def test_login_by_body_and_by_headers(brokers: Any, brokers_server: BrokersTrSandbox) -> None:
    headers = AUTH | {"Api-Key": brokers_server.api_key, "Api-Secret": brokers_server.api_secret}
    body = {"api_key": brokers_server.api_key, "secret_key": brokers_server.api_secret}
    for reply in (
        brokers.send("POST", f"{BASE}/auth/authenticate", headers=headers),
        brokers.post(f"{BASE}/auth/authenticate", body, headers=AUTH),
    ):
        tokens = brokers.good(reply)
        assert (tokens["token_type"], tokens["expires_in"], tokens["access_token"].count(".")) == ("Bearer", 3600, 2)
        assert datetime.fromisoformat(tokens["expires_at"]).tzinfo is not None
        other = {"Authorization": f"Bearer {tokens['access_token']}"}
        brokers.get(f"{BASE}/tokens/markets/{market(brokers_server)}/all", headers=other)


@pytest.mark.parametrize("key", ["", "wrong", "ü"])
def test_wrong_credentials(brokers: Any, brokers_server: BrokersTrSandbox, key: str) -> None:
    reply = brokers.post(f"{BASE}/auth/authenticate", {"api_key": brokers_server.api_key, "secret_key": key}, headers=AUTH)
    assert reply.status_code == 401
    assert brokers_server.api_secret not in repr(brokers_server) + repr(brokers_server.settings) + repr(brokers_server.run())
    assert brokers.send("POST", f"{BASE}/auth/authenticate", headers=AUTH).status_code == 400
    assert brokers.post(f"{BASE}/auth/refresh", {"refresh_token": key}, headers=AUTH).status_code == 401


def test_a_refresh_gives_new_tokens(brokers: Any, brokers_server: BrokersTrSandbox) -> None:
    body = {"api_key": brokers_server.api_key, "secret_key": brokers_server.api_secret}
    first = brokers.good(brokers.post(f"{BASE}/auth/authenticate", body, headers=AUTH))
    second = brokers.good(brokers.post(f"{BASE}/auth/refresh", {"refresh_token": first["refresh_token"]}, headers=AUTH))
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    third = brokers.post(f"{BASE}/auth/refresh", {"refresh_token": first["refresh_token"]}, headers=AUTH)
    assert third.status_code == (401 if brokers_server.run()["variation"]["refresh_rotates"] else 200)


@pytest.mark.parametrize("target", [None, "authentication", "Integration", ""])
def test_each_request_names_its_target(brokers: Any, brokers_server: BrokersTrSandbox, target: str | None) -> None:
    path = f"{BASE}/tokens/markets/{market(brokers_server)}/all"
    assert brokers.send("GET", path, headers={"X-Target-Server": target}).status_code == 400


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x.y.z", "Basic dTpw", "bearer\tx"])
def test_each_request_needs_a_token(brokers: Any, brokers_server: BrokersTrSandbox, header: str | None) -> None:
    path = f"{BASE}/tokens/markets/{market(brokers_server)}/all"
    assert brokers.send("GET", path, headers={"Authorization": header}).status_code == 401


def test_tokens_of_a_market_come_in_pages(call: Any, fresh: Any) -> None:
    ids = tuple(f"ext{number}" for number in range(24))
    venue = fresh(BrokersTrSandbox(BrokersTrSettings(requests_per_minute=None, external_ids=ids)))
    brokers = call(venue)
    first, second = venue.seeds()["market_ids"]
    for external in ids:
        body = {"is_all_market": False, "market_ids": [first]}
        brokers.good(brokers.post(f"{BASE}/tokens/external/{external}", body), 201)
    path = f"{BASE}/tokens/markets/{first}/all"
    page = brokers.get(path)
    assert (len(page["tokens"]), page["total"], page["page"], page["per_page"]) == (20, 25, 1, 20)
    rest = brokers.get(f"{path}?page=2&per_page=20")["tokens"]
    assert len({token["id"] for token in page["tokens"] + rest}) == 25
    assert brokers.get(f"{path}?page=9")["tokens"] == []
    assert brokers.get(f"{BASE}/tokens/markets/{second}/all")["total"] == 0
    large = brokers.send("GET", f"{path}?per_page=101")
    assert large.status_code == (200 if venue.run()["variation"]["large_page_size"] == "clamped" else 400)
    for query in ("page=0", "per_page=0", "page=x", "page=1&page=2", "page=", "limit=3"):
        assert brokers.send("GET", f"{path}?{query}").status_code == 400
    token = rest[0]["id"]
    reply = brokers.good(brokers.send("PUT", f"{BASE}/tokens/{token}/markets", json={"is_all_market": True}))
    assert reply["total"] == 2
    assert {row["market_id"] for row in reply["distributor_market_tokens"]} == {first, second}
    assert brokers.get(f"{BASE}/tokens/markets/{second}/all")["total"] == 1


def test_which_associations_are_refused(brokers: Any) -> None:
    path = f"{BASE}/tokens/external/ext_token_12345"
    unknown = {"is_all_market": False, "market_ids": [str(uuid.uuid4())]}
    assert brokers.post(path, unknown).status_code == 404
    for body in (
        {},
        {"is_all_market": False},
        {"is_all_market": False, "market_ids": []},
        {"is_all_market": 1},
        {"is_all_market": True, "x": 1},
    ):
        assert brokers.post(path, body).status_code == 400, body
    assert brokers.post(f"{BASE}/tokens/external/nobody", {"is_all_market": True}).status_code == 404
    assert brokers.send("GET", path).status_code == 404


def test_a_webhook_is_set_kept_and_removed(brokers: Any, brokers_server: BrokersTrSandbox) -> None:
    body = {"node_id": brokers_server.seeds()["node_id"], "domain": "a.example.com"}
    plain = brokers.good(brokers.post(f"{BASE}/markets", body), 201)
    assert plain["webhook"] is None
    path = f"{BASE}/markets/{plain['id']}"
    shown = WEBHOOK | {"method": "GET"}
    assert brokers.good(brokers.send("PUT", path, json={"webhook": WEBHOOK}))["webhook"] == shown
    kept = brokers.good(brokers.send("PUT", path, json={"domain": "b.example.com"}))
    assert (kept["webhook"], kept["domain"]) == (shown, "b.example.com")
    assert brokers.good(brokers.send("PUT", path, json={"webhook": None}))["webhook"] is None
    both = brokers.good(brokers.post(f"{BASE}/markets", body | {"webhook": WEBHOOK | {"method": 2}}), 201)
    assert both["webhook"]["method"] == "POST"
    for changes in ({"method": "GET"}, {"authentication": {"type": 1}}, {"authentication": {"type": 2, "username": "u"}}, {"host": ""}):
        assert brokers.send("PUT", path, json={"webhook": WEBHOOK | changes}).status_code == 400
    assert brokers.post(f"{BASE}/markets", body | {"node_id": str(uuid.uuid4())}).status_code == 404


def test_kyc_addresses_and_their_quirk_of_times(brokers: Any, brokers_server: BrokersTrSandbox) -> None:
    path = f"{BASE}/kyc-addresses/markets/{market(brokers_server)}"
    made = brokers.good(brokers.post(path, {"chain_id": 17000, "name": "A", "address": "0x1"}), 201)
    brokers.good(brokers.post(path, {"chain_id": 1, "name": "B", "address": "0x2"}), 201)
    assert made["created_at"].endswith("+03:00")
    (read,) = [row for row in brokers.get(f"{path}?chain_id=17000&per_page=100")["kyc_addresses"] if row["id"] == made["id"]]
    assert read["created_at"].endswith("Z")
    later = datetime.fromisoformat(read["created_at"]) - datetime.fromisoformat(made["created_at"])
    assert timedelta(0) < later < timedelta(milliseconds=1)
    changed = brokers.good(brokers.send("PUT", f"{BASE}/kyc-addresses/{made['id']}", json={"name": "C"}))
    assert (changed["name"], changed["updated_at"]) == ("C", read["updated_at"])
    token = brokers_server.seeds()["token_id"]
    body = {"kyc_address_id": made["id"], "chain_id": 17000, "hash": "0x3", "is_approved": False}
    attached = brokers.good(brokers.post(f"{BASE}/tokens/{token}/kyc-tokens", body), 201)
    assert {name: attached[name] for name in body} == body
    path = f"{BASE}/tokens/{token}/kyc-tokens/{attached['id']}"
    assert brokers.good(brokers.send("PUT", path, json={"is_approved": True}))["is_approved"] is True
    assert brokers.post(f"{BASE}/tokens/{token}/kyc-tokens", body | {"kyc_address_id": str(uuid.uuid4())}).status_code == 404


def test_children_of_a_node(brokers: Any, brokers_server: BrokersTrSandbox) -> None:
    page = brokers.get(f"{BASE}/nodes/{brokers_server.seeds()['node_id']}/children")
    assert (page["total"], page["per_page"], page["nodes"][0]["path"]) == (1, 100, "1.3.6")
    assert brokers.get(f"{BASE}/nodes/{page['nodes'][0]['id']}/children")["nodes"] == []


def test_a_purchase_appears_after_a_while(brokers: Any, brokers_server: BrokersTrSandbox, tools: Any) -> None:
    where = market(brokers_server)
    path = f"{BASE}/external-purchases/markets/{where}"
    days = "start_date=2020-01-06T00:00:00Z&end_date=2090-01-06T23:59:59Z"
    tx = f"0x{uuid.uuid4().hex}"
    number = brokers_server.feed_purchase(hash=tx, buyer_address="0xa112", quantity=1, price=1313.662723)

    def found() -> Any:
        return next((row for row in brokers.get(f"{path}?{days}")["purchases"] if row["hash"] == tx), None)

    row = tools.eventually(found)
    assert (row["id"], row["price"], row["seller_address"], row["market_id"]) == (number, 1313.662723, "", where)
    assert row["currency"].keys() == {"symbol", "decimal", "address"}
    page = brokers.get(f"{path}?{days}")
    assert page["per_page"] == page["total"] == len(page["purchases"])
    assert brokers.get(f"{path}?start_date=2020-01-06T00:00:00Z&end_date=2020-01-07T00:00:00Z")["total"] == 0
    for query in ("", "start_date=2020-01-06T00:00:00Z", days.replace("2090-01-06T23:59:59Z", "soon"), days.replace("01-06", "13-06")):
        assert brokers.send("GET", f"{path}?{query}").status_code == 400


def test_unknown_and_strange_ids(brokers: Any) -> None:
    assert brokers.send("GET", f"{BASE}/tokens/{uuid.uuid4()}").status_code == 404
    for name in ("x", "a%2Fb", "%00", "..%2f..", "%ff", "external%2Fext_token_12345"):
        assert brokers.send("GET", f"{BASE}/tokens/{name}").status_code in (400, 404)


def test_the_recipe_points_where_the_settings_say(call: Any, fresh: Any) -> None:
    own = Integration(
        chain_id=1337, contract_address="0xC0", token_address="0x70", currency_address="0x05", currency_decimals=18, abi="[]", value=0.5
    )
    venue = fresh(BrokersTrSandbox(BrokersTrSettings(integration=own)))
    brokers = call(venue)
    token = brokers.good(brokers.post(f"{BASE}/tokens/external/693d6f791f8a9198aba44f50", {"is_all_market": True}), 201)
    recipe = token["integration"]
    assert (token["chain_id"], recipe["chain_id"], recipe["contract_address"], recipe["abi"]) == (1337, 1337, "0xC0", "[]")
    assert [argument["value"] for argument in recipe["args"]] == ["", "0x70", "0x05"]
    assert (token["contract"]["address"], token["value"]) == ("0x70", 0.5)
    currency = brokers.get(f"{BASE}/tokens/external/693d6f791f8a9198aba44f50")["currency_token"]
    assert (currency["decimals"], currency["address"]) == (18, "0x05")


def test_fifty_requests_a_minute(call: Any, fresh: Any) -> None:
    venue = fresh(BrokersTrSandbox())
    brokers = call(venue)
    path = f"{BASE}/tokens/markets/{market(venue)}/all"
    statuses = [brokers.send("GET", path).status_code for _ in range(51)]
    # The login was the first one; a fixed window may end in between.
    assert statuses[:49] == [200] * 49
    if venue.run()["variation"]["rate_window"] == "sliding":
        assert statuses[49:] == [429, 429]
    venue._ask("POST", "/sandbox/clock", {"offset_seconds": 61})
    brokers.get(path)
