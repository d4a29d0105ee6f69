"""Each public method of the three platforms' clients has an example in its docstring, which runs on the twin as printed, async and sync.

An example may use ``client``, the names that :func:`brokerstr_names` and the like bind, and what the venue's package exports.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from orderseal.api import brokerstr, licenserocks, tokenizationtr
from orderseal.api.licenserocks import NewDeliveryAddress, NewOrder
from orderseal.api.tokenizationtr import Money
from orderseal.api.transport import RateLimit, Retries
from orderseal.sandbox import BrokersTrSandbox, Fault, LicenseRocksSandbox, TokenizationTrSandbox
from orderseal.sandbox.brokerstr import BrokersTrSettings
from orderseal.sandbox.tokenizationtr import TokenizationTrSettings
from orderseal.signing import Ledger, OutcomeUnknown

pytestmark = pytest.mark.once

NUMBERS = count()
Names = dict[str, Any]


def lose(twin: Any, path: str, write: Callable[[], object]) -> None:
    """The twin carries a write out, and its answer is lost."""
    twin.inject(Fault("drop_after"), method="POST", path=path)
    with pytest.raises(OutcomeUnknown):
        write()


def brokerstr_options(twin: BrokersTrSandbox) -> Names:
    return {"url": twin.url, "api_key": twin.api_key, "secret_key": twin.api_secret, "rate": RateLimit.none()}


def brokerstr_names(twin: BrokersTrSandbox, client: brokerstr.Client, method: str) -> Names:
    market_id, node_id = twin.seeds()["market_ids"][0], twin.seeds()["node_id"]
    number = next(NUMBERS)
    new, known = f"ext-{2 * number}", f"ext-{2 * number + 1}"
    token = client.create_token(known, is_all_market=True)
    assert token.id is not None
    address = client.create_kyc_address(market_id, chain_id=17000, name="Registry", address="0x" + "12" * 20)
    kept: Names = {"kyc_address_id": address.id, "chain_id": 17000, "kyc_hash": "0x" + "ab" * 32, "is_approved": True}
    attached = client.attach_kyc_token(token.id, **kept, reference="before")
    transaction_hash, sent_at = f"0x{number + 1:064x}", datetime.now(UTC) - timedelta(minutes=1)
    if method == "wait_for_purchase":
        twin.feed_purchase(hash=transaction_hash, buyer_address="0x" + "34" * 20, quantity=3, price=1313.662723)
    if method in ("open_writes", "settle", "dismiss"):
        lose(twin, "/api/v1/integration/markets", lambda: client.create_market(node_id, "market.example.com", reference="market 7"))
    return {
        "market_id": market_id,
        "node_id": node_id,
        "token_id": token.id,
        "external_id": new if method == "create_token" else known,
        "kyc_address_id": address.id,
        "kyc_token_id": attached.id,
        "transaction_hash": transaction_hash,
        "sent_at": sent_at,
    }


def tokenizationtr_options(twin: TokenizationTrSandbox) -> Names:
    login = {name: getattr(twin, name) for name in ("client_id", "client_secret", "username", "password")}
    return {"url": twin.url, "instance": f"run {next(NUMBERS)}".replace(" ", "-"), **login}


def tokenizationtr_names(twin: TokenizationTrSandbox, client: tokenizationtr.Client, method: str) -> Names:
    seeds = twin.seeds()
    user_id, seller_id, token_id = seeds["user_id"], seeds["seller_id"], seeds["token_id"]
    bought = client.buy_primary(user_id, token_id, quantity=1, reference="before")
    assert bought.transaction_id is not None
    found: Names = {"transaction_id": bought.transaction_id}
    if method in ("buy_secondary", "delist"):
        sold = client.sell(seller_id, token_id, quantity=1, price=Money(Decimal(3), 6, "USDT"), reference="offer")
        if sold.transaction_id is not None:
            assert not client.wait(sold.transaction_id, token_id=token_id, seconds=60, first=0.05).has_failed
        found["deal_id"] = max(deal.deal_id for deal in client.user_deals(seller_id) if deal.status == "active")
    if method in ("open_writes", "candidates", "settle", "dismiss"):
        lose(
            twin, "/v2/users/purchases/users/*/tokens/*", lambda: client.buy_primary(user_id, token_id, quantity=10, reference="order 4711")
        )
    (found["currency"],) = (currency for currency in client.currencies() if currency.symbol == "USDT")
    return {"user_id": seller_id if method in ("sell", "delist") else user_id, "token_id": token_id, **found}


def licenserocks_options(twin: LicenseRocksSandbox) -> Names:
    return {"url": twin.url, "token": twin.token, "user_token": twin.user_token}


def licenserocks_names(twin: LicenseRocksSandbox, client: licenserocks.Client, method: str) -> Names:
    user_id = twin.seeds()["user_id"]
    found: Names = {"user_id": user_id}
    if method in ("open_writes", "candidates", "settle", "dismiss"):
        new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=user_id, quantity=1)
        lose(twin, "/api/externalOrders", lambda: client.create_order(new, reference="invoice 118"))
        found["order_id"] = client.candidates("invoice 118").found[-1].order.id
    if method == "settle_address":
        home = NewDeliveryAddress(user_id=user_id, city="Ankara")
        lose(twin, "/api/public/deliveryAddress", lambda: client.create_delivery_address(home, reference="address 7"))
        found["address_id"] = max(address.id for address in client.delivery_addresses(user_id))
    return found


class VenueOf(NamedTuple):
    module: ModuleType
    twin: Callable[[], Any]
    options: Callable[[Any], Names]
    names: Callable[[Any, Any, str], Names]


VENUES: Mapping[str, VenueOf] = {
    "brokerstr": VenueOf(
        brokerstr,
        lambda: BrokersTrSandbox(
            BrokersTrSettings(seed=1, requests_per_minute=None, external_ids=tuple(f"ext-{number}" for number in range(1000))),
            start_timeout=60,
        ),
        brokerstr_options,
        brokerstr_names,
    ),
    "tokenizationtr": VenueOf(
        tokenizationtr,
        lambda: TokenizationTrSandbox(TokenizationTrSettings(generation="new", seed=2, delay_min=0.01, delay_max=0.1), start_timeout=60),
        tokenizationtr_options,
        tokenizationtr_names,
    ),
    "licenserocks": VenueOf(licenserocks, lambda: LicenseRocksSandbox(start_timeout=60), licenserocks_options, licenserocks_names),
}


def methods(cls: type) -> list[str]:
    return [name for name, value in vars(cls).items() if inspect.isfunction(value) and not name.startswith("_")]


CASES = [
    (venue, kind, name)
    for venue, known in VENUES.items()
    for kind in ("AsyncClient", "Client")
    for name in ("__doc__", *methods(getattr(known.module, kind)))
]


def example(of: Any, where: str) -> CodeType:
    """The block after ``Example::`` of a docstring."""
    before, mark, after = (inspect.getdoc(of) or "").partition("Example::\n\n")
    assert len(before) > 40, where
    assert mark, f"{where} has no example"
    text = textwrap.dedent(after)
    assert after.startswith("    "), where
    assert text != after, f"{where}: there is more behind the example"
    code: CodeType = compile(text, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


@pytest.fixture(scope="module")
def twins() -> Iterator[Callable[[str], Any]]:
    """Starts the twin of a venue when it is first asked for."""
    started: dict[str, Any] = {}

    def twin(venue: str) -> Any:
        if venue not in started:
            started[venue] = VENUES[venue].twin().__enter__()
        return started[venue]

    yield twin
    for running in started.values():
        running.stop()


@pytest.mark.parametrize(("venue", "kind", "name"), CASES, ids=[" ".join(case) for case in CASES])
def test_the_example_runs(
    venue: str, kind: str, name: str, twins: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    known, twin = VENUES[venue], twins(venue)
    cls = getattr(known.module, kind)
    code = example(cls if name == "__doc__" else getattr(cls, name), f"{venue}.{kind}.{name}")
    options = known.options(twin)
    names: Names = {name: getattr(known.module, name) for name in known.module.__all__}
    names |= {"Ledger": Ledger, "Decimal": Decimal, "datetime": datetime, "UTC": UTC} | options
    with Ledger(tmp_path / "bot.db" if name != "__doc__" else tmp_path / "other.db") as ledger:
        given = {**options, "ledger": ledger, "retries": Retries.none()}
        if venue == "licenserocks":
            given["instance"] = given.pop("url")
        with closing(known.module.Client(**given)) as desk:
            names |= known.names(twin, desk, name)
        assert not inspect.iscoroutinefunction(FunctionType(code, {})) or kind == "AsyncClient", "what is sync awaits nothing"
        if kind == "Client":
            with closing(cls(**given)) as client:
                FunctionType(code, names | {"client": client})()
        else:
            asyncio.run(awaited(code, names, cls(**given)))
    twin.calm()


async def awaited(code: CodeType, names: Names, client: Any) -> None:
    async with client:
        done = FunctionType(code, names | {"client": client})()
        if inspect.isawaitable(done):
            await done


def test_both_kinds_have_the_same_methods() -> None:
    for venue, known in VENUES.items():
        async_ones = {name.replace("aclose", "close") for name in methods(known.module.AsyncClient)}
        assert async_ones == set(methods(known.module.Client)), venue
        assert len(async_ones) > 10
