"""What bytes from a chain may mean: calldata and logs held against the ABIs that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from orderseal.chain.abi import Abi, AbiError, AbiEvent, AbiFunction, Oddity, RawLog, Reading
from orderseal.chain.abi.decode import check_data
from orderseal.chain.abi.types import Parameter
from orderseal.chain.erc20 import erc20_abi
from orderseal.chain.marketplace import marketplace_abi
from orderseal.signing.errors import InvalidInput

__all__ = ["Meaning", "explain_calldata", "explain_error", "explain_log", "known_abis"]

_PLAIN: Final = "Give the contract's ABI"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One way to read the bytes.

    Attributes:
        entry: the function, event or error.
        values: one for each of its parameters.
        warnings: what is not canonical; always empty if it was read strictly.
    """

    entry: AbiFunction | AbiEvent | AbiError
    values: tuple[Any, ...]
    warnings: tuple[Oddity, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the entry."""
        return self.entry.inputs


def known_abis() -> tuple[Abi, ...]:
    """What is known without being given: the pinned marketplace, ERC-20 and ERC-2612."""
    return marketplace_abi(), erc20_abi()


def explain_calldata(data: bytes, abis: Sequence[Abi], *, lenient: bool = False, path: str = "calldata") -> list[Meaning]:
    """Every function of these ABIs that the calldata can be a call of.

    Raises:
        InvalidInput: none; if there is one of its selector, why it is not a canonical call of it.
    """
    return _selected(data, [function for abi in abis for function in abi.functions], lenient, path, "function")


def explain_error(data: bytes, abis: Sequence[Abi], *, lenient: bool = False, path: str = "data") -> list[Meaning]:
    """Every error of these ABIs that the revert data can be. Raises as :func:`explain_calldata` does."""
    return _selected(data, [error for abi in abis for error in abi.errors], lenient, path, "error")


def _selected(data: bytes, entries: Sequence[Any], lenient: bool, path: str, what: str) -> list[Meaning]:
    raw = check_data(data, path)
    if len(raw) < 4:
        raise InvalidInput(path=path, expected="a selector of 4 bytes and arguments", actual=f"{len(raw)} bytes")
    known = _different([entry for entry in entries if entry.selector == raw[:4]])
    if not known:
        raise InvalidInput(path=path, expected=f"the selector of a known {what}", actual=f"0x{raw[:4].hex()}", hint=_PLAIN)
    found: list[Meaning] = []
    refusals: list[InvalidInput] = []
    for entry in known:
        try:
            read: Reading[tuple[Any, ...]] = entry.read(raw, path) if lenient else Reading(entry.decode(raw, path), ())
        except InvalidInput as error:
            refusals.append(error)
        else:
            found.append(Meaning(entry, read.value, read.warnings))
    if not found:
        raise refusals[0]
    return found


def explain_log(log: RawLog, abis: Sequence[Abi], *, lenient: bool = False, path: str = "log") -> list[Meaning]:
    """Every event of these ABIs that the log can be of. Anonymous events are not tried: any log could be of one.

    Raises:
        InvalidInput: none; if there is one of its topic, why it is not a canonical log of it.
    """
    known = _different(
        [event for abi in abis for event in abi.events if not event.anonymous and log.topics and log.topics[0] == event.topic]
    )
    if not known:
        actual = f"0x{log.topics[0].hex()}" if log.topics else "no topic"
        raise InvalidInput(path=f"{path}.topics[0]", expected="the topic of a known event", actual=actual, hint=_PLAIN)
    found: list[Meaning] = []
    refusals: list[InvalidInput] = []
    for event in known:
        try:
            read = event.read_log(log, path) if lenient else Reading(event.decode_log(log, path), ())
        except InvalidInput as error:
            refusals.append(error)
        else:
            found.append(Meaning(event, read.value, read.warnings))
    if not found:
        raise refusals[0]
    return found


def _different(entries: Sequence[Any]) -> list[Any]:
    """Entries that are not the same, whatever their parameters' names: those do not change what the bytes mean."""
    found: dict[object, Any] = {}
    for entry in entries:
        found.setdefault((entry.signature, tuple([parameter.indexed for parameter in entry.inputs])), entry)
    return list(found.values())
