"""Plans that no node was asked for: one of each kind, over addresses that are easy to tell apart."""

from __future__ import annotations

from dataclasses import replace

from tests.chain.purchases import packed

from orderseal.chain.fees import MOST_WEI
from orderseal.chain.pins import PinnedCode, PinnedCurrency, PinnedMarketplace, Pins, Units
from orderseal.chain.plan import Caps, Expected, Plan, Step
from orderseal.signing import Address, Hash32

MOST = 2**256 - 1


def at(number: int) -> Address:
    return Address(bytes([number]) * 20)


ACCOUNT, MARKET, CURRENCY, HOUSE, THIEF = at(0xA1), at(0xB2), at(0xC3), at(0xD4), at(0xEE)
PINS = Pins(
    17000,
    PinnedMarketplace(MARKET, Hash32(b"\x01" * 32), implementation=PinnedCode(at(0xB3), Hash32(b"\x02" * 32))),
    PinnedCurrency(CURRENCY, Hash32(b"\x03" * 32), decimals=6),
    tokens=(HOUSE,),
    units=Units(1, 10**18),
)
CAPS = Caps(5000, 10**10, 10**16)


def approve(value: int, token: Address = CURRENCY, spender: Address = MARKET) -> Step:
    return Step(token, packed("approve(address,uint256)", spender, value), 60_000)


def buy(amount: int = 5, token: Address = HOUSE, currency: Address = CURRENCY) -> Step:
    return Step(MARKET, packed("buy(uint256,address,address)", amount, token, currency), 300_000)


PURCHASE = Plan(
    kind="purchase",
    chain_id=17000,
    account=ACCOUNT,
    steps=(approve(0), approve(2200), buy()),
    pins=PINS,
    caps=CAPS,
    expected=Expected(2200, 5 * 10**18, 440, 0),
    token_decimals=18,
    valid_until=1_800_000_000,
    simulation="eth_simulateV1",
    unchecked=(),
    name="00112233445566ff",
    facts={"symbol": "H\u00d6USE", "block": 7},
)
OFFERED = 1000 * 10**18
LIST_CALL = packed("list(address,address,uint256,uint256,uint256,uint256)", HOUSE, CURRENCY, 440, 1000, 1, 100)
UPDATE_CALL = packed("update(address,uint256,uint256,uint256,uint256)", HOUSE, 450, 2, 90, 1000)
SALE_CAPS = replace(CAPS, max_total=OFFERED)
LISTING = replace(
    PURCHASE,
    kind="list",
    steps=(approve(OFFERED, HOUSE), Step(MARKET, LIST_CALL, 300_000)),
    caps=SALE_CAPS,
    expected=Expected(0, 0, 440, OFFERED),
)
ESCROWED = replace(LISTING, expected=Expected(OFFERED, 0, 440, 0))
UPDATE = replace(
    LISTING, kind="update", steps=(approve(OFFERED, HOUSE), Step(MARKET, UPDATE_CALL, 300_000)), expected=Expected(0, 0, 450, OFFERED)
)
DELISTING = replace(
    LISTING,
    kind="delist",
    steps=(Step(MARKET, packed("delist(address)", HOUSE), 200_000), approve(0, HOUSE)),
    expected=Expected(0, 0, 0, 0),
)
SETTLEMENT_PINS = replace(PINS, tokens=None, units=Units(1, 10**6))
APPROVAL = replace(
    PURCHASE,
    kind="approval",
    steps=(approve(0), approve(2200)),
    pins=SETTLEMENT_PINS,
    expected=Expected(0, 0, 0, 2200),
    token_decimals=6,
)
REVOCATION = replace(APPROVAL, steps=(approve(0),), expected=Expected(0, 0, 0, 0))
STANDING = replace(APPROVAL, steps=())
UNLIMITED_APPROVAL = replace(
    APPROVAL,
    kind="unlimited-approval",
    steps=(approve(MOST),),
    caps=replace(CAPS, max_total=MOST),
    expected=Expected(0, 0, 0, MOST),
)
APPROVALS = {"approval": APPROVAL, "revocation": REVOCATION, "unlimited": UNLIMITED_APPROVAL}
UNCHECKED = replace(PURCHASE, simulation="none", unchecked=('it says "nothing" \\ was <simulated>',))
HUGE = replace(
    PURCHASE,
    chain_id=2**53 - 1,
    pins=replace(PINS, chain_id=2**53 - 1, units=Units(MOST, 1), tokens=None),
    steps=(approve(1), buy(MOST)),
    expected=Expected(1, MOST, 1, 0),
    caps=Caps(MOST, MOST_WEI, MOST),
    valid_until=253_402_300_799,
    token_decimals=77,
)
PLANS = {
    "purchase": PURCHASE,
    "list": LISTING,
    "escrowed": ESCROWED,
    "update": UPDATE,
    "delist": DELISTING,
    "unchecked": UNCHECKED,
    "huge": HUGE,
    **APPROVALS,
}
