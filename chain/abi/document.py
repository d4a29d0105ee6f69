"""ABI JSON, checked: functions, events and errors, each of which encodes, decodes strictly, and reads as Solidity does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar, cast

from orderseal.chain.abi.coerce import coerce_members
from orderseal.chain.abi.decode import Reading, check_data, decode_members, decode_word, read_members
from orderseal.chain.abi.encode import encode_members
from orderseal.chain.abi.logs import RawLog, check_topics
from orderseal.chain.abi.types import MAX_PARAMETERS, Parameter, is_identifier, is_value_type, read_parameters, type_list
from orderseal.signing.eip712.types import AtomicType
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.limits import Limits
from orderseal.signing.strict_json import read_json
from orderseal.signing.values import Hash32, hash32

__all__ = ["Abi", "AbiError", "AbiEvent", "AbiFunction", "Mutability"]

Mutability = Literal["pure", "view", "nonpayable", "payable"]
_MUTABILITIES: Final = ("pure", "view", "nonpayable", "payable")

MAX_ENTRIES: Final = 2_000
"""The most functions, events and errors of one ABI."""

_LIMITS: Final = Limits(document_bytes=4 * 2**20)
_Entry = TypeVar("_Entry", "AbiFunction", "AbiEvent", "AbiError")


@dataclass(frozen=True)
class _Selected:
    """What is called by a selector: the first four bytes of the hash of its signature."""

    name: str
    inputs: tuple[Parameter, ...]

    @cached_property
    def signature(self) -> str:
        """The canonical signature that is hashed: ``buy(uint256,address,address)``."""
        return self.name + type_list(self.inputs)

    @cached_property
    def selector(self) -> bytes:
        """Four bytes."""
        return keccak256(self.signature.encode())[:4]

    def encode(self, *arguments: Any, **named: Any) -> bytes:
        """The selector and the arguments, which are given in order or by their Solidity names.

        Raises:
            InvalidInput: an argument has the wrong form; the path is ``buy.amount``.
        """
        if arguments and named:
            raise InvalidInput(path=self.name, expected="arguments in order, or by name", actual="both")
        try:
            values = coerce_members(self.inputs, named or arguments)
        except InvalidInput as error:
            raise error.below(self.name) from None
        return self.selector + encode_members(self.inputs, values)

    def decode(self, data: bytes, path: str = "") -> tuple[Any, ...]:
        """The arguments of calldata or revert data in its one canonical encoding.

        Raises:
            InvalidInput: another selector, or not canonical.
        """
        return decode_members(self.inputs, self._checked(data, path or self.name), path or self.name, 4)

    def read(self, data: bytes, path: str = "") -> Reading[tuple[Any, ...]]:
        """The arguments as Solidity would read them, with a warning for whatever is not canonical.

        Raises:
            InvalidInput: another selector, or Solidity would revert.
        """
        return read_members(self.inputs, self._checked(data, path or self.name), path or self.name, 4)

    def _checked(self, data: bytes, path: str) -> bytes:
        raw = check_data(data, path)
        if raw[:4] != self.selector:
            expected = f"0x{self.selector.hex()}, the selector of {_short(self.signature)}"
            raise InvalidInput(path=path, expected=expected, actual=f"0x{raw[:4].hex()}" if raw else "no bytes")
        return raw


@dataclass(frozen=True)
class AbiFunction(_Selected):
    """A function. ``outputs`` are what it returns; ``mutability`` is Solidity's word."""

    outputs: tuple[Parameter, ...] = ()
    mutability: Mutability = "nonpayable"

    def decode_return(self, data: bytes, path: str = "return") -> tuple[Any, ...]:
        """What the function returned, if it stands in its one canonical encoding."""
        return decode_members(self.outputs, _returned(self, data, path), path)

    def read_return(self, data: bytes, path: str = "return") -> Reading[tuple[Any, ...]]:
        """What the function returned, as a Solidity caller would read it."""
        return read_members(self.outputs, _returned(self, data, path), path)


def _returned(function: AbiFunction, data: bytes, path: str) -> bytes:
    raw = check_data(data, path)
    if function.outputs and not raw:
        hint = "There is no contract at this address, or it has no such function, or the function returns nothing"
        raise InvalidInput(path=path, expected=f"what {_short(function.signature)} returns", actual="no bytes", hint=hint)
    return raw


@dataclass(frozen=True)
class AbiError(_Selected):
    """A custom error."""


