"""Declared structs: another market's order in a dozen lines, compiled once to fast and strict code.

::

    class Permit(Struct, maker="owner"):
        owner: address
        spender: address
        value: uint256
        nonce: uint256
        deadline: uint256

    class Order(Struct):
        maker: address
        is_buy: Annotated[bool, Sol("bool", name="isBuy")]     # another name in Solidity

The compiled code and the general engine (:class:`~orderseal.signing.TypedData`) are held equal by property tests.
"""

import keyword
from collections.abc import Callable, Mapping
from functools import cached_property
from types import FunctionType
from typing import (
    Any,
    ClassVar,
    Final,
    NoReturn,
    Self,
    cast,
    dataclass_transform,
    get_origin,
    get_type_hints,
)

from orderseal.signing.eip712.annotations import read_annotation
from orderseal.signing.eip712.coerce import DECLARED, Coercer, array_coercer, integer_bounds
from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.encode import Encoder
from orderseal.signing.eip712.schema import Schema
from orderseal.signing.eip712.types import ArrayType, AtomicType, Member, SolidityType, base_type
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.frozen import Frozen
from orderseal.signing.keccak import keccak256
from orderseal.signing.limits import MAX_DEPTH
from orderseal.signing.strict_json import refuse_large_value
from orderseal.signing.values import Address, Hash32, hash32

__all__ = ["Struct", "StructMeta", "lower_first"]


class _Field:
    """One compiled field."""

    __slots__ = ("attribute", "coerce", "encode", "nested", "put", "sol_name", "type")

    def __init__(self, attribute: str, sol_name: str, type_: SolidityType, nested: "StructMeta | None") -> None:
        self.attribute, self.sol_name, self.type, self.nested = attribute, sol_name, type_, nested
        self.coerce: Coercer
        self.encode: Encoder
        self.put: Callable[[Struct, Any], None]

    def rebuild(self, value: Any, type_: SolidityType) -> Any:
        """Make declared structs of the mappings in a canonical value."""
        if self.nested is None:
            return value
        if isinstance(type_, ArrayType):
            return tuple([self.rebuild(item, type_.element) for item in value])
        return _build(self.nested, value)


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
class StructMeta(type):
    """Compiles a :class:`Struct` when its class statement is run."""

    schema: Schema
    struct_name: str
    maker_attribute: str | None
    type_hash: Hash32
    encoded_type: str
    struct_fields: tuple[_Field, ...]

    def __new__(
        mcs,
        cls_name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        name: str | None = None,
        maker: str | None = None,
        **unknown: Any,
    ) -> "StructMeta":
        if unknown:
            raise TypeError(f"{cls_name}: a struct's class keywords are name and maker, not {', '.join(unknown)}")
        if bases == (Frozen,):
            return super().__new__(mcs, cls_name, bases, namespace)
        if len(bases) != 1 or bases[0] is not Struct:
            raise TypeError(f"{cls_name} must derive from Struct alone: EIP-712 has no inheritance")
        _refuse_unannotated(cls_name, namespace)
        attributes = tuple(key for key in namespace.get("__annotations__", {}) if not _is_class_variable(namespace["__annotations__"][key]))
        for key in attributes:
            _check_attribute(cls_name, key, has_default=key in namespace)
        namespace["__slots__"] = attributes
        cls = super().__new__(mcs, cls_name, bases, namespace)
        DECLARED.add(cls)
        cls.struct_name = name or cls_name
        _compile(cls, attributes)
        if maker is not None and maker not in attributes:
            raise TypeError(f"{cls_name}: maker={maker!r} is no field")
        if maker is not None and (found := next(f.type.name for f in cls.struct_fields if f.attribute == maker)) != "address":
            raise TypeError(f"{cls_name}: maker={maker!r} is a {found}, and only an address can sign")
        cls.maker_attribute = maker
        return cls


_METHODS: Final = (FunctionType, classmethod, staticmethod, property, cached_property)


