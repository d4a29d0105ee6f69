"""What all twins share: faults over real connections, garbage, descriptions, processes."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderseal.sandbox import (
    BrokersTrSandbox,
    BrokersTrSettings,
    Fault,
    LicenseRocksSandbox,
    LicenseRocksSettings,
    SandboxError,
    TokenizationTrSandbox,
    TokenizationTrSettings,
    create_app,
)
from orderseal.sandbox.brokerstr.variation import draw as draw_brokers
from orderseal.sandbox.licenserocks.variation import draw as draw_rocks
from orderseal.sandbox.tokenizationtr.variation import draw as draw_houses
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.registry import make_platform
from orderseal.sandbox.twins.settings import TwinSettings

SETTINGS: list[TwinSettings] = [BrokersTrSettings(requests_per_minute=None), TokenizationTrSettings(), LicenseRocksSettings()]
NAMES = [type(item).__name__ for item in SETTINGS]
COUNT = itertools.count()
GARBAGE: dict[str, bytes] = {
    "empty": b"",
    "word": b"hello",
    "cut short": b'{"quantity": {',
    "null": b"null",
    "array": b"[]",
    "deep": b"[" * 60_000,
    "NaN": b'{"quantity": NaN}',
    "huge": b'{"quantity": 1e999}',
    "huge integer": b'{"quantity": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"quantity": "\xff"}',
    "lone surrogate": b'{"\\ud800": "\\ud800", "hash": "\\ud800"}',
    "duplicate keys": b'{"quantity": 1, "quantity": 1}',
    "list of lists": b"[[[]]]",
    "list of nulls": b"[null]",
}


def a_write(venue: Any) -> tuple[str, str, Any]:
    """Return a write that may be sent any number of times, with a body that was not sent before."""
    seeds = venue.seeds()
    if isinstance(venue, BrokersTrSandbox):
        path = f"/api/v1/integration/kyc-addresses/markets/{seeds['market_ids'][0]}"
        return path, "add_kyc_address", {"chain_id": 1, "name": "A", "address": f"0x{time.time_ns():x}"}
    if isinstance(venue, LicenseRocksSandbox):
        body = {"nftId": 405, "listingId": 2, "quantity": 1, "buyerUserId": 5, "buyerBillingData": {"city": f"{time.time_ns()}"}}
        return "/api/externalOrders", "create_orders", [body]
    path = f"/v2/users/purchases/users/{seeds['user_id']}/tokens/{seeds['token_id']}/buy-on-primary-market"
    return path, "buy_on_primary_market", {"quantity": float(next(COUNT) % 100 + 1)}


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (Fault("drop_before"), 0),
        (Fault("drop_before", reset=True), 0),
        (Fault("drop_after"), 1),
        (Fault("drop_after", reset=True), 1),
        (Fault("cut_reply"), 1),
        (Fault("error_before", status=503), 0),
        (Fault("error_after"), 1),
        (Fault("error_after", status=502, envelope=True), 1),
        (Fault("duplicate_delivery"), 2),
        (Fault("rate_limit", seconds=7), 0),
        (Fault("error_before", status=429, envelope=True), 0),
        (Fault("clock", seconds=-86400), 1),
        (Fault("delay", after=True), 1),
        (Fault("slow_drip"), 1),
    ],
    ids=lambda value: "-".join(str(part) for part in value.describe().values()) if isinstance(value, Fault) else str(value),
)
def test_each_fault_takes_effect_as_often_as_it_says(anyone: Any, any_server: Any, tools: Any, fault: Fault, accepted: int) -> None:
    path, operation, body = a_write(any_server)
    before = len(any_server.accepted())
    any_server.inject(fault, path=path)
    try:
        reply = anyone.client.post(path, json=body, headers=anyone.headers)
    except httpx.TransportError:
        assert fault.kind in ("drop_before", "drop_after", "cut_reply")
    else:
        kind, html = fault.kind, reply.headers["content-type"].startswith("text/html")
        assert html == (kind in ("error_before", "error_after") and not fault.envelope)
        if not html:
            anyone.check(reply)
        wanted = {"rate_limit": 429, "error_before": fault.status, "error_after": fault.status}
        assert reply.status_code in ((wanted[kind],) if kind in wanted else (200, 201))
        assert reply.headers.get("retry-after") == ("7" if kind == "rate_limit" else None)
        if kind == "clock":
            assert tools.moment(reply.headers["date"]).timestamp() < time.time() - 80_000
    writes = any_server.accepted(before)
    assert [write.operation for write in writes] == [operation] * accepted
    assert all(write.deliveries == accepted for write in writes)
    assert any_server.faults()["played"][-1]["fault"] == fault.kind


def test_an_expired_token_stays_dead_where_tokens_end(call: Any, any_server: Any, anyone: Any) -> None:
    path, _, body = a_write(any_server)
    before = len(any_server.accepted())
    any_server.inject(Fault("expire_token"), path=path)
    assert anyone.post(path, body).status_code == 401
    assert anyone.post(path, body).status_code == (200 if isinstance(any_server, LicenseRocksSandbox) else 401)
    again = call(any_server)
    assert again.post(path, body).status_code in (200, 201)
    assert len(any_server.accepted(before)) == 1 + isinstance(any_server, LicenseRocksSandbox)


def test_a_mix_of_faults_is_repeated_by_its_seed(anyone: Any, any_server: Any) -> None:
    path, _, _ = a_write(any_server)
    played = []
    for _ in range(2):
        before = len(any_server.faults()["played"])
        any_server.chaos(7, [(Fault("error_before", status=500), 0.5)], path=path)
        for _ in range(20):
            anyone.client.post(path, json={}, headers=anyone.headers)
        played.append(len(any_server.faults()["played"]) - before)
        any_server.calm()
    assert played[0] == played[1]
    assert 0 < played[0] < 20
    with pytest.raises(SandboxError, match="must begin with"):
        any_server.inject(Fault("delay"), path="/sandbox/run")


@pytest.mark.parametrize("name", GARBAGE)
def test_a_garbage_body_gives_an_error(anyone: Any, any_server: Any, name: str) -> None:
    path, _, _ = a_write(any_server)
    reply = anyone.send("POST", path, content=GARBAGE[name], headers={"content-type": "application/json"})
    assert reply.status_code in (400, 413)
    reply.content.decode("ascii")


def test_odd_requests_give_errors(anyone: Any, any_server: Any) -> None:
    path, _, body = a_write(any_server)
    assert anyone.send("POST", path, content=json.dumps(body), headers={"content-type": "text/plain"}).status_code == 415
    assert anyone.send("POST", path, content=b"x" * 300_000, headers={"content-type": "application/json"}).status_code == 413
    reply = anyone.send("PATCH", path)
    assert (reply.status_code, "POST" in reply.headers["allow"]) == (405, True)
    assert anyone.send("GET", f"{path}/").status_code in (404, 405)
    for strange in ("/nowhere", "/api", "/v2", "/api/v1/integration/%2e%2e/x", "/%00", "/openapi.json/"):
        assert anyone.send("GET", strange).status_code == 404
    assert anyone.client.head(path).status_code == 405
    assert anyone.client.get("/sandbox/nowhere").json() == {"code": 404, "message": "Not Found"}


def test_the_page_needs_nothing_from_the_internet(anyone: Any) -> None:
    page = anyone.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "http" not in page.text.partition("<h1>")[0]
    for path in anyone.openapi["paths"]:
        assert path in page.text


@pytest.mark.parametrize("own", SETTINGS, ids=NAMES)
def test_the_description_has_every_endpoint_and_good_samples(own: TwinSettings) -> None:
    platform = make_platform(own)
    described = asyncio.run(_openapi(own))
    operations = [(method.upper(), path) for path, item in described["paths"].items() for method in item]
    endpoints = platform.endpoints()
    assert sorted(operations) == sorted((endpoint.method, endpoint.path) for endpoint in endpoints)
    assert len({endpoint.name for endpoint in endpoints}) == len(endpoints)
    for endpoint in endpoints:
        if endpoint.body is not None and endpoint.body_sample is not None:
            endpoint.body.read(endpoint.body_sample, "")
        for reply in endpoint.replies.values():
            if reply.shape is not None and reply.sample is not None:
                reply.shape.read(reply.sample, "")


async def _openapi(own: TwinSettings) -> Any:
    transport = httpx.ASGITransport(create_app(own))
    async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as client:
        return (await client.get("/openapi.json")).json()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["quantity", "price"]), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("own", SETTINGS, ids=NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_the_answer_is_well_formed(own: TwinSettings, data: st.DataObject) -> None:
    asyncio.run(_attack(make_platform(own), own, data))


async def _attack(platform: Platform, own: TwinSettings, data: st.DataObject) -> None:
    from orderseal.sandbox.twins.app import build_twin

    transport = httpx.ASGITransport(build_twin(platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as client:
        headers = await _signed_in(client, own)
        for _ in range(3):
            endpoint = data.draw(st.sampled_from(platform.endpoints()))
            path = endpoint.path
            for name in [part for part in path.split("/") if part.startswith("{")]:
                known = [value for value in platform.seeds().values() if isinstance(value, str)] + ["1", "13"]
                path = path.replace(name, data.draw(st.sampled_from(known) | st.text("abc01,-.%", min_size=1)).replace("%", "%25"))
            body = endpoint.body_sample if isinstance(endpoint.body_sample, dict) else {}
            changed = st.dictionaries(st.sampled_from([*body, "x"]), JSON, max_size=2).map(partial(_merged, body))
            content = data.draw(st.binary(max_size=50) | (JSON | changed).map(lambda value: json.dumps(value).encode()))
            query = data.draw(st.dictionaries(st.sampled_from([*endpoint.query, "x"]), st.text("0123-:TZ\x00é&", max_size=8), max_size=3))
            target = {name: str(getattr(item.shape, "values", ("x",))[0]) for name, item in endpoint.headers.items() if item.required}
            sent = headers | target | {"Content-Type": data.draw(st.sampled_from([endpoint.media, "application/json", "x"]))}
            reply = await client.request(endpoint.method, path, content=content, params=query, headers=sent)
            assert reply.status_code < 500, reply.text
            if reply.status_code >= 400:
                platform.error_shape().read(reply.json(), "")
            else:
                described = endpoint.replies[reply.status_code]
                if described.shape is not None:
                    described.shape.read(reply.json(), "")


def _merged(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return body | changes


async def _signed_in(client: httpx.AsyncClient, own: TwinSettings) -> dict[str, str]:
    known = (await client.get("/sandbox/credentials")).json()
    if isinstance(own, BrokersTrSettings):
        path, target = "/api/v1/integration/auth/authenticate", {"X-Target-Server": "authentication"}
        token = (await client.post(path, json=known, headers=target)).json()["access_token"]
    elif isinstance(own, TokenizationTrSettings):
        token = (await client.post("/v2/oauth/token", json=known | {"grant_type": "password"})).json()["access_token"]
    else:
        return {"Authorization": known["token"], "Cookie": f"token={known['cookie']}"}
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("own", SETTINGS, ids=NAMES)
def test_a_seed_repeats_the_choices_and_no_secret(own: TwinSettings) -> None:
    runs = [make_platform(type(own)(seed=seed)) for seed in (7, 7, 8)]
    assert runs[0].choices() == runs[1].choices()
    assert runs[0].seeds() == runs[1].seeds()
    secrets = [{name: value for name, value in run.credentials().items() if name not in ("client_id", "username")} for run in runs]
    assert not set(secrets[0].values()) & set(secrets[1].values())
    assert make_platform(own).seed != make_platform(own).seed


@pytest.mark.parametrize("draw", [draw_brokers, draw_rocks, partial(draw_houses, generation=None)], ids=["brokers", "rocks", "houses"])
def test_every_choice_is_made_in_some_run(draw: Any) -> None:
    runs = [draw(Random(seed)) for seed in range(200)]
    for name in runs[0].__dataclass_fields__:
        assert len({getattr(run, name) for run in runs}) > 1, name


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (BrokersTrSettings, {"requests_per_minute": 0}),
        (BrokersTrSettings, {"delay_min": 2.0}),
        (BrokersTrSettings, {"refresh_lifetime": 0}),
        (TokenizationTrSettings, {"generation": "newest"}),
        (TokenizationTrSettings, {"failure_rate": 2}),
        (TokenizationTrSettings, {"access_lifetime": -1}),
        (LicenseRocksSettings, {"clock_offset": 1e10}),
        (LicenseRocksSettings, {"delay_max": float("inf")}),
    ],
)
def test_impossible_settings(kind: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**bad)


def test_what_does_not_run_says_so() -> None:
    for sandbox in (BrokersTrSandbox(), TokenizationTrSandbox(), LicenseRocksSandbox()):
        with pytest.raises(SandboxError, match=f"the {sandbox.venue} sandbox is not running"):
            sandbox.accepted()


def test_the_command_refuses_wrong_settings() -> None:
    command = [sys.executable, "-P", "-m", "orderseal.sandbox.twins", "brokerstr", "--settings"]
    for bad in ('{"requests_per_minute": 0}', '{"colour": 1}', "x"):
        done = subprocess.run([*command, bad], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
