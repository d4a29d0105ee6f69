"""Logs as a node gives them: topics and data, of which nothing is believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.values import Address, exact_bytes, exact_str, hex_to_bytes

__all__ = ["RawLog", "check_topics"]

_MOST_TOPICS: Final = 4
_WORD: Final = 32


@dataclass(frozen=True, slots=True)
class RawLog:
    """One log, not decoded.

    Attributes:
        topics: at most 4, of 32 bytes each.
        data: the rest.
        address: of the contract that emitted it, or ``None`` if that is not known.
    """

    topics: tuple[bytes, ...]
    data: bytes
    address: Address | None = None

    @classmethod
    def of(cls, log: "RawLog | Mapping[str, Any]", path: str = "log") -> Self:
        """Read the ``topics``, ``data`` and ``address`` of a node's log object, as ``0x`` hex or bytes.

        Raises:
            InvalidInput: with the path ``log.topics[1]``, or a path below the one that is given, such as ``logs[2].data``.
        """
        if isinstance(log, cls):
            return log
        if not isinstance(log, Mapping):
            raise InvalidInput(path=path, expected="a log: an object with topics and data", actual=describe(log))
        found = log
        topics, data, address = found.get("topics"), found.get("data"), found.get("address")
        if not isinstance(topics, list | tuple):
            raise InvalidInput(path=f"{path}.topics", expected="a list of topics", actual=describe(topics))
        items = cast("Sequence[Any]", topics)
        if len(items) > _MOST_TOPICS:
            raise InvalidInput(path=f"{path}.topics", expected=f"at most {_MOST_TOPICS} topics", actual=str(len(items)))
        raw = [_bytes(topic) for topic in items]
        for index, topic in enumerate(raw):
            if topic is None or len(topic) != _WORD:
                shown = describe(items[index] if topic is None else topic)
                raise InvalidInput(path=f"{path}.topics[{index}]", expected="32 bytes, or 0x and 64 hexadecimal digits", actual=shown)
        if (rest := _bytes(data)) is None:
            form = "bytes, or 0x and an even number of hexadecimal digits"
            raise InvalidInput(path=f"{path}.data", expected=form, actual=describe(data))
        return cls(cast("tuple[bytes, ...]", tuple(raw)), rest, None if address is None else _address(address, f"{path}.address"))


def _bytes(value: object) -> bytes | None:
    return hex_to_bytes(exact_str(value)) if isinstance(value, str) else exact_bytes(value) if isinstance(value, bytes) else None


def _address(value: Any, path: str) -> Address:
    try:
        return Address(value)
    except InvalidInput as error:
        error.path = path
        raise


def check_topics(topics: Sequence[bytes], path: str, first: bytes | None, count: int, signature: str) -> Sequence[bytes]:
    """Make sure that a log has the topics of an event: ``first`` unless it is anonymous, and ``count`` in all."""
    for index, topic in enumerate(topics):
        if not isinstance(topic, bytes) or len(topic) != _WORD:
            raise InvalidInput(path=f"{path}.topics[{index}]", expected="32 bytes", actual=describe(topic))
    if first is not None and (not topics or topics[0] != first):
        actual = f"0x{topics[0].hex()}" if topics else "no topic"
        raise InvalidInput(path=f"{path}.topics[0]", expected=f"0x{first.hex()}, the topic of {signature}", actual=actual)
    if len(topics) != count:
        hint = "Another event of the same signature may have more or fewer indexed parameters"
        raise InvalidInput(path=f"{path}.topics", expected=f"{count} topics for {signature}", actual=str(len(topics)), hint=hint)
    return topics
