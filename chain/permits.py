"""ERC-2612 permits (https://eips.ethereum.org/EIPS/eip-2612): an allowance by signature, for a relayer to hand in. Built, signed, verified.

A purchase of this package uses ``approve``: a permit that nobody hands in stays live until its deadline, and whoever has it can.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from orderseal.chain.abi import Call
from orderseal.chain.dialogue import Ask, Dialogue, Rpc
from orderseal.chain.erc20 import DomainSeparator, Nonces, Permit, PermitMessage
from orderseal.chain.multicall import Read, Result, aggregate_call, read_aggregate
from orderseal.chain.state import returned
from orderseal.chain.wire import check_chain
from orderseal.signing.clock import format_time, unix_seconds
from orderseal.signing.eip712 import Domain, Sol
from orderseal.signing.errors import InvalidInput, PlanMismatch, RuleViolation, VerificationFailed, WrongChain, describe
from orderseal.signing.orders import SignedOrder, sign_order
from orderseal.signing.signers import Signer
from orderseal.signing.sol import address, bytes32, string, uint256
from orderseal.signing.values import Address, AddressLike, Signature
from orderseal.signing.verify import verify_order

__all__ = ["MOST_LIFE", "Eip712Domain", "PreparedPermit", "SignedPermit", "prepare_permit", "sign_permit", "verify_permit"]

MOST_LIFE: Final = 86_400
"""Seconds that a permit may live, unless more is asked for: it cannot be taken back but by an allowance of zero and another permit."""

_VERSIONS: Final = ("1", "2")
R = TypeVar("R")


class Name(Call[string]):
    """``name()``: in most permits the domain's name."""


class Version(Call[string]):
    """``version()``, which some tokens have, and use in their domain."""


class Eip712Domain(
    Call[tuple[Annotated[bytes, Sol("bytes1")], string, string, uint256, address, bytes32, tuple[uint256, ...]]],
    name="eip712Domain",
):
    """``eip712Domain()`` of ERC-5267: which members the domain has, a bit each, and their values."""


@dataclass(frozen=True, slots=True)
class PreparedPermit:
    """A permit that its owner may sign: what it says, and the domain that the token itself confirmed."""

    message: PermitMessage
    domain: Domain


@dataclass(frozen=True, slots=True)
class SignedPermit:
    """A signed permit. Whoever has it can set the allowance until its deadline, or until another permit uses its nonce up.

    Attributes:
        token: the contract to hand it to.
        message: what it says.
        signature: by its owner.
    """

    token: Address
    message: PermitMessage
    signature: Signature

    def __repr__(self) -> str:
        return f"SignedPermit(token={self.token!r}, message={self.message!r})"

    @property
    def call(self) -> Permit:
        """The call that hands it in; ``call.encode()`` is its calldata."""
        said = self.message
        return Permit(
            owner=said.owner,
            spender=said.spender,
            value=said.value,
            deadline=said.deadline,
            v=self.signature.v,
            r=self.signature.r.to_bytes(32, "big"),
            s=self.signature.s.to_bytes(32, "big"),
        )


