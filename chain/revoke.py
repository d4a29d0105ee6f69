"""An allowance set to zero at once, outside any plan and any ledger: for the day on which all else is halted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orderseal.chain.dialogue import Answer, Ask, Dialogue, Do, Pause, Rpc
from orderseal.chain.erc20 import Allowance, Approve
from orderseal.chain.fees import Fees, fee_calls, raised, read_fees
from orderseal.chain.plan import REVOKE_GAS
from orderseal.chain.receipts import Receipt, read_receipt, receipt_call
from orderseal.chain.transactions import SignedTransaction, Transaction, sign_transaction
from orderseal.chain.wire import check_chain, data, quantity
from orderseal.signing.amounts import from_base_units
from orderseal.signing.errors import ChainError, InvalidInput, NodeError, PlanMismatch, Reverted, RuleViolation
from orderseal.signing.signers import Signer
from orderseal.signing.values import Address, Hash32

__all__ = ["DEFAULT_CAP", "Revoked", "revoke_allowance"]

DEFAULT_CAP: Final = 500 * 10**9
"""Wei a unit of gas that are offered at most, if nobody says otherwise: 0.06 coins for one revocation."""

_COIN: Final = 18
_PATIENT: Final = 5


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of an allowance.

    Attributes:
        before: base units that the spender could take.
        hash: of the transaction that set it to zero; ``None`` if it was zero already, with nothing of the account in the pool, and
            nothing was sent; or if it is zero, and the node has no receipt of what was sent.
        fee: wei that were paid for gas, as far as is known.
    """

    before: int
    hash: Hash32 | None
    fee: int


def revoke_allowance(
    chain_id: int,
    token: Address,
    spender: Address,
    signer: Signer,
    *,
    cap: int = DEFAULT_CAP,
    poll: float = 2.0,
    stuck_after: float = 30.0,
    patience: float = 600.0,
    elapsed: Callable[[], float] = time.monotonic,
    tell: Callable[[str], None] = lambda _line: None,
) -> Dialogue[Revoked]:
    """Set what ``spender`` may take of the signer's ``token`` to zero, wait until that is mined, and look whether it holds.

    No ledger has a part in it. Its nonce is the account's next one as the node says, after all that waits in its pool: so it displaces
    nothing, and if it is sent twice, the second does no harm. If anything of the account waits there, an approval perhaps, it is sent
    although the allowance is zero still.

    Args:
        cap: wei a unit of gas that are offered at most.
        poll, stuck_after, patience: seconds between two looks; until it is sent again with higher fees; until it is given up.

    Raises:
        WrongChain: the node is of another chain. Nothing was signed.
        PlanMismatch: there is no such token, or its allowance is not zero afterwards.
        RuleViolation: ``fee_cap``, ``coins``.
        Reverted: the token refused.
        NodeError, SignerError, ChainError: it is not known to be done.
    """
    before, nonce, fees = yield from _read(chain_id, token, spender, signer.address, cap)
    if fees is None:
        return Revoked(0, None, 0)
    if not before:
        tell("it is zero, but something of this account is not mined yet: it is set to zero after that")
    calldata = Approve(spender=spender, value=0).encode()
    transaction = Transaction(chain_id=chain_id, nonce=nonce, to=token, data=calldata, gas=REVOKE_GAS, fees=fees)
    try:
        receipt = yield from _see_through(transaction, signer, cap, poll, stuck_after, patience, elapsed, tell)
    except ChainError as error:
        if not (yield from _is_zero_for_good(token, spender, signer.address, nonce)):
            raise
        tell(f"{error}; but the allowance is zero, and nothing of this account is on its way")
        return Revoked(before, None, 0)
    if not receipt.success:
        raise Reverted("approve(spender, 0)", reason=f"the token refused in {receipt.hash}")
    left = yield from _allowance(token, spender, signer.address)
    if left:
        raise PlanMismatch(f"the allowance of {token}", expected="0", actual=f"{left} after {receipt.hash} was mined")
    return Revoked(before, receipt.hash, receipt.fee)


def _read(chain_id: int, token: Address, spender: Address, owner: Address, cap: int) -> Dialogue[tuple[int, int, Fees | None]]:
    """What is allowed, the nonce to take, and the fees to offer: ``None`` if there is nothing to do."""
    answers: list[Answer] = yield Ask(
        (
            Rpc("eth_chainId"),
            _allowance_call(token, spender, owner),
            *_counts(owner),
            Rpc("eth_getBalance", (str(owner), "latest")),
            *fee_calls(),
        )
    )
    check_chain(chain_id, answers[0])
    before = _read_allowance(answers[1], token)
    latest, pending = (quantity(answer, "eth_getTransactionCount") for answer in answers[2:4])
    nonce, coins = max(latest, pending), quantity(answers[4], "eth_getBalance")
    if not before and latest == pending:
        return 0, nonce, None
    fees = read_fees(answers[5:]).suggest(cap=cap)
    if coins < REVOKE_GAS * fees.most:
        has, needs = (f"{from_base_units(value, _COIN):f}" for value in (coins, REVOKE_GAS * fees.most))
        raise RuleViolation("coins", f"the account has {has} coins for fees, and {needs} may be needed")
    return before, nonce, fees


