"""From what a trader means to the integers that are signed: pure, checked, nothing rounded."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Final, Literal, Self

from orderseal.api.stove.models import Estimate
from orderseal.api.stove.network import Network
from orderseal.signing import (
    DEFAULT_MAX_FEE,
    AddressLike,
    Deadlines,
    InvalidInput,
    InvalidReply,
    Order,
    RuleViolation,
    Token,
    TokenAmount,
    check_fee,
    describe,
    format_time,
    refuse_faults,
)
from orderseal.signing.orders import TICKER
from orderseal.signing.values import Address

__all__ = ["NASDAQ", "Quote", "Side", "explain", "limit_order", "market_price", "refusals"]

Side = Literal["buy", "sell"]

NASDAQ = 0
"""The venue's code for the US stock exchange, the only one that it lists."""


_HEADROOM: Final = Decimal("1.01")
_BELIEVABLE_RATES: Final = (Decimal("0.0001"), Decimal(10_000))
_FOUR_DECIMALS: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Quote:
    """What to offer for an order, as the venue proposes it.

    Attributes:
        fee: to offer for the whole order: the venue's estimate and 1 % of head-room, because the venue computes in floats,
            its rate moves, and an order that offers less than its estimate is left on the book without a word.
        estimated_fee: the venue's estimate itself.
        exchange_rate: of the stock market's currency per payment token.
        base_currency: the stock market's currency.
    """

    fee: TokenAmount
    estimated_fee: TokenAmount
    exchange_rate: Decimal
    base_currency: str

    @classmethod
    def from_estimate(cls, estimate: Estimate, token: Token) -> Self:
        """Take the venue's estimate for one order."""
        estimated = TokenAmount(token, int(estimate.charge_target))
        return cls(estimated.share(_HEADROOM, rounding="up"), estimated, estimate.exchange_rate, estimate.base_currency)


def market_price(limit: Decimal, exchange_rate: Decimal) -> Decimal:
    """Convert a limit in the payment token to the stock market's currency, rounded up to 4 decimals.

    Raises:
        InvalidReply: a rate that no stablecoin has.
    """
    low, high = _BELIEVABLE_RATES
    if not exchange_rate.is_finite() or not low <= exchange_rate <= high:
        raise InvalidReply(f"estimate the fee: the venue's exchange rate is beyond belief, {str(exchange_rate)[:40]}", status=200)
    with localcontext() as exact:
        exact.prec = 200
        return (limit * exchange_rate).quantize(_FOUR_DECIMALS, ROUND_CEILING)


def limit_order(
    network: Network,
    side: Side,
    ticker: str,
    *,
    shares: int,
    limit: Decimal,
    pay_with: str | Token,
    maker: AddressLike,
    fee: TokenAmount,
    nonce: int,
    now: float,
    deadline: int | None = None,
    life: int | None = None,
    principal: AddressLike | None = None,
    max_fee: Decimal = DEFAULT_MAX_FEE,
    exchange: int = NASDAQ,
    deadlines: Deadlines | None = None,
) -> Order:
    """Build an order: "buy 60 AAPL at 150.25 USDT at most".

    Args:
        network: where it is for.
        side: ``"buy"`` or ``"sell"``.
        ticker: such as ``AAPL``.
        shares: whole shares, 1 or more.
        limit: price of one share in the payment token, as ``Decimal``; signed exactly.
        pay_with: the payment token, by symbol or as one of the network's ``Token`` objects.
        maker: who signs and pays.
        fee: offered for the whole order. Below the venue's estimate no broker takes the order.
        nonce: from the venue (``next_nonce``).
        now: Unix seconds.
        deadline: Unix seconds; by default the earliest that is safe.
        life: or the seconds from ``now`` to the deadline.
        principal: who receives; by default the maker.
        max_fee: the greatest fee as a part of the notional; 0.01 is 1 %.
        deadlines: what judges the deadline instead of the network's rule: the same by the venue's clock, for example.

    Raises:
        InvalidInput: a wrong form (a float price, a fraction of a share, an unknown token, a deadline in milliseconds).
        RuleViolation: deadline or fee out of bounds. Nothing was signed.
    """
    check_intent(side, shares)
    if deadline is not None and life is not None:
        raise InvalidInput(path="deadline", expected="either a deadline or a life", actual="both")
    token = network.token(pay_with)
    price = token.amount(limit, path="limit")
    if not price.units:
        raise InvalidInput(path="limit", expected="a price above 0", actual=str(limit))
    try:
        check_fee(fee, price.times(shares), max_fee)
    except InvalidInput as error:
        error.path = {"ratio": "max_fee", "token": "fee"}.get(error.path, error.path)
        raise
    rule = network.deadline_rule if deadlines is None else deadlines
    if deadline is None:
        deadline = rule.choose(now, life=life)
    else:
        rule.check(deadline, now)
    order = Order(
        maker=_account(maker, "maker"),
        principal=_account(maker if principal is None else principal, "principal"),
        is_buy=side == "buy",
        ticker=ticker,
        exchange=exchange,
        asset=token.address,
        price=price.units,
        quantity=shares,
        incentive=fee.units,
        deadline=deadline,
        nonce=nonce,
    )
    refuse_faults(order)
    return order


