"""Typed-data documents: the JSON that wallets exchange for ``eth_signTypedData_v4`` (EIP-712, *Specification of the JSON RPC*)."""

from collections.abc import Mapping
from typing import Any, Final, Self, cast

from orderseal.signing.eip712.coerce import Source
from orderseal.signing.eip712.domain import DOMAIN_TYPE, Domain
from orderseal.signing.eip712.schema import Schema
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEEPEST, DEFAULT_LIMITS, Limits
from orderseal.signing.strict_json import checked_text, read_json, read_object, refuse_large_value, scan_loosely
from orderseal.signing.values import Address, Hash32, exact_str

__all__ = ["TypedData"]

_KEYS: Final = ("types", "primaryType", "domain", "message")
_KEY_SET: Final = frozenset(_KEYS)


class _Types:
    """The ``types`` of a document, read: the declaration of the domain, if there is one, and the schema of the rest."""

    __slots__ = ("domain", "schema")

    def __init__(self, domain: object, schema: Schema) -> None:
        self.domain, self.schema = domain, schema

    def keys(self) -> int:
        """How many keys the objects of the declaration have together."""
        structs = self.schema.graph.structs
        count = len(structs) + 2 * sum([len(members) for members in structs.values()])
        if isinstance(self.domain, list):  # Not looked at so far: its objects may have other keys.
            count += 1
            for item in self.domain:
                count += len(item) if isinstance(item, dict) else 0
        return count

    @classmethod
    def read(cls, types: object, limits: Limits) -> "_Types":
        if not isinstance(types, Mapping):
            raise InvalidInput(path="types", expected="an object of struct declarations", actual=describe(types))
        declared = cast("Mapping[str, Any]", types)
        structs = {name: members for name, members in declared.items() if name != DOMAIN_TYPE}
        return cls(declared.get(DOMAIN_TYPE, _NOT_DECLARED), Schema.parse(structs, limits=limits))


_NOT_DECLARED: Final = object()

# The last few texts of `types` that were read: a bot or a desk meets the same ones again and again. Replaced as a whole, so that
# threads need no lock; short texts only, so that a stranger cannot fill the memory with them.
_RECENT: Final = 16
_LONGEST_RECENT: Final = 16_384
_recent: tuple[tuple[str, _Types], ...] = ()


def _recall(key: str, text: str, start: int) -> tuple[Any, int] | None:
    if key != "types":
        return None
    for known, types in _recent:
        if text.startswith(known, start):
            return types, start + len(known)
    return scan_loosely(text, start)


def _scan_types(key: str, text: str, start: int) -> tuple[Any, int] | None:
    """For limits other than the default: what was read under one must not pass under another."""
    return scan_loosely(text, start) if key == "types" else None


def _remember(text: str, types: _Types) -> None:
    global _recent  # noqa: PLW0603
    if len(text) <= _LONGEST_RECENT:
        _recent = ((text, types), *_recent[: _RECENT - 1])


