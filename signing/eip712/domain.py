"""The EIP-712 domain: what ties a signature to one contract on one chain (EIP-712, *Definition of domainSeparator*)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Self, cast

from orderseal.signing.eip712.coerce import Source
from orderseal.signing.eip712.schema import Schema
from orderseal.signing.eip712.types import Member, Pairs, TypeGraph, build_members, read_pairs
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEFAULT_LIMITS
from orderseal.signing.values import Address, AddressLike, Hash32, hash32

__all__ = ["DOMAIN_TYPE", "Domain"]

DOMAIN_TYPE: Final = "EIP712Domain"

# The standard's five members, their types, and our attribute for each.
_STANDARD: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("string", "name"),
    "version": ("string", "version"),
    "chainId": ("uint256", "chain_id"),
    "verifyingContract": ("address", "verifying_contract"),
    "salt": ("bytes32", "salt"),
}


_LONGEST_CACHED: Final = 256


def _hashable(values: object) -> tuple[tuple[str, Any], ...] | None:
    """The members of a domain from JSON, hashable; ``None`` where they are unusual or long: then they are read each time."""
    if type(values) is not dict or len(values) > len(_STANDARD):
        return None
    for value in cast("dict[str, Any]", values).values():
        # Neither True, which equals 1, nor a JsonNumber, which equals its text.
        if type(value) is not int and (type(value) is not str or len(value) > _LONGEST_CACHED):
            return None
    return tuple(cast("dict[str, Any]", values).items())


class Domain:
    """An EIP-712 domain. Immutable; the separator is computed once.

    Args:
        name: of the dapp or protocol.
        version: of the signing domain, a string such as ``"1"``.
        chain_id: the EIP-155 chain id, 0 to 2^256-1.
        verifying_contract: the contract that checks the signature.
        salt: 32 bytes, a last resort against collisions.

    A member that is ``None`` is not part of the domain. At least one is needed. The standard's order of members is used;
    a document that declares another order keeps it (:meth:`parse`).
    """

    __slots__ = ("_members", "chain_id", "name", "prefix", "salt", "separator", "verifying_contract", "version")

    name: str | None
    version: str | None
    chain_id: int | None
    verifying_contract: Address | None
    salt: Hash32 | None
    separator: Hash32
    prefix: bytes
    """``0x1901 ‖ separator``: what every digest under this domain begins with."""
    _members: tuple[str, ...]

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        chain_id: int | None = None,
        verifying_contract: AddressLike | None = None,
        salt: bytes | None = None,
    ) -> None:
        given = {"name": name, "version": version, "chainId": chain_id, "verifyingContract": verifying_contract, "salt": salt}
        present = {key: value for key, value in given.items() if value is not None}
        declared = tuple([(key, _STANDARD[key][0]) for key in present])
        self._fill(declared, present, "python", "domain", "domain")

    def _fill(self, declared: Pairs, values: object, source: Source, types_path: str, path: str) -> None:
        members = _domain_members(declared, types_path)
        if not isinstance(values, Mapping):
            raise InvalidInput(path=path, expected="an object", actual=describe(values))
        schema = _schema(members)
        try:
            canonical = schema.coerce(DOMAIN_TYPE, cast("Mapping[str, Any]", values), source)
        except InvalidInput as error:
            if error.path == "":
                error.hint = "EIP712Domain as declared and the domain object must have the same members"
            raise error.below(path) from None
        put = object.__setattr__
        put(self, "_members", tuple(member.name for member in members))
        for key, (_type, attribute) in _STANDARD.items():
            put(self, attribute, canonical.get(key))
        if self.salt is not None:
            put(self, "salt", Hash32(self.salt))
        put(self, "separator", schema.hash_struct(DOMAIN_TYPE, canonical))
        put(self, "prefix", b"\x19\x01" + self.separator)

    @classmethod
    def parse(cls, declared: object, values: object, *, source: Source = "json") -> Self:
        """Read the ``EIP712Domain`` declaration and the ``domain`` object of a typed-data document.

        Raises :class:`~orderseal.signing.InvalidInput` unless both have exactly the same members, drawn from the standard's
        five with the standard's types. The declared order is honoured.
        """
        pairs = read_pairs(declared, "types", DOMAIN_TYPE)
        key = _hashable(values) if source == "json" and len(pairs) <= len(_STANDARD) else None
        return cls._cached(pairs, key) if key is not None else cls._read(pairs, values, source)

    @classmethod
    def _read(cls, declared: Pairs, values: object, source: Source) -> Self:
        domain = cls.__new__(cls)
        domain._fill(declared, values, source, "types", "domain")
        return domain

    @classmethod
    @lru_cache(maxsize=256)
    def _cached(cls, declared: Pairs, values: tuple[tuple[str, Any], ...]) -> Self:
        return cls._read(declared, dict(values), "json")

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the members in their declared order, for example ``("name", "version", "chainId")``."""
        return self._members

    @property
    def encoded_type(self) -> str:
        """The type string, for example ``EIP712Domain(string name,uint256 chainId)``."""
        return f"{DOMAIN_TYPE}({','.join(f'{_STANDARD[key][0]} {key}' for key in self.members)})"

    def types_json(self) -> list[dict[str, str]]:
        """The ``EIP712Domain`` entry of a document's ``types``."""
        return [{"name": key, "type": _STANDARD[key][0]} for key in self.members]

    def to_json(self) -> dict[str, Any]:
        """The ``domain`` object of a document. The chain id is a number as wallets write it, or a string from 2^53 on."""
        values = {key: getattr(self, _STANDARD[key][1]) for key in self.members}
        if isinstance(chain_id := values.get("chainId"), int) and chain_id >= 2**53:
            values["chainId"] = str(chain_id)
        return {key: str(value) if isinstance(value, bytes) else value for key, value in values.items()}

    def signing_hash(self, struct_hash: bytes) -> Hash32:
        """The digest that is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash)."""
        return hash32(self.prefix + struct_hash)

    def replace(self, **changes: Any) -> "Domain":
        """A copy with other members. Those that stay keep their declared order; new ones follow in the standard's."""
        values = {key: getattr(self, attribute) for key, (_type, attribute) in _STANDARD.items()}
        names = {attribute: key for key, (_type, attribute) in _STANDARD.items()}
        for attribute, value in changes.items():
            if attribute not in names:
                raise InvalidInput(path=f"domain.{attribute}", expected="one of " + ", ".join(names), actual=describe(attribute))
            values[names[attribute]] = value
        order = [*self.members, *(key for key in _STANDARD if key not in self.members)]
        present = {key: values[key] for key in order if values[key] is not None}
        return Domain.parse([{"name": key, "type": _STANDARD[key][0]} for key in present], present, source="python")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Domain is immutable; make another with domain.replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Domain is immutable")

    def __eq__(self, other: object) -> bool:
        return self.separator == other.separator if isinstance(other, Domain) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.separator)

    def __repr__(self) -> str:
        return f"Domain({', '.join(f'{_STANDARD[key][1]}={getattr(self, _STANDARD[key][1])!r}' for key in self.members)})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {key: getattr(self, _STANDARD[key][1]) for key in self.members}
        return _restore_domain, (self.types_json(), values)


def _restore_domain(declared: list[dict[str, str]], values: dict[str, Any]) -> Domain:
    return Domain.parse(declared, values, source="python")


@lru_cache(maxsize=64)
def _schema(members: tuple[Member, ...]) -> Schema:
    return Schema(TypeGraph({DOMAIN_TYPE: members}, {DOMAIN_TYPE: ()}, DEFAULT_LIMITS.type_length))


def _domain_members(declared: Pairs, types_path: str) -> tuple[Member, ...]:
    path = f"{types_path}.{DOMAIN_TYPE}"
    if not declared:
        raise InvalidInput(path=path, expected="at least one of " + ", ".join(_STANDARD), actual="none")
    members = build_members(declared, types_path, DOMAIN_TYPE)
    for index, member in enumerate(members):
        standard = _STANDARD.get(member.name)
        if standard is None:
            raise InvalidInput(
                path=f"{path}[{index}].name",
                expected="one of " + ", ".join(_STANDARD),
                actual=describe(member.name),
                hint="EIP-712 allows no other member in the domain",
            )
        if member.type.name != standard[0]:
            raise InvalidInput(path=f"{path}[{index}].type", expected=f"{standard[0]} for {member.name}", actual=describe(member.type.name))
    return members
