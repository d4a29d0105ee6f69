"""The bounds that a user sets on orders: what no bot may sign, whatever it computed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from orderseal.signing.amounts import Token, TokenAmount
from orderseal.signing.errors import InvalidInput, RuleViolation, describe
from orderseal.signing.orders import TICKER, Order
from orderseal.signing.rules.fees import DEFAULT_MAX_FEE, check_fee
from orderseal.signing.values import Address, AddressLike

__all__ = ["ExposureLike", "LiveLike", "OrderRule", "OrderRules"]

_OTHERS: Final = "*"
_WEI: Final = 10**18
_LIMIT: Final = 2**256


class OrderRule(Protocol):
    """A rule of the user's own. A plain function of the order does as well."""

    def check(self, order: Order) -> None:
        """Raise ``RuleViolation`` if the order is forbidden; else return nothing."""
        ...


class LiveLike(Protocol):
    """One live signature, as the ledger's ``LiveOrder``."""

    @property
    def order(self) -> Order | None:
        """What was signed, or ``None`` if it is no built-in order."""
        ...

    @property
    def slot(self) -> Any:
        """Where it stands; ``slot.scope.network`` is the network's name."""
        ...


class ExposureLike(Protocol):
    """All live signatures, as the ledger's ``Exposure``."""

    @property
    def orders(self) -> Sequence[LiveLike]:
        """Each live signature."""
        ...

    @property
    def buys(self) -> Mapping[tuple[str, Address], int]:
        """Base units owed by buy orders, by (network, payment token)."""
        ...

    @property
    def sells(self) -> Mapping[tuple[str, str], int]:
        """Shares owed by sell orders, by (network, ticker)."""
        ...

    @property
    def unmeasured(self) -> int:
        """How many live signatures are no built-in orders."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRules:
    """What an order may be. A bound that is not given is not checked, except for ``max_fee`` and ``principals``.

    Prices are in the payment token, as ``Decimal`` or ``int``; a float raises. Every bound is inclusive. Where a bound is by ticker, a
    ticker that is not in the mapping is refused; ``"*"`` stands for all others. Where a bound is an amount, give one for each payment token
    in use; an order in another token raises ``InvalidInput``.

    A rule of your own is a function, or an object with ``check(order)``::

        def nothing_odd(order: Order) -> None:
            if order.quantity % 10:
                raise RuleViolation("odd_lot", f"{order.quantity} shares are no multiple of 10: round down")

        rules = OrderRules(tickers={"AAPL"}, max_shares=500, policies=[nothing_odd])
        rules.check(order, token=USDT)

    Attributes:
        tickers: that may be traded.
        price_at_most: of one share, for buys; for all tickers or by ticker.
        price_at_least: of one share, for sells; for all tickers or by ticker.
        price_band_percent: how far a price may lie from the ``reference`` that :meth:`check` is given, up or down, buy or sell; 0 to 100,
            ``Decimal(5)`` is 5 %. With it an order without a reference is refused.
        min_shares: whole shares.
        max_shares: whole shares.
        max_fee: the incentive as a part of price times quantity; 0.01 is 1 %.
        max_fee_amount: the incentive.
        max_notional: price times quantity; for a buy with the incentive: all that it may take.
        max_buy_exposure: what all live buy orders may still take in the payment token, this one included.
        max_open_sells: shares that all live sell orders of a ticker may still take, this one included; for each ticker alike, or by ticker.
        max_live: number of live signatures of any kind, this one included.
        principals: accounts to which the shares or the money may go. Not given: the order's maker alone. Given: these alone.
        allow_unmeasured: whether an exposure bound may be judged although there are live signatures whose cost is not known.
        policies: rules of your own.
    """

    tickers: Collection[str] | None = None
    price_at_most: Decimal | int | Mapping[str, Decimal | int] | None = None
    price_at_least: Decimal | int | Mapping[str, Decimal | int] | None = None
    price_band_percent: Decimal | int | None = None
    min_shares: int | None = None
    max_shares: int | None = None
    max_fee: Decimal = DEFAULT_MAX_FEE
    max_fee_amount: TokenAmount | Collection[TokenAmount] | None = None
    max_notional: TokenAmount | Collection[TokenAmount] | None = None
    max_buy_exposure: TokenAmount | Collection[TokenAmount] | None = None
    max_open_sells: int | Mapping[str, int] | None = None
    max_live: int | None = None
    principals: Collection[AddressLike] | None = None
    allow_unmeasured: bool = False
    policies: Collection[OrderRule | Callable[[Order], None]] = ()

    def __post_init__(self) -> None:
        # Kept as copies that nobody can change: a bound must not move after it was checked.
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _FORMS[field.name](value, f"order rules {field.name}"))
            elif field.default is not None:
                raise InvalidInput(path=f"order rules {field.name}", expected="a value: it cannot be switched off", actual="None")
        if self.min_shares is not None and self.max_shares is not None and self.min_shares > self.max_shares:
            raise InvalidInput(path="order rules", expected="min_shares ≤ max_shares", actual=f"{self.min_shares} and {self.max_shares}")

    def check(self, order: Order, *, token: Token, reference: Decimal | int | None = None) -> None:
        """Check one order by itself.

        Args:
            token: the order's payment token.
            reference: what one share is worth in the payment token, by a source of yours; for ``price_band_percent``.

        Raises:
            RuleViolation: with the code of the first broken rule, and the texts of all.
            InvalidInput: not an order; the token is not the order's; no bound is in that token; a reference that is no price.
        """
        _raise_all(order, token, self.violations(order, token=token, reference=reference))

    def check_exposure(self, order: Order, exposure: ExposureLike, *, token: Token, network: str | None = None) -> None:
        """Check an order together with all live signatures. Ask before it is committed to a nonce.

        Args:
            exposure: of the ledger (``ledger.exposure()``).
            token: the order's payment token.
            network: as in the ledger's ``Scope``, letter by letter. Only live orders there are added up, and an order that is itself
                among them is not counted twice. Without it those of all networks are added up.

        Raises:
            RuleViolation: with the code of the first broken rule, and the texts of all.
            InvalidInput: as :meth:`check`.
        """
        _refuse_other_token(order, token)
        _raise_all(order, token, tuple(self._of_exposure(order, token, exposure, network)))

    def violations(
        self,
        order: Order,
        *,
        token: Token,
        reference: Decimal | int | None = None,
        exposure: ExposureLike | None = None,
        network: str | None = None,
    ) -> tuple[RuleViolation, ...]:
        """Every rule that an order breaks; none if it is empty. With ``exposure`` also those of :meth:`check_exposure`.

        What no honest order has (:meth:`Order.faults`) is listed first, with its own codes.

        Raises:
            InvalidInput: as :meth:`check`.
        """
        _refuse_other_token(order, token)
        if reference is not None:
            reference = _price(reference, "reference")
            if not reference:
                raise InvalidInput(path="reference", expected="a price above 0", actual="0")
        found = [RuleViolation(code, text) for code, text in order.faults()]
        found += self._of_account(order)
        found += self._of_price(order, token, reference)
        found += self._of_quantity(order)
        found += self._of_amounts(order, token)
        found += self._of_policies(order)
        if exposure is not None:
            found += self._of_exposure(order, token, exposure, network)
        return tuple(found)

    def explain(self) -> list[str]:
        """Say in plain words what is bounded, and what is not; one sentence a line."""
        said = [
            "The shares or the money go to the order's maker and nobody else."
            if self.principals is None
            else f"The shares or the money go only to {_any_of(map(str, self.principals))}."
        ]
        said += _said("Only {} may be traded.", None if self.tickers is None else _any_of(self.tickers))
        said += _by_ticker("A buy pays at most {} of the payment token a share{}.", self.price_at_most)
        said += _by_ticker("A sell asks at least {} of the payment token a share{}.", self.price_at_least)
        said += _said("A price lies within {} % of the reference price.", _number(self.price_band_percent))
        said += _said("An order is for at least {} shares.", self.min_shares)
        said += _said("An order is for at most {} shares.", self.max_shares)
        said.append(f"The fee is at most {_number(self.max_fee * 100)} % of price times quantity.")
        said += [f"The fee is at most {amount} an order." for amount in _amounts(self.max_fee_amount)]
        said += [f"An order is worth at most {amount}; a buy with its fee." for amount in _amounts(self.max_notional)]
        said += [f"All live buy orders together may take at most {amount}." for amount in _amounts(self.max_buy_exposure)]
        said += _by_ticker("All live sell orders of one ticker together may take at most {} shares{}.", self.max_open_sells)
        said += _said("At most {} signatures are live at a time.", self.max_live)
        if self.allow_unmeasured:
            said.append("Live signatures whose cost is not known do not stop an order.")
        if self.policies:
            said.append(f"Rules of your own: {', '.join(_name(policy) for policy in self.policies)}.")
        if absent := [text for name, text in _ABSENT.items() if getattr(self, name) is None]:
            said.append(f"Not bounded: {', '.join(absent)}.")
        return said

    def _of_account(self, order: Order) -> Iterable[RuleViolation]:
        if self.tickers is not None and order.ticker not in self.tickers:
            yield RuleViolation(
                "ticker_not_allowed",
                f"{describe(order.ticker)} is not among the tickers that may be traded, {_any_of(self.tickers)}; "
                "add it to tickers if you mean it",
            )
        allowed = (order.maker,) if self.principals is None else self.principals
        if order.principal not in allowed:
            what = "shares" if order.is_buy else "money"
            whose = f"the maker {order.maker}" if self.principals is None else _any_of(map(str, self.principals))
            yield RuleViolation(
                "principal_not_allowed",
                f"the {what} would go to the principal {order.principal}, and only {whose} may get them; "
                "if that account is yours, name it in principals",
            )

    def _of_price(self, order: Order, token: Token, reference: Decimal | None) -> Iterable[RuleViolation]:
        name, bounds = ("price_at_most", self.price_at_most) if order.is_buy else ("price_at_least", self.price_at_least)
        if bounds is not None:
            bound = _of_ticker(bounds, order.ticker)
            over = 0 if bound is None else _compare(order.price, token, bound)
            if bound is None:
                yield RuleViolation(
                    "price_not_bounded", f'{name} has no price for {describe(order.ticker)}: add one, or one for "*", all others'
                )
            elif order.is_buy and over > 0:
                yield RuleViolation(
                    "price_too_high",
                    f"to buy {_at(order, token)} is above {_number(bound)} {token}; lower the limit, or raise {name} if you mean it",
                )
            elif not order.is_buy and over < 0:
                yield RuleViolation(
                    "price_too_low",
                    f"to sell {_at(order, token)} is below {_number(bound)} {token}; raise the limit, or lower {name} if you mean it",
                )
        if self.price_band_percent is None:
            return
        if reference is None:
            yield RuleViolation(
                "price_no_reference",
                f"{_at(order, token)} must lie within {_number(self.price_band_percent)} % of a reference price, and none is given: "
                "pass reference=",
            )
            return
        # price · 100 against reference · (100 ± percent), in integers
        numerator, denominator = reference.as_integer_ratio()
        part, whole = self.price_band_percent.as_integer_ratio()
        scaled = order.price * 100 * whole * denominator
        low, high = (numerator * (100 * whole + sign * part) * 10**token.decimals for sign in (-1, 1))
        if not low <= scaled <= high:
            yield RuleViolation(
                "price_outside_band",
                f"{_at(order, token)} is not within {_number(self.price_band_percent)} % of the reference price "
                f"{_number(reference)} {token}; look for a slipped point or an old reference",
            )

    def _of_quantity(self, order: Order) -> Iterable[RuleViolation]:
        if self.min_shares is not None and order.quantity < self.min_shares:
            yield RuleViolation(
                "quantity_too_small", f"{order.quantity} shares are fewer than {self.min_shares}; lower min_shares if you mean it"
            )
        if self.max_shares is not None and order.quantity > self.max_shares:
            scaled = order.quantity >= _WEI and order.quantity % _WEI == 0
            yield RuleViolation(
                "quantity_too_large",
                f"{order.quantity} shares are more than {self.max_shares}; "
                + (
                    f"this looks like {order.quantity // _WEI} scaled by 10^18 (wei), and shares are whole: do not scale them"
                    if scaled
                    else "raise max_shares if you mean it"
                ),
            )

    def _of_amounts(self, order: Order, token: Token) -> Iterable[RuleViolation]:
        units = order.price * order.quantity
        total = units + order.incentive if order.is_buy else units
        if total >= _LIMIT:
            yield RuleViolation(
                "notional_overflow", "price times quantity is more than a token can count (2^256 base units): check both scales"
            )
            return
        numerator, denominator = self.max_fee.as_integer_ratio()
        if order.incentive * denominator > units * numerator:  # A generous ratio of a great notional is more than an amount can hold.
            try:
                check_fee(TokenAmount(token, order.incentive), TokenAmount(token, units), self.max_fee)
            except RuleViolation as error:
                yield error
        most = _in_token(self.max_fee_amount, token, "max_fee_amount")
        if most is not None and order.incentive > most.units:
            fee = _units(order.incentive, token)
            yield RuleViolation("fee_amount_too_high", f"the fee {fee} is more than {most}; raise max_fee_amount if you mean it")
        most = _in_token(self.max_notional, token, "max_notional")
        if most is not None and total > most.units:
            what = f"{order.quantity} shares of {_at(order, token)}" + (f" and the fee {_units(order.incentive, token)}" * order.is_buy)
            yield RuleViolation(
                "notional_too_high",
                f"{what} make {_units(total, token)}, more than {most} an order; order less, or raise max_notional if you mean it",
            )

    def _of_policies(self, order: Order) -> Iterable[RuleViolation]:
        for policy in self.policies:
            check = cast("Callable[[Order], object]", getattr(policy, "check", policy))
            try:
                answer = check(order)
            except RuleViolation as error:
                yield error
            else:
                if answer is not None:
                    raise InvalidInput(
                        path=f"policies {_name(policy)}",
                        expected="a rule that raises RuleViolation, or returns nothing",
                        actual=f"one that returned {describe(answer)}",
                    )

    def _of_exposure(self, order: Order, token: Token, exposure: ExposureLike, network: str | None) -> Iterable[RuleViolation]:
        if network is not None and not isinstance(network, str):  # Anything else would match no live order, and hide them all.
            raise InvalidInput(path="network", expected="the network's name as in the ledger's Scope, or None", actual=describe(network))
        most = _in_token(self.max_buy_exposure, token, "max_buy_exposure")
        if exposure.unmeasured and not self.allow_unmeasured and (most is not None or self.max_open_sells is not None):
            yield RuleViolation(
                "exposure_unmeasured",
                f"{exposure.unmeasured} live signatures are no orders of the built-in type, and what they may take is not known; "
                "wait until they have expired, or set allow_unmeasured=True if they do not touch these tokens",
            )
        # The same order on another network is another signature.
        again = any(live.order == order and live.slot.scope.network == network for live in exposure.orders)
        if order.is_buy and most is not None:
            live = _sum(exposure.buys, network, token.address)
            this = 0 if again else order.price * order.quantity + order.incentive
            if live + this > most.units:
                yield RuleViolation(
                    "buy_exposure_too_high",
                    f"live buy orders may still take {_units(live, token)}, and this one {_units(this, token)}: "
                    f"{_units(live + this, token)}, more than {most}. A signature stays live until its deadline, also when "
                    "cancelled; order less, or raise max_buy_exposure if you mean it",
                )
        if not order.is_buy and self.max_open_sells is not None:
            yield from self._of_open_sells(order, _sum(exposure.sells, network, order.ticker), 0 if again else order.quantity)
        count = len(exposure.orders) + (0 if again else 1)
        if self.max_live is not None and count > self.max_live:
            yield RuleViolation(
                "too_many_live",
                f"with this one {count} signatures would be live, more than {self.max_live}. Each is live until its deadline, also when "
                "cancelled; wait, or raise max_live if you mean it",
            )

    def _of_open_sells(self, order: Order, live: int, this: int) -> Iterable[RuleViolation]:
        assert self.max_open_sells is not None
        most, ticker = _of_ticker(self.max_open_sells, order.ticker), describe(order.ticker)
        if most is None:
            yield RuleViolation("open_sells_not_bounded", f'max_open_sells has no number for {ticker}: add one, or one for "*", all others')
        elif live + this > most:
            yield RuleViolation(
                "open_sells_too_high",
                f"live sell orders may still take {live} shares of {ticker}, and this one {this}: {live + this}, more than {most}. "
                "A signature stays live until its deadline, also when cancelled; sell fewer, or raise max_open_sells if you mean it",
            )


def _raise_all(order: Order, token: Token, found: tuple[RuleViolation, ...]) -> None:
    if len(found) == 1:
        raise found[0]
    if found:
        verb = "buy" if order.is_buy else "sell"
        told = "; ".join(f"({number}) {error.rule}: {error}" for number, error in enumerate(found, 1))
        raise RuleViolation(
            found[0].rule,
            f"{len(found)} rules forbid to {verb} {order.quantity} {describe(order.ticker)} at {_units(order.price, token)} "
            f"(nonce {order.nonce}): {told}",
        )


def _refuse_other_token(order: object, token: object) -> None:
    if not isinstance(order, Order):
        raise InvalidInput(path="order", expected="an Order", actual=describe(order))
    if not isinstance(token, Token):
        raise InvalidInput(path="token", expected="a Token", actual=describe(token))
    if order.asset != token.address:
        raise InvalidInput(
            path="token",
            expected=f"the order's payment token {order.asset}",
            actual=f"{token} at {token.address}",
            hint="Pass the right token",
        )


def _at(order: Order, token: Token) -> str:
    return f"{describe(order.ticker)} at {_units(order.price, token)} a share"


def _units(units: int, token: Token) -> str:
    """Base units for people. An order may hold more than any token."""
    return str(TokenAmount(token, units)) if units < _LIMIT else f"more than 2^256 base units of {token}"


def _compare(units: int, token: Token, bound: Decimal | int) -> int:
    """Above 0 if units are more than the bound, below 0 if less; exactly: a bound may have more decimals than the token."""
    numerator, denominator = bound.as_integer_ratio()
    scale: int = 10**token.decimals
    return units * denominator - numerator * scale


def _of_ticker(bounds: Decimal | int | Mapping[str, Decimal | int], ticker: str) -> Decimal | int | None:
    """The bound for a ticker, or ``None`` if there is none."""
    return bounds.get(ticker, bounds.get(_OTHERS)) if isinstance(bounds, Mapping) else bounds


def _sum(sums: Mapping[tuple[str, Any], int], network: str | None, key: Address | str) -> int:
    return sum(units for (where, what), units in sums.items() if what == key and network in (None, where))


def _amounts(bound: TokenAmount | Collection[TokenAmount] | None) -> tuple[TokenAmount, ...]:
    return () if bound is None else (bound,) if isinstance(bound, TokenAmount) else tuple(bound)


def _in_token(bound: TokenAmount | Collection[TokenAmount] | None, token: Token, name: str) -> TokenAmount | None:
    """The bound in a token. An order in a token without one is not unbounded."""
    if bound is None:
        return None
    for amount in _amounts(bound):
        if amount.token == token:
            return amount
    raise InvalidInput(
        path=f"order rules {name}",
        expected=f"an amount of {token} at {token.address} on chain {token.chain_id}",
        actual=_any_of(f"{amount.token} at {amount.token.address} on chain {amount.token.chain_id}" for amount in _amounts(bound)),
        hint=f"Amounts of two tokens do not mix; give {name} one for each token",
    )


# How a bound must look, and how it is kept


def _price(value: object, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        actual = f"a float {value!r}" if isinstance(value, float) else describe(value)
        hint = f'Write Decimal("{value}")' if isinstance(value, float) else ""
        raise InvalidInput(path=path, expected="a Decimal, or a whole number as int", actual=actual, hint=hint)
    if isinstance(value, int):
        if not 0 <= value < _LIMIT:
            raise InvalidInput(path=path, expected="0 or more, less than 2^256", actual=describe(value))
        return Decimal(value)
    if not value.is_finite() or value.is_signed():
        raise InvalidInput(path=path, expected="a finite number, 0 or more", actual=str(value)[:40])
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent < -100 or value.adjusted() > 77:
        raise InvalidInput(path=path, expected="less than 10^78, with at most 100 decimals", actual=str(value)[:40])
    return value


def _percent(value: object, path: str) -> Decimal:
    found = _price(value, path)
    if found > 100:
        raise InvalidInput(path=path, expected="0 to 100 per cent", actual=str(found))
    return found


def _ratio(value: object, path: str) -> Decimal:
    found = _price(value, path)
    if isinstance(value, int) and value:
        raise InvalidInput(path=path, expected="a part as Decimal", actual=str(value), hint='1 % is Decimal("0.01")')
    return found


def _count(value: object, path: str) -> int:
    if type(value) is not int or value < 0 or value >= _LIMIT:
        raise InvalidInput(path=path, expected="a whole number, 0 or more", actual=describe(value))
    return value


def _flag(value: object, path: str) -> bool:
    if type(value) is not bool:
        raise InvalidInput(path=path, expected="True or False", actual=describe(value))
    return value


def _ticker(value: object, path: str) -> str:
    if not isinstance(value, str) or not TICKER.fullmatch(value):
        raise InvalidInput(path=path, expected="a stock symbol such as AAPL or BRK.B", actual=describe(value))
    return value


def _many(value: object, path: str, expected: str) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
        raise InvalidInput(path=path, expected=expected, actual=describe(value), hint="Put it in a list")
    return tuple(value)


def _tickers(value: object, path: str) -> frozenset[str]:
    return frozenset(_ticker(item, path) for item in _many(value, path, "a collection of tickers"))


def _principals(value: object, path: str) -> tuple[Address, ...]:
    found: list[Address] = []
    for item in _many(value, path, "a collection of addresses"):
        try:
            found.append(Address(item))
        except InvalidInput as error:
            error.path = path
            raise
    return tuple(found)


def _tokens(value: object, path: str) -> TokenAmount | tuple[TokenAmount, ...]:
    if isinstance(value, TokenAmount):
        return value
    expected = "a TokenAmount, or a collection of them, one for each token"
    if isinstance(value, int | Decimal | float):
        raise InvalidInput(path=path, expected=expected, actual=describe(value), hint="Write USDT.amount(…): money carries its token")
    found: dict[Token, TokenAmount] = {}
    for item in _many(value, path, expected):
        if not isinstance(item, TokenAmount):
            raise InvalidInput(path=path, expected=expected, actual=describe(item))
        if item.token in found:
            raise InvalidInput(path=path, expected=expected, actual=f"two amounts of {item.token}")
        found[item.token] = item
    if not found:
        raise InvalidInput(path=path, expected=expected, actual="an empty collection")
    return tuple(found.values())


def _by(form: Callable[[object, str], Any]) -> Callable[[object, str], Any]:
    """One bound for all tickers, or a mapping by ticker."""

    def read(value: object, path: str) -> Any:
        if not isinstance(value, Mapping):
            return form(value, path)
        return MappingProxyType(
            {_OTHERS if name == _OTHERS else _ticker(name, path): form(bound, f"{path}.{describe(name)}") for name, bound in value.items()}
        )

    return read


def _policies(value: object, path: str) -> tuple[Any, ...]:
    found = _many(value, path, "a collection of rules")
    for policy in found:
        if isinstance(policy, type) or not callable(getattr(policy, "check", policy)):
            raise InvalidInput(path=path, expected="functions of an order, or objects with check(order)", actual=describe(policy))
    return found


_FORMS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "tickers": _tickers,
    "price_at_most": _by(_price),
    "price_at_least": _by(_price),
    "price_band_percent": _percent,
    "min_shares": _count,
    "max_shares": _count,
    "max_fee": _ratio,
    "max_fee_amount": _tokens,
    "max_notional": _tokens,
    "max_buy_exposure": _tokens,
    "max_open_sells": _by(_count),
    "max_live": _count,
    "principals": _principals,
    "allow_unmeasured": _flag,
    "policies": _policies,
}

# Words for people

_ABSENT: Final = {
    "tickers": "tickers",
    "price_at_most": "the price of a buy",
    "price_at_least": "the price of a sell",
    "price_band_percent": "the distance from a reference price",
    "max_shares": "shares of an order",
    "max_notional": "worth of an order",
    "max_buy_exposure": "all live buy orders together",
    "max_open_sells": "all live sell orders together",
    "max_live": "number of live signatures",
}


def _any_of(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"


def _number(value: Decimal | int | None) -> str | None:
    """Without an exponent and without trailing zeros."""
    if value is None:
        return None
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _said(sentence: str, value: object) -> list[str]:
    return [] if value is None else [sentence.format(value)]


def _by_ticker(sentence: str, bounds: Decimal | int | Mapping[str, Any] | None) -> list[str]:
    if not isinstance(bounds, Mapping):
        return [] if bounds is None else [sentence.format(_number(bounds), "")]
    if not bounds:
        return [sentence.format("nothing", ": no ticker is allowed")]
    names = sorted(bounds, key=lambda name: (name == _OTHERS, name))
    return [sentence.format(_number(bounds[name]), " of any other ticker" if name == _OTHERS else f" of {name}") for name in names]


def _name(policy: object) -> str:
    return str(getattr(policy, "__name__", type(policy).__name__))