def _see_through(
    transaction: Transaction,
    signer: Signer,
    cap: int,
    poll: float,
    stuck_after: float,
    patience: float,
    elapsed: Callable[[], float],
    tell: Callable[[str], None],
) -> Dialogue[Receipt]:
    signed: SignedTransaction = yield Do(lambda: sign_transaction(transaction, signer))
    hashes = [signed.hash]
    begun = sent_at = elapsed()
    try:
        yield from _hand_over(signed, tell)
    except NodeError as error:
        if error.code is not None:
            raise
        tell(f"{error}: looking whether it arrived")
    failures = 0
    while True:
        try:
            answers: list[Answer] = yield Ask(tuple([receipt_call(known) for known in hashes]))
            found = [read_receipt(answer, known) for answer, known in zip(answers, hashes, strict=True)]
            receipt = next((one for one in found if one is not None), None)
            if receipt is not None:
                return receipt
            if elapsed() - sent_at >= stuck_after:
                sent_at = elapsed()
                replacing = yield from _replacement(signed, signer, cap, tell)
                if replacing is not None:
                    signed = replacing
                    hashes.append(signed.hash)  # Before it leaves: the reply may be lost.
                    yield from _hand_over(signed, tell)
            failures = 0
        except NodeError as error:
            failures += 1
            if failures > _PATIENT:
                raise
            tell(f"{error}: trying again")
        if elapsed() - begun > patience:
            raise ChainError(f"the revocation {signed.hash} is not mined after {patience:g} s: look whether it will be")
        yield Pause(poll)


def _hand_over(signed: SignedTransaction, tell: Callable[[str], None]) -> Dialogue[None]:
    tell(f"sending {signed.hash} (nonce {signed.transaction.nonce})")
    (answer,) = yield Ask((Rpc("eth_sendRawTransaction", ("0x" + signed.raw.hex(),)),))
    if isinstance(answer, NodeError):
        raise answer


def _replacement(signed: SignedTransaction, signer: Signer, cap: int, tell: Callable[[str], None]) -> Dialogue[SignedTransaction | None]:
    """The same with higher fees, under the same nonce; ``None`` where the cap leaves no room."""
    old = signed.transaction
    facts = read_fees((yield Ask(fee_calls())))
    try:
        fees = raised(old.fees, facts.base_fee, cap=cap)
    except RuleViolation as error:
        tell(f"not mined yet, and {error}; it is left as it is")
        return None
    new = Transaction(chain_id=old.chain_id, nonce=old.nonce, to=old.to, data=old.data, gas=old.gas, fees=fees)
    replacing: SignedTransaction = yield Do(lambda: sign_transaction(new, signer))
    return replacing


def _is_zero_for_good(token: Address, spender: Address, owner: Address, nonce: int) -> Dialogue[bool]:
    """Whether nothing is allowed, the nonce is spent, and nothing of the account waits in the pool."""
    try:
        answers: list[Answer] = yield Ask((_allowance_call(token, spender, owner), *_counts(owner)))
        allowed = _read_allowance(answers[0], token)
        latest, pending = (quantity(answer, "eth_getTransactionCount") for answer in answers[1:])
    except ChainError:
        return False
    return not allowed and nonce < latest == pending


def _counts(owner: Address) -> tuple[Rpc, Rpc]:
    latest, pending = (Rpc("eth_getTransactionCount", (str(owner), block)) for block in ("latest", "pending"))
    return latest, pending


def _allowance_call(token: Address, spender: Address, owner: Address) -> Rpc:
    call = Allowance(owner=owner, spender=spender).encode()
    return Rpc("eth_call", ({"to": str(token), "data": "0x" + call.hex()}, "latest"))


def _allowance(token: Address, spender: Address, owner: Address) -> Dialogue[int]:
    (answer,) = yield Ask((_allowance_call(token, spender, owner),))
    return _read_allowance(answer, token)


def _read_allowance(answer: Answer, token: Address) -> int:
    raw = data(answer, f"allowance() of {token}")
    try:
        return Allowance.read_return(raw).value
    except InvalidInput:
        raise PlanMismatch(f"{token}: allowance()", expected="a number", actual="none: there is no such token here") from None
