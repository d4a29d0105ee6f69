"""Plans carried out on real chains: what is sent, what comes of it, and what is left behind when something is not as planned."""

from __future__ import annotations

import asyncio
import re
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from eth_account import Account as Keys
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from tests.chain.executions import PRICE, UNIT, Account, anvil_chain, buyer, either, refuse
from tests.chain.purchases import pins_of, relist, target_of
from web3 import Web3

from orderseal.chain.dialogue import Rpc, run, run_async
from orderseal.chain.execute import Done, Sending
from orderseal.chain.node import AsyncHttpNode
from orderseal.chain.plan import Plan
from orderseal.chain.planning import Limits, plan_delisting, plan_listing, plan_purchase, plan_update
from orderseal.chain.transactions import decode_transaction
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import (
    ChainError,
    LedgerError,
    LocalSigner,
    NodeError,
    PlanMismatch,
    Reverted,
    RuleViolation,
    SignerError,
    WrongChain,
)
from orderseal.signing.errors import InvalidInput

pytestmark = pytest.mark.once

__all__ = ["anvil_chain", "buyer", "either"]

MARKET = "market"


def what(done: Done) -> list[str]:
    return [sent.what for sent in done.sent]


def raw_of(call: Rpc) -> bytes:
    return bytes.fromhex(call.params[0][2:])


# -- As planned ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standing", [0, 5 * PRICE, 9 * PRICE], ids=["nothing allowed", "exactly allowed", "more allowed"])
def test_a_purchase(either: Account, standing: int) -> None:
    buyer = either
    chain = buyer.chain
    if standing:
        chain.transact("buyer", "payment", "approve", chain.contracts[MARKET].address, standing)
        buyer.start = buyer.nonce(), buyer.has()
    plan = buyer.plan()
    paid = chain.call("payment", "balanceOf", buyer.address)
    done = buyer.carry(plan)
    assert what(done) == (["purchase"] if standing == 5 * PRICE else ["approve", "purchase"])
    assert done.plan == plan.hash
    assert paid - chain.call("payment", "balanceOf", buyer.address) == 5 * PRICE
    buyer.assert_clean(5, len(done.sent))
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    for sent in done.sent:
        receipt = web3.eth.get_transaction_receipt(HexBytes(sent.hash))
        assert (receipt["blockNumber"], receipt["gasUsed"] * receipt["effectiveGasPrice"], receipt["status"]) == (sent.block, sent.fee, 1)
        assert web3.eth.get_transaction(HexBytes(sent.hash)).get("nonce") == sent.nonce
    assert done.fee == sum(sent.fee for sent in done.sent) <= plan.caps.max_fee
    assert buyer.carry(plan) == done
    assert run(buyer.carrying(plan, ledger=buyer.open("another")), buyer.node, sleep=buyer.time.sleep) == done
    buyer.assert_clean(5, len(done.sent))
    assert any("sending" in line for line in buyer.told)


def test_a_token_that_wants_its_allowance_back_at_zero_first(either: Account) -> None:
    buyer = either
    chain = buyer.chain
    relist(chain, MARKET, "usdt_like", PRICE)
    chain.transact("buyer", "usdt_like", "approve", chain.contracts[MARKET].address, 9 * PRICE)
    buyer.start = buyer.nonce(), buyer.has()
    done = buyer.carry(buyer.plan(pins=pins_of(chain, currency="usdt_like")))
    assert what(done) == ["approve", "approve", "purchase"]
    assert buyer.allowance(token="usdt_like") == 0
    buyer.assert_clean(5, 3)


def test_a_listing_from_its_offer_to_its_end(chain: LocalChain, tmp_path: Any) -> None:
    chain.transact("seller", MARKET, "delist", chain.contracts["house"].address)
    chain.transact("seller", "house", "approve", chain.contracts[MARKET].address, 0)
    seller = Account(chain, tmp_path, "seller")
    given: dict[str, Any] = {"seller": seller.address, "token": chain.contracts["house"].address, "now": time.time()}
    counts: dict[str, Any] = {"min_count": 1, "max_count": 10}
    pins = pins_of(chain)

    def listing() -> Any:
        return chain.call(MARKET, "viewListing", chain.contracts["house"].address)

    def allowed() -> Any:
        return chain.call("house", "allowance", seller.address, chain.contracts[MARKET].address)

    cases: tuple[tuple[Any, list[str]], ...] = (
        (lambda: plan_listing(pins, price=500, amount=50, **counts, **given), ["approve", "list"]),
        (lambda: plan_update(pins, price=600, amount=40, **counts, **given), ["approve", "update"]),
        (lambda: plan_delisting(pins, **given), ["delist", "approve"]),
    )
    for dialogue, steps in cases:
        plan: Plan = run(dialogue(), seller.node)
        done = seller.carry(plan)
        assert what(done) == steps
        assert seller.carry(plan) == done
        assert seller.give(plan).sent[: len(done.sent)] == done.sent  # There is nothing to give up any more, and what stands is left.
        if plan.kind == "list":
            assert listing()[2:] == (500, 50, 1, 10)
            assert allowed() == 50 * UNIT
        elif plan.kind == "update":
            assert listing()[2:] == (600, 40, 1, 10)
            assert allowed() == 40 * UNIT
    assert listing()[2] == 0
    assert allowed() == 0
    assert seller.spent == 6
    assert seller.ledger.holds() == []
    assert seller.ledger.exposure(pending=True).orders == ()
    seller.close()


async def test_awaited(front: LocalChain, tmp_path: Any) -> None:
    """The same with an event loop, which is never blocked by the ledger: all of it is asked for within a thread."""
    buyer = Account(front, tmp_path)
    plan = buyer.plan()
    buyer.ledger.close()
    buyer.open(busy_timeout=20)
    loop_thread = asyncio.get_running_loop()
    seen: list[bool] = []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            found = getattr(buyer.ledger, name)
            if not callable(found):
                return found

            def call(*args: Any, **kwargs: Any) -> Any:
                try:
                    seen.append(asyncio.get_running_loop() is loop_thread)
                except RuntimeError:
                    seen.append(False)
                return found(*args, **kwargs)

            return call

    async with AsyncHttpNode(front.rpc_url) as node:
        done = await run_async(buyer.carrying(plan, ledger=Spy(), sending=Sending(poll=0.01)), node)
    assert what(done) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)
    assert len(seen) > 20
    assert not any(seen)
    buyer.close()


def test_what_is_given_is_checked_before_anything(buyer: Account) -> None:
    plan = buyer.plan()
    with pytest.raises(PlanMismatch, match="approved one"):
        buyer.carry(plan, approved=bytes(32))
    with pytest.raises(InvalidInput, match="approved: expected"):
        buyer.carry(plan, approved="yes")
    stranger = LocalSigner.from_key(buyer.chain.accounts["other"].private_key)
    with pytest.raises(PlanMismatch, match="the signer"):
        buyer.carry(plan, signer=stranger)
    with pytest.raises(PlanMismatch, match="the signer"):
        buyer.give(plan, signer=stranger)
    wrongs: tuple[dict[str, Any], ...] = (
        {"confirmations": 0},
        {"confirmations": True},
        {"poll": 0},
        {"stuck_after": -1},
        {"patience": True},
        {"poll": "1"},
    )
    for wrong in wrongs:
        with pytest.raises(InvalidInput):
            Sending(**wrong)
    assert buyer.node.asked == []
    buyer.assert_clean(0, 0)


