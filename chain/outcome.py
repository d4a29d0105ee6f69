"""What really came of a transaction, by its logs: which tokens left the account, which arrived, and which event the marketplace gave."""

from collections.abc import Sequence
from typing import Final, cast

from orderseal.chain.abi import Event, RawLog
from orderseal.chain.erc20 import Approval, Approve, Transfer
from orderseal.chain.marketplace import Buy, Delist, List, ListEvent, ListingBuyEvent, ListingDelistEvent, ListingUpdateEvent, Update
from orderseal.chain.plan import Plan
from orderseal.signing.errors import InvalidInput, PlanMismatch
from orderseal.signing.keccak import keccak256
from orderseal.signing.values import Address

__all__ = ["check_logs", "expected_event"]

_TRANSFER = Transfer.abi.topic
_APPROVAL = Approval.abi.topic
# What else can leave an account, or be put in another's hands: ERC-1155's tokens, and all NFTs of a contract at once.
_FOREIGN: Final = frozenset(
    keccak256(signature.encode())
    for signature in (
        "TransferSingle(address,address,address,uint256,uint256)",
        "TransferBatch(address,address,address,uint256[],uint256[])",
        "ApprovalForAll(address,address,bool)",
    )
)


def expected_event(plan: Plan) -> ListEvent | ListingBuyEvent | ListingUpdateEvent | ListingDelistEvent | Approval:
    """The event that must come out, but for its time stamp, which is 0 here: the token's of an approval, else the marketplace's."""
    call, account = plan.call, plan.account
    match call:
        case Approve():
            return Approval(owner=account, spender=call.spender, value=call.value)
        case Buy():
            return ListingBuyEvent(
                user=account, house=call.house_token, payment=call.payment_token, price=plan.expected.price, count=call.amount, timestamp=0
            )
        case List():
            return ListEvent(
                user=account, house=call.token, payment=call.payment_token, price=call.price, count=call.token_amount, timestamp=0
            )
        case Update():
            return ListingUpdateEvent(
                user=account,
                house=call.token,
                new_price=call.new_price,
                min_buy_count=call.min_buy_count,
                max_buy_count=call.max_buy_count,
                token_amount=call.token_amount,
                timestamp=0,
            )
        case Delist():
            return ListingDelistEvent(user=account, house=call.token, timestamp=0)


def check_logs(plan: Plan, logs: Sequence[RawLog], what: str) -> Event:
    """Hold the logs of the plan's call against what must come of it. Gives the marketplace's event, or the token's.

    Args:
        plan: the plan.
        logs: of the call itself, not of the approvals before it.
        what: for errors, such as ``simulation`` or ``receipt``.

    Raises:
        PlanMismatch: another amount left or arrived, another token moved, an approval was given, or the event is another.
    """
    left, arrived = 0, 0
    bought = plan.token if plan.kind == "purchase" else None
    for index, log in enumerate(logs):
        path = f"{what}.logs[{index}]"
        if log.address is None:
            raise PlanMismatch(path, expected="a log with the address of its contract", actual="one without")
        if not log.topics:
            continue
        if log.topics[0] == _TRANSFER and (moved := _transfer(log, path, plan)) is not None:
            if moved.sender == plan.account and moved.to == plan.account:
                continue
            if moved.sender == plan.account and moved.value:
                if log.address != plan.approved_token:
                    raise PlanMismatch(path, expected=f"only {plan.approved_token} to leave", actual=f"a transfer of {log.address}")
                left += moved.value
            elif moved.to == plan.account and log.address == bought:
                arrived += moved.value
        elif log.topics[0] == _APPROVAL:
            _check_approval(log, path, plan)
        elif log.topics[0] in _FOREIGN and _names(log, plan.account):
            raise PlanMismatch(path, expected="no NFT to move or to be approved", actual=f"one of {log.address}")
    if left != plan.expected.leaves:
        raise PlanMismatch(f"{what}: what leaves", expected=f"{plan.expected.leaves} base units", actual=str(left), hint=_units_hint(plan))
    if arrived != plan.expected.arrives:
        raise PlanMismatch(
            f"{what}: what arrives", expected=f"{plan.expected.arrives} base units", actual=str(arrived), hint=_units_hint(plan)
        )
    return _check_event(plan, logs, what)


def _units_hint(plan: Plan) -> str:
    return "If the contract counts in another way, say so with units in the pins" if plan.kind == "purchase" else ""


def _transfer(log: RawLog, path: str, plan: Plan) -> Transfer | None:
    try:
        return Transfer.decode(log.topics, log.data)
    except InvalidInput:
        # An NFT's has four topics, an old token's one: nothing but what is understood may move.
        if log.address in (plan.token, plan.pins.currency.address) or _names(log, plan.account):
            raise PlanMismatch(path, expected="transfers as ERC-20 has them", actual=f"another of {log.address}") from None
        return None


def _check_approval(log: RawLog, path: str, plan: Plan) -> None:
    if not _names(log, plan.account):
        return
    try:
        given = Approval.decode(log.topics, log.data)
    except InvalidInput:
        raise PlanMismatch(path, expected="approvals as ERC-20 has them", actual=f"another of {log.address}") from None
    if given.owner == plan.account and given.value and (log.address, given.spender) != (plan.approved_token, plan.spender):
        raise PlanMismatch(path, expected="no other approval", actual=f"{log.address} for {given.spender}")


def _names(log: RawLog, account: Address) -> bool:
    word = bytes(12) + account
    return word in log.topics[1:] or any(log.data[at : at + 32] == word for at in range(0, len(log.data), 32))


def _check_event(plan: Plan, logs: Sequence[RawLog], what: str) -> Event:
    wanted = expected_event(plan)
    emitter, role = (plan.approved_token, "token") if isinstance(wanted, Approval) else (plan.spender, "marketplace")
    kind: type[Event] = type(wanted)
    found: list[Event] = []
    for index, log in enumerate(logs):
        if log.address == emitter and log.topics[:1] == (kind.abi.topic,):
            try:
                found.append(kind.read_log(log, f"{what}.logs[{index}]").value)
            except InvalidInput as error:
                raise PlanMismatch(error.path, expected=kind.abi.signature, actual=error.actual) from None
    if len(found) != 1:
        raise PlanMismatch(f"{what}: the event", expected=f"one {kind.__name__} of the {role}", actual=str(len(found)))
    for name in cast("tuple[str, ...]", kind.__slots__):
        expected, actual = getattr(wanted, name), getattr(found[0], name)
        if name != "timestamp" and expected != actual:
            raise PlanMismatch(f"{what}: {kind.__name__}.{name}", expected=str(expected), actual=str(actual))
    return found[0]