def _refuse_unannotated(cls_name: str, namespace: Mapping[str, Any]) -> None:
    """``value = uint256`` for ``value: uint256`` would leave the member out of the type in silence."""
    annotated = namespace.get("__annotations__", {})
    for key, value in namespace.items():
        if key in annotated or (key.startswith("__") and key.endswith("__")) or isinstance(value, _METHODS):
            continue
        if isinstance(value, type) and value.__qualname__.startswith(f"{namespace.get('__qualname__')}."):
            continue
        raise TypeError(
            f'{cls_name}.{key}: with "=" it is no member; write "{key}: …" for a field, or "{key}: ClassVar[…] = …" for a constant'
        )


def _check_attribute(cls_name: str, key: str, *, has_default: bool) -> None:
    if has_default:
        raise TypeError(f"{cls_name}.{key}: a field has no default; every member of a struct is named")
    taken = hasattr(Struct, key) or key in StructMeta.__annotations__ or key.startswith(("__", f"_{cls_name.lstrip('_')}__"))
    plain = key.removeprefix(f"_{cls_name.lstrip('_')}") if "__" in key else key
    if taken or not key.isidentifier() or keyword.iskeyword(key):
        raise TypeError(
            f"{cls_name}.{key}: a field does not hide a method or a word of Python: call it otherwise, with Sol(…, name={plain!r})"
        )


def _is_class_variable(annotation: object) -> bool:
    return get_origin(annotation) is ClassVar or (isinstance(annotation, str) and annotation.startswith(("ClassVar", "typing.ClassVar")))


class Struct(Frozen, metaclass=StructMeta):
    """The base of declared EIP-712 structs: frozen, slotted, keyword-only, checked at construction.

    Class keywords: ``name`` of the struct in its type string (default: the class's name) and ``maker``, the field that must
    be the signer's address, if there is one.

    Class attributes: ``encoded_type`` (the type string), ``type_hash``, ``struct_name``.
    """

    __slots__ = ()

    def encoded_data(self) -> bytes:
        """``typeHash ‖ encodeData``: the type hash and one 32-byte word a member."""
        raise TypeError("Struct itself has no members")

    def struct_hash(self) -> Hash32:
        """``hashStruct``: keccak256 of :meth:`encoded_data`."""
        return hash32(self.encoded_data())

    def signing_hash(self, domain: Domain) -> Hash32:
        """The 32-byte digest that is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash)."""
        return domain.signing_hash(keccak256(self.encoded_data()))

    def to_message(self) -> dict[str, Any]:
        """The members under their Solidity names, as Python values."""
        return {field.sol_name: _plain(getattr(self, field.attribute)) for field in type(self).struct_fields}

    def to_typed_data(self, domain: Domain) -> TypedData:
        """The same struct as a general typed-data document."""
        return TypedData(type(self).schema.to_json(), type(self).struct_name, domain, self.to_message())

    @classmethod
    def from_message(cls, message: Mapping[str, Any], *, json: bool = False) -> Self:
        """Make a struct from its members under their Solidity names; with ``json`` the values are in their JSON forms.

        Raises :class:`~orderseal.signing.InvalidInput` with the path of the bad member.
        """
        refuse_large_value(message, lower_first(cls.struct_name))
        made: Self = _build(cls, cls.schema.coerce(cls.struct_name, message, "json" if json else "python"))
        return made

    @classmethod
    def from_typed_data(cls, typed_data: TypedData) -> Self:
        """Take the message of a document whose primary type is exactly this struct."""
        if not isinstance(typed_data, TypedData):
            raise InvalidInput(path="typed_data", expected="a TypedData", actual=describe(typed_data))
        if typed_data.type_hash != cls.type_hash:
            raise InvalidInput(path="primaryType", expected=describe(cls.encoded_type), actual=describe(typed_data.encoded_type))
        made: Self = _build(cls, typed_data.message)
        return made

    def faults(self) -> tuple[tuple[str, str], ...]:
        """What no honest struct of this type has, whatever the time, as (code, explanation). Structs with faults are not signed."""
        return ()

    def __hash__(self) -> int:
        return hash(self.encoded_data())