def prepare_permit(
    chain_id: int,
    token: AddressLike,
    *,
    owner: AddressLike,
    spender: AddressLike,
    value: int,
    deadline: int,
    now: float,
    domain: Domain | None = None,
    most_life: int = MOST_LIFE,
) -> Dialogue[PreparedPermit]:
    """Build a permit with the owner's next nonce, over a domain whose separator is the token's own. One round trip.

    The domain is taken from ``eip712Domain()`` (ERC-5267), else tried as ``name()`` with ``version()``, ``1`` and ``2``. Whatever it is,
    ``DOMAIN_SEPARATOR()`` must agree, and its chain and contract must be these.

    Args:
        chain_id: of the chain.
        token: the contract.
        owner, spender: whose tokens, and who may take them.
        value: base units, 0…2^256-2: all of it must be asked for in another way than by a permit.
        deadline: Unix seconds.
        now: Unix seconds.
        domain: the token's, where neither way finds it.
        most_life: seconds; see :data:`MOST_LIFE`.

    Raises:
        InvalidInput: an argument has the wrong form.
        RuleViolation: ``deadline_passed``, ``deadline_too_far``.
        WrongChain: the node is of another chain.
        PlanMismatch: the token has no permits, or confirms no domain.
        NodeError: no valid answer.
    """
    at = Address(token)
    until = unix_seconds(deadline, "deadline")
    if until <= now:
        raise RuleViolation("deadline_passed", f"the deadline {format_time(until)} has passed")
    if until > now + most_life:
        raise RuleViolation(
            "deadline_too_far", f"the deadline {format_time(until)} is more than {most_life} s away: until then it can be used"
        )
    if type(value) is not int or not 0 <= value < 2**256 - 1:
        raise InvalidInput(path="value", expected="base units, 0 to 2^256-2", actual=describe(value))
    calls = (Nonces(owner=Address(owner)), DomainSeparator(), Eip712Domain(), Name(), Version())
    reads = [Read(at, call.encode()) for call in calls]
    answers = yield Ask((Rpc("eth_chainId"), aggregate_call(reads)))
    check_chain(chain_id, answers[0])
    seen = read_aggregate(answers[1], len(reads))
    if seen.chain_id != chain_id:
        raise WrongChain(expected=chain_id, actual=seen.chain_id)
    nonces, separator, described, name, version = seen.results
    nonce = returned(nonces, Nonces, f"the token {at}: nonces()")
    confirmed = returned(separator, DomainSeparator, f"the token {at}: DOMAIN_SEPARATOR()")
    for candidate in [domain] if domain is not None else _candidates(chain_id, at, described, name, version):
        if candidate.separator == confirmed:
            if candidate.chain_id != chain_id or candidate.verifying_contract != at:
                raise PlanMismatch("the token's domain", expected=f"chain {chain_id} and {at}", actual=describe(str(candidate)))
            message = PermitMessage(owner=Address(owner), spender=Address(spender), value=value, nonce=nonce, deadline=until)
            return PreparedPermit(message, candidate)
    hint, actual = "Give the token's domain yourself, as its documents say", f"0x{confirmed.hex()}"
    raise PlanMismatch("the token's DOMAIN_SEPARATOR()", expected="that of a domain which it describes", actual=actual, hint=hint)


def sign_permit(prepared: PreparedPermit, signer: Signer) -> SignedPermit:
    """Sign a permit with any signer: its owner's.

    Raises:
        InvalidInput: the signer is not the owner.
        SignerError: the signer failed.
    """
    signed: SignedOrder[PermitMessage] = sign_order(prepared.message, prepared.domain, signer)
    contract = prepared.domain.verifying_contract
    assert contract is not None
    return SignedPermit(contract, prepared.message, signed.signature)


def verify_permit(permit: SignedPermit, domain: Domain, *, at: float | None = None) -> Address:
    """Verify somebody's permit and give its owner's address. Whether its nonce is still good only the chain knows.

    Args:
        permit: with its signature.
        domain: the token's, as you know it.
        at: Unix seconds; if given, the deadline must not have passed then.

    Raises:
        VerificationFailed: with ``reasons`` and a ``diagnosis``.
    """
    if domain.verifying_contract != permit.token:
        reason = f"the permit is for {permit.token}, and the domain is of {domain.verifying_contract}"
        raise VerificationFailed(reason, reasons=("domain_mismatch",))
    return verify_order(permit.message, domain, permit.signature, at=None if at is None else int(at))


def _candidates(chain_id: int, at: Address, described: Result, name: Result, version: Result) -> list[Domain]:
    """The domains that the token may mean."""
    found: list[Domain] = []
    told = _read(described, Eip712Domain)
    if told is not None:
        members, its_name, its_version, its_chain, its_contract, salt, extensions = told
        has = [bool(members[0] >> bit & 1) for bit in range(8)]
        if not extensions and not any(has[5:]):
            with suppress(InvalidInput):
                found.append(
                    Domain(
                        name=its_name if has[0] else None,
                        version=its_version if has[1] else None,
                        chain_id=its_chain if has[2] else None,
                        verifying_contract=its_contract if has[3] else None,
                        salt=salt if has[4] else None,
                    )
                )
    text = _read(name, Name)
    versions = [said for said in (_read(version, Version), *_VERSIONS) if said is not None]
    if text is not None:
        found += [Domain(name=text, version=said, chain_id=chain_id, verifying_contract=at) for said in dict.fromkeys(versions)]
    return found


def _read(result: Result, call: type[Call[R]]) -> R | None:
    try:
        return call.read_return(result.data).value if result.success else None
    except InvalidInput:
        return None
