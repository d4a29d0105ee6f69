"""EIP-712 domains."""

import copy
import enum
import itertools
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from eth_account._utils.encode_typed_data.encoding_and_hashing import hash_struct

from orderseal.signing import Address, Domain, Hash32, InvalidInput, TypedData

TYPES = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address", "salt": "bytes32"}
VALUES: dict[str, Any] = {
    "name": "Ether Mail",
    "version": "1",
    "chainId": 1,
    "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    "salt": "0x" + "5a" * 32,
}
ATTRIBUTES = {"name": "name", "version": "version", "chainId": "chain_id", "verifyingContract": "verifying_contract", "salt": "salt"}


def document(members: tuple[str, ...], values: Mapping[str, Any] = VALUES) -> dict[str, Any]:
    return {
        "types": {"EIP712Domain": [{"name": m, "type": TYPES[m]} for m in members], "T": [{"name": "v", "type": "bool"}]},
        "primaryType": "T",
        "domain": {m: values[m] for m in members},
        "message": {"v": True},
    }


def keywords(members: tuple[str, ...]) -> dict[str, Any]:
    return {ATTRIBUTES[m]: bytes.fromhex(VALUES[m][2:]) if m == "salt" else VALUES[m] for m in members}


SUBSETS = [c for n in range(1, 6) for c in itertools.combinations(TYPES, n)]


def test_the_venues_domain(domain: Domain) -> None:
    assert domain.separator.hex() == "2c96112fa55657382cc1ad45aed47deba93d96237d10df18585610c5d362e1ae"
    assert domain.encoded_type == "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def test_the_domain_of_the_standards_example(mail: dict[str, Any]) -> None:
    domain = Domain(name="Ether Mail", version="1", chain_id=1, verifying_contract="0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")
    assert str(domain.separator) == "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    assert TypedData.from_json(mail).domain == domain


@pytest.mark.parametrize("members", SUBSETS, ids="-".join)
def test_every_choice_of_members_hashes_as_eth_account_does(members: tuple[str, ...], oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    digest = oracle(document(members))
    assert TypedData.from_json(document(members)).signing_hash == digest
    domain = Domain(**keywords(members))
    assert domain.members == members
    assert TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", domain, {"v": True}).signing_hash == digest
    assert domain.encoded_type == f"EIP712Domain({','.join(f'{TYPES[m]} {m}' for m in members)})"


@pytest.mark.parametrize("members", [*itertools.permutations(["name", "chainId", "salt"]), tuple(reversed(TYPES))], ids="-".join)
def test_the_declared_order_is_honoured(members: tuple[str, ...]) -> None:
    """EIP-712's ``eth_signTypedData`` hashes the struct as declared; MetaMask does, ethers and eth-account sort its members first."""
    read = TypedData.from_json(document(members))
    assert read.domain.members == members
    assert read.domain.separator == hash_struct("EIP712Domain", document(members)["types"], document(members)["domain"])
    assert TypedData.from_json(json.dumps(read.to_json())).signing_hash == read.signing_hash
    standard = Domain(**keywords(members))
    assert (standard == read.domain) is (standard.members == members)
    for again in (pickle.loads(pickle.dumps(read.domain)), copy.deepcopy(read.domain)):
        assert again == read.domain
        assert again.members == members


def test_equality_hash_and_pickle(domain: Domain) -> None:
    same = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xcb310c56a19078aa969a922f382613d932d89d83")
    assert domain == same
    assert hash(domain) == hash(same)
    assert len({domain, same}) == 1
    assert domain != "x"
    assert domain != domain.separator
    for name, value in {"name": "RFQ", "version": "2", "chain_id": 56, "verifying_contract": Address(bytes(20)), "salt": bytes(32)}.items():
        assert domain.replace(**{name: value}) != domain
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(domain, protocol))
        assert again == domain
        assert again.to_json() == domain.to_json()
    assert copy.copy(domain) == copy.deepcopy(domain) == domain