def _build(cls: Any, canonical: Mapping[str, Any]) -> Any:
    """Make a struct of members that its schema has just coerced: nothing is checked again."""
    made = object.__new__(cls)
    for field in cast("StructMeta", cls).struct_fields:
        field.put(made, field.rebuild(canonical[field.sol_name], field.type))
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.to_message()
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def _compile(cls: StructMeta, attributes: tuple[str, ...]) -> None:
    hints = get_type_hints(cls, include_extras=True, localns={cls.__name__: cls})
    fields: list[_Field] = []
    structs: dict[str, tuple[Member, ...]] = {}
    declaration: list[dict[str, str]] = []
    nested_by_name: dict[str, StructMeta] = {}
    for attribute in attributes:
        sol_type, sol_name, nested = read_annotation(f"{cls.__qualname__}.{attribute}", hints[attribute])
        declaration.append({"name": sol_name or attribute, "type": sol_type})
        if nested is not None:
            nested_by_name[nested.struct_name] = nested
        if nested is not None and nested is not cls:
            for name, members in nested.schema.graph.structs.items():
                if structs.setdefault(name, members) != members or name == cls.struct_name:
                    raise TypeError(f"{cls.__qualname__}.{attribute}: two different structs are named {name}")
    try:
        types = {cls.struct_name: declaration}
        types |= {name: [{"name": m.name, "type": m.type.name} for m in members] for name, members in structs.items()}
        cls.schema = schema = Schema.parse(types, cls.__qualname__)
    except InvalidInput as error:
        raise TypeError(f"{cls.__qualname__} is no valid EIP-712 struct: {error}") from None
    cls.encoded_type = schema.graph.encode_type(cls.struct_name)
    cls.type_hash = schema.type_hashes[cls.struct_name]
    for attribute, member in zip(attributes, schema.graph.structs[cls.struct_name], strict=True):
        field = _Field(attribute, member.name, member.type, nested_by_name.get(base_type(member.type).name))
        field.coerce = _named(cls.__name__, attribute, _field_coercer(cls, schema, field))
        field.encode = _field_encoder(schema, field)
        field.put = cls.__dict__[attribute].__set__
        fields.append(field)
    cls.struct_fields = tuple(fields)
    _generate(cls)


def _field_coercer(cls: StructMeta, schema: Schema, field: _Field) -> Coercer:
    """A coercer that gives declared structs where the field holds them: one that is given stays, any other form is built."""
    if field.nested is None:
        return schema.coercer_for(field.type)
    nested = field.nested

    def one(value: Any) -> Any:
        return value if type(value) is nested else cast("type[Struct]", nested).from_message(value)

    whole = array_coercer(field.type, one)
    if nested is not cls:
        return whole

    def bounded(value: Any) -> Any:
        canonical = whole(value)
        _refuse_tall(canonical)
        return canonical

    return bounded


def _refuse_tall(value: Any) -> None:
    """A struct that contains itself may be built as tall as one likes; what no document could hold is refused here."""
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        current, level = stack.pop()
        if level > _TALLEST:
            raise InvalidInput(path="", expected=f"at most {_TALLEST} levels of structs and arrays", actual="more")
        inner = [getattr(current, f.attribute) for f in type(current).struct_fields] if isinstance(current, Struct) else current
        stack += [(item, level + 1) for item in inner if isinstance(item, Struct | tuple)]


def _field_encoder(schema: Schema, field: _Field) -> Encoder:
    if field.nested is None:
        return schema.encoder_for(field.type)

    def encode(value: Any) -> bytes:
        if isinstance(value, Struct):
            return keccak256(value.encoded_data())
        return keccak256(b"".join([encode(item) for item in value]))

    return encode


def _named(struct: str, attribute: str, coerce: Coercer) -> Coercer:
    def named(value: Any) -> Any:
        try:
            return coerce(value)
        except InvalidInput as error:
            raise error.below(attribute).below(lower_first(struct)) from None

    return named


def lower_first(name: str) -> str:
    """How a struct is called in the path of an error: ``orderComponents`` for ``OrderComponents``."""
    return name[:1].lower() + name[1:]


