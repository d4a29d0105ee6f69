"""Permits: the token contract on the chain is the judge."""

import time
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data

from orderseal.chain.dialogue import Ask, Dialogue, run
from orderseal.chain.node import HttpNode
from orderseal.chain.permits import Eip712Domain, PreparedPermit, SignedPermit, prepare_permit, sign_permit, verify_permit
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import (
    Domain,
    InvalidInput,
    LocalSigner,
    OrdersealError,
    PlanMismatch,
    RuleViolation,
    VerificationFailed,
    WrongChain,
)

NOW = time.time()
SOON = int(NOW) + 3600


def asked(chain: LocalChain, token: str = "payment", **changes: Any) -> Dialogue[PreparedPermit]:
    given: dict[str, Any] = {
        "chain_id": 17000,
        "token": chain.contracts[token].address,
        "owner": chain.accounts["buyer"].address,
        "spender": chain.accounts["other"].address,
        "value": 123_456,
        "deadline": SOON,
        "now": NOW,
        **changes,
    }
    return prepare_permit(given.pop("chain_id"), given.pop("token"), **given)


def prepared(chain: LocalChain, token: str = "payment", **changes: Any) -> PreparedPermit:
    with HttpNode(chain.rpc_url) as node:
        return run(asked(chain, token, **changes), node)


def signer(chain: LocalChain, role: str = "buyer") -> LocalSigner:
    return LocalSigner.from_key(chain.accounts[role].private_key)


def test_a_relayer_hands_a_permit_in_and_the_allowance_stands(chain: LocalChain) -> None:
    permit = sign_permit(prepared(chain), signer(chain))
    token, owner, spender = permit.token, permit.message.owner, permit.message.spender
    receipt = chain.send("other", to=str(token), data="0x" + permit.call.encode().hex(), gas=200_000)
    assert receipt["status"] == "0x1"
    assert chain.call("payment", "allowance", str(owner), str(spender)) == 123_456
    assert chain.call("payment", "nonces", str(owner)) == 1
    # Its nonce is used up: a second time the token refuses it.
    assert chain.send("other", to=str(token), data="0x" + permit.call.encode().hex(), gas=200_000)["status"] == "0x0"
    assert prepared(chain).message.nonce == 1


def test_eth_account_signs_the_same_bytes(chain: LocalChain) -> None:
    ready = prepared(chain, "payment18")
    permit = sign_permit(ready, signer(chain))
    document = ready.message.to_typed_data(ready.domain).to_json()
    theirs = Account.sign_message(encode_typed_data(full_message=document), chain.accounts["buyer"].private_key)
    assert bytes(permit.signature) == bytes(theirs.signature)
    assert verify_permit(permit, ready.domain, at=NOW) == permit.message.owner
    assert ready.domain.separator == chain.call("payment18", "DOMAIN_SEPARATOR")


def test_what_is_not_this_permit_is_refused(chain: LocalChain) -> None:
    ready = prepared(chain)
    permit = sign_permit(ready, signer(chain))
    with pytest.raises(VerificationFailed) as caught:
        verify_permit(SignedPermit(permit.token, permit.message.replace(value=123_457), permit.signature), ready.domain)
    assert "signer_mismatch" in caught.value.reasons
    with pytest.raises(VerificationFailed):
        verify_permit(permit, ready.domain, at=SOON + 1)
    other = prepared(chain, "payment18").domain
    with pytest.raises(VerificationFailed, match="the domain is of"):
        verify_permit(permit, other)
    with pytest.raises(InvalidInput):
        sign_permit(ready, signer(chain, "other"))
    assert str(permit.signature) not in repr(permit)
    assert bytes(permit.signature).hex() not in repr(permit)


def test_a_token_without_permits_is_told(front: LocalChain) -> None:
    with pytest.raises(PlanMismatch, match=r"nonces\(\)"):
        prepared(front, "usdt_like")
    with pytest.raises(PlanMismatch, match=r"nonces\(\)"):
        prepared(front, "house")


