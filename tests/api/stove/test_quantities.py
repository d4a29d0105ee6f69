"""Whole shares or 10^18 to a share: what the venue's pages leave open is decided by what was signed, else by one rule, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderseal.api import stove
from orderseal.api.stove import QuantityUnit, Shares
from orderseal.signing import InvalidInput, InvalidReply, Ledger, OutcomeUnknown
from orderseal.signing.ledger import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.stove.conftest import Desk

WEI = 10**18
LIMIT = Decimal("150.25")


@pytest.mark.parametrize("quantity", [0, 1, 100, 10**12, 10**15 - 1])
def test_few_are_whole_shares(quantity: int) -> None:
    assert QuantityUnit.of(quantity) is QuantityUnit.SHARES


@pytest.mark.parametrize("shares", [1, 10, 10**12])
def test_multiples_of_ten_to_the_eighteenth_are_wei(shares: int) -> None:
    """The query page's own example is 10000000000000000000 for ten."""
    assert QuantityUnit.of(shares * WEI) is QuantityUnit.WEI


@pytest.mark.parametrize("quantity", [10**15, 5 * 10**17, WEI - 1, WEI + 1, 15 * 10**17, 2**256 - 1])
def test_what_could_be_either_or_neither_is_not_read(quantity: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        QuantityUnit.of(quantity)
    assert caught.value.path == "quantity"


@given(quantity=st.integers(0, 2**256 - 1))
def test_the_rule_never_gives_a_part_of_a_share(quantity: int) -> None:
    try:
        unit = QuantityUnit.of(quantity)
    except InvalidInput:
        assert quantity >= 10**15
        assert quantity % WEI
        return
    assert quantity % unit.value == 0


def test_what_was_signed_decides(desk: Desk) -> None:
    signed = desk.order(quantity=3).order
    for scale, unit in ((1, QuantityUnit.SHARES), (WEI, QuantityUnit.WEI)):
        shown = desk.show(desk.order(quantity=3), quantity=str(3 * scale), filled_quantity=str(2 * scale))
        assert shown.unit(signed) is shown.unit() is unit
        assert shown.shares(signed) == shown.shares() == Shares(3, unit)
        assert shown.filled_shares(signed) == shown.filled_shares() == Shares(2, unit)
        assert shown.to_order().quantity == shown.to_order(signed).quantity == 3
    for quantity in ("4", str(4 * WEI), str(3 * 10**9)):
        with pytest.raises(InvalidInput):
            desk.show(desk.order(quantity=3), quantity=quantity).unit(signed)


def test_what_was_signed_decides_where_the_rule_does_not(desk: Desk) -> None:
    """An order for 10^18 shares has a fault, and is yet read as what it was signed as."""
    strange = desk.order(quantity=3)
    signed = type(strange.order)(**{name: getattr(strange.order, name) for name in FIELDS} | {"quantity": 2 * WEI})
    shown = desk.show(strange, quantity=str(2 * WEI))
    assert shown.unit() is QuantityUnit.WEI
    assert shown.unit(signed) is QuantityUnit.SHARES
    assert shown.to_order(signed).quantity == 2 * WEI
    assert shown.to_order(strange.order).quantity == 2


FIELDS = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce")


@pytest.mark.parametrize("filled", ["4", str(3 * WEI)])
def test_more_than_was_ordered_is_not_filled(desk: Desk, filled: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        desk.show(desk.order(quantity=3), filled_quantity=filled).filled_shares()
    assert caught.value.path == "filled_quantity"


@pytest.mark.parametrize("filled", ["1", str(WEI // 2), str(4 * WEI)])
def test_a_part_of_a_share_is_not_filled(desk: Desk, filled: str) -> None:
    with pytest.raises(InvalidInput):
        desk.show(desk.order(quantity=3), quantity=str(3 * WEI), filled_quantity=filled).filled_shares()


def test_partially_filled_is_not_final(desk: Desk) -> None:
    assert "partially_filled" not in stove.FINAL_STATUSES
    assert not desk.show(desk.order(), status="partially_filled").is_final


async def test_a_quantity_in_no_unit_leaves_a_submission_unknown(desk: Desk, kit: Kit, server: RawServer) -> None:
    """The reply to the order was lost, and the look-up shows it with half a share: it is neither ours nor somebody's."""
    signer = kit.signer()
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 7})
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(
        {"base_currency": "USD", "charge_base": "1", "target_currency": "USDT", "charge_target": str(10**15),
         "price_base": seen.json["price"], "price_target": "1", "exchange_rate": 1}
    )  # fmt: skip
    sent: list[dict[str, Any]] = []

    def orders(seen: Any) -> bytes:
        if seen.method == "POST":
            sent.append(seen.json)
            return b""
        shown = [{**kit.placed(desk.order()), **body["order"], "signature": body["signature"], "quantity": str(WEI // 2)} for body in sent]
        return kit.page(*shown)

    server.routes[kit.ORDERS] = orders
    policy = stove.Policy(settle=0.05, patience=0.5)
    async with stove.AsyncMaker(stove.TESTNET.at(server.url), signer, Ledger(MemoryStore()), policy=policy) as maker:
        await kit.raises(maker.buy("AAPL", shares=3, limit=LIMIT, pay_with="USDT"), OutcomeUnknown)
        assert [slot.state.value for slot in maker.ledger.slots()] == ["unknown"]
        with pytest.raises(InvalidReply):
            await maker._port.look_up(7)


async def test_fills_of_another_quantity_are_not_taken_off_the_exposure(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    from orderseal.api.stove.maker import _filled

    signed = desk.order(quantity=3)
    fill = desk.EXCHANGES["fills"]["data"]["fills"][0]
    for quantity, filled, expected in (("3", "2", 2), (str(3 * WEI), str(2 * WEI), 2), ("3000", "2000", 0), (str(4 * WEI), str(WEI), 0)):
        shown = kit.placed(signed, quantity=quantity, filled_quantity=filled, fills=[fill | {"fill_quantity": filled}])
        server.routes[kit.ORDERS] = kit.page(shown)
        (order,) = (await client_of(server.url).query()).orders
        assert _filled(order, signed.order)[0] == expected


@pytest.mark.parametrize(
    ("filled", "fills", "expected"),
    [
        ("2", [("2", "0x1", "confirmed")], 2),
        ("3", [("1", "0x1", "confirmed"), ("2", "0x2", None)], 3),
        ("2", [(str(2 * WEI), "0x1", "confirmed")], 0),  # in another unit than the order
        ("4", [("2", "0x1", "confirmed"), ("2", "0X1", "confirmed")], 2),  # one transaction, listed twice
        ("4", [("2", "0x1", "confirmed"), ("1", "0x1", "confirmed")], 1),
        ("2", [("2", "0x1", "failed")], 0),
        ("2", [("2", None, "confirmed")], 0),
        ("1", [("2", "0x1", "confirmed")], 0),  # more than the venue itself calls filled
        ("11", [("2", "0x1", "confirmed")], 0),
    ],
)
async def test_what_comes_off_the_exposure_is_the_least_that_is_said(
    desk: Desk,
    kit: Kit,
    server: RawServer,
    client_of: Callable[..., stove.AsyncClient],
    filled: str,
    fills: list[tuple[str, str | None, str | None]],
    expected: int,
) -> None:
    from orderseal.api.stove.maker import _filled

    signed = desk.order(quantity=10)
    one = desk.EXCHANGES["fills"]["data"]["fills"][0]
    shown = [one | {"fill_quantity": quantity, "tx_hash": name, "status": status} for quantity, name, status in fills]
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, filled_quantity=filled, fills=shown))
    (order,) = (await client_of(server.url).query()).orders
    assert _filled(order, signed.order)[0] == expected
