"""Carrying a plan out: one transaction after the other, each on record in the ledger before it leaves, until what must come of it is seen.

A dialogue (see :mod:`.dialogue`) that may be broken off anywhere and begun again: the ledger knows what was signed and sent, under which
account nonce, and which purchase of this account, token and marketplace is in flight. What a plan says is read again before each step,
and what is left of an allowance is revoked when the plan cannot be carried out.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Final, cast

from orderseal.chain.abi import RawLog
from orderseal.chain.dialogue import Answer, Ask, Dialogue, Do, Pause, Rpc
from orderseal.chain.erc20 import Allowance, Approve
from orderseal.chain.fees import Fees, fee_calls, raised, read_fees
from orderseal.chain.journal import Blocked, Entry, Journal, Mined, transaction_scope
from orderseal.chain.marketplace import Buy
from orderseal.chain.outcome import check_logs
from orderseal.chain.plan import REVOKE_GAS, Plan
from orderseal.chain.planning import check_purchase, check_state
from orderseal.chain.receipts import Receipt, read_receipt, receipt_call
from orderseal.chain.recipe import Target
from orderseal.chain.rehearsal import rehearse
from orderseal.chain.reverts import printable, read_revert
from orderseal.chain.standing import Standing, read_standing
from orderseal.chain.state import State, read_state
from orderseal.chain.transactions import Transaction
from orderseal.chain.wire import check_chain, data, quantity
from orderseal.signing.amounts import from_base_units
from orderseal.signing.clock import Clock, format_time, system_clock
from orderseal.signing.errors import (
    ChainError,
    InvalidInput,
    LedgerError,
    NodeError,
    OrdersealError,
    PlanMismatch,
    Reverted,
    RuleViolation,
    describe,
)
from orderseal.signing.ledger import Answer as Told
from orderseal.signing.ledger import Ledger, Meaning, Outgoing
from orderseal.signing.ledger import State as SlotState
from orderseal.signing.signers import Signer
from orderseal.signing.values import Address, Hash32

__all__ = ["Done", "Sending", "Sent", "carry_out", "check_given", "give_up", "transaction_scope"]

_COIN: Final = 18
_NO_FEES: Final = Fees(gas_price=0)
_PATIENT: Final = 5
"""So many failures of the node one after the other are borne while a transaction is on its way, so many polls in which the account's nonce
is spent but no receipt is to be found, and so many looks at a node that lags."""
_LONGEST_HOLD: Final = 150.0
_NOT_FINAL: Final = ("fee_cap", "coins", "unsimulated")
_SLOW_SIGNER: Final = 15.0
_KNOWN: Final = ("already known", "known transaction", "already imported", "already exists")
_SPENT: Final = "nonce too low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How to send and wait.

    Attributes:
        confirmations: blocks until a transaction counts, its own included; from 1. What a reorganisation drops is sent again.
        poll: seconds between two looks.
        stuck_after: seconds after which a transaction that is not mined is sent again, with higher fees as far as the cap allows.
        patience: seconds for one step; then it is left on record, and can be gone on with.
    """

    confirmations: int = 1
    poll: float = 2.0
    stuck_after: float = 60.0
    patience: float = 3_600.0

    def __post_init__(self) -> None:
        if type(self.confirmations) is not int or not 1 <= self.confirmations <= 1_000:
            raise InvalidInput(path="confirmations", expected="1 to 1000", actual=describe(self.confirmations))
        for name in ("poll", "stuck_after", "patience"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**7:
                raise InvalidInput(path=name, expected="seconds, more than 0", actual=describe(value))


@dataclass(frozen=True, slots=True)
class Sent:
    """One mined transaction of a plan.

    Attributes:
        what: ``approve``, ``revoke``, or the plan's kind: ``purchase``, ``list``, ``update``, ``delist``, ``approval``, ….
        nonce: of the account.
        hash: of the transaction.
        block: its block's number.
        fee: wei that were paid for gas.
    """

    what: str
    nonce: int
    hash: Hash32
    block: int
    fee: int


@dataclass(frozen=True, slots=True)
class Done:
    """A plan that was carried out, or given up: its transactions in order, a revocation of what was left over included.

    Attributes:
        plan: its hash.
        sent: what was mined of it.
        allowance: after giving up, what the marketplace may still take of the account's tokens, in base units; else ``None``.
        begun: whether this ledger knows anything of the plan.
    """

    plan: Hash32
    sent: tuple[Sent, ...]
    allowance: int | None = None
    begun: bool = True

    @property
    def fee(self) -> int:
        """Wei that were paid for gas in all."""
        return sum([sent.fee for sent in self.sent])


def carry_out(
    plan: Plan,
    signer: Signer,
    ledger: Ledger,
    *,
    approved: str | bytes,
    unsimulated: bool = False,
    sending: Sending | None = None,
    clock: Clock = system_clock,
    elapsed: Callable[[], float] = time.monotonic,
    tell: Callable[[str], None] = lambda _line: None,
) -> Dialogue[Done]:
    """Carry a plan out, or go on with it. A plan that was carried out already gives the same again, and sends nothing.

    Args:
        plan: what to do.
        signer: of the plan's account.
        ledger: where nonces, transactions and the hold of (account, token, marketplace) are kept.
        approved: the hash that somebody has approved.
        unsimulated: send a plan although not all of its checks could be made.
        sending: how to send and wait.
        clock: Unix seconds. ``elapsed``: seconds that only go forward.
        tell: is given a line for each thing that happens.

    Raises:
        PlanMismatch, RuleViolation, Reverted: the plan does not hold any more, or did not do what it should; what it had allowed was
            revoked. Rules ``fee_cap`` and ``coins`` leave it as it is: call again when they are met, or :func:`give_up`. Rule
            ``allowance_changed``: of a plan without steps, for what it plans stood already; it does not any more.
        WrongChain, NodeError, SignerError, ChainError: it stopped half-way; call again to go on.
        LedgerError: ``held``: another purchase of this account and token is not finished; or the ledger's own.
    """
    check_given(plan, signer, approved)
    if not plan.simulated and not unsimulated:
        lacks = "; ".join(plan.unchecked)
        raise RuleViolation("unsimulated", f"not all of this plan could be checked ({lacks}): to send it all the same, say so")
    if not plan.steps:
        return (yield from _as_it_stands(plan))
    return (yield from _Run(plan, signer, ledger, sending or Sending(), unsimulated, clock, elapsed, tell).carry_out())


def _as_it_stands(plan: Plan) -> Dialogue[Done]:
    """A plan without steps: what it plans stood already, and must still."""
    standing = yield from read_standing(plan.pins, plan.account)
    check_state(plan.pins, standing)
    allowed = standing.token.allowance
    if allowed != plan.expected.allowance:
        told = f"{plan.expected.allowance} base units were allowed already when this was planned, and now it is {allowed}: plan again"
        raise RuleViolation("allowance_changed", told)
    return Done(plan.hash, ())


def give_up(
    plan: Plan,
    signer: Signer,
    ledger: Ledger,
    *,
    max_fee_per_gas: int | None = None,
    sending: Sending | None = None,
    clock: Clock = system_clock,
    elapsed: Callable[[], float] = time.monotonic,
    tell: Callable[[str], None] = lambda _line: None,
) -> Dialogue[Done]:
    """Give a plan up that was begun: take back what is on its way, set the allowance to zero, and let another plan begin.

    What is not mined is not sent any more: the revocation takes its place, under its nonce. What is mined meanwhile is in the result.

    Args:
        max_fee_per_gas: wei; by default the plan's own cap.

    Raises:
        WrongChain, NodeError, SignerError, ChainError, LedgerError, RuleViolation: as :func:`carry_out`; call again.
        RuleViolation: ``nothing_to_send``: of a plan without steps, for what it plans stood already.
    """
    check_given(plan, signer, plan.hash)
    if not plan.steps:
        raise RuleViolation("nothing_to_send", "this plan has no step, and nothing of it can be given up: to allow nothing, plan for 0")
    run = _Run(plan, signer, ledger, sending or Sending(), True, clock, elapsed, tell)
    run.cap = plan.caps.max_fee_per_gas if max_fee_per_gas is None else max_fee_per_gas
    return (yield from run.give_up())


def check_given(plan: Plan, signer: Signer, approved: str | bytes) -> None:
    """Make sure that this is the plan that was approved, and that its account's signer is here. :func:`carry_out` does it first of all.

    Raises:
        InvalidInput: ``approved`` is no hash.
        PlanMismatch: another plan was approved, or the signer is another account's.
    """
    try:
        same = Hash32(cast("bytes", approved)) == plan.hash
    except InvalidInput as error:
        error.path = "approved"
        raise
    if not same:
        raise PlanMismatch("the plan", expected=f"the approved one, {Hash32(cast('bytes', approved))}", actual=str(plan.hash))
    if signer.address != plan.account:
        raise PlanMismatch("the signer", expected=f"the plan's account, {plan.account}", actual=str(signer.address))


class _Run:
    def __init__(
        self,
        plan: Plan,
        signer: Signer,
        ledger: Ledger,
        sending: Sending,
        unsimulated: bool,
        clock: Clock,
        elapsed: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.plan, self.signer, self.sending = plan, signer, sending
        self.unsimulated, self.clock, self.elapsed, self.tell = unsimulated, clock, elapsed, tell
        self.journal = Journal(plan, ledger)
        self.approving = isinstance(plan.call, Approve)
        self.cap = plan.caps.max_fee_per_gas
        self.blocked_since: float | None = None
        self.block = 0
        """The newest block in which something of this plan was seen: what a node says of an older one is not believed."""

    # -- The whole ---------------------------------------------------------------------------------------------------------------

    def carry_out(self) -> Dialogue[Done]:
        yield from self._take_hold()
        try:
            yield from self._take_over()
            given_up: bool = yield Do(self.journal.given_up)
            sent = yield from (self._after_giving_up() if given_up else self._steps())
        except OrdersealError as error:
            yield from self._end(error)
            raise
        if sent is None:
            yield Do(self.journal.let_go)
            raise ChainError("this plan was given up before, and its allowance is zero: make a new plan")
        yield Do(self.journal.finish)
        return Done(self.plan.hash, tuple(sent))

    def _steps(self) -> Dialogue[list[Sent]]:
        sent: list[Sent] = []
        for index in range(len(self.plan.steps)):
            sent += [(yield from self._step(index))]
        spare = self.plan.kind != "purchase" or (yield Do(self.journal.finished))
        return sent + (yield from self._revoke(spare=spare))

    def _after_giving_up(self) -> Dialogue[list[Sent] | None]:
        """See a plan through whose allowance was revoked; ``None`` if its call did not take effect, or the allowance was all of it.

        What was allowed after an approval was given up is another plan's, and stays.
        """
        if self.approving and (yield Do(self.journal.is_wound_down)):
            return None
        sent, called = yield from self._wind_down(failed=True)
        if called is None or self.approving:
            return None
        yield from self._verify(called)
        return sent

    def give_up(self) -> Dialogue[Done]:
        yield from self._take_hold()
        sent: list[Sent] = []
        try:
            yield from self._take_over()
            begun: bool = yield Do(self.journal.begun)
            if begun:
                sent, _called = yield from self._wind_down(failed=False)
            allowance = yield from self._allowance()
        except OrdersealError:
            yield Do(self.journal.leave)
            raise
        yield Do(self.journal.let_go)
        return Done(self.plan.hash, tuple(sent), allowance, begun)

    def _end(self, error: OrdersealError) -> Dialogue[None]:
        """After an error: nothing was begun, or the plan is given up, or all is left as it is, to be gone on with."""
        final = isinstance(error, PlanMismatch | Reverted) or (isinstance(error, RuleViolation) and error.rule not in _NOT_FINAL)
        try:
            if not (yield Do(self.journal.begun)):
                yield Do(self.journal.let_go)
                return
            if final:
                self.tell(f"given up: {error}")
                yield from self._wind_down(failed=True)
                yield Do(self.journal.let_go)
                return
        except OrdersealError as second:
            yield Do(self.journal.leave)
            if final:
                raise ChainError(f"{error}; what it had allowed is not revoked yet ({second}): call again, or give it up") from error
            return
        self.tell("stopped half-way: send the same plan again to go on, or give it up; what was allowed until then stays allowed")
        yield Do(self.journal.leave)

    def _wind_down(self, *, failed: bool) -> Dialogue[tuple[list[Sent], "_Seen | None"]]:
        """Take back what is on its way, or see it through, and revoke what is allowed. Gives what was mined, and the plan's call if it was.

        Args:
            failed: something is wrong: an allowance that the plan is meant to leave is revoked as well.
        """
        plan = self.plan
        sent: list[Sent] = []
        called: _Seen | None = None
        references: list[str] = yield Do(self.journal.sent)
        for reference in references:
            seen = yield from self._see_through(reference, withdraw=True)
            if seen is not None:
                sent.append(seen.sent)
                called = seen if seen.success and seen.sent.what == plan.kind else called
        if called is not None and called.logs is not None and not (yield Do(self.journal.finished)):
            failed = failed or not _as_planned(plan, called.logs)
        kept = plan.kind != "purchase" and not self.approving
        spare = called is None if plan.kind == "delist" else called is not None and not failed and kept
        sent += yield from self._revoke(spare=spare)
        if not spare:
            yield Do(self.journal.wound_down)
        return sent, called

    # -- The hold, and what earlier runs left --------------------------------------------------------------------------------------

    def _take_hold(self) -> Dialogue[None]:
        until, told = self.elapsed() + _LONGEST_HOLD, False
        while True:
            try:
                yield Do(self.journal.take)
            except LedgerError as error:
                if error.reason != "held" or self.elapsed() > until or not (yield Do(self.journal.held_for_this)):
                    raise
            else:
                return
            if not told:
                self.tell("another run of this plan has not ended: waiting for it, or for its lease to run out")
            told = True
            yield Pause(self.sending.poll)

    def _take_over(self) -> Dialogue[None]:
        told = False
        while not (yield Do(self.journal.take_over)):
            if not told:
                self.tell("another run of this plan has left something behind: waiting for its lease to run out")
            told = True
            yield from self._rest()

    def _rest(self) -> Dialogue[None]:
        yield Pause(self.sending.poll)
        yield Do(self.journal.renew)

    # -- One step ------------------------------------------------------------------------------------------------------------------

    def _step(self, index: int) -> Dialogue[Sent]:
        step, what, reference = self.plan.steps[index], self.plan.what(index), f"{self.journal.intent}/{index}"
        entry: Entry | None = yield Do(partial(self.journal.entry, reference))
        while entry is None or not entry.taken:
            fees = yield from self._check_again(index)
            if entry is not None:
                break
            if (yield from self._commit(reference, what, step.to, step.data, step.gas, fees)):
                entry = yield Do(partial(self.journal.entry, reference))
                break
        assert entry is not None
        stored = entry.transaction
        if (stored.to, stored.data, stored.value, stored.gas) != (step.to, step.data, 0, step.gas):
            raise LedgerError("tampered", f"the transaction that is stored under nonce {stored.nonce} is not this plan's: sign nothing")
        seen = yield from self._see_through(reference, index=index)
        if seen is None:
            yield from self._refuse_spent(what, stored.nonce)
        assert seen is not None
        if not seen.success:
            raise (yield from self._why(what, step.to, step.data))
        if what != "approve":
            yield from self._verify(seen)
        return seen.sent

    def _refuse_spent(self, what: str, nonce: int) -> Dialogue[None]:
        """Another transaction was mined under the nonce, as far as the node knows receipts."""
        if what == "purchase" and self.plan.expected.leaves and not (yield from self._allowance()):
            raise ChainError(
                f"nonce {nonce} is spent, the node has no receipt of our purchase, and what was allowed has been taken: it may have "
                "happened. Look the transactions of the account up before you plan it again; then give this plan up"
            )
        hint = "Another program signs with this account"
        raise PlanMismatch(f"nonce {nonce}", expected=f"the {what} of this plan", actual="another transaction", hint=hint)

    def _verify(self, seen: "_Seen") -> Dialogue[None]:
        """Hold the receipt of the plan's call against the plan, and put on record that it is as planned."""
        if seen.logs is not None:
            check_logs(self.plan, seen.logs, "receipt")
            if self.approving and not (yield Do(self.journal.is_verified)):
                yield from self._check_allowed()
            yield Do(self.journal.verified)
        elif not (yield Do(self.journal.is_verified)):
            raise ChainError(
                f"{seen.sent.hash} was mined, but the node has no receipt of it any more, and none was looked at: ask a node that has it"
            )

    def _check_allowed(self) -> Dialogue[None]:
        """After an approval: no more than it says may be taken. Less is right where an order was filled in between."""
        allowed, wanted = (yield from self._allowance()), self.plan.expected.allowance
        if allowed > wanted:
            raise PlanMismatch("the allowance", expected=f"{wanted} base units", actual=str(allowed))
        if allowed < wanted:
            self.tell(f"of {wanted} base units that were allowed, {wanted - allowed} have been taken already")

    def _check_again(self, index: int) -> Dialogue[Fees]:
        """Whether a step may be signed now: the plan has not expired, and :meth:`_check_holds`."""
        self._refuse_late()
        return (yield from self._check_holds(index))

    def _refuse_late(self) -> None:
        if self.clock() > self.plan.valid_until:
            raise RuleViolation("valid_until", f"the plan was good until {format_time(self.plan.valid_until)}: make a new one")

    def _check_holds(self, index: int) -> Dialogue[Fees]:
        """Read again what may have changed, and simulate what is left. Gives the fees to offer."""
        plan, call = self.plan, self.plan.call
        look = partial(self._read, call.amount if isinstance(call, Buy) else 0)
        state = yield from look()
        for _ in range(_PATIENT):
            if state.block >= self.block:
                break
            yield from self._rest()  # Behind one address there may be several nodes, of which one lags.
            state = yield from look()
        check_state(plan.pins, state)
        if state.token.decimals != plan.token_decimals:
            raise PlanMismatch("the token's decimals", expected=str(plan.token_decimals), actual=str(state.token.decimals))
        if isinstance(state, State):
            self._check_market(state, index)
        fees = state.fees.suggest(cap=self.cap)
        needed = (sum([step.gas for step in plan.steps[index:]]) + plan.spare_gas) * fees.most
        if state.coins < needed:
            has, needs = (f"{from_base_units(value, _COIN):f}" for value in (state.coins, needed))
            raise RuleViolation("coins", f"the account has {has} coins for fees, and {needs} may be needed")
        # A node that keeps no older state simulates on its latest alone, which may have moved on.
        simulated = (yield from rehearse(plan, index, state.block)) or (yield from rehearse(plan, index, None))
        if not simulated and not self.unsimulated:
            raise RuleViolation("unsimulated", "the node cannot simulate: ask another one")
        return fees

    def _read(self, amount: int) -> Dialogue[State | Standing]:
        """Look at everything; what a node refuses just now it may answer in a moment."""
        for left in reversed(range(_PATIENT)):
            try:
                if self.approving:
                    return (yield from read_standing(self.plan.pins, self.plan.account))
                return (yield from read_state(self.plan.pins, self.plan.account, self.plan.token, amount))
            except NodeError as error:
                if error.code is None or not left:
                    raise
                self.tell(f"{error}: trying again")
            yield from self._rest()
        raise AssertionError("unreachable: the last round returns or raises")

    def _check_market(self, state: State, index: int) -> None:
        plan, call = self.plan, self.plan.call
        if isinstance(call, Buy):
            if state.listing.price != plan.expected.price:
                raise PlanMismatch("the price", expected=f"{plan.expected.price}, as planned", actual=str(state.listing.price))
            market, currency = plan.spender, plan.pins.currency.address
            target = Target(plan.chain_id, market, plan.token, currency, None, None, None, None)
            check_purchase(target, plan.pins, state, call.amount, plan.caps.max_total)
        if plan.what(index) == "approve" or plan.kind == "delist":
            return
        allowance = (state.currency if isinstance(call, Buy) else state.token).allowance
        wanted = plan.expected.leaves + plan.expected.allowance
        if allowance != wanted:
            hint = "Somebody changed it between the approval and now" if index else ""
            raise PlanMismatch("the allowance", expected=f"{wanted} base units", actual=str(allowance), hint=hint)

    def _commit(self, reference: str, what: str, to: Address, calldata: bytes, gas: int, fees: Fees) -> Dialogue[bool]:
        """Bind a transaction to the account's next nonce. ``False`` if the nonce before is not with the node: then look at all again."""
        make = partial(Transaction, chain_id=self.plan.chain_id, to=to, data=calldata, gas=gas, fees=fees)
        pending = yield from self._pending_nonce(new=not (yield Do(self.journal.is_known)))
        blocked: Blocked | None = yield Do(partial(self.journal.commit, reference, what, make, pending))
        if blocked is None:
            self.blocked_since = None
            return True
        if self.blocked_since is None:
            self.blocked_since = self.elapsed()
            self.tell(f"{blocked.why}: waiting")
        if blocked.dead or self.elapsed() - self.blocked_since > self.sending.patience:
            raise ChainError(blocked.why)
        yield from self._rest()
        yield Do(self.journal.take_over)
        return False

    def _pending_nonce(self, *, new: bool) -> Dialogue[int]:
        """The node's count of the account's transactions, those in its pool included.

        Args:
            new: the ledger knows nothing of the account yet: then it begins with a number that the chain itself bears out.
        """
        account = str(self.plan.account)
        count = "eth_getTransactionCount"
        answers = yield Ask((Rpc("eth_chainId"), Rpc(count, (account, "pending")), Rpc(count, (account, "latest"))))
        check_chain(self.plan.chain_id, answers[0])
        pending, mined = quantity(answers[1], count), quantity(answers[2], count)
        if new and pending != mined:
            raise ChainError(
                f"the account has transactions that are not mined (nonces {mined} to {pending - 1}), and this ledger knows none of them: "
                "wait until they are"
            )
        return pending

    # -- Sending and waiting -------------------------------------------------------------------------------------------------------

    def _see_through(self, reference: str, *, index: int | None = None, withdraw: bool = False) -> Dialogue["_Seen | None"]:
        """Send what is committed, and wait until it, or one of its siblings under the same nonce, is mined.

        Gives ``None`` if another program's transaction was mined under the nonce.

        Args:
            index: of the plan's step that it is; before anything of it leaves again, all is checked again.
            withdraw: put the revocation of the allowance in its place, unless it is mined.
        """
        begun, sent_at = self.elapsed(), -inf
        failures, gone, gone_since, seen_once = 0, 0, 0.0, False
        while True:
            entry: Entry = yield Do(partial(self.journal.entry, reference))
            slot, refusal = entry.slot, None
            try:
                head, count, receipt = yield from self._look(list(entry.bodies))
                failures = 0
                gone = gone + 1 if receipt is None and count > slot.key else 0
                if receipt is not None and count > slot.key:
                    self.block = max(self.block, receipt.block)
                    if head - receipt.block + 1 >= self.sending.confirmations:
                        yield Do(partial(self.journal.settle, entry, receipt))
                        seen = _Seen(_sent(entry, receipt), receipt.success, receipt.logs)
                        self.tell(f"{seen.sent.what}: {'mined' if receipt.success else 'reverted'} in block {receipt.block}")
                        return seen
                elif gone:
                    gone_since = self.elapsed() if gone == 1 else gone_since
                    if gone > _PATIENT and entry.mined is not None:  # Nodes forget receipts; the ledger does not.
                        return _Seen(_sent(entry, entry.mined), entry.mined.success, None)
                    if gone > _PATIENT and self.elapsed() - gone_since >= self.sending.stuck_after:
                        yield Do(partial(self.journal.spent, entry))
                        return None
                elif receipt is None:
                    if seen_once:
                        self.tell(f"{entry.what}: a reorganisation has dropped it")
                        sent_at = -inf
                    if self.elapsed() - sent_at >= self.sending.stuck_after:
                        if withdraw and entry.what != "revoke":
                            yield from self._withdraw(entry)
                        elif entry.taken and not (yield from self._may_go_again(entry, index)):
                            self.tell(f"{entry.what}: its nonce is spent meanwhile")
                        elif sent_at == -inf:
                            refusal = yield from self._send(entry, index)
                        else:
                            yield from self._outbid(entry)
                        sent_at = self.elapsed()
                seen_once = receipt is not None
            except NodeError as error:
                failures += 1
                if failures > _PATIENT or (entry.unsent and sent_at == -inf):
                    raise
                self.tell(f"{error}: trying again")
            if refusal is not None:
                raise refusal
            if self.elapsed() - begun > self.sending.patience:
                raise ChainError(
                    f"the {entry.what} under nonce {slot.key} is not mined after {self.sending.patience:g} s: it stays on record"
                )
            yield from self._rest()

    def _look(self, hashes: list[Hash32]) -> Dialogue[tuple[int, int, Receipt | None]]:
        answers = yield Ask(
            (
                Rpc("eth_chainId"),
                Rpc("eth_blockNumber"),
                Rpc("eth_getTransactionCount", (str(self.plan.account), "latest")),
                *[receipt_call(transaction) for transaction in hashes],
            )
        )
        check_chain(self.plan.chain_id, answers[0])
        found = [read_receipt(answer, transaction) for answer, transaction in zip(answers[3:], hashes, strict=True)]
        receipt = next((receipt for receipt in found if receipt is not None), None)
        return quantity(answers[1], "eth_blockNumber"), quantity(answers[2], "eth_getTransactionCount"), receipt

    def _may_go_again(self, entry: Entry, index: int | None) -> Dialogue[bool]:
        """Whether a step that was sent may be sent again, or signed anew. ``False`` if it was mined while that was checked.

        Raises:
            OrdersealError: why not. What forbids no more than higher fees does not count here.
        """
        if index is None or entry.what == "revoke":
            return True
        try:
            yield from self._check_again(index)
        except OrdersealError as error:
            if isinstance(error, RuleViolation) and error.rule in _NOT_FINAL:
                return True
            _head, count, _receipt = yield from self._look(list(entry.bodies))
            if count > entry.slot.key:
                return False
            raise
        return True

    def _send(self, entry: Entry, index: int | None = None) -> Dialogue[NodeError | None]:
        """Hand what the nonce carries to the node. Gives its refusal, if no node can have anything of it."""
        if entry.slot.state is SlotState.COMMITTED:
            answers = yield Ask((Rpc("eth_chainId"),))
            check_chain(self.plan.chain_id, answers[0])
            asked = self.elapsed()
            yield Do(partial(self.journal.sign, entry, self.signer))
            entry = yield Do(partial(self.journal.entry, entry.reference))
            if index is not None and entry.what != "revoke":
                self._refuse_late()
                if self.elapsed() - asked > _SLOW_SIGNER:  # A person was asked: what was true before may not be now.
                    yield from self._check_again(index)
        transaction = cast("Hash32", entry.current)
        if entry.slot.state is SlotState.ACCEPTED:
            yield Do(partial(self.journal.again, entry))
            self.journal.hold.check_lease()
            yield from self._hand_over(entry.bodies[transaction], transaction)
            return None
        out: Outgoing = yield Do(partial(self.journal.begin_sending, entry))
        self.tell(f"{entry.what}: sending {transaction} (nonce {entry.slot.key})")
        self.journal.hold.check_lease()
        out.check_lease()
        try:
            refusal = yield from self._hand_over(out.body, transaction)
        except NodeError as error:
            yield Do(partial(self.journal.record, out.slot, Told(Meaning.UNKNOWN, text=str(error))))
            self.tell(f"{error}: whether the node has it is not known")
            return None
        if refusal is None:
            yield Do(partial(self.journal.record, out.slot, Told(Meaning.ACCEPTED, venue_id=str(transaction))))
            return None
        yield Do(partial(self.journal.record, out.slot, Told(Meaning.NOT_ACCEPTED, code=refusal.code, text=str(refusal))))
        self.tell(f"the node does not take the {entry.what}: {refusal}")
        if entry.taken or _SPENT in str(refusal).lower():
            return None
        return NodeError(f"the node does not take the {entry.what}: {refusal}", code=refusal.code, data=refusal.data)

    def _hand_over(self, body: bytes, transaction: Hash32) -> Dialogue[NodeError | None]:
        """Give the node a transaction; why it does not have it then, or ``None``."""
        (answer,) = yield Ask((Rpc("eth_sendRawTransaction", ("0x" + body.hex(),)),))
        if not isinstance(answer, NodeError):
            if data(answer, "eth_sendRawTransaction", 32) != transaction:
                raise NodeError("eth_sendRawTransaction: the node names another transaction than the one that was sent")
            return None
        if any(word in str(answer).lower() for word in _KNOWN):
            return None
        (known,) = yield Ask((Rpc("eth_getTransactionByHash", (str(transaction),)),))
        return None if _is_known(known, transaction) else answer

    def _outbid(self, entry: Entry) -> Dialogue[None]:
        """Send it again with higher fees under the same nonce; where the cap leaves no room, as it is."""
        old = entry.transaction
        facts = read_fees((yield Ask(fee_calls())))
        try:
            fees = raised(old.fees, facts.base_fee, cap=self.cap)
        except RuleViolation as error:
            self.tell(f"{entry.what}: not mined yet, and {error}; it is sent again as it is")
            yield from self._send(entry)
            return
        new = Transaction(chain_id=old.chain_id, nonce=old.nonce, to=old.to, data=old.data, gas=old.gas, fees=fees)
        yield from self._replace(entry, new, entry.what)

    def _withdraw(self, entry: Entry) -> Dialogue[None]:
        """Put the revocation in its place; where the cap leaves no room, wait for what is on its way, and send it no more."""
        facts = read_fees((yield Ask(fee_calls())))
        try:
            fees = raised(entry.transaction.fees, facts.base_fee, cap=self.cap) if entry.taken else facts.suggest(cap=self.cap)
        except RuleViolation as error:
            self.tell(f"{entry.what}: on its way, and not to be taken back ({error}); waiting for it")
            return
        yield from self._replace(entry, self._revocation(entry.slot.key, fees), "revoke")

    def _replace(self, entry: Entry, new: Transaction, what: str) -> Dialogue[None]:
        try:
            yield Do(partial(self.journal.replace, entry, new, what))
        except LedgerError as error:
            if error.reason != "spent":
                raise
            # It was mined once, and a reorganisation took that back.
            yield from self._send(entry)
            return
        self.tell(f"{entry.what}: not mined; it is replaced by {what} under nonce {new.nonce} at {new.fees.most} wei a unit of gas")
        yield from self._send((yield Do(partial(self.journal.entry, entry.reference))))

    def _why(self, what: str, to: Address, calldata: bytes) -> Dialogue[Reverted]:
        """Ask the contract again why it refused; the state may have changed since."""
        call = {"from": str(self.plan.account), "to": str(to), "data": "0x" + calldata.hex()}
        (refusal,) = yield Ask((Rpc("eth_call", (call, "latest")),))
        if isinstance(refusal, NodeError):
            return read_revert(refusal.data).error(what) if refusal.data else Reverted(what, reason=printable(str(refusal)))
        return Reverted(what, reason="the reason is not to be had any more", data=b"")

    # -- Allowances ----------------------------------------------------------------------------------------------------------------

    def _allowance(self) -> Dialogue[int]:
        plan = self.plan
        call = Allowance(owner=plan.account, spender=plan.spender).encode()
        asked = Ask(
            (
                Rpc("eth_chainId"),
                Rpc("eth_blockNumber"),
                Rpc("eth_call", ({"to": str(plan.approved_token), "data": "0x" + call.hex()}, "latest")),
            )
        )
        answers: list[Answer] = yield asked
        for _ in range(_PATIENT):
            check_chain(plan.chain_id, answers[0])
            if quantity(answers[1], "eth_blockNumber") >= self.block:
                break
            yield from self._rest()  # Behind one address there may be several nodes, of which one lags.
            answers = yield asked
        try:
            return Allowance.read_return(data(answers[2], "allowance()")).value
        except InvalidInput as error:
            raise NodeError(f"allowance(): {error}") from None

    def _revoke(self, *, spare: bool) -> Dialogue[list[Sent]]:
        """If anything is allowed still, set it to zero, in the place of a step that was never sent if there is one.

        Args:
            spare: leave the allowance as it is, unless there is such a step: a chain allows no gaps.
        """
        unsent: Entry | None = yield Do(self.journal.unsent)
        if unsent is None and (spare or not (yield from self._allowance())):
            return []
        self.tell("what is left of the allowance is revoked")
        seen = yield from self._see_through((yield from self._commit_revocation(unsent)))
        if seen is not None and not seen.success:
            raise (yield from self._why("revoke", self.plan.approved_token, self._revocation(seen.sent.nonce, _NO_FEES).data))
        if (yield from self._allowance()):
            raise ChainError("the marketplace is allowed to take something still, although that was revoked: call again, or look")
        return [] if seen is None else [seen.sent]

    def _commit_revocation(self, unsent: Entry | None) -> Dialogue[str]:
        if unsent is not None and unsent.what == "revoke":
            return unsent.reference
        while True:
            fees = read_fees((yield Ask(fee_calls()))).suggest(cap=self.cap)
            new = self._revocation(0 if unsent is None else unsent.slot.key, fees)
            if unsent is not None:
                yield Do(partial(self.journal.replace, unsent, new, "revoke"))
                return unsent.reference
            reference: str = yield Do(self.journal.next_revocation)
            if (yield from self._commit(reference, "revoke", new.to, new.data, new.gas, fees)):
                return reference

    def _revocation(self, nonce: int, fees: Fees) -> Transaction:
        plan = self.plan
        calldata = Approve(spender=plan.spender, value=0).encode()
        return Transaction(chain_id=plan.chain_id, nonce=nonce, to=plan.approved_token, data=calldata, gas=REVOKE_GAS, fees=fees)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of a nonce; ``logs`` is ``None`` where only the ledger knows."""

    sent: Sent
    success: bool
    logs: tuple[RawLog, ...] | None


def _as_planned(plan: Plan, logs: tuple[RawLog, ...]) -> bool:
    try:
        check_logs(plan, logs, "receipt")
    except PlanMismatch:
        return False
    return True


def _is_known(answer: Answer, transaction: Hash32) -> bool:
    if not isinstance(answer, dict):
        return False
    found = cast("Mapping[str, Any]", answer).get("hash")
    return isinstance(found, str) and found.lower() == str(transaction)


def _sent(entry: Entry, mined: Receipt | Mined) -> Sent:
    return Sent(entry.kinds.get(mined.hash, entry.what), entry.slot.key, mined.hash, mined.block, mined.fee)