def test_a_plan_with_checks_that_were_not_made_is_sent_only_when_that_is_said(buyer: Account) -> None:
    def deaf(call: Rpc) -> NodeError | None:
        overridden = call.method == "eth_call" and len(call.params) > 2
        return refuse(call.method, "unknown", -32601) if call.method == "eth_simulateV1" or overridden else None

    plan = buyer.plan(edit=lambda _n, calls, answers: [deaf(c) or a for c, a in zip(calls, answers, strict=True)])
    assert not plan.simulated
    with pytest.raises(RuleViolation, match="say so"):
        buyer.carry(plan)
    buyer.node.before = deaf
    assert what(buyer.carry(plan, unsimulated=True)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_a_node_that_does_not_simulate_any_more_gives_no_plan_up(buyer: Account) -> None:
    """A refusal that may be gone in a minute."""
    plan = buyer.plan()
    sent: list[str] = []

    def deaf(call: Rpc) -> NodeError | None:
        if call.method == "eth_sendRawTransaction":
            sent.append(call.method)
        asks = call.method == "eth_simulateV1" or (call.method == "eth_call" and len(call.params) > 2)
        return refuse(call.method, "too many requests", -32005) if asks and sent else None

    buyer.node.before = deaf
    with pytest.raises(RuleViolation, match="cannot simulate"):
        buyer.carry(plan)
    assert buyer.allowance() == 5 * PRICE
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_nothing_secret_is_told(buyer: Account) -> None:
    plan = buyer.plan()
    buyer.carry(plan)
    text = "\n".join(buyer.told) + repr(buyer.ledger) + "".join(buyer.ledger.export_lines())
    assert buyer.chain.accounts["buyer"].private_key[2:] not in text


# -- Not as planned any more ----------------------------------------------------------------------------------------------------------


def pause(buyer: Account) -> None:
    buyer.chain.transact("deployer", "guard", "setPaused", buyer.chain.contracts["house"].address, True)


def price(buyer: Account) -> None:
    buyer.chain.transact("seller", MARKET, "update", buyer.chain.contracts["house"].address, PRICE + 1, 1, 100, 1_000_000)


def cheaper(buyer: Account) -> None:
    buyer.chain.transact("seller", MARKET, "update", buyer.chain.contracts["house"].address, PRICE - 1, 1, 100, 1_000_000)


def sold_out(buyer: Account) -> None:
    buyer.chain.transact("seller", MARKET, "update", buyer.chain.contracts["house"].address, PRICE, 1, 4, 4)


def withdrawn(buyer: Account) -> None:
    buyer.chain.transact("seller", MARKET, "delist", buyer.chain.contracts["house"].address)


def blocked(buyer: Account) -> None:
    buyer.chain.transact("deployer", "guard", "setBlocked", buyer.address, True)


def code(buyer: Account) -> None:
    at = buyer.chain.contracts[MARKET].address
    buyer.chain.request("anvil_setCode", at, buyer.chain.request("eth_getCode", at, "latest") + "00")


def broke(buyer: Account) -> None:
    """Another of the owner's programs spends it; here the token's own storage is changed."""
    balance = buyer.chain.call("payment", "balanceOf", buyer.address)
    buyer.chain.transact("buyer", "payment", "transfer", buyer.chain.accounts["other"].address, balance - 1)


CHANGES = {
    "paused": (pause, RuleViolation, "quantity|cannot buy|may have"),
    "dearer": (price, PlanMismatch, "the price"),
    "cheaper": (cheaper, PlanMismatch, "the price"),
    "sold out": (sold_out, RuleViolation, "above|left"),
    "withdrawn": (withdrawn, (RuleViolation, PlanMismatch), "lists no|the price"),
    "buyer blocked": (blocked, RuleViolation, "may have"),
    "other code": (code, PlanMismatch, "code"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_before_the_first_step(buyer: Account, change: Any) -> None:
    plan = buyer.plan()
    act, kind, words = change
    act(buyer)
    with pytest.raises(kind, match=words):
        buyer.carry(plan)
    assert buyer.slots() == []
    assert "eth_sendRawTransaction" not in buyer.node.asked
    buyer.assert_clean(0, 0)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_between_approval_and_call(buyer: Account, change: Any) -> None:
    """What was allowed is revoked, and the plan does not come back to life."""
    plan = buyer.plan()
    act, kind, words = change
    after_first(buyer, act)
    with pytest.raises(kind, match=words):
        buyer.carry(plan)
    buyer.assert_clean(0, 2)
    with pytest.raises(ChainError, match="given up before"):
        buyer.carry(plan)
    buyer.assert_clean(0, 2)
    assert what(buyer.give(plan)) == ["approve", "revoke"]
    buyer.assert_clean(0, 2)


def after_first(buyer: Account, act: Any) -> None:
    """Do something right after the first transaction is mined."""
    done: list[bool] = []

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_getTransactionReceipt" and answer is not None and not done:
            done.append(True)
            act(buyer)
        return answer

    buyer.node.after = after


def test_the_allowance_is_changed_by_the_owner_between(buyer: Account) -> None:
    """From another wallet; that spends a nonce which is not the ledger's, so that the revocation waits for a person."""
    plan = buyer.plan()
    market = buyer.chain.contracts[MARKET].address
    after_first(buyer, lambda it: it.chain.transact("buyer", "payment", "approve", market, 10**9))
    with pytest.raises(ChainError, match=r"the allowance: expected 2200.*found 1000000000.*not revoked yet.*reconcile") as raised:
        buyer.carry(plan)
    assert isinstance(raised.value.__cause__, PlanMismatch)
    assert len(buyer.ledger.holds()) == 1
    scope = buyer.ledger.holds()[0].scope
    buyer.ledger.reconcile(scope, buyer.nonce())
    with pytest.raises(PlanMismatch, match="the allowance"):
        buyer.carry(plan)
    buyer.assert_clean(0, 3)


def test_the_balance_is_gone_between(buyer: Account) -> None:
    plan = buyer.plan()
    after_first(buyer, broke)
    with pytest.raises(ChainError, match=r"the account has .*and the purchase costs"):
        buyer.carry(plan)
    assert buyer.allowance() == 5 * PRICE
    buyer.ledger.reconcile(buyer.ledger.holds()[0].scope, buyer.nonce())
    assert what(buyer.give(plan)) == ["approve", "revoke"]
    buyer.assert_clean(0, 3)


def test_behind_a_proxy_another_implementation(buyer: Account) -> None:
    plan = buyer.plan(pins=pins_of(buyer.chain, "market_proxy"))
    after_first(
        buyer, lambda it: it.chain.transact("deployer", "market_proxy", "upgradeTo", it.chain.contracts["market_base_units"].address)
    )
    with pytest.raises(PlanMismatch):
        buyer.carry(plan)
    assert buyer.allowance("market_proxy") == 0
    buyer.assert_clean(0, 2)


def test_the_plan_runs_out_half_way(buyer: Account) -> None:
    plan = buyer.plan()
    late: list[float] = [time.time()]
    after_first(buyer, lambda _it: late.append(plan.valid_until + 1.0))
    with pytest.raises(RuleViolation, match="good until"):
        buyer.carry(plan, clock=lambda: late[-1])
    buyer.assert_clean(0, 2)


def test_a_plan_that_has_run_out_is_not_begun(buyer: Account) -> None:
    plan = buyer.plan()
    with pytest.raises(RuleViolation, match="good until"):
        buyer.carry(plan, clock=lambda: plan.valid_until + 1.0)
    assert buyer.carry(plan, clock=lambda: float(plan.valid_until)).sent
    # What was done stays done, whenever one asks.
    assert what(buyer.carry(plan, clock=lambda: plan.valid_until + 10.0**6)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def spike(call: Rpc, answer: Any) -> Any:
    """Gas costs a thousand times what it did."""
    dear = hex(10**14)
    if call.method == "eth_getBlockByNumber" and isinstance(answer, dict):
        return answer | {"baseFeePerGas": dear}
    if call.method == "eth_feeHistory" and isinstance(answer, dict):
        return answer | {"baseFeePerGas": [dear] * len(answer["baseFeePerGas"])}
    return dear if call.method in ("eth_gasPrice", "eth_maxPriorityFeePerGas") else answer


def test_gas_is_too_dear(either: Account) -> None:
    buyer = either
    plan = buyer.plan()
    buyer.node.after = spike
    with pytest.raises(RuleViolation, match="the cap is"):
        buyer.carry(plan)
    assert buyer.slots() == []
    buyer.assert_clean(0, 0)
    seen: list[str] = []

    def half_way(call: Rpc, answer: Any) -> Any:
        seen.append(call.method)
        return spike(call, answer) if "eth_sendRawTransaction" in seen else answer

    buyer.node.after = half_way
    with pytest.raises(RuleViolation, match="the cap is"):
        buyer.carry(plan)
    assert buyer.allowance() == 5 * PRICE
    assert [hold.intent for hold in buyer.ledger.holds()] == [str(plan.hash)]
    before = buyer.time.now
    with pytest.raises(RuleViolation, match="the cap is"):
        buyer.give(plan)  # Within the plan's own cap not even that.
    assert [hold.intent for hold in buyer.ledger.holds()] == [str(plan.hash)]
    with pytest.raises(LedgerError, match=f"held for another intent, '{plan.hash}'"):
        buyer.carry(buyer.plan())
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    assert buyer.time.now - before < 60  # Nobody waits for a lease of one's own.
    buyer.assert_clean(5, 2)


def test_gas_is_too_dear_and_so_it_is_given_up(buyer: Account) -> None:
    plan = buyer.plan()
    seen: list[str] = []

    def half_way(call: Rpc, answer: Any) -> Any:
        seen.append(call.method)
        return spike(call, answer) if "eth_sendRawTransaction" in seen else answer

    buyer.node.after = half_way
    with pytest.raises(RuleViolation):
        buyer.carry(plan)
    price(buyer)
    with pytest.raises(ChainError, match=r"the price.*not revoked yet.*the cap is"):
        buyer.carry(plan)  # The first error is told as well.
    buyer.node.after = lambda _call, answer: answer
    given = buyer.give(plan, max_fee_per_gas=plan.caps.max_fee_per_gas * 10)
    assert what(given) == ["approve", "revoke"]
    buyer.assert_clean(0, 2)
    buyer.carry(buyer.plan(1, now=time.time()))
    buyer.assert_clean(1, 4)


def test_no_coins(buyer: Account) -> None:
    plan = buyer.plan()
    coins = buyer.chain.request("eth_getBalance", buyer.address, "latest")
    buyer.chain.request("anvil_setBalance", buyer.address, "0x1")
    with pytest.raises(RuleViolation, match="coins for fees"):
        buyer.carry(plan)
    assert buyer.slots() == []
    assert buyer.ledger.holds() == []
    buyer.chain.request("anvil_setBalance", buyer.address, coins)
    after_first(buyer, lambda it: it.chain.request("anvil_setBalance", it.address, "0x1"))
    with pytest.raises(RuleViolation, match="coins for fees"):
        buyer.carry(plan)
    assert buyer.allowance() == 5 * PRICE
    with pytest.raises(NodeError, match="does not take the revoke"):
        buyer.give(plan)
    buyer.chain.request("anvil_setBalance", buyer.address, coins)
    buyer.node.honest()
    assert what(buyer.give(plan)) == ["approve", "revoke"]
    buyer.assert_clean(0, 2)


def test_nothing_to_give_up(buyer: Account) -> None:
    """An allowance that is not of this plan is nobody's business."""
    buyer.chain.transact("buyer", "payment", "approve", buyer.chain.contracts[MARKET].address, 77)
    buyer.start = buyer.nonce(), buyer.has()
    plan = buyer.plan()
    assert buyer.give(plan) == Done(plan.hash, (), allowance=77, begun=False)
    buyer.assert_clean(0, 0, allowance=77)
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    assert what(buyer.give(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_an_allowance_that_is_given_later_is_left_alone(buyer: Account) -> None:
    """A plan that is done gives the same again, and sends nothing."""
    plan = buyer.plan()
    done = buyer.carry(plan)
    buyer.chain.transact("buyer", "payment", "approve", buyer.chain.contracts[MARKET].address, 77)
    assert buyer.carry(plan) == done
    buyer.assert_clean(5, 3, allowance=77)


def test_receipts_are_forgotten(buyer: Account) -> None:
    """A node that has pruned them: the ledger knows."""
    plan = buyer.plan()
    done = buyer.carry(plan)
    buyer.node.after = lambda call, answer: None if call.method == "eth_getTransactionReceipt" else answer
    assert buyer.carry(plan) == done
    buyer.assert_clean(5, 2)


# -- Two plans ------------------------------------------------------------------------------------------------------------------------


def test_two_plans_for_one_token(buyer: Account) -> None:
    """Of account and token one is in flight; the second is told of the first, finished or dead."""
    first, second = buyer.plan(2), buyer.plan(3)

    def at_once(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            with pytest.raises(LedgerError, match=f"another intent, '{first.hash}'"):
                run(buyer.carrying(second), buyer.node.inner)

    buyer.node.before = at_once
    assert what(buyer.carry(first)) == ["approve", "purchase"]
    buyer.node.honest()
    assert what(buyer.carry(second)) == ["approve", "purchase"]
    buyer.assert_clean(5, 4)


def test_a_dead_plan_blocks_its_token_until_it_is_given_up(buyer: Account) -> None:
    first, second = buyer.plan(2), buyer.plan(3)
    kill_at(buyer, first, "purchase: sending")
    assert buyer.allowance() == 2 * PRICE
    buyer.open()
    with pytest.raises(LedgerError, match=f"another intent, '{first.hash}'"):
        buyer.carry(second)
    assert what(buyer.give(first)) == ["approve", "revoke"]
    assert what(buyer.carry(second)) == ["approve", "purchase"]
    buyer.assert_clean(3, 4)


class Killed(BaseException):
    pass


def kill_at(buyer: Account, plan: Plan, line: str) -> None:
    """Let the process die when it tells this, with all that it has in its hands."""

    def tell(text: str) -> None:
        if text.startswith(line):
            raise Killed

    with pytest.raises(Killed):
        buyer.carry(plan, tell=tell)


def test_two_tokens_of_one_account(either: Account) -> None:
    """Two plans at once with one account: the nonces interleave, and the one that comes too early waits."""
    buyer = either
    chain = buyer.chain
    chain.transact("seller", "house", "approve", chain.contracts["market_proxy"].address, 10**24)
    plans = [buyer.plan(2), buyer.plan(3, pins=pins_of(chain, "market_proxy"))]
    dialogues = [buyer.carrying(plan, sending=Sending(poll=0.01), elapsed=time.monotonic) for plan in plans]
    done = in_turns(buyer, dialogues)
    assert [what(each) for each in done] == [["approve", "purchase"]] * 2
    assert sorted(sent.nonce for each in done for sent in each.sent) == list(range(buyer.start[0], buyer.start[0] + 4))
    buyer.assert_clean(5, 4)


def in_turns(buyer: Account, dialogues: list[Any]) -> list[Any]:
    """Each takes one step at a time."""
    from orderseal.chain.dialogue import Ask, Pause

    wanted = [next(dialogue) for dialogue in dialogues]
    done: dict[int, Any] = {}
    while len(done) < len(dialogues):
        for number, dialogue in enumerate(dialogues):
            if number in done:
                continue
            one, value, error = wanted[number], None, None
            try:
                if isinstance(one, Ask):
                    value = buyer.node.ask(one.calls)
                elif isinstance(one, Pause):
                    time.sleep(one.seconds / 2)
                else:
                    value = one.job()
            except ChainError as caught:
                error = caught
            try:
                wanted[number] = dialogue.send(value) if error is None else dialogue.throw(error)
            except StopIteration as ended:
                done[number] = ended.value
    return [done[number] for number in range(len(dialogues))]


def test_a_nonce_that_a_dead_plan_holds_back(buyer: Account) -> None:
    """A chain allows no gaps: the plan for another token says which one must be finished first."""
    chain = buyer.chain
    first = buyer.plan(2)
    with pytest.raises(SignerError, match="no signatures today"):
        buyer.carry(first, signer=Refusing(buyer.signer, times=99))
    buyer.open()
    second = buyer.plan(3, pins=pins_of(chain, "market_proxy"))
    with pytest.raises(ChainError, match=f"bound to another plan, {first.hash}"):
        buyer.carry(second)
    assert buyer.time.now < 5  # Nobody is waited for who is dead.
    assert [hold.intent for hold in buyer.ledger.holds()] == [str(first.hash)]
    assert what(buyer.carry(first)) == ["approve", "purchase"]
    assert what(buyer.carry(second)) == ["approve", "purchase"]
    buyer.assert_clean(5, 4)


def test_a_plan_that_was_committed_and_never_sent_is_given_up(buyer: Account) -> None:
    """Its nonce carries the revocation: nothing else may leave a gap."""
    plan = buyer.plan(2)
    with pytest.raises(SignerError):
        buyer.carry(plan, signer=Refusing(buyer.signer, times=99))
    assert what(buyer.give(plan)) == ["revoke"]
    with pytest.raises(ChainError, match="given up before"):
        buyer.carry(plan)
    buyer.carry(buyer.plan(1))
    buyer.assert_clean(1, 3)


# -- Signers --------------------------------------------------------------------------------------------------------------------------


class Refusing:
    """Signs digests, but not the first few."""

    def __init__(self, signer: LocalSigner, times: int) -> None:
        self._signer, self.left, self.signed = signer, times, 0
        self.address = signer.address

    def sign_typed_data(self, digest: Any, document: Any) -> Any:
        raise AssertionError

    def sign_message(self, text: str) -> Any:
        raise AssertionError

    def unsafe_sign_digest(self, digest: Any) -> Any:
        self.left -= 1
        if self.left >= 0:
            raise SignerError("no signatures today")
        self.signed += 1
        return self._signer.unsafe_sign_digest(digest)


class Remote:
    """Signs transactions as eth_signTransaction does, by another library; ``edit`` makes it sign something else."""

    def __init__(self, buyer: Account, edit: Any = None) -> None:
        self._key = buyer.chain.accounts["buyer"].private_key
        self.address = buyer.signer.address
        self.edit: Any = edit or (lambda _fields: {})
        self.shown: list[dict[str, Any]] = []

    def sign_typed_data(self, digest: Any, document: Any) -> Any:
        raise AssertionError

    def sign_message(self, text: str) -> Any:
        raise AssertionError

    def sign_transaction(self, digest: Any, fields: Any) -> bytes:
        self.shown.append(dict(fields))
        wanted = {name: value for name, value in fields.items() if name != "from"} | self.edit(fields)
        return bytes(Keys.sign_transaction(wanted, self._key).raw_transaction)


def test_a_signer_across_a_network(buyer: Account) -> None:
    remote = Remote(buyer)
    assert what(buyer.carry(buyer.plan(), signer=remote)) == ["approve", "purchase"]
    assert [int(fields["chainId"], 16) for fields in remote.shown] == [17000, 17000]
    buyer.assert_clean(5, 2)


EDITS: dict[str, Any] = {
    "chain": lambda _f: {"chainId": "0x1"},
    "nonce": lambda f: {"nonce": hex(int(f["nonce"], 16) + 1)},
    "fee": lambda f: {"maxFeePerGas": hex(int(f["maxFeePerGas"], 16) + 1)},
    "to": lambda _f: {"to": "0x" + "11" * 20},
    "data": lambda f: {"data": f["data"][:-2] + "ff"},
    "value": lambda _f: {"value": "0x1"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_signer_that_signs_something_else(buyer: Account, edit: Any) -> None:
    plan = buyer.plan()
    with pytest.raises(SignerError, match="signed another transaction"):
        buyer.carry(plan, signer=Remote(buyer, edit))
    assert "eth_sendRawTransaction" not in buyer.node.asked
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_a_signer_that_refuses_once(buyer: Account) -> None:
    plan, signer = buyer.plan(), Refusing(buyer.signer, times=1)
    with pytest.raises(SignerError, match="no signatures today"):
        buyer.carry(plan, signer=signer)
    assert what(buyer.carry(plan, signer=signer)) == ["approve", "purchase"]
    assert signer.signed == 2
    buyer.assert_clean(5, 2)


def test_a_signer_that_asks_a_person_for_longer_than_the_lease(buyer: Account) -> None:
    buyer.open("slow", lease=0.15)

    class Slow(Refusing):
        def unsafe_sign_digest(self, digest: Any) -> Any:
            time.sleep(0.2)
            return super().unsafe_sign_digest(digest)

    assert what(buyer.carry(buyer.plan(), signer=Slow(buyer.signer, 0))) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_nothing_is_signed_for_another_chain(buyer: Account) -> None:
    """The node is of another chain from each of the times on at which it is asked for its chain: nothing is signed after that."""
    at = 0
    for at in range(100):
        plan, signer = buyer.plan(1), Refusing(buyer.signer, 0)
        asked: list[int] = []

        def before(call: Rpc, at: int = at, asked: list[int] = asked, signer: Any = signer) -> Any:
            if call.method != "eth_chainId":
                return None
            asked.append(signer.signed)
            return hex(17000 if len(asked) <= at else 97)

        buyer.node.before = before
        try:
            buyer.carry(plan, signer=signer)
        except WrongChain:
            assert signer.signed == asked[at], f"signed after the node was of another chain, at question {at}"
        else:
            break
        buyer.node.honest()
        assert what(buyer.carry(plan)) == ["approve", "purchase"]
        buyer.assert_clean(at + 1, 2 * at + 2)
    assert at > 8


def test_what_a_node_of_another_chain_says_of_a_transaction_is_not_believed(buyer: Account) -> None:
    plan = buyer.plan()
    buyer.node.before = lambda call: "0x61" if call.method == "eth_chainId" and "eth_sendRawTransaction" in buyer.node.asked else None
    with pytest.raises(WrongChain):
        buyer.carry(plan)
    assert [one.slot.key for one in buyer.ledger.exposure().orders] == [buyer.start[0]]
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


# -- Nodes that fail or lie -------------------------------------------------------------------------------------------------------------


class Failing:
    """At one of its round trips the node fails; ``there`` is what was asked then."""

    def __init__(self, buyer: Account, at: int, how: Any) -> None:
        self.inner, self.at, self.how = buyer.node.inner, at, how
        self.count = -1
        self.there: list[str] = []

    def ask(self, calls: Any) -> Any:
        self.count += 1
        if self.count != self.at:
            return self.inner.ask(calls)
        self.there = [call.method for call in calls]
        return self.how(calls, self.inner)


def lost_request(_calls: Any, _inner: Any) -> Any:
    raise NodeError("the node at 127.0.0.1: no answer in time (ReadTimeout)")


def lost_reply(calls: Any, inner: Any) -> Any:
    inner.ask(calls)
    raise NodeError("the node at 127.0.0.1: no answer in time (ReadTimeout)")


def garbage(calls: Any, inner: Any) -> Any:
    inner.ask(calls)
    return [{"gar": ["bage"]} for _call in calls]


def refused(calls: Any, _inner: Any) -> Any:
    return [refuse(call.method, "rate limit", -32005) for call in calls]


def nothing(calls: Any, inner: Any) -> Any:
    inner.ask(calls)
    return [None for _call in calls]


@pytest.mark.parametrize(
    ("how", "first", "stride"), [(lost_request, 1, 2), (lost_reply, 0, 1), (garbage, 0, 2), (refused, 0, 2), (nothing, 1, 3)]
)
def test_the_node_fails_once_anywhere(buyer: Account, how: Any, first: int, stride: int) -> None:
    """Whatever it is that is lost: it ends well, or with an error after which the same call ends well. Nothing is bought twice."""
    at = bought = errors = ended = 0
    for at in range(first, 100, stride):
        plan, node = buyer.plan(1), Failing(buyer, at, how)
        for _attempt in range(4):
            try:
                done = run(buyer.carrying(plan), node, sleep=buyer.time.sleep)
            except (ChainError, RuleViolation) as error:
                errors += 1
                if isinstance(error, PlanMismatch) and not buyer.ledger.holds():
                    ended += 1
                    break
            else:
                bought += 1
                assert what(done)[-1] == "purchase"
                break
        else:
            pytest.fail("it is not to be gone on with")
        buyer.assert_clean(bought)
        if not node.there:
            break
    assert at > 12
    assert errors > 1
    assert ended < 3


SAYS = {
    "already known": "already known",
    "underpriced": "replacement transaction underpriced",
    "nonce too low": "nonce too low",
    "no funds": "insufficient funds for gas * price + value",
    "internal": "internal error",
}


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("message", SAYS.values(), ids=SAYS)
def test_the_node_takes_a_transaction_and_says_that_it_does_not(buyer: Account, message: str, step: int) -> None:
    plan = buyer.plan()
    sent = [0]

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_sendRawTransaction":
            sent[0] += 1
            if sent[0] == step + 1:
                return refuse(call.method, message)
        return answer

    buyer.node.after = after
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    assert buyer.sent_attempts() == 2
    buyer.assert_clean(5, 2)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("message", SAYS.values(), ids=SAYS)
def test_the_node_does_not_take_a_transaction(buyer: Account, message: str, step: int) -> None:
    """What is said to be known, or spent, is waited for and sent again; any other refusal of the first attempt ends the run."""
    plan = buyer.plan()
    sent = [0]

    def before(call: Rpc) -> Any:
        if call.method == "eth_sendRawTransaction":
            sent[0] += 1
            if sent[0] == step + 1:
                return refuse(call.method, message)
        return None

    buyer.node.before = before
    if message in ("already known", "nonce too low"):
        done = buyer.carry(plan)
    else:
        with pytest.raises(NodeError, match=re.escape(message)) as raised:
            buyer.carry(plan)
        assert raised.value.code == -32000
        assert [hold.intent for hold in buyer.ledger.holds()] == [str(plan.hash)]
        done = buyer.carry(plan)
    assert what(done) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_a_refusal_is_raised_again_and_not_waited_for(buyer: Account) -> None:
    plan = buyer.plan()
    buyer.node.before = lambda call: refuse(call.method, "insufficient funds") if call.method == "eth_sendRawTransaction" else None
    for _ in range(2):
        with pytest.raises(NodeError, match=r"does not take the approve: .*insufficient funds"):
            buyer.carry(plan)
    assert buyer.time.now < 5
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_the_node_says_that_it_took_it_and_drops_it(buyer: Account) -> None:
    plan = buyer.plan()
    dropped: list[bytes] = []

    def before(call: Rpc) -> Any:
        if call.method == "eth_sendRawTransaction" and len(dropped) < 2:
            dropped.append(raw_of(call))
            return str(decode_and_hash(raw_of(call)))
        return None

    buyer.node.before = before
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    first, second = (decode_transaction(raw)[0] for raw in dropped)
    assert first.nonce == second.nonce
    assert first.fees.most * 11 <= second.fees.most * 10
    buyer.assert_clean(5, 2)


def decode_and_hash(raw: bytes) -> str:
    return "0x" + Web3.keccak(raw).hex()


def test_the_node_names_another_hash(buyer: Account) -> None:
    buyer.node.after = lambda call, answer: "0x" + "11" * 32 if call.method == "eth_sendRawTransaction" else answer
    assert what(buyer.carry(buyer.plan())) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def bent_receipts(buyer: Account, change: Any, which: int, times: int = 10**6) -> None:
    """Change the receipts of the ``which``-th transaction that is mined."""
    order: list[str] = []
    played = [0]

    def after(call: Rpc, answer: Any) -> Any:
        if call.method != "eth_getTransactionReceipt" or not isinstance(answer, dict):
            return answer
        if answer["transactionHash"] not in order:
            order.append(answer["transactionHash"])
        if order.index(answer["transactionHash"]) == which and played[0] < times:
            played[0] += 1
            return change(answer)
        return answer

    buyer.node.after = after


BAD_RECEIPTS = {
    "another's": lambda r: r | {"transactionHash": "0x" + "22" * 32},
    "no status": lambda r: {k: v for k, v in r.items() if k != "status"},
    "status 2": lambda r: r | {"status": "0x2"},
    "no logs": lambda r: {k: v for k, v in r.items() if k != "logs"},
    "a log that is none": lambda r: r | {"logs": ["x"]},
    "no gas": lambda r: r | {"gasUsed": None},
    "a list": lambda r: [r],
    "a number": lambda _r: 5,
}


@pytest.mark.parametrize("change", BAD_RECEIPTS.values(), ids=BAD_RECEIPTS)
def test_receipts_that_are_none(buyer: Account, change: Any) -> None:
    plan = buyer.plan()
    bent_receipts(buyer, change, 0)
    with pytest.raises(NodeError, match="receipt"):
        buyer.carry(plan)
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)
    bent_receipts(buyer, change, 0, times=3)  # A few are borne.
    assert what(buyer.carry(buyer.plan())) == ["approve", "purchase"]
    buyer.assert_clean(10, 4)


def without(name: str) -> Any:
    topic = "0x" + Web3.keccak(text=name).hex()
    return lambda r: r | {"logs": [log for log in r["logs"] if log["topics"][0] != topic]}


BUY_EVENT = "ListingBuyEvent(address,address,address,uint256,uint256,uint256)"
BAD_LOGS = {
    "no event": without(BUY_EVENT),
    "no transfers": without("Transfer(address,address,uint256)"),
    "no logs": lambda r: r | {"logs": []},
    "twice": lambda r: r | {"logs": r["logs"] * 2},
    "another count": lambda r: r | {"logs": [log | {"data": "0x" + "00" * 31 + "07" + log["data"][66:]} for log in r["logs"]]},
}


@pytest.mark.parametrize("change", BAD_LOGS.values(), ids=BAD_LOGS)
def test_a_receipt_that_tells_of_something_else(buyer: Account, change: Any) -> None:
    plan = buyer.plan()
    bent_receipts(buyer, change, 1)
    for _ in range(2):
        with pytest.raises(PlanMismatch, match="receipt"):
            buyer.carry(plan)
        assert buyer.ledger.holds() == []
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_a_node_says_that_the_purchase_reverted(buyer: Account) -> None:
    """It did not: nothing is bought a second time, and an honest node sets it right."""
    plan = buyer.plan()
    bent_receipts(buyer, lambda r: r | {"status": "0x0", "logs": []}, 1)
    with pytest.raises(Reverted):
        buyer.carry(plan)
    buyer.node.honest()
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_a_node_says_that_the_approval_reverted(buyer: Account) -> None:
    plan = buyer.plan()
    bent_receipts(buyer, lambda r: r | {"status": "0x0", "logs": []}, 0)
    with pytest.raises(Reverted):
        buyer.carry(plan)
    buyer.assert_clean(0, 2)
    buyer.node.honest()
    with pytest.raises(ChainError, match="given up before"):
        buyer.carry(plan)
    buyer.assert_clean(0, 2)


def test_a_receipt_of_what_is_not_mined(buyer: Account) -> None:
    """A receipt counts when the account's nonce is spent, and not before."""
    plan = buyer.plan()
    buyer.chain.request("evm_setAutomine", False)

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_getTransactionReceipt" and answer is None:
            return {"transactionHash": call.params[0], "blockNumber": "0x1", "status": "0x1", "gasUsed": "0x5208", "logs": []}
        return answer

    buyer.node.after = after
    with pytest.raises(ChainError, match="is not mined after"):
        buyer.carry(plan)
    buyer.node.honest()
    buyer.time.on_sleep.append(lambda _now: buyer.chain.request("anvil_mine", "0x1"))
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_one_of_the_nodes_behind_an_address_lags(buyer: Account) -> None:
    """It shows the state before the approval for a while: that is no reason to give the plan up."""
    plan = buyer.plan()
    old: dict[str, Any] = {}
    stale = [0]

    def after(call: Rpc, answer: Any) -> Any:
        key = f"{call.method} {call.params}"
        if call.method == "eth_call" and len(call.params) == 2:
            if key in old and stale[0] < 3:
                stale[0] += 1
                return old[key]
            old.setdefault(key, answer)
        return answer

    buyer.node.after = after
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    assert stale[0] == 3
    buyer.assert_clean(5, 2)


def test_a_node_whose_count_lags(buyer: Account) -> None:
    """A nonce is not taken before the node knows of the one below it."""
    plan = buyer.plan()
    lag = [4]

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_getTransactionCount" and call.params[1] == "pending" and int(answer, 16) > buyer.start[0] and lag[0]:
            lag[0] -= 1
            return hex(int(answer, 16) - 1)
        return answer

    buyer.node.after = after
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    assert lag == [0]
    assert any("comes first" in line for line in buyer.told)
    buyer.assert_clean(5, 2)


# -- Stuck ----------------------------------------------------------------------------------------------------------------------------


def posted(buyer: Account) -> list[bytes]:
    """Each transaction that is handed to the node."""
    found: list[bytes] = []

    def before(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            found.append(raw_of(call))

    buyer.node.before = before
    return found


def stuck_plan(buyer: Account) -> tuple[Plan, list[bytes]]:
    plan = buyer.plan(limits=Limits(max_fee=Decimal("0.02")))
    buyer.chain.request("evm_setAutomine", False)
    return plan, posted(buyer)


def mine_when(buyer: Account, sent: list[bytes], count: int) -> None:
    """Mine blocks from the time on when so many transactions have been handed over."""
    buyer.time.on_sleep.append(lambda _now: buyer.chain.request("anvil_mine", "0x1") if len(sent) >= count else None)


def test_stuck_transactions_are_outbid_under_their_nonce(buyer: Account) -> None:
    plan, sent = stuck_plan(buyer)
    mine_when(buyer, sent, 4)
    done = buyer.carry(plan)
    assert what(done) == ["approve", "purchase"]
    found = [decode_transaction(raw)[0] for raw in sent]
    first = [each for each in found if each.nonce == buyer.start[0]]
    assert len(first) == 4
    assert len({(each.to, each.data, each.value, each.gas) for each in first}) == 1
    for before, after in pairwise(first):
        for name in ("max_fee_per_gas", "max_priority_fee_per_gas"):
            assert getattr(after.fees, name) * 10 >= getattr(before.fees, name) * 11
        assert after.fees.most <= plan.caps.max_fee_per_gas
    assert str(done.sent[0].hash) == decode_and_hash(sent[3])
    buyer.assert_clean(5, 2)


def test_the_first_of_several_is_mined(buyer: Account) -> None:
    plan, sent = stuck_plan(buyer)

    def swap(_now: float) -> None:
        if len(sent) == 3:
            # A miner that had the first one only.
            for raw in sent[1:3]:
                buyer.chain.request("anvil_dropTransaction", decode_and_hash(raw))
            buyer.chain.request("eth_sendRawTransaction", "0x" + sent[0].hex())
            buyer.chain.request("anvil_mine", "0x1")
            buyer.chain.request("evm_setAutomine", True)
            buyer.time.on_sleep.clear()

    buyer.time.on_sleep.append(swap)
    done = buyer.carry(plan)
    assert str(done.sent[0].hash) == decode_and_hash(sent[0])
    assert buyer.carry(plan) == done
    buyer.assert_clean(5, 2)


def test_at_the_cap_it_goes_again_as_it_is(buyer: Account) -> None:
    now = buyer.plan().facts["offered_fee_per_gas"]
    plan = buyer.plan(limits=Limits(max_fee_per_gas=int(now) * 13 // 10))
    buyer.chain.request("evm_setAutomine", False)
    sent = posted(buyer)
    mine_when(buyer, sent, 5)
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    fees = [decode_transaction(raw)[0].fees.most for raw in sent[:5]]
    assert max(fees) <= plan.caps.max_fee_per_gas
    assert fees[-1] == fees[-2]
    assert sent[4] == sent[3]
    assert any("sent again as it is" in line for line in buyer.told)
    buyer.assert_clean(5, 2)


def test_an_unknown_one_goes_again_when_its_lease_has_run_out(buyer: Account) -> None:
    """The first attempt was lost, and there is no room under the cap."""
    plan = buyer.plan(limits=Limits(max_fee_per_gas=int(buyer.plan().facts["offered_fee_per_gas"])))
    buyer.open("short", lease=0.05)
    lost = [0]

    def before(call: Rpc) -> Any:
        if call.method == "eth_sendRawTransaction" and not lost[0]:
            lost[0] = 1
            time.sleep(0.06)
            raise NodeError("the node at 127.0.0.1: no answer in time (ReadTimeout)")
        return None

    buyer.node.before = before
    buyer.time.on_sleep.append(lambda now: time.sleep(0.06) if int(now) == 20 else None)
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)
    meanings = [attempt.details.get("meaning") for attempt in buyer.ledger.attempts(buyer.slots()[0])]
    assert meanings.count("unknown") == 1


def test_a_dropped_transaction_is_sent_again(buyer: Account) -> None:
    plan, sent = stuck_plan(buyer)

    def drop(_now: float) -> None:
        if len(sent) == 1:
            buyer.chain.request("anvil_dropTransaction", decode_and_hash(sent[0]))
        else:
            buyer.chain.request("anvil_mine", "0x1")

    buyer.time.on_sleep.append(drop)
    done = buyer.carry(plan)
    assert str(done.sent[0].hash) == decode_and_hash(sent[1])
    buyer.assert_clean(5, 2)


@pytest.mark.parametrize("step", [0, 1], ids=["approval", "purchase"])
def test_a_reorganisation(either: Account, step: int) -> None:
    """What had one confirmation of three is gone: it is sent again, and comes back."""
    buyer = either
    plan = buyer.plan()
    request = buyer.chain.request
    marks: list[str] = []
    reverted: list[bool] = []
    seen: list[str] = []

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_getTransactionReceipt" and answer is not None and len(marks) == step + 1:
            seen.append(call.method)
        return answer

    def before(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction" and not reverted:
            marks.append(request("evm_snapshot"))

    def sleep(_now: float) -> None:
        if len(marks) == step + 1 and not reverted and seen:
            reverted.append(True)
            assert request("evm_revert", marks[step])
        elif not (len(marks) == step + 1 and not reverted):
            request("evm_mine")

    buyer.node.before, buyer.node.after = before, after
    buyer.time.on_sleep.append(sleep)
    done = buyer.carry(plan, sending=Sending(confirmations=3, poll=1, stuck_after=30, patience=120))
    assert reverted
    assert what(done) == ["approve", "purchase"]
    assert int(request("eth_blockNumber"), 16) - done.sent[-1].block + 1 >= 3
    assert any("reorganisation" in line for line in buyer.told)
    assert buyer.time.now < 30  # It is not waited for until it counts as stuck.
    buyer.assert_clean(5, 2)


def test_a_reorganisation_after_the_end(buyer: Account) -> None:
    """Deeper than what was waited for; called again, the plan finds it and sends the same bytes."""
    plan = buyer.plan()
    mark = buyer.chain.request("evm_snapshot")
    done = buyer.carry(plan)
    assert buyer.chain.request("evm_revert", mark)
    assert buyer.bought == 0
    again = buyer.carry(plan)
    assert [sent.hash for sent in again.sent] == [sent.hash for sent in done.sent]
    buyer.assert_clean(5, 2)


@pytest.mark.parametrize("step", [0, 1], ids=["approval", "purchase"])
def test_another_program_spends_the_nonce(buyer: Account, step: int) -> None:
    plan = buyer.plan()
    sent = [0]

    def before(call: Rpc) -> Any:
        if call.method == "eth_sendRawTransaction":
            sent[0] += 1
            if sent[0] == step + 1:
                buyer.chain.send("buyer", to=buyer.address)
        return None

    buyer.node.before = before
    with pytest.raises((PlanMismatch, ChainError), match=r"nonce .* another transaction") as raised:
        buyer.carry(plan)
    assert "Another program" in str(raised.value)
    if step:
        assert "reconcile" not in str(raised.value)  # Nonces of ours were spent, so the ledger's count is right.
    buyer.assert_clean(0, 1 if step == 0 else 3)
    buyer.carry(buyer.plan(1))
    assert buyer.bought == 1


def test_another_program_spends_the_nonce_of_what_was_never_sent(buyer: Account) -> None:
    plan = buyer.plan()
    with pytest.raises(SignerError):
        buyer.carry(plan, signer=Refusing(buyer.signer, 99))
    buyer.chain.send("buyer", to=buyer.address)
    given = buyer.give(plan)
    assert what(given) == []
    buyer.assert_clean(0, 1)
    scope = buyer.slots()[0].scope
    with pytest.raises(LedgerError, match="reconcile"):
        buyer.carry(plan)
    assert buyer.ledger.holds() == []
    buyer.ledger.reconcile(scope, buyer.nonce())
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 3)


def test_patience_ends_and_is_gone_on_with(buyer: Account) -> None:
    plan, _sent = stuck_plan(buyer)
    with pytest.raises(ChainError, match="is not mined after 120 s: it stays on record"):
        buyer.carry(plan)
    assert [hold.intent for hold in buyer.ledger.holds()] == [str(plan.hash)]
    buyer.chain.request("evm_setAutomine", True)
    buyer.chain.request("anvil_mine", "0x1")
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def test_giving_up_raises_the_fees_beyond_the_plan(buyer: Account) -> None:
    """What is on its way is replaced by the revocation, with the fees that the one who gives up allows; never sent again."""
    now = int(buyer.plan().facts["offered_fee_per_gas"])
    plan = buyer.plan(limits=Limits(max_fee_per_gas=now))
    buyer.chain.request("evm_setAutomine", False)
    sent = posted(buyer)
    with pytest.raises(ChainError, match="not mined after"):
        buyer.carry(plan)
    before = len(sent)
    with pytest.raises(ChainError, match="not mined after"):
        buyer.give(plan)
    assert len(sent) == before
    mine_when(buyer, sent, before + 2)
    done = buyer.give(plan, max_fee_per_gas=4 * now)
    assert what(done) == ["revoke"]
    assert decode_transaction(sent[-1])[0].fees.most <= 4 * now
    buyer.assert_clean(0, 1)


def test_giving_up_does_not_buy(buyer: Account) -> None:
    """The process died while it sent the purchase, which then had not left; or had, and is mined before the revocation."""
    for left in (False, True):
        plan = buyer.plan(2)
        sent = posted(buyer)
        kill_at(buyer, plan, "purchase: sending")
        buyer.open()
        if left:
            slot = buyer.slots()[-1]
            body = next(a.body for a in reversed(buyer.ledger.artifacts(slot)) if a.body is not None)
            buyer.chain.request("evm_setAutomine", False)
            buyer.chain.request("eth_sendRawTransaction", "0x" + body.hex())
            buyer.node.before = lambda call: mined_first(buyer) if call.method == "eth_sendRawTransaction" else None
        done = buyer.give(plan)
        assert what(done) == ["approve", "purchase" if left else "revoke"]
        assert left or all(decode_transaction(raw)[0].to != plan.spender for raw in sent)
        buyer.assert_clean(2 * left, 4 if left else 2)
        if left:
            assert buyer.carry(plan).sent == done.sent
            assert buyer.give(plan) == done


def mined_first(buyer: Account) -> None:
    buyer.chain.request("anvil_mine", "0x1")
    buyer.chain.request("evm_setAutomine", True)


# -- Reverted on chain ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [pause, price, sold_out])
def test_the_call_reverts_on_chain_although_it_did_not_in_the_simulation(buyer: Account, act: Any) -> None:
    """What changes it stands in the same block, before it."""
    plan = buyer.plan()
    paid = buyer.chain.call("payment", "balanceOf", buyer.address)
    count = [0]

    def before(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            count[0] += 1
            if count[0] == 2:
                act(buyer)

    buyer.node.before = before
    with pytest.raises(Reverted, match="purchase reverted") as raised:
        buyer.carry(plan)
    assert raised.value.reason
    assert buyer.chain.call("payment", "balanceOf", buyer.address) == paid
    buyer.assert_clean(0, 3)
    buyer.node.honest()
    with pytest.raises(ChainError, match="given up before"):
        buyer.carry(plan)
    assert what(buyer.give(plan)) == ["approve", "purchase", "revoke"]
    buyer.assert_clean(0, 3)


def test_cheaper_in_the_same_block(buyer: Account) -> None:
    """The purchase is done, and costs less than was allowed: that is no plan any more, and what is left is revoked."""
    plan = buyer.plan()
    count = [0]

    def before(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            count[0] += 1
            if count[0] == 2:
                cheaper(buyer)

    buyer.node.before = before
    for _ in range(2):
        with pytest.raises(PlanMismatch, match="receipt: what leaves"):
            buyer.carry(plan)
        buyer.assert_clean(5, 3)


def test_a_revocation_that_reverts_is_tried_again(buyer: Account) -> None:
    plan = buyer.plan()
    after_first(buyer, price)
    token = buyer.chain.contracts["payment"].address
    honest = buyer.chain.request("eth_getCode", token, "latest")
    count = [0]

    def before(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            count[0] += 1
            if count[0] == 2:
                buyer.chain.request("anvil_setCode", token, "0x5f5ffd")
        if call.method == "eth_getTransactionReceipt" and count[0] == 2 and buyer.spent == 2:
            buyer.chain.request("anvil_setCode", token, honest)

    buyer.node.before = before
    with pytest.raises(ChainError, match=r"the price.*not revoked yet.*revoke reverted"):
        buyer.carry(plan)
    assert buyer.allowance() == 5 * PRICE
    assert len(buyer.ledger.holds()) == 1
    with pytest.raises(ChainError, match="given up before"):
        buyer.carry(plan)
    buyer.assert_clean(0, 3)


# -- What a review found ----------------------------------------------------------------------------------------------------------------


def test_what_no_node_took_is_not_sent_when_the_plan_has_expired(buyer: Account) -> None:
    """It is signed and on record, but nothing of it ever left for good: it is as if it were begun now."""
    plan = buyer.plan()
    kill_at(buyer, plan, "purchase: sending")
    buyer.open()
    sent = posted(buyer)
    with pytest.raises(RuleViolation, match="the plan was good until"):
        buyer.carry(plan, clock=lambda: plan.valid_until + 1.0)
    assert all(decode_transaction(raw)[0].to != plan.spender for raw in sent)
    buyer.assert_clean(0, 2)


def test_a_refused_one_is_checked_anew(buyer: Account) -> None:
    plan = buyer.plan()
    buyer.node.before = lambda call: refuse(call.method, "rate limit exceeded") if call.method == "eth_sendRawTransaction" else None
    with pytest.raises(NodeError, match="does not take"):
        buyer.carry(plan)
    buyer.node.before = lambda call: None
    with pytest.raises(RuleViolation, match="the plan was good until"):
        buyer.carry(plan, clock=lambda: plan.valid_until + 1.0)
    sent = [decode_transaction(raw)[0] for slot in buyer.slots() for a in buyer.ledger.artifacts(slot) if (raw := a.body)]
    assert {transaction.data[-32:] for transaction in sent[1:]} <= {bytes(32)}  # Nothing but a revocation in its place.
    buyer.assert_clean(0, 1)


def test_before_it_is_outbid_all_is_checked_again(buyer: Account) -> None:
    """The price rises while the purchase waits in the pool: it is taken back, and the allowance revoked."""
    plan = buyer.plan()
    sent: list[str] = []

    def before(call: Rpc) -> Any:
        if call.method == "eth_sendRawTransaction":
            sent.append(call.params[0])
            if len(sent) == 2:
                price(buyer)
            buyer.chain.request("evm_setAutomine", len(sent) != 2)
        return None

    buyer.node.before = before
    with pytest.raises(PlanMismatch, match="the price"):
        buyer.carry(plan)
    calls = [decode_transaction(bytes.fromhex(raw[2:]))[0] for raw in sent]
    assert [call.to == plan.spender for call in calls[:3]] == [False, True, False]
    assert {call.data for call in calls[3:]} <= {calls[2].data}
    assert calls[1].nonce == calls[2].nonce
    buyer.assert_clean(0)


def test_a_purchase_that_was_mined_and_never_looked_at_is_not_called_done(buyer: Account) -> None:
    """Killed between the receipt and the check; then the node has forgotten the receipt."""
    plan = buyer.plan()
    kill_at(buyer, plan, "purchase: mined")
    buyer.open()
    kept = [call_hash(buyer)]

    def after(call: Rpc, answer: Any) -> Any:
        return None if call.method == "eth_getTransactionReceipt" and call.params[0] in kept else answer

    buyer.node.after = after
    with pytest.raises(ChainError, match="no receipt of it any more"):
        buyer.carry(plan)
    buyer.node.after = lambda call, answer: answer
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.node.after = after
    assert what(buyer.carry(plan)) == ["approve", "purchase"]  # Now it is on record that it was as planned.
    buyer.assert_clean(5, 2)


def call_hash(buyer: Account) -> str:
    slot = buyer.slots()[-1]
    return "0x" + keccak(next(a.body for a in reversed(buyer.ledger.artifacts(slot)) if a.body is not None)).hex()


def test_a_purchase_whose_receipt_is_missing_is_not_taken_for_another_programs(buyer: Account) -> None:
    """The nonce is spent and the allowance used up: it may have happened, and a person has to look."""
    plan = buyer.plan()

    def after(call: Rpc, answer: Any) -> Any:
        hidden = call.method == "eth_getTransactionReceipt" and len(buyer.slots()) == 2 and call.params[0] == call_hash(buyer)
        return None if hidden else answer

    buyer.node.after = after
    with pytest.raises(ChainError, match="it may have happened"):
        buyer.carry(plan)
    assert len(buyer.ledger.holds()) == 1
    buyer.node.after = lambda call, answer: answer
    assert buyer.bought == 5


def test_a_new_ledger_does_not_begin_with_a_number_that_the_chain_does_not_bear_out(buyer: Account) -> None:
    plan = buyer.plan()

    def after(call: Rpc, answer: Any) -> Any:
        lies = call.method == "eth_getTransactionCount" and call.params[1] == "pending"
        return hex(int(answer, 16) + 1000) if lies else answer

    buyer.node.after = after
    with pytest.raises(ChainError, match="not mined"):
        buyer.carry(plan)
    assert not buyer.ledger.counters()
    buyer.node.after = lambda call, answer: answer
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    buyer.assert_clean(5, 2)


def without_base_fee(call: Rpc, answer: Any) -> Any:
    """A chain from before EIP-1559, as far as a node tells."""
    if call.method == "eth_getBlockByNumber":
        return {name: value for name, value in answer.items() if name != "baseFeePerGas"}
    if call.method in ("eth_feeHistory", "eth_maxPriorityFeePerGas"):
        return NodeError("the method does not exist", code=-32601)
    return answer


def test_a_chain_without_a_base_fee_gets_legacy_transactions(either: Account) -> None:
    buyer = either
    buyer.node.after = without_base_fee
    plan = run(
        plan_purchase(
            target_of(buyer.chain, pins_of(buyer.chain)),
            pins_of(buyer.chain),
            buyer=buyer.address,
            quantity=5,
            max_total=1,
            now=time.time(),
        ),
        buyer.node,
    )
    assert what(buyer.carry(plan)) == ["approve", "purchase"]
    signed = [decode_transaction(a.body)[0] for slot in buyer.slots() for a in buyer.ledger.artifacts(slot) if a.body]
    assert [(each.fees.is_legacy, each.chain_id) for each in signed] == [(True, 17000)] * 2
    assert max(each.fees.most for each in signed) <= plan.caps.max_fee_per_gas
    buyer.assert_clean(5, 2)


class Thinking(Refusing):
    """Asks a person, for whom something else happens meanwhile."""

    def __init__(self, buyer: Account, seconds: float, act: Any) -> None:
        super().__init__(buyer.signer, 0)
        self._buyer, self._seconds, self._act = buyer, seconds, act

    def unsafe_sign_digest(self, digest: Any) -> Any:
        if self.signed == 1:  # The purchase.
            self._buyer.time.now += self._seconds
            self._act()
        return super().unsafe_sign_digest(digest)


def test_a_price_that_rises_while_a_person_is_asked(buyer: Account) -> None:
    sent = posted(buyer)
    plan = buyer.plan()
    with pytest.raises(PlanMismatch, match="the price"):
        buyer.carry(plan, signer=Thinking(buyer, 60, lambda: price(buyer)))
    assert all(decode_transaction(raw)[0].to != plan.spender for raw in sent)
    buyer.assert_clean(0)


def test_a_plan_that_runs_out_while_a_person_is_asked(buyer: Account) -> None:
    sent = posted(buyer)
    plan, late = buyer.plan(), [time.time()]
    with pytest.raises(RuleViolation, match="good until"):
        buyer.carry(plan, signer=Thinking(buyer, 1, lambda: late.append(plan.valid_until + 1.0)), clock=lambda: late[-1])
    assert all(decode_transaction(raw)[0].to != plan.spender for raw in sent)
    buyer.assert_clean(0)


def test_a_node_that_says_now_mined_and_now_not_is_not_asked_without_a_pause(buyer: Account) -> None:
    """The count of one node behind the address, and that of another: the first would have it checked again, the second not."""
    plan = buyer.plan()
    buyer.chain.request("evm_setAutomine", False)
    calls = [0]

    def after(call: Rpc, answer: Any) -> Any:
        if call.method == "eth_getTransactionCount" and call.params[1] == "latest" and buyer.slots():
            calls[0] += 1
            return hex(buyer.start[0] + (calls[0] % 2))
        if call.method == "eth_call" and buyer.slots():
            return NodeError("execution reverted", code=3)
        return answer

    buyer.node.after = after
    with pytest.raises((ChainError, PlanMismatch)):
        buyer.carry(plan, sending=Sending(poll=1, stuck_after=3, patience=30))
    assert calls[0] < 200
    buyer.node.honest()
    buyer.chain.request("evm_setAutomine", True)
    buyer.chain.request("anvil_mine", "0x1")
    buyer.give(plan)
    buyer.assert_clean(0)