# A document holds the message two levels below its top, and what is signed may lie one deeper still.
_TALLEST: Final = MAX_DEPTH - 4
_PAD_ADDRESS: Final = bytes(12)
_TRUE: Final = (1).to_bytes(32, "big")
_FALSE: Final = bytes(32)


def _generate(cls: StructMeta) -> None:
    """Write ``__init__`` and ``encoded_data`` as straight-line code, as dataclasses do: no loop, no dispatch per order.

    Whatever the code uses has a name that begins with two underscores, which no field has: a field may be called ``type``.
    """
    names: dict[str, Any] = {
        "__type": type,
        "__int": int,
        "__str": str,
        "__bytes": bytes,
        "__len": len,
        "__type_hash": cls.type_hash,
        "__keccak256": keccak256,
        "__Address": Address,
        "__PAD": _PAD_ADDRESS,
        "__TRUE": _TRUE,
        "__FALSE": _FALSE,
        "__join": b"".join,
        "__Hash32": Hash32,
        "__new_bytes": bytes.__new__,
        "__isinstance": isinstance,
        "__Domain": Domain,
        "__refuse_domain": _refuse_domain,
    }
    setters: list[str] = []
    words: list[str] = []
    for i, field in enumerate(cls.struct_fields):
        names[f"__set_{i}"] = field.put
        names[f"__coerce_{i}"] = field.coerce
        names[f"__encode_{i}"] = field.encode
        value = field.attribute
        setters.append(f" __set_{i}(__self, {value} if {_fast_check(field.type, value)} else __coerce_{i}({value}))")
        words.append(_word(field.type, i, f"__self.{value}"))
    data = f"__join((__type_hash, {', '.join(words)}))"
    source = "\n".join(
        [
            f"def __init__(__self, *, {', '.join(field.attribute for field in cls.struct_fields)}):",
            *setters,
            "def encoded_data(__self):",
            f" return {data}",
            "def signing_hash(__self, domain):",
            " __isinstance(domain, __Domain) or __refuse_domain(domain)",
            f" return __new_bytes(__Hash32, __keccak256(domain.prefix + __keccak256({data})))",
        ]
    )
    space: dict[str, Callable[..., Any]] = {}
    exec(compile(source, f"<struct {cls.__qualname__}>", "exec"), names, space)  # noqa: S102 - attributes are Python identifiers, all else is ours
    for name, function in space.items():
        function.__qualname__ = f"{cls.__qualname__}.{name}"
        function.__doc__ = getattr(Struct, name).__doc__
        setattr(cls, name, function)
    cast("Any", cls).__init__.__annotations__ = {field.attribute: cls.__annotations__[field.attribute] for field in cls.struct_fields}


def _refuse_domain(domain: object) -> NoReturn:
    raise InvalidInput(path="domain", expected="a Domain, such as network.domain", actual=describe(domain))


def _fast_check(type_: SolidityType, value: str) -> str:
    """The condition under which a value is already canonical; everything else goes through the coercer."""
    if isinstance(type_, AtomicType):
        match type_.kind:
            case "uint" | "int":
                low, high = integer_bounds(type_)
                return f"__type({value}) is __int and {low} <= {value} <= {high}"
            case "bool":
                return f"{value} is True or {value} is False"
            case "address":
                return f"__type({value}) is __Address"
            case "bytesN":
                return f"__type({value}) is __bytes and __len({value}) == {type_.size}"
            case "bytes":
                return f"__type({value}) is __bytes"
            case "string":
                return f"__type({value}) is __str and {value}.isascii()"
    return "False"


def _word(type_: SolidityType, index: int, value: str) -> str:
    if isinstance(type_, AtomicType):
        match type_.kind:
            case "uint":
                return f"{value}.to_bytes(32, 'big')"
            case "bool":
                return f"__TRUE if {value} else __FALSE"
            case "address":
                return f"__PAD, {value}"
            case "bytes":
                return f"__keccak256({value})"
            case "string":
                return f"__keccak256({value}.encode())"
            case _:
                return f"__encode_{index}({value})"
    return f"__encode_{index}({value})"