class TypedData:
    """A checked typed-data document. Immutable; an invalid one cannot exist.

    Args:
        types: struct name → list of ``{"name": …, "type": …}``, with ``EIP712Domain`` or, where ``domain`` is a
            :class:`Domain`, without it.
        primary_type: the struct that is signed; never inferred.
        domain: a :class:`Domain`, or a mapping with the members that ``EIP712Domain`` declares.
        message: the values, as Python forms (``int``, ``bytes``, …).
        limits: how large the document may be.

    Raises:
        InvalidInput: with the path of the bad field, for example ``message.order.legs[2].price``.
    """

    __slots__ = ("_schema", "_signing_hash", "domain", "message", "primary_type")

    domain: Domain
    primary_type: str
    message: Mapping[str, Any]
    _schema: Schema
    _signing_hash: Hash32 | None

    def __init__(
        self,
        types: Mapping[str, Any],
        primary_type: str,
        domain: Domain | Mapping[str, Any],
        message: Mapping[str, Any],
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        refuse_large_value(message, "message", limits)
        self._fill(_Types.read(types, limits), primary_type, domain, message, "python")

    def _fill(self, types: _Types, primary_type: object, domain: object, message: object, source: Source) -> None:
        put = object.__setattr__
        if isinstance(domain, Domain):
            if types.domain is not _NOT_DECLARED and Domain.parse(types.domain, domain_values(domain), source="python") != domain:
                raise InvalidInput(path=f"types.{DOMAIN_TYPE}", expected=domain.encoded_type, actual="another declaration")
            put(self, "domain", domain)
        elif types.domain is _NOT_DECLARED:
            raise InvalidInput(
                path="types",
                expected=f"a declaration of {DOMAIN_TYPE}",
                actual="none",
                hint="List the members of the domain, so that every library hashes the same ones",
            )
        else:
            put(self, "domain", Domain.parse(types.domain, domain, source=source))
        schema = types.schema
        if not isinstance(primary_type, str) or primary_type not in schema.graph.structs:
            known = ", ".join(sorted(schema.graph.structs)[:8]) or "nothing"
            hint = "The domain is hashed into every signature; it is no message" if primary_type == DOMAIN_TYPE else ""
            raise InvalidInput(path="primaryType", expected=f"a declared struct ({known})", actual=describe(primary_type), hint=hint)
        primary_type = exact_str(primary_type)
        _ = schema.type_hashes[primary_type]  # Refuses a type string beyond reason; those of the structs in it are shorter.
        try:
            canonical = schema.coerce(primary_type, message, source)
        except InvalidInput as error:
            raise error.below("message") from None
        put(self, "_schema", schema)
        put(self, "primary_type", primary_type)
        put(self, "message", canonical)
        put(self, "_signing_hash", None)

    @classmethod
    def from_json(cls, data: bytes | str | Mapping[str, Any], *, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read an ``eth_signTypedData_v4`` document from JSON text, UTF-8 bytes, or an already parsed object.

        Only text can be checked for duplicate keys and for numbers that JavaScript would round, so prefer it. What goes beyond
        ``limits`` is refused.
        """
        if isinstance(data, bytes | str):
            return cls._from_text(data, limits)
        refuse_large_value(data, "document", limits)
        return cls._from_object(data, limits)

    @classmethod
    def _from_text(cls, data: bytes | str, limits: Limits) -> Self:
        """Read text by its four members; what is not as it should be is read again by the parser that can say what it is."""
        text = checked_text(data, "document", limits)
        try:
            read = cls.read_at(text, 0, limits)
        except InvalidInput:
            read_json(text, limits=limits)  # If it is no JSON at all, that is to be said first.
            raise
        if read is not None and read[1] == len(text):
            return read[0]
        return cls._from_object(read_json(text, limits=limits), limits)

    @classmethod
    def read_at(cls, text: str, start: int, limits: Limits = DEFAULT_LIMITS) -> tuple[Self, int] | None:
        """For readers of documents within documents: quickly read the one at ``start`` of checked text, and where it ends.

        ``None`` where it is not regular JSON with exactly the four members; it may still be a document.
        """
        read = read_object(text, _recall if limits is DEFAULT_LIMITS else _scan_types, start)
        if read is None or read[0].keys() != _KEY_SET:
            return None
        found, end = read
        types, types_start, types_end = found["types"]
        if not isinstance(types, _Types):
            try:
                types = _Types.read(types, limits)
            except InvalidInput:
                return None
            # Its objects were read without a look at their keys. Each key has a colon, and no valid name holds one: if there are as
            # many of the one as of the other, no key was named twice.
            if types.keys() != text.count(":", types_start, types_end):
                return None
            if limits is DEFAULT_LIMITS:
                _remember(text[types_start:types_end], types)
        return cls._made(types, found["primaryType"][0], found["domain"][0], found["message"][0]), end

    @classmethod
    def _from_object(cls, document: object, limits: Limits) -> Self:
        if not isinstance(document, Mapping):
            raise InvalidInput(path="document", expected="an object with " + ", ".join(_KEYS), actual=describe(document))
        found = cast("Mapping[str, Any]", document)
        if set(found) != _KEY_SET:
            missing = [key for key in _KEYS if key not in found]
            extra = [describe(key) for key in found if key not in _KEYS][:5]
            actual = "; ".join(
                ([f"missing: {', '.join(missing)}"] if missing else []) + ([f"not known: {', '.join(extra)}"] if extra else [])
            )
            hint = ""
            if "signature" in found:
                hint = "This is something signed: verify reads it; hash and sign take the document alone"
            raise InvalidInput(path="document", expected="an object with exactly " + ", ".join(_KEYS), actual=actual, hint=hint)
        return cls._made(_Types.read(found["types"], limits), found["primaryType"], found["domain"], found["message"])

    @classmethod
    def _made(cls, types: _Types, primary_type: object, domain: object, message: object) -> Self:
        typed_data = cls.__new__(cls)
        typed_data._fill(types, primary_type, domain, message, "json")
        return typed_data

    @property
    def encoded_type(self) -> str:
        """The type string of the primary type and of all it refers to (``encodeType``)."""
        return self._schema.graph.encode_type(self.primary_type)

    @property
    def type_hash(self) -> Hash32:
        """keccak256 of :attr:`encoded_type`."""
        return self._schema.type_hashes[self.primary_type]

    @property
    def encoded_data(self) -> bytes:
        """The type hash and one word a member (``typeHash ‖ encodeData``): what the struct hash is taken of."""
        return self._schema.encode_data(self.primary_type, self.message)

    @property
    def struct_hash(self) -> Hash32:
        """``hashStruct(message)``."""
        return self._schema.hash_struct(self.primary_type, self.message)

    @property
    def domain_separator(self) -> Hash32:
        """``hashStruct(domain)``."""
        return self.domain.separator

    @property
    def signing_hash(self) -> Hash32:
        """The 32-byte digest that is signed. Computed once."""
        if self._signing_hash is None:
            object.__setattr__(self, "_signing_hash", self.domain.signing_hash(self.struct_hash))
        assert self._signing_hash is not None
        return self._signing_hash

    def to_json(self) -> dict[str, Any]:
        """The document as an object for ``json.dumps``: integers as decimal strings, bytes and addresses as ``0x`` hex."""
        return {
            "types": {DOMAIN_TYPE: self.domain.types_json(), **self._schema.to_json()},
            "primaryType": self.primary_type,
            "domain": self.domain.to_json(),
            "message": json_value(self.message),
        }

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("TypedData is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("TypedData is immutable")

    def __eq__(self, other: object) -> bool:
        return self.signing_hash == other.signing_hash if isinstance(other, TypedData) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.signing_hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.to_json(),)

    def __repr__(self) -> str:
        return f"TypedData({self.primary_type}, signing_hash={self.signing_hash})"


# A document that exists was within the limits of whoever read it, which need not be the default ones.
_CHECKED_BEFORE: Final = Limits(
    document_bytes=2**62,
    depth=DEEPEST,
    values=2**62,
    containers=2**62,
    structs=2**62,
    members=2**62,
    name_length=2**62,
    type_length=2**62,
    array_dimensions=2**62,
)


def _restore(document: dict[str, Any]) -> TypedData:
    """Rebuild a document that was pickled or copied."""
    try:
        return TypedData.from_json(document)
    except InvalidInput:
        return TypedData.from_json(document, limits=_CHECKED_BEFORE)


def domain_values(domain: Domain) -> dict[str, Any]:
    """The members of a domain as Python values under the standard's names."""
    attributes = {"chainId": "chain_id", "verifyingContract": "verifying_contract"}
    return {key: getattr(domain, attributes.get(key, key)) for key in domain.members}


def json_value(value: Any) -> Any:
    """A Python value in its JSON form: integers as decimal strings, bytes and addresses as ``0x`` hex."""
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, tuple):
        return [json_value(item) for item in value]
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value