def _account(value: AddressLike, path: str) -> Address:
    try:
        return Address(value)
    except InvalidInput as error:
        error.path = path
        raise


def check_ticker(ticker: object) -> None:
    """Check the form of a ticker before the venue is asked about it, which answers a wrong one in words of its own."""
    if not isinstance(ticker, str) or not TICKER.fullmatch(ticker):
        right = ticker.strip().upper() if isinstance(ticker, str) else ""
        raise InvalidInput(
            path="ticker",
            expected="a stock symbol such as AAPL or BRK.B",
            actual=describe(ticker),
            hint=f"Write {right}" if TICKER.fullmatch(right) else "",
        )


def check_intent(side: object, shares: object) -> None:
    """Check what the venue is asked about: a side that is neither must not be taken for a sell."""
    if side not in ("buy", "sell"):
        raise InvalidInput(path="side", expected='"buy" or "sell"', actual=describe(side))
    if not isinstance(shares, int) or isinstance(shares, bool) or shares < 1 or shares >= 2**256:
        raise InvalidInput(path="shares", expected="a whole number of shares, 1 or more", actual=describe(shares))


def explain(order: Order, network: Network) -> list[str]:
    """Say in plain words what signing this order means; one sentence a line."""
    token = next((token for token in network.tokens.values() if token.address == order.asset), None)
    notional, fee = order.price * order.quantity, order.incentive
    if token is None:
        price, total, offered = (f"{units} base units of the unknown token {order.asset}" for units in (order.price, notional, fee))
    else:
        price, total, offered = (str(TokenAmount(token, units)) for units in (order.price, notional, fee))
    ticker = order.ticker if order.ticker.isprintable() and len(order.ticker) <= 20 else describe(order.ticker)
    verb, bound, flow = ("Buy", "at most", "pay") if order.is_buy else ("Sell", "at least", "receive")
    besides = "on top of that" if order.is_buy else "out of your own"
    return [
        f"{verb} {order.quantity} {ticker}, {bound} {price} a share: {flow} {bound} {total}.",
        f"Offer the broker a fee of {offered} for the whole order, {besides}.",
        f"{'The shares go' if order.is_buy else 'The money goes'} to {order.principal}"
        + (", the signer's own account." if order.principal == order.maker else ", which is NOT the signer's account."),
        f"Good until {format_time(order.deadline)}; until then a copy of the signature can be used, even after a cancellation.",
        f"Nonce {order.nonce} on {network.name}, chain {network.chain_id}, contract {network.settlement}.",
    ]


def refusals(order: Order, network: Network, *, now: float, fee: TokenAmount | None = None, wallet: AddressLike | None = None) -> list[str]:
    """Every reason for which the venue would refuse this order now, or leave it alone, as far as it can be told beforehand.

    Args:
        now: Unix seconds.
        fee: the venue's estimate for it, if known.
        wallet: the account that is logged in, if known.
    """
    faults = dict(order.faults())
    found = [text for _, text in order.faults()]
    if wallet is not None and order.maker != Address(wallet):
        found.append(f"maker {order.maker} is not the account that is logged in, {Address(wallet)}")
    token = next((token for token in network.tokens.values() if token.address == order.asset), None)
    if token is None:
        found.append(f"asset {order.asset} is no payment token of {network.name}")
    if "deadline_unit" not in faults:
        try:
            network.deadline_rule.check(order.deadline, now)
        except RuleViolation as error:
            found.append(str(error))
    if fee is not None and order.incentive < fee.units:
        offered = TokenAmount(fee.token, order.incentive).decimal
        found.append(f"the incentive {offered:f} is below the estimated fee {fee}: accepted, but no broker takes the order")
    return found
