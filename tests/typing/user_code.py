"""Code as users write it. It is not run: mypy and pyright check it strictly, so that the public types stay usable."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Annotated, assert_type

from orderseal.api import stove
from orderseal.sandbox import Sandbox, Settings
from orderseal.signing import (
    Address,
    Domain,
    Hash32,
    KeystoreSigner,
    LocalSigner,
    Order,
    Report,
    Signature,
    SignedOrder,
    Signer,
    Sol,
    Struct,
    Token,
    TokenAmount,
    TypedData,
    inspect_order,
    recover_signer,
    sign_order,
    verify_order,
)
from orderseal.signing.sol import address, boolean, uint256


class Permit(Struct, maker="owner"):
    owner: address
    spender: address
    value: uint256
    nonce: uint256
    deadline: uint256


class Basket(Struct, name="Basket_v1"):
    permits: tuple[Permit, ...]
    is_open: Annotated[bool, Sol("bool", name="isOpen")]
    amounts: Annotated[tuple[int, ...], Sol("uint256[]")]
    flag: boolean


def declared(signer: Signer) -> None:
    permit = Permit(owner=signer.address, spender=Address(bytes(20)), value=1, nonce=0, deadline=1_800_000_000)
    assert_type(permit.owner, Address)
    assert_type(permit.value, int)
    assert_type(permit.replace(value=2), Permit)
    basket = Basket(permits=(permit,), is_open=True, amounts=(1, 2), flag=False)
    assert_type(basket.permits, tuple[Permit, ...])
    domain = Domain(name="Token", chain_id=1, verifying_contract="0x" + "11" * 20)
    signed = sign_order(permit, domain, signer)
    assert_type(signed, SignedOrder[Permit])
    assert_type(signed.signature, Signature)
    assert_type(verify_order(signed), Address)
    assert_type(verify_order(permit, domain, signed.signature, signer="0x" + "11" * 20), Address)
    assert_type(recover_signer(permit, signed.signature, domain), Address)
    assert_type(inspect_order(permit, domain, signed.signature), Report)
    assert_type(TypedData.from_json(b"{}").signing_hash, Hash32)


def sync(order_id: str) -> Iterator[str]:
    signer = KeystoreSigner("maker.json", password_env="PASSWORD")
    usdt: Token = stove.TESTNET.token("USDT")
    assert_type(usdt.amount(Decimal("1.5")), TokenAmount)
    with Sandbox(Settings(seed=1)) as sandbox, stove.Client(stove.TESTNET.at(sandbox.url), signer) as venue:
        order = venue.new_order("buy", "AAPL", shares=60, limit=Decimal("150.25"), pay_with=usdt)
        assert_type(order, Order)
        placed = venue.create(sign_order(order, venue.network.domain, signer))
        assert_type(placed, stove.PlacedOrder)
        assert_type(placed.price, stove.BaseUnits)
        assert_type(venue.cancel(order_id), stove.CancelReply)
        with venue.stream(seconds=5) as changes:
            for change in changes:
                yield change.to_status
        for change in venue.follow(placed):
            yield change.to_status


async def async_() -> AsyncIterator[str]:
    signer = LocalSigner.from_env("MAKER_KEY")
    async with stove.AsyncClient(stove.TESTNET, signer) as venue:
        order = await venue.new_order("sell", "AAPL", shares=1, limit=Decimal(150), pay_with="USDC")
        placed = await venue.create(sign_order(order, venue.network.domain, signer))
        assert_type((await venue.query(status=["pending", "locked"])).orders, tuple[stove.PlacedOrder, ...])
        async for change in venue.follow(placed):
            yield change.to_status
