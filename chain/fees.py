"""What gas costs: what a node says of it, what to offer, and how to outbid oneself. All amounts are wei a unit of gas; pure.

Sources: EIP-1559 (type 2 transactions), EIP-155 (legacy ones), the Ethereum execution APIs, and go-ethereum's transaction pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from orderseal.chain.dialogue import Answer, Rpc
from orderseal.chain.wire import quantity
from orderseal.signing.errors import InvalidInput, NodeError, RuleViolation, describe

__all__ = ["MOST_WEI", "FeeFacts", "Fees", "fee_calls", "gwei", "raised", "read_fees", "suggest"]

MOST_WEI: Final = 2**96 - 1
"""The most that is taken for a fee: 79 thousand million whole coins a unit of gas."""

_HISTORY_BLOCKS: Final = 5
_GWEI_DIGITS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What is offered: of a type 2 transaction (EIP-1559) the most in all and the most for the block's maker, of a legacy one the price.

    Attributes:
        max_fee_per_gas: wei, base fee included; ``None`` for a legacy transaction.
        max_priority_fee_per_gas: wei, at most ``max_fee_per_gas``; ``None`` for a legacy transaction.
        gas_price: wei; ``None`` for a type 2 transaction.
    """

    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int | None = None
    gas_price: int | None = None

    def __post_init__(self) -> None:
        legacy = self.gas_price is not None
        for name in ("max_fee_per_gas", "max_priority_fee_per_gas", "gas_price"):
            value = getattr(self, name)
            wanted = (name == "gas_price") is legacy
            if wanted and (type(value) is not int or not 0 <= value <= MOST_WEI):
                raise InvalidInput(path=f"fees.{name}", expected="wei, from 0 to 2^96-1", actual=describe(value))
            if not wanted and value is not None:
                expected = "either gas_price, or max_fee_per_gas with max_priority_fee_per_gas"
                raise InvalidInput(path=f"fees.{name}", expected=expected, actual="both")
        if self.max_fee_per_gas is not None and cast("int", self.max_priority_fee_per_gas) > self.max_fee_per_gas:
            raise InvalidInput(
                path="fees.max_priority_fee_per_gas",
                expected=f"at most max_fee_per_gas, {self.max_fee_per_gas} (EIP-1559)",
                actual=str(self.max_priority_fee_per_gas),
            )

    @property
    def is_legacy(self) -> bool:
        """Whether this is for a legacy transaction."""
        return self.gas_price is not None

    @property
    def most(self) -> int:
        """The most wei that a unit of gas may cost by it."""
        return cast("int", self.gas_price if self.is_legacy else self.max_fee_per_gas)

    def to_json(self) -> dict[str, str]:
        """The members that are set, as decimal strings."""
        names = ("gas_price",) if self.is_legacy else ("max_fee_per_gas", "max_priority_fee_per_gas")
        return {name: str(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True)
class FeeFacts:
    """What a node says about fees.

    Attributes:
        base_fee: wei of the next block, or of the latest where the node does not say; 0 on BNB Smart Chain. ``None`` where the chain
            has no base fee: its transactions are legacy ones.
        history: the median of what was paid to the makers of each of the latest blocks, wei; empty where the node does not say.
        priority: what the node suggests for the block's maker, wei; ``None`` where it does not say.
        gas_price: what the node suggests in all, wei; ``None`` where it does not say.
    """

    base_fee: int | None
    history: tuple[int, ...] = ()
    priority: int | None = None
    gas_price: int | None = None

    def suggest(self, *, cap: int) -> Fees:
        """:func:`suggest` from these facts."""
        return suggest(self.base_fee, self.history, self.priority, self.gas_price, cap=cap)


def fee_calls() -> tuple[Rpc, ...]:
    """What to ask a node, for :func:`read_fees`."""
    return (
        Rpc("eth_getBlockByNumber", ("latest", False)),
        Rpc("eth_feeHistory", (hex(_HISTORY_BLOCKS), "latest", [50])),
        Rpc("eth_maxPriorityFeePerGas"),
        Rpc("eth_gasPrice"),
    )


def read_fees(answers: Sequence[Answer]) -> FeeFacts:
    """Read the answers to :func:`fee_calls`, in their order. A node need not have the three later methods.

    Raises:
        NodeError: there is no block, an answer is not what its method answers, or a fee is above 2^96-1 wei.
    """
    block, history, priority, price = answers
    if isinstance(block, NodeError):
        raise block
    if not isinstance(block, dict):
        raise NodeError(f"the node's latest block: expected an object, got {describe(block)}")
    given = cast("dict[str, Any]", block).get("baseFeePerGas")
    base_fee = None if given is None else _wei(given, "baseFeePerGas")
    rewards: tuple[int, ...] = ()
    if not isinstance(history, NodeError):
        next_base_fee, rewards = _read_history(history)
        if base_fee is not None and next_base_fee is not None:
            base_fee = next_base_fee
    return FeeFacts(
        base_fee,
        rewards,
        None if isinstance(priority, NodeError) or priority is None else _wei(priority, "eth_maxPriorityFeePerGas"),
        None if isinstance(price, NodeError) or price is None else _wei(price, "eth_gasPrice"),
    )


def suggest(base_fee: int | None, history: Sequence[int], priority: int | None, gas_price: int | None, *, cap: int) -> Fees:
    """Say what to offer, from :class:`FeeFacts`.

    With a base fee: the first of ``priority``, the median of ``history`` and what ``gas_price`` leaves that is above 0, for the block's
    maker; and twice the base fee on top, at most ``cap``, which lasts for five full blocks since each raises the base fee by an eighth
    at most (EIP-1559; ethers and web3 double it too). Without one: ``gas_price`` for a legacy transaction.

    Args:
        cap: the most wei that a unit of gas may cost.

    Raises:
        RuleViolation: ``fee_cap``: not even the present price is within the cap.
        NodeError: the chain has no base fee, and the node suggests no price.
    """
    _check_wei(cap, "cap")
    if base_fee is None:
        if gas_price is None:
            raise NodeError("the chain has no base fee, and the node suggests no gas price: say it yourself")
        if gas_price > cap:
            raise _above_cap(f"the node suggests a gas price of {gwei(gas_price)}", cap)
        return Fees(gas_price=gas_price)
    offers = (priority, sorted(history)[len(history) // 2] if history else None, None if gas_price is None else gas_price - base_fee)
    tip = next((offer for offer in offers if offer is not None and offer > 0), 0)
    if base_fee + tip > cap:
        raise _above_cap(f"the base fee is {gwei(base_fee)} and {gwei(tip)} are to be paid on top of it", cap)
    return Fees(max_fee_per_gas=min(2 * base_fee + tip, cap), max_priority_fee_per_gas=tip)


def raised(fees: Fees, base_fee: int | None, *, cap: int) -> Fees:
    """Say what to offer to replace a transaction that was sent with ``fees``, by another one with its nonce.

    Each member goes up by an eighth, and by 1 wei at least: go-ethereum's pool wants 10 % more on both, and strictly more
    (``txpool.pricebump``). It is also enough for the present base fee, twice if the cap allows it. Where the cap leaves less than an
    eighth, but 10 %, it goes up to the cap.

    Args:
        base_fee: of the next block, wei; ``None`` if there is none.
        cap: the most wei that a unit of gas may cost.

    Raises:
        RuleViolation: ``fee_cap``: the cap leaves no 10 %, or less than the present base fee asks for.
    """
    _check_wei(cap, "cap")
    floor = base_fee or 0
    if fees.gas_price is not None:
        least, wanted = max(_least(fees.gas_price), floor), max(_bumped(fees.gas_price), floor)
        if least > cap:
            raise _above_cap(f"to replace a gas price of {gwei(fees.gas_price)}, at least {gwei(least)} must be offered", cap)
        return Fees(gas_price=min(wanted, cap))
    old, old_tip = cast("int", fees.max_fee_per_gas), cast("int", fees.max_priority_fee_per_gas)
    least_tip = _least(old_tip)
    least = max(_least(old), floor + least_tip)
    if least > cap:
        raise _above_cap(
            f"to replace fees of {gwei(old)} at most, at least {gwei(least)} must be offered at a base fee of {gwei(floor)}", cap
        )
    most = min(max(_bumped(old), 2 * floor + _bumped(old_tip)), cap)
    # What is above the base fee bounds the tip in any case; here it is never below what the pool wants.
    return Fees(max_fee_per_gas=most, max_priority_fee_per_gas=max(least_tip, min(_bumped(old_tip), most - floor)))


def gwei(wei: int) -> str:
    """An amount of wei in gwei, exactly: ``1.5 gwei``."""
    whole, rest = divmod(wei, 10**_GWEI_DIGITS)
    fraction = f"{rest:0{_GWEI_DIGITS}}".rstrip("0")
    return f"{whole}.{fraction} gwei" if fraction else f"{whole} gwei"


def _bumped(wei: int) -> int:
    return max(-(-wei * 9 // 8), wei + 1)


def _least(wei: int) -> int:
    return max(-(-wei * 11 // 10), wei + 1)


def _above_cap(what: str, cap: int) -> RuleViolation:
    return RuleViolation("fee_cap", f"{what}; the cap is {gwei(cap)}. Wait, or raise the cap")


def _check_wei(value: int, path: str) -> None:
    if type(value) is not int or not 0 <= value <= MOST_WEI:
        raise InvalidInput(path=path, expected="wei, from 0 to 2^96-1", actual=describe(value))


def _wei(value: Answer, what: str) -> int:
    wei = quantity(value, what)
    if wei > MOST_WEI:
        raise NodeError(f"the node's {what} of 2^{wei.bit_length() - 1} wei or more is no fee")
    return wei


def _read_history(history: Answer) -> tuple[int | None, tuple[int, ...]]:
    """The base fee of the block after the latest, and the median reward of each block."""
    members = cast("dict[str, Any]", history) if isinstance(history, dict) else {}
    fees, rewards = members.get("baseFeePerGas"), members.get("reward")
    fees, rewards = [] if fees is None else fees, [] if rewards is None else rewards
    if not isinstance(history, dict) or not isinstance(fees, list) or not isinstance(rewards, list):
        raise NodeError("the node's eth_feeHistory: expected an object with the arrays baseFeePerGas and reward")
    if len(fees) > _HISTORY_BLOCKS + 1 or len(rewards) > _HISTORY_BLOCKS:
        raise NodeError(f"the node's eth_feeHistory: expected at most {_HISTORY_BLOCKS} blocks, got more")
    if any(not isinstance(of_block, list) or len(of_block) != 1 for of_block in rewards):
        raise NodeError("the node's eth_feeHistory: expected one reward a block")
    return _wei(fees[-1], "eth_feeHistory") if fees else None, tuple([_wei(of_block[0], "eth_feeHistory") for of_block in rewards])