def test_a_domain_is_immutable(domain: Domain) -> None:
    for name in ("name", "chain_id", "separator", "_members", "new"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(domain, name, "x")
        with pytest.raises(AttributeError, match="immutable"):
            delattr(domain, name)
    assert not hasattr(domain, "__dict__")


def test_the_repr_rebuilds_the_domain(domain: Domain) -> None:
    full = domain.replace(salt=bytes(range(32)))
    assert eval(repr(full), {"Domain": Domain, "Address": Address, "Hash32": Hash32}) == full


def test_zero_and_empty_are_given_and_none_is_not() -> None:
    domain = Domain(name="", chain_id=0)
    assert domain.members == ("name", "chainId")
    assert domain.to_json() == {"name": "", "chainId": 0}
    assert domain != Domain(name="")
    with pytest.raises(InvalidInput, match="at least one"):
        Domain()
    with pytest.raises(InvalidInput, match="at least one"):
        domain.replace(name=None, chain_id=None)


def test_replace_drops_and_adds(domain: Domain) -> None:
    assert domain.replace(chain_id=None).members == ("name", "version", "verifyingContract")
    assert domain.replace(salt=bytes(32)).members == tuple(TYPES)
    assert domain.replace() == domain


@pytest.mark.parametrize("chain_id", [0, 1, 2**53 - 1, 2**53, 2**256 - 1])
def test_a_chain_id_survives_json(chain_id: int, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    domain = Domain(name="x", chain_id=chain_id)
    again = TypedData.from_json(json.dumps(TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", domain, {"v": True}).to_json()))
    assert again.domain == domain
    assert again.signing_hash == oracle(document(("name", "chainId"), {"name": "x", "chainId": chain_id}))


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": 1}, "domain.name"),
        ({"name": b"x"}, "domain.name"),
        ({"name": "\ud800"}, "domain.name"),
        ({"version": 1}, "domain.version"),
        ({"version": 1.0}, "domain.version"),
        ({"chain_id": "97"}, "domain.chainId"),
        ({"chain_id": True}, "domain.chainId"),
        ({"chain_id": 97.0}, "domain.chainId"),
        ({"chain_id": -1}, "domain.chainId"),
        ({"chain_id": 2**256}, "domain.chainId"),
        ({"verifying_contract": ""}, "domain.verifyingContract"),
        ({"verifying_contract": "0xcB310C56A19078aA969A922f382613d932D89D83"}, "domain.verifyingContract"),
        ({"verifying_contract": b"\0" * 19}, "domain.verifyingContract"),
        ({"salt": b"\0" * 31}, "domain.salt"),
        ({"salt": "0x" + "00" * 32}, "domain.salt"),
    ],
)
def test_bad_members_are_refused_with_their_path(values: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Domain(**values)
    assert caught.value.path == path


DECLARED = [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}]


@pytest.mark.parametrize(
    ("declared", "values", "path"),
    [
        # Declared and given must be the same: each of these hashes differently somewhere.
        (DECLARED, {"name": "x"}, "domain"),
        (DECLARED, {"name": "x", "chainId": 1, "version": "1"}, "domain"),
        (DECLARED, {"name": "x", "version": "1"}, "domain"),
        (DECLARED, {}, "domain"),
        (DECLARED, {"name": "x", "chainId": None}, "domain.chainId"),
        (DECLARED, [], "domain"),
        (DECLARED, None, "domain"),
        (DECLARED, "x", "domain"),
        # Only the standard's members with the standard's types, once each.
        (
            [*DECLARED, {"name": "owner", "type": "address"}],
            {"name": "x", "chainId": 1, "owner": "0x" + "00" * 20},
            "types.EIP712Domain[2].name",
        ),
        ([{"name": "chainid", "type": "uint256"}], {"chainid": 1}, "types.EIP712Domain[0].name"),
        ([{"name": "chain_id", "type": "uint256"}], {"chain_id": 1}, "types.EIP712Domain[0].name"),
        ([{"name": "chainId", "type": "uint64"}], {"chainId": 1}, "types.EIP712Domain[0].type"),
        ([{"name": "chainId", "type": "string"}], {"chainId": "1"}, "types.EIP712Domain[0].type"),
        ([{"name": "chainId", "type": "uint256[]"}], {"chainId": []}, "types.EIP712Domain[0].type"),
        ([{"name": "name", "type": "bytes"}], {"name": "0x"}, "types.EIP712Domain[0].type"),
        ([{"name": "salt", "type": "bytes"}], {"salt": "0x"}, "types.EIP712Domain[0].type"),
        ([{"name": "name", "type": "T"}], {"name": {"v": True}}, "types.EIP712Domain[0].type"),
        ([{"name": "chainId", "type": "uint"}], {"chainId": 1}, "types.EIP712Domain[0].type"),
        ([DECLARED[0], DECLARED[0]], {"name": "x"}, "types.EIP712Domain[1].name"),
        ([], {}, "types.EIP712Domain"),
        ((), {}, "types.EIP712Domain"),
        ({}, {}, "types.EIP712Domain"),
        (None, {}, "types.EIP712Domain"),
        ("name", {"name": "x"}, "types.EIP712Domain"),
        ([{"name": "name"}], {"name": "x"}, "types.EIP712Domain[0]"),
        ([{"name": "name", "type": "string", "x": 1}], {"name": "x"}, "types.EIP712Domain[0]"),
        # Values in their JSON forms only.
        (DECLARED, {"name": "x", "chainId": 1.0}, "domain.chainId"),
        (DECLARED, {"name": "x", "chainId": "0X1"}, "domain.chainId"),
        (DECLARED, {"name": "x", "chainId": True}, "domain.chainId"),
        (DECLARED, {"name": "x", "chainId": "<Chain ID>"}, "domain.chainId"),  # the venue's own sample
        (DECLARED, {"name": 5, "chainId": 1}, "domain.name"),
    ],
)
def test_a_document_with_another_domain_is_refused(declared: Any, values: Any, path: str) -> None:
    types = {"EIP712Domain": declared, "T": [{"name": "v", "type": "bool"}]}
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json({"types": types, "primaryType": "T", "domain": values, "message": {"v": True}})
    assert caught.value.path == path


def test_a_document_without_a_declared_domain_is_refused() -> None:
    for domain in ({"name": "x"}, {}):
        with pytest.raises(InvalidInput, match="declaration of EIP712Domain") as caught:
            TypedData.from_json(
                {"types": {"T": [{"name": "v", "type": "bool"}]}, "primaryType": "T", "domain": domain, "message": {"v": True}}
            )
        assert caught.value.path == "types"


def test_a_declaration_beside_a_domain_object_must_agree() -> None:
    types: dict[str, Any] = {"T": [{"name": "v", "type": "bool"}]}
    domain = Domain(name="x", chain_id=1)
    plain = TypedData(types, "T", domain, {"v": True})
    assert TypedData({**types, "EIP712Domain": DECLARED}, "T", domain, {"v": True}) == plain
    for declared in (DECLARED[:1], DECLARED[::-1], [*DECLARED, {"name": "version", "type": "string"}]):
        with pytest.raises(InvalidInput):
            TypedData({**types, "EIP712Domain": declared}, "T", domain, {"v": True})


def test_no_struct_refers_to_the_domain() -> None:
    """The domain's struct has no place inside a message; MetaMask and eth-account would hash it."""
    types = {"EIP712Domain": DECLARED, "T": [{"name": "v", "type": "EIP712Domain"}]}
    values = {"name": "x", "chainId": 1}
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json({"types": types, "primaryType": "T", "domain": values, "message": {"v": values}})
    assert caught.value.path == "types.T[0].type"


# What follows was found by attack.


class Name(str, enum.Enum):  # noqa: UP042 - StrEnum has another str()
    MAIL = "Ether Mail"


class Chain(enum.IntEnum):
    MAINNET = 1


def test_members_of_enums_count_as_their_values() -> None:
    """``str(Name.MAIL)`` is "Name.MAIL", and that was hashed."""
    assert Domain(name=Name.MAIL, chain_id=Chain.MAINNET) == Domain(name="Ether Mail", chain_id=1)
    assert type(Domain(chain_id=Chain.MAINNET).chain_id) is int
    assert type(Domain(name=Name.MAIL).name) is str


def test_replace_keeps_the_declared_order() -> None:
    """Otherwise ``replace()`` changes the separator, and the diagnosis "signed for another chain" never finds such a domain."""
    declared = Domain.parse(DECLARED[::-1], {"name": "x", "chainId": 1})
    assert declared.replace() == declared
    assert declared.replace(chain_id=2).members == ("chainId", "name")
