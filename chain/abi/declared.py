"""Declared calls, events, errors and records: another contract in a few lines, compiled once to fast and strict code.

::

    class Deposit(Call[uint256], name="deposit"):        # function deposit(uint256 assets, address receiver) returns (uint256)
        assets: uint256
        receiver: address

    class Deposited(Event, name="Deposit"):              # event Deposit(address indexed sender, uint256 assets)
        sender: Indexed[address]
        assets: uint256

What a function returns stands in the brackets of ``Call``: nothing (``None``), one value, a :class:`Record`, or several as a
``tuple[uint112, uint112, uint32]``. The compiled code and the general one (:class:`~orderseal.chain.abi.Abi`) are held equal by tests.
"""

import keyword
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Generic, Self, TypeVar, cast, dataclass_transform, get_args, get_origin, get_type_hints

from orderseal.chain.abi.coerce import coerce
from orderseal.chain.abi.decode import Reading
from orderseal.chain.abi.document import AbiError, AbiEvent, AbiFunction
from orderseal.chain.abi.encode import encode_members
from orderseal.chain.abi.logs import RawLog
from orderseal.chain.abi.types import AbiType, Array, Parameter, Tuple, is_identifier, is_value_type, parse_atom, tuple_of, with_arrays
from orderseal.signing.eip712 import Sol
from orderseal.signing.eip712.types import ATOMS, AtomicType
from orderseal.signing.errors import InvalidInput
from orderseal.signing.frozen import Frozen
from orderseal.signing.values import Address, Hash32

__all__ = ["Call", "Error", "Event", "Indexed", "Record", "RecordMeta"]

R = TypeVar("R")
T = TypeVar("T")


class _Indexed:
    """Marks a parameter that stands in the topics."""


INDEXED: Final = _Indexed()
Indexed = Annotated[T, INDEXED]
"""An indexed parameter of an event: ``sender: Indexed[address]``. One that is no value type is declared by its hash,
``Indexed[Annotated[Hash32, Sol("string")]]``: that is all a log holds of it."""


class _Field:
    """One compiled field: its parameter, and the record that it holds, if it holds one."""

    __slots__ = ("attribute", "nested", "parameter", "put")

    def __init__(self, attribute: str, parameter: Parameter, nested: "RecordMeta | None") -> None:
        self.attribute, self.parameter, self.nested = attribute, parameter, nested
        self.put: Callable[[Any, Any], None]

    def rebuild(self, value: Any) -> Any:
        return value if self.nested is None else _rebuild(self.nested, self.parameter.type, value)

    def coerce(self, value: Any) -> Any:
        try:
            if self.parameter.indexed and not is_value_type(self.parameter.type):
                return Hash32(coerce(ATOMS["bytes32"], value))
            return self.rebuild(coerce(self.parameter.type, value))
        except InvalidInput as error:
            raise error.below(self.attribute) from None


def _rebuild(nested: "RecordMeta", type_: AbiType, value: Any) -> Any:
    """Make records of the tuples in a canonical value."""
    if isinstance(type_, Array):
        return tuple([_rebuild(nested, type_.element, item) for item in value])
    return _build(nested, value)


def _build(cls: Any, values: tuple[Any, ...]) -> Any:
    """Make a record of values that are canonical: nothing is checked again."""
    made = object.__new__(cls)
    for field, value in zip(cast("RecordMeta", cls).abi_fields, values, strict=True):
        field.put(made, field.rebuild(value))
    return made


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
class RecordMeta(type):
    """Compiles a :class:`Record`, :class:`Call`, :class:`Event` or :class:`Error` when its class statement is run."""

    abi_fields: tuple[_Field, ...]
    abi_type: Tuple | None

    def __new__(
        mcs,
        cls_name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        name: str | None = None,
        anonymous: bool = False,
    ) -> "RecordMeta":
        if namespace.get("__module__") == __name__:
            return super().__new__(mcs, cls_name, bases, namespace)
        if len(bases) != 1 or bases[0] not in (Record, Call, Event, Error):
            raise TypeError(f"{cls_name} must derive from one of Record, Call[…], Event and Error, and from nothing else")
        hints = {
            key: hint
            for key, hint in namespace.get("__annotations__", {}).items()
            if not str(hint).startswith(("ClassVar", "typing.ClassVar"))
        }
        for key in hints:
            _check_attribute(cls_name, key, bases[0], has_default=key in namespace)
        namespace["__slots__"] = tuple(hints)
        cls = super().__new__(mcs, cls_name, bases, namespace)
        _compile(cls, tuple(hints), name, anonymous)
        return cls