@dataclass(frozen=True)
class AbiEvent:
    """An event. Of an indexed parameter that is no value type, such as a string, a log holds only the hash."""

    name: str
    inputs: tuple[Parameter, ...]
    anonymous: bool = False

    @cached_property
    def signature(self) -> str:
        """The canonical signature that is hashed: ``Transfer(address,address,uint256)``."""
        return self.name + type_list(self.inputs)

    @cached_property
    def topic(self) -> Hash32:
        """The hash of the signature: the first topic, unless the event is anonymous."""
        return hash32(self.signature.encode())

    @cached_property
    def _unindexed(self) -> tuple[Parameter, ...]:
        return tuple([parameter for parameter in self.inputs if not parameter.indexed])

    @property
    def topic_count(self) -> int:
        """How many topics a log of it has."""
        return len(self.inputs) - len(self._unindexed) + (not self.anonymous)

    def matches(self, topics: Sequence[bytes]) -> bool:
        """Whether a log with these topics may be of this event."""
        return len(topics) == self.topic_count and (self.anonymous or bytes(topics[0]) == self.topic)

    def decode(self, topics: Sequence[bytes], data: bytes, path: str = "log") -> tuple[Any, ...]:
        """The values of a log in the order of the declaration, if it is canonical.

        Raises:
            InvalidInput: another event, or not canonical.
        """
        return self._values(topics, decode_members(self._unindexed, check_data(data, f"{path}.data"), f"{path}.data"), path)

    def read(self, topics: Sequence[bytes], data: bytes, path: str = "log") -> Reading[tuple[Any, ...]]:
        """The same as Solidity would read it."""
        found = read_members(self._unindexed, check_data(data, f"{path}.data"), f"{path}.data")
        return Reading(self._values(topics, found.value, path), found.warnings)

    def decode_log(self, log: RawLog | Mapping[str, Any], path: str = "log") -> tuple[Any, ...]:
        """:meth:`decode` for a log as a node gives it."""
        raw = RawLog.of(log, path)
        return self.decode(raw.topics, raw.data, path)

    def read_log(self, log: RawLog | Mapping[str, Any], path: str = "log") -> Reading[tuple[Any, ...]]:
        """:meth:`read` for a log as a node gives it."""
        raw = RawLog.of(log, path)
        return self.read(raw.topics, raw.data, path)

    def _values(self, topics: Sequence[bytes], unindexed: tuple[Any, ...], path: str) -> tuple[Any, ...]:
        checked = check_topics(topics, path, None if self.anonymous else self.topic, self.topic_count, _short(self.signature))
        words = iter(checked if self.anonymous else checked[1:])
        data = iter(unindexed)
        return tuple([_topic(p, i, next(words), path) if p.indexed else next(data) for i, p in enumerate(self.inputs)])


def _topic(parameter: Parameter, index: int, word: bytes, path: str) -> Any:
    type_ = parameter.type
    if is_value_type(type_):
        step = parameter.step(index)
        return decode_word(cast("AtomicType", type_), word, f"{path}.{step}" if parameter.name else f"{path}{step}")
    return Hash32(word)


class _Found(NamedTuple):
    functions: list[AbiFunction]
    events: list[AbiEvent]
    errors: list[AbiError]
    constructor: list[tuple[Parameter, ...]]


@dataclass(frozen=True)
class Abi:
    """The interface of a contract.

    Attributes:
        functions, events, errors: in the order of the document.
        constructor: its parameters, or ``None``.
    """

    functions: tuple[AbiFunction, ...] = ()
    events: tuple[AbiEvent, ...] = ()
    errors: tuple[AbiError, ...] = ()
    constructor: tuple[Parameter, ...] | None = None

    @classmethod
    def parse(cls, document: object, path: str = "abi") -> Self:
        """Read ABI JSON: text or bytes, what was parsed from them, or a compiler's artifact with the member ``abi``.

        JSON text within a JSON string is read too, once: so the token platform sends it.

        Raises:
            InvalidInput: no ABI, or one that contradicts itself: two functions of one selector, one signature with two meanings.
        """
        value = document
        for _ in range(2):
            if isinstance(value, str | bytes):
                value = read_json(value, path, _LIMITS)
        if isinstance(value, dict):
            value = cast("dict[str, object]", value).get("abi", value)
        if not isinstance(value, list | tuple):
            raise InvalidInput(path=path, expected="ABI JSON, a list of functions, events and errors", actual=describe(value))
        entries = cast("list[object]", value)
        if len(entries) > MAX_ENTRIES:
            raise InvalidInput(path=path, expected=f"at most {MAX_ENTRIES} entries", actual=str(len(entries)))
        found = _Found([], [], [], [])
        room = 10 * MAX_PARAMETERS
        for index, entry in enumerate(entries):
            room -= _read_entry(entry, f"{path}[{index}]", found)
            if room < 0:
                raise InvalidInput(path=path, expected=f"at most {10 * MAX_PARAMETERS} parameters in all", actual="more")
        if len(found.constructor) > 1:
            raise InvalidInput(path=path, expected="one constructor", actual=str(len(found.constructor)))
        return cls(
            _distinct(found.functions, path, lambda f: f.selector),
            _distinct(found.events, path, lambda e: (e.topic, tuple([p.indexed for p in e.inputs]), e.anonymous)),
            _distinct(found.errors, path, lambda e: e.selector),
            found.constructor[0] if found.constructor else None,
        )

    def function(self, name: str) -> AbiFunction:
        """The function of this name, or of this signature where there are several of one name."""
        return _only(self.functions, name, "function")

    def event(self, name: str) -> AbiEvent:
        """The event of this name or signature."""
        return _only(self.events, name, "event")

    def error(self, name: str) -> AbiError:
        """The error of this name or signature."""
        return _only(self.errors, name, "error")


