"""RFQSettlement: its digest equals ours, and it fills what our signers sign, and nothing else."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderseal.sandbox.evm import ChainError, LocalChain
from orderseal.signing import Address, Domain, LocalSigner, Order, SignedOrder, sign_order

MAX = 2**256 - 1
UNIT = 10**18
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

words = st.one_of(st.integers(0, MAX), st.sampled_from([0, 1, 2**128, MAX]))
addresses = st.binary(min_size=20, max_size=20)
orders = st.builds(
    Order,
    maker=addresses,
    principal=addresses,
    is_buy=st.booleans(),
    ticker=st.one_of(st.sampled_from(["AAPL", "BRK.B", ""]), st.text(max_size=16)),
    exchange=st.integers(0, 2**16 - 1),
    asset=addresses,
    price=words,
    quantity=words,
    incentive=words,
    deadline=words,
    nonce=words,
)


def domain(chain: LocalChain, **changes: Any) -> Domain:
    members: dict[str, Any] = {
        "name": "RFQSettlement",
        "version": "1",
        "chain_id": chain.chain_id,
        "verifying_contract": chain.contracts["settlement"].address,
    }
    return Domain(**members | changes)


def fields(order: Order) -> tuple[Any, ...]:
    return (
        bytes(order.maker), bytes(order.principal), order.is_buy, order.ticker, order.exchange, bytes(order.asset), order.price,
        order.quantity, order.incentive, order.deadline, order.nonce,
    )  # fmt: skip


def order_hash(chain: LocalChain, order: Order) -> bytes:
    return bytes(chain.call("settlement", "hashOrder", fields(order)))


class Trade:
    """A maker's order that could be filled, and the ways to sign and fill it."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.signer = LocalSigner(bytes.fromhex(chain.accounts["maker"].private_key[2:]))
        self.order = Order(
            maker=self.signer.address, principal=Address(chain.accounts["other"].address), is_buy=True, ticker="AAPL", exchange=0,
            asset=Address(chain.contracts["payment18"].address), price=150 * UNIT, quantity=10, incentive=10 * UNIT,
            deadline=int(time.time()) + 3600, nonce=7,
        )  # fmt: skip
        settlement = chain.contracts["settlement"].address
        for role in ("maker", "taker"):
            for token in ("payment18", "stock"):
                chain.transact(role, token, "approve", settlement, MAX)

    def but(self, **changes: Any) -> Order:
        return Order(**{name: getattr(self.order, name) for name in Order.__annotations__} | changes)

    def signed(self, order: Order | None = None, **changes: Any) -> SignedOrder[Order]:
        return sign_order(order or self.order, domain(self.chain, **changes), self.signer)

    def fill(self, signed: SignedOrder[Order], quantity: int, fee: int = 0, *, role: str = "taker", signature: bytes | None = None) -> Any:
        raw = bytes.fromhex(str(signed.signature)[2:]) if signature is None else signature
        return self.chain.transact(role, "settlement", "fillOrder", fields(signed.order), raw, quantity, fee)

    def balance(self, token: str, role: str) -> int:
        return int(self.chain.call(token, "balanceOf", self.chain.accounts[role].address))

    def balances(self) -> dict[str, tuple[int, int]]:
        return {role: (self.balance("payment18", role), self.balance("stock", role)) for role in ("maker", "taker", "other")}