def _check_attribute(cls_name: str, key: str, base: type, *, has_default: bool) -> None:
    if has_default:
        raise TypeError(f"{cls_name}.{key}: a field has no default; every parameter is named")
    taken = hasattr(base, key) or key in RecordMeta.__annotations__ or key in base.__annotations__
    if taken or key.startswith("__") or keyword.iskeyword(key):
        raise TypeError(
            f"{cls_name}.{key}: a field does not hide a method or a word of Python: call it otherwise, with Sol(…, name={key!r})"
        )


class Record(Frozen, metaclass=RecordMeta):
    """A struct of a contract: frozen, slotted, keyword-only, checked at construction.

    Each field is annotated with a type of :mod:`orderseal.signing.sol`, another record, or a tuple of these for an array. Where the
    Solidity name is another than the field's, it is said: ``Annotated[Address, Sol("address", name="_user")]``.
    """

    __slots__ = ()

    def abi_values(self) -> tuple[Any, ...]:
        """The members in order; those of records within it as tuples."""
        return tuple([_plain(getattr(self, field.attribute)) for field in type(self).abi_fields])

    def to_dict(self) -> dict[str, Any]:
        """The members under their Solidity names; those that have none by their place, ``[0]``."""
        fields = enumerate(type(self).abi_fields)
        return {field.parameter.step(index): getattr(self, field.attribute) for index, field in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.abi_values()
    if isinstance(value, tuple):
        return tuple([_plain(item) for item in value])
    return value


class Call(Record, Generic[R]):
    """A call of a function. Class keyword: ``name`` of the function, by default the class's with a small first letter.

    Class attributes: ``abi`` (the general form), ``selector`` (4 bytes).
    """

    __slots__ = ()
    abi: ClassVar[AbiFunction]
    selector: ClassVar[bytes]
    _returns: ClassVar[Callable[[tuple[Any, ...]], Any]]

    def encode(self) -> bytes:
        """The calldata."""
        return type(self).selector + encode_members(type(self).abi.inputs, self.abi_values())

    @classmethod
    def decode(cls, data: bytes, path: str = "") -> Self:
        """The call that stands in calldata, if that is canonical.

        Raises:
            InvalidInput: another selector, too few or too many bytes, bits outside a type, an odd offset; with the path ``buy.amount``.
        """
        made: Self = _build(cls, cls.abi.decode(data, path))
        return made

    @classmethod
    def read(cls, data: bytes, path: str = "") -> Reading[Self]:
        """The call as the contract would read it, with a warning for whatever is not canonical."""
        found = cls.abi.read(data, path)
        return Reading(_build(cls, found.value), found.warnings)

    @classmethod
    def decode_return(cls, data: bytes, path: str = "return") -> R:
        """What the function returned, if that is canonical."""
        value: R = cls._returns(cls.abi.decode_return(data, path))
        return value

    @classmethod
    def read_return(cls, data: bytes, path: str = "return") -> Reading[R]:
        """What the function returned, as a Solidity caller would read it."""
        found = cls.abi.read_return(data, path)
        return Reading(cls._returns(found.value), found.warnings)


class Error(Record):
    """A custom error. Class keyword: ``name``, by default the class's. Class attributes: ``abi``, ``selector`` (4 bytes)."""

    __slots__ = ()
    abi: ClassVar[AbiError]
    selector: ClassVar[bytes]

    def encode(self) -> bytes:
        """The revert data."""
        return type(self).selector + encode_members(type(self).abi.inputs, self.abi_values())

    @classmethod
    def decode(cls, data: bytes, path: str = "") -> Self:
        """The error that stands in revert data, if that is canonical."""
        made: Self = _build(cls, cls.abi.decode(data, path))
        return made

    @classmethod
    def read(cls, data: bytes, path: str = "") -> Reading[Self]:
        """The error as Solidity would read it."""
        found = cls.abi.read(data, path)
        return Reading(_build(cls, found.value), found.warnings)


class Event(Record):
    """An event. Class keywords: ``name``, by default the class's, and ``anonymous``. Class attributes: ``abi``, ``topic`` (32 bytes)."""

    __slots__ = ()
    abi: ClassVar[AbiEvent]
    topic: ClassVar[Hash32]

    @classmethod
    def matches(cls, log: RawLog | Mapping[str, Any]) -> bool:
        """Whether a log has this event's topic, and as many topics as it has. Who emitted it is for the caller to compare."""
        return cls.abi.matches(RawLog.of(log).topics)

    @classmethod
    def decode(cls, topics: Sequence[bytes], data: bytes, path: str = "log") -> Self:
        """The event that topics and data hold, if they are canonical.

        Raises:
            InvalidInput: another event, too few or too many bytes, bits outside a type; with a path such as ``log.data.price``.
        """
        made: Self = _build(cls, cls.abi.decode(topics, data, path))
        return made

    @classmethod
    def read(cls, topics: Sequence[bytes], data: bytes, path: str = "log") -> Reading[Self]:
        """The event as Solidity would read it, with a warning for whatever is not canonical."""
        found = cls.abi.read(topics, data, path)
        return Reading(_build(cls, found.value), found.warnings)

    @classmethod
    def decode_log(cls, log: RawLog | Mapping[str, Any], path: str = "log") -> Self:
        """:meth:`decode` for a log as a node gives it, with ``topics`` and ``data`` as ``0x`` hex or bytes."""
        raw = RawLog.of(log, path)
        return cls.decode(raw.topics, raw.data, path)

    @classmethod
    def read_log(cls, log: RawLog | Mapping[str, Any], path: str = "log") -> Reading[Self]:
        """:meth:`read` for a log as a node gives it."""
        raw = RawLog.of(log, path)
        return cls.read(raw.topics, raw.data, path)


class _Hint:
    """What an annotation says."""

    def __init__(self, type_: AbiType, nested: "RecordMeta | None" = None, name: str | None = None, indexed: bool = False) -> None:
        self.type, self.nested, self.name, self.indexed = type_, nested, name, indexed


_PYTHON: Final[Mapping[str, type]] = {
    "uint": int,
    "int": int,
    "bool": bool,
    "address": Address,
    "bytesN": bytes,
    "bytes": bytes,
    "string": str,
}


def _read_hint(where: str, hint: Any) -> _Hint:
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        sol = next((extra for extra in reversed(extras) if isinstance(extra, Sol)), None)
        if sol is None or isinstance(base, RecordMeta):
            found = _read_hint(where, base)
            found.name = sol.name if sol else found.name
        else:
            found = _Hint(_sol_type(where, sol, base, indexed=INDEXED in extras), name=sol.name)
        found.indexed = found.indexed or INDEXED in extras
        return found
    if get_origin(hint) is tuple and (items := get_args(hint)):
        inner = _read_hint(where, items[0])
        if items[1:] != (...,) and any(item != items[0] for item in items):
            raise TypeError(f"{where}: the items of an array are of one type; a struct is a Record")
        return _Hint(with_arrays(inner.type, "[]" if items[1:] == (...,) else f"[{len(items)}]", where), inner.nested)
    if isinstance(hint, RecordMeta) and hint.abi_type is not None:
        return _Hint(hint.abi_type, hint)
    raise TypeError(
        f'{where}: name its Solidity type, with uint256, address, … of orderseal.signing.sol, a Record, or Annotated[int, Sol("uint256")]'
    )


def _sol_type(where: str, sol: Sol, python: Any, *, indexed: bool) -> AbiType:
    if not isinstance(sol.type, str):
        raise TypeError(f"{where}: expected a type string such as uint256")
    base, bracket, rest = sol.type.partition("[")
    try:
        atom = parse_atom(base, where)
        type_ = with_arrays(atom, bracket + rest, where)
    except InvalidInput as error:
        raise TypeError(str(error)) from None
    hashed = indexed and not is_value_type(type_)
    if isinstance(python, type) and (hashed or not bracket):
        expected = Hash32 if hashed else _PYTHON[atom.kind]
        if expected not in python.__mro__ or (python is bool) != (expected is bool):
            raise TypeError(f"{where}: Sol says {sol.type}, but the annotated Python type says {python.__name__}")
    return type_


def _compile(cls: Any, attributes: tuple[str, ...], name: str | None, anonymous: bool) -> None:
    hints = get_type_hints(cls, include_extras=True, localns={cls.__name__: cls})
    fields: list[_Field] = []
    for attribute in attributes:
        where = f"{cls.__qualname__}.{attribute}"
        found = _read_hint(where, hints[attribute])
        if found.indexed and not issubclass(cls, Event):
            raise TypeError(f"{where}: only a parameter of an event can be indexed")
        if found.indexed and not is_value_type(found.type) and get_args(hints[attribute])[0] is not Hash32:
            raise TypeError(f"{where}: a log holds only the hash of this: Indexed[Annotated[Hash32, Sol(…)]]")
        field = _Field(attribute, Parameter(attribute if found.name is None else found.name, found.type, found.indexed), found.nested)
        field.put = cls.__dict__[attribute].__set__
        fields.append(field)
    cls.abi_fields = tuple(fields)
    inputs = tuple([field.parameter for field in fields])
    names = [parameter.name for parameter in inputs if parameter.name]
    if len(names) != len(set(names)):
        raise TypeError(f"{cls.__qualname__}: two parameters have one name")
    cls.abi_type = None
    if not all(is_identifier(word) for word in (*names, name or cls.__name__)):
        raise TypeError(f"{cls.__qualname__}: a name is no Solidity identifier")
    prefix, root = b"", cls.__name__[:1].lower() + cls.__name__[1:]
    if issubclass(cls, Call):
        returns = get_args(cls.__dict__["__orig_bases__"][0])[0] if "__orig_bases__" in cls.__dict__ else None
        outputs, unpack = _read_returns(f"{cls.__qualname__}, what it returns", returns)
        setattr(cls, "_returns", staticmethod(unpack))  # noqa: B010 - to a type checker it is private to the class
        cls.abi = AbiFunction(name or root, inputs, outputs)
        cls.selector = prefix = cls.abi.selector
        root = cls.abi.name
    elif issubclass(cls, Error):
        cls.abi = AbiError(name or cls.__name__, inputs)
        cls.selector = prefix = cls.abi.selector
    elif issubclass(cls, Event):
        if sum([parameter.indexed for parameter in inputs]) > (4 if anonymous else 3):
            raise TypeError(f"{cls.__qualname__}: at most 3 parameters are indexed, or 4 of an anonymous event")
        cls.abi = AbiEvent(name or cls.__name__, inputs, anonymous)
        cls.topic = cls.abi.topic
    elif not inputs:
        raise TypeError(f"{cls.__qualname__}: a record has at least one member")
    else:
        cls.abi_type = tuple_of(inputs)
    if anonymous and not issubclass(cls, Event):
        raise TypeError(f"{cls.__qualname__}: only an event is anonymous")
    _generate(cls, prefix, root)


def _read_returns(where: str, hint: Any) -> tuple[tuple[Parameter, ...], Callable[[tuple[Any, ...]], Any]]:
    if hint is None or hint is type(None) or isinstance(hint, TypeVar):
        return (), lambda _values: None
    args = get_args(hint) if get_origin(hint) is tuple else ()
    if args and args[-1] is not ...:
        found = [_read_hint(where, item) for item in args]
        fields = [_Field("", Parameter(item.name or "", item.type), item.nested) for item in found]
        outputs = tuple([field.parameter for field in fields])
        return outputs, lambda values: tuple([field.rebuild(value) for field, value in zip(fields, values, strict=True)])
    one = _read_hint(where, hint)
    field = _Field("", Parameter(one.name or "", one.type), one.nested)
    return (field.parameter,), lambda values: field.rebuild(values[0])


_WORD: Final = 32
_FAST_TYPE: Final = "__type({0}) is "
_NAMES: Final[Mapping[str, Any]] = {
    "__type": type,
    "__int": int,
    "__bytes": bytes,
    "__len": len,
    "__tuple": tuple,
    "__Address": Address,
    "__new": object.__new__,
    "__new_bytes": bytes.__new__,
    "__from": int.from_bytes,
    "__join": b"".join,
    "__PAD": bytes(12),
    "__ZERO": bytes(32),
    "__TRUE": (1).to_bytes(32, "big"),
}


def _generate(cls: Any, prefix: bytes, root: str) -> None:
    """Write ``__init__`` as straight-line code, and where all parameters are value types also ``encode`` and ``decode``.

    The code for decoding takes canonical data only; what it does not take goes the general way, which says why.
    """
    fields: tuple[_Field, ...] = cls.abi_fields
    base: Any = cls.__mro__[1]
    names: dict[str, Any] = {**_NAMES, "__prefix": prefix, "__slow": None}
    lines = [f"def __init__(__self{''.join([', *' if fields else '', *[f', {field.attribute}' for field in fields]])}):"]
    for i, field in enumerate(fields):
        names |= {f"__set_{i}": field.put, f"__coerce_{i}": _rooted(root, field)}
        value = field.attribute
        lines.append(f" __set_{i}(__self, {value} if {_fast_check(field.parameter.type, value)} else __coerce_{i}({value}))")
    if not fields:
        lines.append(" pass")
    flat = all(is_value_type(field.parameter.type) for field in fields)
    if flat and issubclass(cls, Call | Error):
        lines += _flat_call(fields, len(prefix))
        names["__slow"] = base.decode.__func__
    elif flat and issubclass(cls, Event):
        lines += _flat_event(fields, cls.abi)
        names |= {"__slow": base.decode.__func__, "__topic": bytes(cls.topic)}
    space: dict[str, Any] = {}
    exec(compile("\n".join(lines), f"<abi {cls.__qualname__}>", "exec"), names, space)  # noqa: S102 - attributes are Python identifiers, all else is ours
    for name, function in space.items():
        function.__qualname__ = f"{cls.__qualname__}.{name}"
        function.__module__ = cls.__module__
        function.__doc__ = getattr(base, name).__doc__
        setattr(cls, name, classmethod(function) if name == "decode" else function)


def _rooted(root: str, field: _Field) -> Callable[[Any], Any]:
    def coerce_field(value: Any) -> Any:
        try:
            return field.coerce(value)
        except InvalidInput as error:
            raise error.below(root) from None

    return coerce_field


def _fast_check(type_: AbiType, value: str) -> str:
    """The condition under which a value is already canonical; everything else goes through the coercer."""
    if isinstance(type_, AtomicType):
        match type_.kind:
            case "uint":
                return f"__type({value}) is __int and 0 <= {value} <= {2**type_.size - 1}"
            case "int":
                return f"__type({value}) is __int and {-(2 ** (type_.size - 1))} <= {value} <= {2 ** (type_.size - 1) - 1}"
            case "bool":
                return f"{value} is True or {value} is False"
            case "address":
                return f"__type({value}) is __Address"
            case "bytesN":
                return f"__type({value}) is __bytes and __len({value}) == {type_.size}"
            case _:
                return "False"
    return "False"


def _word(type_: AtomicType, value: str) -> str:
    match type_.kind:
        case "uint":
            return f"{value}.to_bytes(32, 'big')"
        case "int":
            return f"{value}.to_bytes(32, 'big', signed=True)"
        case "bool":
            return f"__TRUE if {value} else __ZERO"
        case "address":
            return f"__PAD, {value}"
        case _:
            return f"{value}, __ZERO[{type_.size}:]"


def _taken(type_: AtomicType, data: str, at: int, index: int) -> tuple[list[str], str]:
    """The conditions under which a word is canonical, and the expression of its value."""
    end = at + _WORD
    match type_.kind:
        case "uint":
            pad = _WORD - type_.size // 8
            padded = [f"{data}[{at}:{at + pad}] == __ZERO[:{pad}]"] if pad else []
            return padded, f"__from({data}[{at + pad}:{end}], 'big')"
        case "int":
            low, high = -(2 ** (type_.size - 1)), 2 ** (type_.size - 1) - 1
            return [f"{low} <= (__v{index} := __from({data}[{at}:{end}], 'big', signed=True)) <= {high}"], f"__v{index}"
        case "bool":
            return [f"{data}[{at}:{end - 1}] == __ZERO[:31]", f"{data}[{end - 1}] < 2"], f"{data}[{end - 1}] == 1"
        case "address":
            return [f"{data}[{at}:{at + 12}] == __PAD"], f"__new_bytes(__Address, {data}[{at + 12}:{end}])"
        case _:
            rest = [f"{data}[{at + type_.size}:{end}] == __ZERO[{type_.size}:]"] if type_.size < _WORD else []
            return rest, f"{data}[{at}:{at + type_.size}]"


def _flat_call(fields: tuple[_Field, ...], start: int) -> list[str]:
    words, conditions, values = ["__prefix"], [f"__type(data) is __bytes and __len(data) == {start + _WORD * len(fields)}"], []
    conditions.append(f"data[:{start}] == __prefix")
    for i, field in enumerate(fields):
        type_ = cast("AtomicType", field.parameter.type)
        words.append(_word(type_, f"__self.{field.attribute}"))
        tests, value = _taken(type_, "data", start + _WORD * i, i)
        conditions += tests
        values.append(f"  __set_{i}(__made, {value})")
    return [
        "def encode(__self):",
        f" return __join(({', '.join(words)},))",
        "def decode(cls, data, path=''):",
        f" if {' and '.join(conditions)}:",
        "  __made = __new(cls)",
        *values,
        "  return __made",
        " return __slow(cls, data, path)",
    ]


def _flat_event(fields: tuple[_Field, ...], abi: AbiEvent) -> list[str]:
    indexed = [field for field in fields if field.parameter.indexed]
    conditions = [
        f"__type(data) is __bytes and __len(data) == {_WORD * (len(fields) - len(indexed))}",
        f"__type(topics) is __tuple and __len(topics) == {abi.topic_count}",
    ]
    conditions += [] if abi.anonymous else ["topics[0] == __topic"]
    values: list[str] = []
    topics, words = int(not abi.anonymous), 0
    for i, field in enumerate(fields):
        type_ = cast("AtomicType", field.parameter.type)
        if field.parameter.indexed:
            word = f"topics[{topics}]"
            tests, value = _taken(type_, word, 0, i)
            conditions += [f"__type({word}) is __bytes and __len({word}) == 32", *tests]
            topics += 1
        else:
            tests, value = _taken(type_, "data", _WORD * words, i)
            conditions += tests
            words += 1
        values.append(f"  __set_{i}(__made, {value})")
    return [
        "def decode(cls, topics, data, path='log'):",
        f" if {' and '.join(conditions)}:",
        "  __made = __new(cls)",
        *values,
        "  return __made",
        " return __slow(cls, topics, data, path)",
    ]