def _only(entries: tuple[_Entry, ...], name: str, what: str) -> _Entry:
    found = [entry for entry in entries if name in (entry.name, entry.signature)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(_short(entry.signature) for entry in found[:5])
        raise InvalidInput(path=what, expected="a name that only one has", actual=describe(name), hint=f"Give the signature: {shown}")
    raise InvalidInput(path=what, expected=f"a {what} of this ABI", actual=describe(name))


def _short(signature: str) -> str:
    return signature if len(signature) <= 100 else f"{signature[:100]}…"


def _read_entry(entry: object, path: str, found: _Found) -> int:
    """Read one entry, and give what it costs."""
    if not isinstance(entry, dict):
        raise InvalidInput(path=path, expected="an object", actual=describe(entry))
    item = cast("dict[str, Any]", entry)
    kind = item.get("type", "function")
    match kind:
        case "function":
            name, inputs = _name(item, path), _parameters(item, "inputs", path)
            outputs = _parameters(item, "outputs", path) if "outputs" in item else ()
            found.functions.append(AbiFunction(name, inputs, outputs, _mutability(item, path)))
            return _count(inputs) + _count(outputs)
        case "event":
            anonymous = item.get("anonymous", False)
            if type(anonymous) is not bool:
                raise InvalidInput(path=f"{path}.anonymous", expected="true or false", actual=describe(anonymous))
            inputs = _parameters(item, "inputs", path)
            indexed, most = sum([parameter.indexed for parameter in inputs]), 4 if anonymous else 3
            if indexed > most:
                raise InvalidInput(path=f"{path}.inputs", expected=f"at most {most} indexed parameters", actual=str(indexed))
            found.events.append(AbiEvent(_name(item, path), inputs, anonymous))
            return _count(inputs)
        case "error":
            inputs = _parameters(item, "inputs", path)
            found.errors.append(AbiError(_name(item, path), inputs))
            return _count(inputs)
        case "constructor":
            inputs = _parameters(item, "inputs", path) if "inputs" in item else ()
            found.constructor.append(inputs)
            return _count(inputs)
        case "fallback" | "receive":
            return 1
        case _:
            known = "function, event, error, constructor, fallback or receive"
            raise InvalidInput(path=f"{path}.type", expected=known, actual=describe(kind))


def _count(parameters: tuple[Parameter, ...]) -> int:
    return 1 + len(parameters)


def _name(item: dict[str, Any], path: str) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not is_identifier(name):
        raise InvalidInput(path=f"{path}.name", expected="a Solidity identifier", actual=describe(name))
    return name


def _parameters(item: dict[str, Any], key: str, path: str) -> tuple[Parameter, ...]:
    return read_parameters(item.get(key), f"{path}.{key}", event=item.get("type") == "event")


def _mutability(item: dict[str, Any], path: str) -> Mutability:
    if "stateMutability" not in item:  # Compilers before Solidity 0.4.16 wrote two flags.
        return "view" if item.get("constant") is True else "payable" if item.get("payable") is True else "nonpayable"
    word = item["stateMutability"]
    if word not in _MUTABILITIES:
        raise InvalidInput(path=f"{path}.stateMutability", expected=", ".join(_MUTABILITIES), actual=describe(word))
    return cast("Mutability", word)


def _distinct(entries: list[_Entry], path: str, key: Callable[[_Entry], object]) -> tuple[_Entry, ...]:
    """Each entry once. The same one may stand there twice, as in merged ABIs; two different ones under one key may not."""
    found: dict[object, _Entry] = {}
    for entry in entries:
        other = found.setdefault(key(entry), entry)
        if other is not entry and other != entry:
            both = f"{_short(other.signature)} and another {_short(entry.signature)}"
            raise InvalidInput(path=path, expected="one meaning for each selector", actual=both)
    return tuple(found.values())
