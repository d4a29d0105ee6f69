"""TokenizationTR's twin: the documented requests, literally, in both generations, and what the platform's facts say about the answers."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from orderseal.fixtures import load
from orderseal.sandbox import Fault, TokenizationTrSandbox, TokenizationTrSettings
from orderseal.sandbox.tokenizationtr import Generation

USER = "680c02896d91ca0145cfeb81"
TOKEN = "68ae06cfcccf4e8fc19362d1"
PRICE = "6913307ec95e268b239b2d8b"
MARKET = f"/v2/users/secondary-markets/users/{USER}/tokens/{TOKEN}"
BUY = f"/v2/users/purchases/users/{USER}/tokens/{TOKEN}"
PAGE = {"page": 1, "per_page": 100}
ERRORS = (400, 401, 403, 404, 422, 500)


@pytest.fixture(params=["old", "new"])
def generation(request: pytest.FixtureRequest) -> Generation:
    return "old" if request.param == "old" else "new"


@pytest.fixture
def venue(generations: Any, generation: Generation) -> Any:
    return generations[generation]


@pytest.fixture
def houses(call: Any, venue: Any) -> Any:
    return call(venue)


def finished(houses: Any, tools: Any, answer: Any) -> Any:
    """Poll a transaction as the document says, until it shows a hash or an error."""

    def look() -> Any:
        shown = houses.get(f"/v2/admin/tokens/{TOKEN}/transactions/{answer['transaction_id']}")
        return shown if shown["hash"] or shown["error"] else None

    return tools.eventually(look)


def newest_deal(houses: Any) -> Any:
    return houses.good(houses.post(f"/v2/users/secondary-markets/users/{USER}/group-search", PAGE))["data"][0]


def printed_error(page: str, status: int) -> Any:
    return load(f"tokenizationtr/{page}-{status}")["verbatim"]["response"]["body"]


def test_the_documented_purchase(houses: Any, venue: Any, generation: Generation, tools: Any) -> None:
    request = load("tokenizationtr/buy-on-primary-market")["verbatim"]["request"]
    assert request["path"] == f"{BUY}/buy-on-primary-market"
    before = houses.get(f"/v2/users/tokens/{TOKEN}")["available_supply"]
    answer = houses.good(houses.send(request["method"], request["path"], json=request["body"]))
    assert houses.get(f"/v2/users/tokens/{TOKEN}")["available_supply"] == before - 10
    if generation == "old":
        assert answer["message"] == "Primary market purchase successful"
        bought = answer["data"]
        assert bought["purchase_id"].startswith("pm_purchase_")
        assert (bought["unit_price"]["amount"], bought["total_cost"]["amount"]) == (10.0, 100.0)
        assert sum(fee["amount"] for fee in bought["fees"].values()) == pytest.approx(4.0)
        tx = bought["transaction_hash"]
    else:
        assert answer.keys() == {"transaction_id"}
        assert len(answer["transaction_id"]) == 24
        tx = finished(houses, tools, answer)["hash"]
    rows = houses.good(houses.post(f"/v2/users/purchases/users/{USER}/search", PAGE | {"token_id": TOKEN}))["data"]
    assert [row["quantity"] for row in rows if row["transaction_hash"] == tx] == [10]
    assert venue.transactions()[-1].result == "done"
    assert venue.accepted()[-1].operation == "buy_on_primary_market"


def test_a_sale_is_answered_in_the_generation_of_its_request(houses: Any, tools: Any) -> None:
    printed = load("tokenizationtr/sell-on-secondary-market")["verbatim"]
    request = printed["request"]
    answer = houses.good(houses.send(request["method"], request["path"], json=request["body"]))
    wanted = printed["response"]["body"]
    volatile = ("deal_id", "created_at")
    assert {**answer["data"], **dict.fromkeys(volatile)} == {**wanted["data"], **dict.fromkeys(volatile)}
    assert (answer["success"], answer["message"]) == (True, wanted["message"])
    # Its end is years ago, and expired deals are cancelled.
    assert newest_deal(houses)["status"] == "cancelled"
    new = houses.good(houses.post(f"{MARKET}/sell", {"quantity": 10, "price_id": PRICE, "price_amount": 12}))
    assert new.keys() == {"transaction_id"}
    finished(houses, tools, new)
    deal = newest_deal(houses)
    assert (deal["status"], deal["price"]["amount"], deal["deal_id"]) == ("active", 12, answer["data"]["deal_id"] + 1)


def test_delisting(houses: Any, generation: Generation, tools: Any) -> None:
    body = {"quantity": 10, "price": {"amount": 12, "decimal": 6, "symbol": "USDT"}}
    sold = houses.good(houses.post(f"{MARKET}/sell", body))["data"]
    answer = houses.good(houses.post(f"{MARKET}/delist", {"deal_id": sold["deal_id"]}))
    if generation == "old":
        assert answer["message"] == "Deal delisted successfully"
        assert (answer["data"]["remaining_quantity"], answer["data"]["status"]) == (10, "delisted")
    else:
        finished(houses, tools, answer)
    again = houses.post(f"{MARKET}/delist", {"deal_id": sold["deal_id"]})
    assert (again.status_code, again.json()) == (
        409,
        {"error": "Deal cannot be delisted", "details": "Deal is already completed or cancelled"},
    )
    unknown = houses.post(f"{MARKET}/delist", {"deal_id": 4711})
    details = "The specified deal does not exist or has already been completed"
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Deal not found", "details": details})
    foreign = houses.post(f"{MARKET}/delist", {"deal_id": 13})
    assert (foreign.status_code, foreign.json()) == (403, {"error": "Access denied", "details": "You can only delist your own deals"})
    none = houses.post(f"{MARKET}/delist", {})
    assert (none.status_code, none.json()) == (400, {"error": "Invalid parameters", "details": "Deal ID is required"})


def test_buying_from_a_deal(houses: Any, venue: Any, tools: Any) -> None:
    summary = houses.get(f"/v2/users/secondary-markets/tokens/{TOKEN}")
    before = next(deal for deal in summary["active_deals"] if deal["deal_id"] == 13)["available_quantity"]
    answer = houses.good(houses.post(f"{BUY}/buy-on-secondary-market", {"quantity": 10, "deal_id": 13}))
    if venue.run()["variation"]["secondary_buy"] == "old":
        assert answer["message"] == "Secondary market purchase successful"
        assert (answer["data"]["deal_id"], answer["data"]["seller_id"]) == (13, venue.seeds()["seller_id"])
    else:
        finished(houses, tools, answer)
    found = houses.good(
        houses.post("/v2/users/secondary-markets/group-search", PAGE | {"filters": {"seller_id": venue.seeds()["seller_id"]}})
    )
    assert [(row["deal_id"], row["available_quantity"]) for row in found["data"]] == [(13, before - 10)]
    assert found["filters_applied"] == {"seller_id": venue.seeds()["seller_id"]}
    rows = houses.good(houses.post(f"/v2/users/purchases/users/{USER}/group-search", PAGE | {"is_for_secondary": True}))["data"]
    assert rows[0]["deal_id"] == 13
    deals = houses.good(houses.post(MARKET, PAGE))["data"]
    assert 13 in [deal["deal_id"] for deal in deals]
    assert houses.post(f"{BUY}/buy-on-secondary-market", {"quantity": 99, "deal_id": 13}).status_code == 422
    assert houses.post(f"{BUY}/buy-on-secondary-market", {"quantity": 1, "deal_id": 14}).status_code == 404


@pytest.mark.parametrize("status", ERRORS)
def test_the_documented_errors_of_a_purchase(houses: Any, venue: Any, status: int) -> None:
    seeds = venue.seeds()
    path, body, headers = f"{BUY}/buy-on-primary-market", {"quantity": 10}, {}
    match status:
        case 400:
            body = {"quantity": 0}
        case 401:
            headers = {"Authorization": None}
        case 403:
            path = path.replace(USER, seeds["foreign_user_id"])
        case 404:
            path = path.replace(TOKEN, seeds["unlisted_token_id"])
        case 422:
            changed = houses.send("PUT", f"/v2/admin/token/{TOKEN}/metric", json={"max_purchase_quantity": 10**9})
            assert changed.status_code == 200
            body = {"quantity": 10**8}
        case _:
            venue.inject(Fault("error_before", status=500, envelope=True))
    reply = houses.post(path, body, headers=headers)
    assert (reply.status_code, reply.json()) == (status, printed_error("buy-on-primary-market", status))


@pytest.mark.parametrize("status", [status for status in ERRORS if status != 500])
def test_the_documented_errors_of_a_sale(houses: Any, venue: Any, status: int) -> None:
    seeds = venue.seeds()
    for body in (
        {"quantity": 10, "price": {"amount": 12, "decimal": 6, "symbol": "USDT"}},
        {"quantity": 10, "price_id": PRICE, "price_amount": 12},
    ):
        path = f"{MARKET}/sell"
        headers = {"Authorization": "Bearer x" if status == 401 else houses.headers["Authorization"]}
        if status == 403:
            path = path.replace(USER, seeds["foreign_user_id"])
        if status == 404:
            path = path.replace(TOKEN, "0" * 24)
        quantity = {400: -1, 422: 10**6}.get(status, 10)
        reply = houses.post(path, body | {"quantity": quantity}, headers=headers)
        assert (reply.status_code, reply.json()) == (status, printed_error("sell-on-secondary-market", status))


def test_a_failure_is_told_by_the_transaction(call: Any, generations: Any, tools: Any) -> None:
    venue = generations["new"]
    houses = call(venue)
    before = houses.get(f"/v2/users/tokens/{TOKEN}")["available_supply"]
    venue.fail_next()
    answer = houses.good(houses.post(f"{BUY}/buy-on-primary-market", {"quantity": 3}))
    shown = finished(houses, tools, answer)
    assert (shown["hash"], bool(shown["error"])) == (None, True)
    assert shown["status"] not in (1, 3)
    assert houses.get(f"/v2/users/tokens/{TOKEN}")["available_supply"] == before
    assert next(item for item in venue.transactions() if item.id == answer["transaction_id"]).result == "failed"
    mine = houses.get(f"/v2/users/users/{USER}/transactions?page=1&per_page=50&types=1&types=2")
    assert answer["transaction_id"] in [row["id"] for row in mine["data"]]
    assert {row["type"] for row in mine["data"]} <= {1, 2}
    rows = houses.good(houses.post(f"/v2/admin/token/{TOKEN}/transactions/search", {}))
    assert (rows["page"], rows["per_page"]) == (1, 20)
    assert houses.send("GET", f"/v2/admin/tokens/{TOKEN}/transactions/{'0' * 24}").status_code == 404


def test_a_transaction_starts_as_the_document_says(call: Any, fresh: Any) -> None:
    venue = fresh(TokenizationTrSandbox(TokenizationTrSettings(generation="new", delay_min=3600, delay_max=3600)))
    houses = call(venue)
    path = f"/v2/admin/tokens/{TOKEN}/transactions/"
    answer = houses.good(houses.post(f"{BUY}/buy-on-primary-market", {"quantity": 3}))
    assert houses.get(path + answer["transaction_id"])["status"] == 1
    venue._ask("POST", "/sandbox/clock", {"offset_seconds": 2000})
    houses.good(houses.post("/v2/oauth/token", _login(venue)))
    houses.headers = {"Authorization": f"Bearer {houses.good(houses.post('/v2/oauth/token', _login(venue)))['access_token']}"}
    shown = houses.get(path + answer["transaction_id"])
    assert (shown["status"], shown["hash"]) == (venue.run()["variation"]["pending_status"], None)


def _login(venue: Any) -> dict[str, str]:
    body = {"client_id": venue.client_id, "client_secret": venue.client_secret, "grant_type": "password"}
    return body | {"username": venue.username, "password": venue.password}


def test_login(houses: Any, venue: Any) -> None:
    token = houses.good(houses.post("/v2/oauth/token", _login(venue)))
    # A moment, not a duration.
    assert token["expires_in"] - token["created_at"] == 900
    assert abs(token["created_at"] - time.time()) < 60
    assert (token["token_type"], token["scope"]) == ("Bearer", "public")
    for name in ("client_id", "client_secret", "username", "password"):
        assert houses.post("/v2/oauth/token", _login(venue) | {name: "x"}).status_code == 401
        assert houses.post("/v2/oauth/token", {key: value for key, value in _login(venue).items() if key != name}).status_code == 400
    assert houses.post("/v2/oauth/token", _login(venue) | {"grant_type": "client_credentials"}).status_code == 400
    body = {name: _login(venue)[name] for name in ("client_id", "client_secret")}
    refresh = houses.post("/v2/oauth/token", body | {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]})
    assert refresh.status_code == (200 if venue.run()["variation"]["refresh_grant"] else 400)
    secrets = (venue.client_secret, venue.password)
    assert not any(secret in repr(venue) + str(venue.run()) for secret in secrets)


def test_both_styles_of_paging(houses: Any) -> None:
    wrapped = houses.good(houses.post("/v2/users/secondary-markets/group-search", {"page": 1, "per_page": 2}))
    pages = wrapped["pagination"]
    assert (len(wrapped["data"]), pages["current_page"], pages["per_page"], pages["total_pages"]) == (2, 1, 2, -(-pages["total"] // 2))
    flat = houses.get("/v2/admin/currency-tokens/active?page=1&per_page=1")
    assert (flat["data"][0]["id"], flat["total"]) == (PRICE, 1)
    assert houses.get("/v2/admin/currency-tokens/active")["per_page"] == 20
    assert houses.get(f"/v2/admin/currency-tokens/{PRICE}/transactions")["data"][0]["hash"] is None
    reply = houses.post("/v2/users/secondary-markets/group-search", {"page": 1})
    assert (reply.status_code, reply.json()["error"]) == (400, "Invalid request parameters")
    for body in ({"page": 0, "per_page": 1}, {"page": 1, "per_page": 0}, {"page": "1", "per_page": 1}, {"page": 1, "per_page": 1, "x": 1}):
        assert houses.post("/v2/users/secondary-markets/group-search", body).status_code == 400
    assert houses.send("GET", f"/v2/users/users/{USER}/transactions?page=1").status_code == 400


def test_the_catalogue_and_its_zero_times(houses: Any, venue: Any) -> None:
    node, unlisted = venue.seeds()["node_id"], venue.seeds()["unlisted_token_id"]
    token = houses.get(f"/v2/users/tokens/{TOKEN}")
    assert token["updated_at"] == "0001-01-01T00:00:00Z"
    assert datetime.fromisoformat(token["created_at"]).tzinfo is not None
    assert houses.get(f"/v2/admin/tokens/{TOKEN}") == houses.get(f"/v2/admin/token/{TOKEN}")
    assert houses.get(f"/v2/admin/tokens/{unlisted}")["status"] == 4
    for path in (f"/v2/admin/token/nodes/{node}/search", "/v2/admin/token/users/search"):
        assert TOKEN in [row["id"] for row in houses.good(houses.post(path, PAGE))["data"]]
    assert houses.good(houses.post(f"/v2/admin/node/{node}/children/search", {}))["total"] == 1
    assert houses.good(houses.post(f"/v2/users/rents/users/{USER}/tokens/{TOKEN}/search", PAGE))["data"][0]["token_id"] == TOKEN


def test_the_secondary_market_opens_and_closes(houses: Any) -> None:
    path = f"/v2/admin/token/{TOKEN}/open-to-secondary-market"
    body = {"quantity": 1, "price_id": PRICE, "price_amount": 1}
    assert houses.good(houses.post(path, {"is_open": False})) == {}
    assert houses.post(f"{MARKET}/sell", body).status_code == 422
    houses.good(houses.post(path, {"is_open": True}))
    houses.good(houses.post(f"{MARKET}/sell", body))
    limit = houses.send("PUT", f"/v2/admin/token/{TOKEN}/metric", json={"min_purchase_quantity": 2, "max_purchase_quantity": 1})
    assert limit.status_code == 400
    done = houses.send("PUT", f"/v2/admin/token/{TOKEN}/metric", json={"max_purchase_quantity": 100})
    assert (done.status_code, done.content) == (200, b"")
    assert houses.post(f"{BUY}/buy-on-primary-market", {"quantity": 101}).status_code in (400, 422)


def test_a_user_is_created(houses: Any) -> None:
    body = {"email": f"{time.time_ns()}@example.invalid", "name": "Ada", "surname": "Example", "identity_number": "00000000000"}
    user = houses.good(houses.post("/v2/users/users", body), 201)
    assert (user["address"], user["kyc"]) == ("", None)
    assert houses.get(f"/v2/users/users/{user['id']}") == user
    assert houses.post("/v2/users/users", body).status_code == 409
    assert houses.get(f"/v2/users/users/{USER}")["kyc"]["token_sent_at"] == "0001-01-01T00:00:00Z"
    assert houses.get(f"/v2/users/users/{USER}/wallet/summary")["stable_currencies"][0]["currency_token"]["id"] == PRICE
    assert houses.send("GET", "/v2/users/users/nobody").status_code == 404


def test_a_token_is_created_by_a_form(houses: Any, venue: Any) -> None:
    path = f"/v2/admin/token/nodes/{venue.seeds()['node_id']}"
    fields = {"category_id": "1", "name": "Yeni ev", "description": "d", "max_supply": "100", "token_name": "Y", "token_symbol": "Y"}
    old = fields | {"value": "10", "value_symbol": "USDT", "rate": "1"}
    new = fields | {"total_value": "1000", "currency_token_id": PRICE, "salable_percentage": "50"}
    files = {"images": ("a.png", b"\x89PNG\r\n\x00\xff", "image/png")}
    for form in (old, new):
        reply = houses.send("POST", path, data=form, files=files)
        assert (reply.status_code, reply.content) == (200, b"")
        (token,) = venue.accepted()[-1].ids
        assert houses.get(f"/v2/admin/tokens/{token}")["value"]["token_price"]["amount"] == 10
    assert houses.send("POST", path, data=fields, files=files).status_code == 400
    assert houses.send("POST", path, data=old | {"max_supply": "x"}, files=files).status_code == 400
    assert houses.post(path, old).status_code == 415
    assert houses.send("POST", path, content=b"x" * 70_000, headers={"Content-Type": "multipart/form-data; boundary=b"}).status_code == 413
    for content in (b"", b"--b", b"--b\r\n\r\n\xff", b"\x00" * 50):
        assert houses.send("POST", path, content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}).status_code == 400