def changes(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {role: (after[role][0] - before[role][0], after[role][1] - before[role][1]) for role in before}


@pytest.fixture
def trade(chain: LocalChain) -> Trade:
    return Trade(chain)


@given(order=orders)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_digest_on_chain_is_ours(chain: LocalChain, order: Order) -> None:
    assert order_hash(chain, order) == bytes(order.signing_hash(domain(chain)))


@given(order=orders, data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_field_gives_another_digest(chain: LocalChain, order: Order, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(Order.__annotations__)))
    other = data.draw(orders.filter(lambda item: getattr(item, name) != getattr(order, name)))
    changed = Order(**{field: getattr(other if field == name else order, field) for field in Order.__annotations__})
    assert order_hash(chain, changed) != bytes(order.signing_hash(domain(chain)))
    assert order_hash(chain, changed) == bytes(changed.signing_hash(domain(chain)))


def test_another_chain_contract_name_or_version_gives_another_digest(trade: Trade) -> None:
    chain, order = trade.chain, trade.order
    digest = order_hash(chain, order)
    wrong: list[dict[str, Any]] = [
        {"chain_id": 97},
        {"verifying_contract": chain.contracts["market"].address},
        {"name": "RFQSettlemen"},
        {"version": "2"},
    ]
    for change in wrong:
        assert bytes(order.signing_hash(domain(chain, **change))) != digest
    chain.deploy("settlement2", "RFQSettlement")
    second = domain(chain, verifying_contract=chain.contracts["settlement2"].address)
    assert bytes(chain.call("settlement2", "hashOrder", fields(order))) == bytes(order.signing_hash(second)) != digest


@pytest.mark.parametrize("backend", ["eth-tester", "anvil"])
def test_the_digest_on_the_other_chain(start: Any, backend: str) -> None:
    chain = start(backend, 97)
    order = Trade(chain).order
    assert order_hash(chain, order) == bytes(order.signing_hash(domain(chain)))
    assert order_hash(chain, order) != bytes(order.signing_hash(domain(chain, chain_id=17000)))
    assert chain.request("eth_chainId") == "0x61"


def test_a_taker_fills_a_buy_order_in_parts(trade: Trade) -> None:
    signed, before = trade.signed(), trade.balances()
    receipt = trade.fill(signed, 4, 4 * UNIT)
    assert receipt["logs"][-1]["topics"][1] == str(signed.signing_hash)
    assert changes(before, trade.balances()) == {"maker": (-604 * UNIT, 0), "taker": (604 * UNIT, -4), "other": (0, 4)}
    with pytest.raises(ChainError, match="RFQSettlement: fee above the incentive"):
        trade.fill(signed, 1, UNIT + 1)
    with pytest.raises(ChainError, match="RFQSettlement: overfilled"):
        trade.fill(signed, 7)
    trade.fill(signed, 6, 6 * UNIT)
    assert changes(before, trade.balances()) == {"maker": (-1510 * UNIT, 0), "taker": (1510 * UNIT, -10), "other": (0, 10)}
    assert trade.chain.call("settlement", "filled", bytes(signed.signing_hash)) == 10
    with pytest.raises(ChainError, match="RFQSettlement: overfilled"):
        trade.fill(signed, 1)


def test_a_taker_fills_a_sell_order(trade: Trade) -> None:
    trade.chain.transact("deployer", "stock", "mint", trade.chain.accounts["maker"].address, 10)
    before = trade.balances()
    trade.fill(trade.signed(trade.but(is_buy=False)), 10, 10 * UNIT)
    assert changes(before, trade.balances()) == {"maker": (0, -10), "taker": (-1490 * UNIT, 10), "other": (1490 * UNIT, 0)}


def test_what_is_not_filled(trade: Trade) -> None:
    chain, signed = trade.chain, trade.signed()
    raw = bytes.fromhex(str(signed.signature)[2:])
    s, v = int.from_bytes(raw[32:64], "big"), raw[64]
    high = raw[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    bad: list[tuple[str, dict[str, Any]]] = [
        ("taker not allowed", {"role": "other"}),
        ("high s", {"signature": high}),
        ("v is not 27 or 28", {"signature": raw[:64] + bytes([v - 27])}),
        ("signature length", {"signature": raw[:64]}),
        ("invalid signature", {"signature": bytes(64) + bytes([v])}),
        ("not signed by the maker", {"signature": raw[:64] + bytes([55 - v])}),
        ("zero quantity", {"quantity": 0}),
        ("overfilled", {"quantity": 11}),
        ("overfilled", {"quantity": MAX}),
    ]
    for reason, change in bad:
        with pytest.raises(ChainError, match=f"RFQSettlement: {reason}"):
            trade.fill(signed, change.pop("quantity", 1), **change)
    elsewhere: list[dict[str, Any]] = [{"chain_id": 97}, {"verifying_contract": chain.contracts["market"].address}]
    for change in elsewhere:
        with pytest.raises(ChainError, match="RFQSettlement: not signed by the maker"):
            trade.fill(trade.signed(**change), 1)
    with pytest.raises(ChainError, match="RFQSettlement: not signed by the maker"):
        trade.fill(dataclasses.replace(signed, order=trade.but(price=1)), 1)
    with pytest.raises(ChainError, match="RFQSettlement: unknown stock"):
        trade.fill(trade.signed(trade.but(ticker="MSFT")), 1)
    with pytest.raises(ChainError, match="ERC20: transfer amount exceeds balance"):
        trade.fill(trade.signed(trade.but(price=10**30)), 1)
    trade.fill(signed, 1)


def test_an_expired_order_is_not_filled(trade: Trade) -> None:
    block = trade.chain.request("eth_getBlockByNumber", "latest", False)
    soon = int(block["timestamp"], 16) + 1000
    signed = trade.signed(trade.but(deadline=soon))
    trade.fill(signed, 1)
    trade.chain.request("evm_setNextBlockTimestamp", hex(soon + 1))
    trade.chain.request("evm_mine")
    with pytest.raises(ChainError, match="RFQSettlement: expired"):
        trade.fill(signed, 1)


def test_a_voided_or_used_nonce_is_not_filled(trade: Trade) -> None:
    first, second = trade.signed(), trade.signed(trade.but(price=149 * UNIT))
    trade.fill(first, 1)
    with pytest.raises(ChainError, match="RFQSettlement: nonce used"):
        trade.fill(second, 1)
    trade.chain.transact("maker", "settlement", "voidNonce", 7)
    with pytest.raises(ChainError, match="RFQSettlement: nonce voided"):
        trade.fill(first, 1)
    with pytest.raises(ChainError, match="RFQSettlement: nonce voided"):
        trade.chain.transact("maker", "settlement", "voidNonce", 7)
    # The nonces of other makers are their own.
    trade.chain.transact("other", "settlement", "voidNonce", 8)
    trade.fill(trade.signed(trade.but(nonce=8)), 1)


def test_only_the_owner_registers_and_names(chain: LocalChain) -> None:
    for function, arguments in (("setTaker", (chain.accounts["other"].address, True)), ("registerStock", ("X", 0, bytes(20)))):
        with pytest.raises(ChainError, match="RFQSettlement: not the owner"):
            chain.transact("other", "settlement", function, *arguments)