def test_a_domain_of_the_users_own_must_be_the_tokens(front: LocalChain) -> None:
    token = front.contracts["payment"].address
    right = Domain(name="Sandbox USD", version="1", chain_id=17000, verifying_contract=token)
    assert prepared(front, domain=right).domain == right
    with pytest.raises(PlanMismatch, match="DOMAIN_SEPARATOR"):
        prepared(front, domain=Domain(name="Sandbox USD", version="2", chain_id=17000, verifying_contract=token))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"chain_id": 1}, WrongChain, "chain 17000, not of chain 1"),
        ({"deadline": int(NOW) - 1}, RuleViolation, "has passed"),
        ({"deadline": int(NOW) + 100_000}, RuleViolation, "more than 86400 s"),
        ({"deadline": SOON * 1000}, InvalidInput, "milliseconds"),
        ({"value": 2**256 - 1}, InvalidInput, "2\\^256-2"),
        ({"value": True}, InvalidInput, "base units"),
        ({"owner": "0x12"}, InvalidInput, "."),
    ],
)
def test_what_is_asked_for_must_make_sense(front: LocalChain, changes: dict[str, Any], error: type[OrdersealError], text: str) -> None:
    with pytest.raises(error, match=text):
        prepared(front, **changes)


class Told:
    """A token that answers as it is told, through a node of the right chain."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.answers = answers

    def run(self, dialogue: Dialogue[PreparedPermit]) -> PreparedPermit:
        wanted = next(dialogue)
        assert isinstance(wanted, Ask)
        assert [call.method for call in wanted.calls] == ["eth_chainId", "eth_call"]
        records = [
            b"".join([(answer is not None).to_bytes(32, "big"), bytes(64), len(answer or b"").to_bytes(32, "big"), answer or b""])
            for answer in self.answers
        ]
        raw = (17000).to_bytes(32, "big") + bytes(64) + b"".join(records)
        try:
            dialogue.send(["0x4268", "0x" + raw.hex()])
        except StopIteration as stop:
            found: PreparedPermit = stop.value
            return found
        raise AssertionError("it asks again")


TOKEN = "0x" + "17" * 20
ERC5267 = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]


def described(fields: int, salt: bytes = bytes(32), extensions: tuple[int, ...] = (), contract: str = TOKEN) -> bytes:
    return encode(ERC5267, [bytes([fields]), "Coin", "3", 17000, contract, salt, list(extensions)])


def of_token() -> Dialogue[PreparedPermit]:
    account = "0x" + "22" * 20
    return prepare_permit(17000, TOKEN, owner=account, spender=account, value=1, deadline=SOON, now=NOW)


def test_erc_5267_says_which_members_the_domain_has() -> None:
    assert Eip712Domain.selector.hex() == "84b0196e"  # ERC-5267
    salt = b"\x07" * 32
    full = Domain(name="Coin", version="3", chain_id=17000, verifying_contract=TOKEN, salt=salt)
    some = Domain(chain_id=17000, verifying_contract=TOKEN)
    for fields, domain in ((0x1F, full), (0x0C, some)):
        answers = [bytes(32), bytes(domain.separator), described(fields, salt), None, None]
        assert Told(answers).run(of_token()).domain == domain


@pytest.mark.parametrize("fields", [0x0F, 0x2F, 0x00])
def test_a_domain_that_the_separator_does_not_confirm_is_not_used(fields: int) -> None:
    with pytest.raises(PlanMismatch, match="DOMAIN_SEPARATOR"):
        Told([bytes(32), b"\x01" * 32, described(fields), None, None]).run(of_token())


def test_a_domain_of_another_chain_or_contract_is_refused_though_the_token_says_so() -> None:
    elsewhere = Domain(name="Coin", version="3", chain_id=17000, verifying_contract="0x" + "18" * 20)
    answers = [bytes(32), bytes(elsewhere.separator), described(0x0F, contract="0x" + "18" * 20), None, None]
    with pytest.raises(PlanMismatch, match="the token's domain"):
        Told(answers).run(of_token())


def test_the_version_of_the_token_is_tried_before_the_usual_ones() -> None:
    for version in ("7", "1", "2"):
        domain = Domain(name="Coin", version=version, chain_id=17000, verifying_contract=TOKEN)
        answers = [bytes(32), bytes(domain.separator), None, encode(["string"], ["Coin"]), encode(["string"], ["7"])]
        assert Told(answers).run(of_token()).domain == domain


def test_the_question_is_one_round_trip(front: LocalChain) -> None:
    class Counting:
        trips = 0

        def ask(self, calls: Any) -> list[Any]:
            self.trips += 1
            with HttpNode(front.rpc_url) as node:
                return node.ask(calls)

    node = Counting()
    run(asked(front), node)
    assert node.trips == 1
