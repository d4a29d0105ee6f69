"""What each library reads in a JSON value for one of Solidity's types: the code of a row of the table, or ``None`` for a canonical value.

Each function here is total. A pattern holds one letter a library in the order of :data:`~.table.LIBRARIES`: ``T`` where it gives a digest.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from orderseal.signing.errors import InvalidInput
from orderseal.signing.strict_json import JAVASCRIPT_SAFE, JsonNumber
from orderseal.signing.values import Address

__all__ = [
    "NOT_MODELLED",
    "PYTHON_MAX_DIGITS",
    "address",
    "boolean",
    "dynamic_bytes",
    "fixed_bytes",
    "integer",
    "metamask_fits",
    "text",
    "viem_fits",
]

NOT_MODELLED: Final = "not_modelled"
PYTHON_MAX_DIGITS: Final = 4300
"""Python reads no decimal integer of more digits (``sys.set_int_max_str_digits``)."""

_LONGEST_MODELLED: Final = 4000
# What JavaScript's BigInt(…) and Python's int(…) take for white space around a number.
_JS_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_PYTHON_SPACE: Final = _JS_SPACE.replace("\ufeff", "\x85")
_JS_NUMBER = re.compile(r"[+-]?[0-9]+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", re.ASCII)
_PYTHON_NUMBER = re.compile(r"[+-]?\d+(?:_\d+)*")
_CANONICAL = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_LONG_DECIMAL = re.compile(r"-?[1-9][0-9]{100,}", re.ASCII)
_CANONICAL_HEX = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]*)", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]*", re.ASCII)
_STRICT_HEX = re.compile(r"0[xX][0-9a-fA-F]+", re.ASCII)
_EVEN_HEX = re.compile(r"0[xX](?:[0-9a-fA-F]{2})*", re.ASCII)
_PLAIN_ADDRESS = re.compile(r"(0[xX])?[0-9a-fA-F]{40}", re.ASCII)
_ICAP = re.compile(r"XE[0-9]{2}[0-9A-Za-z]{30,31}", re.ASCII)


def _pattern(*reads: bool) -> str:
    return "".join("T" if read else "F" for read in reads)


def _has_surrogate(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)


def _numbers(value: int | JsonNumber) -> tuple[int | None, float]:
    """A JSON number as Python's ``json`` and as JavaScript read it; the former is ``None`` where it is a float."""
    if isinstance(value, int):
        return value, float(value)
    whole = value.lstrip("-").isdigit()
    exact = int(value) if whole and len(value) <= PYTHON_MAX_DIGITS else None
    return exact, float(value)  # Of a literal too long for an int float() still reads the magnitude.


# Numbers


def _js_text(value: str) -> int | None:
    """``BigInt(text)``."""
    stripped = value.strip(_JS_SPACE)
    if not stripped:
        return 0
    if not _JS_NUMBER.fullmatch(stripped):
        return None
    return int(stripped, 0) if stripped[:2].lower() in ("0x", "0o", "0b") else int(stripped)


def _ethers_text(value: str) -> int | None:
    """``getBigInt(text)`` of ethers: not empty, and a minus sign may stand before anything."""
    if not value:
        return None
    if value[0] == "-" and value[1:2] != "-":
        number = _js_text(value[1:])
        return None if number is None else -number
    return _js_text(value)


def _python_text(value: str) -> int | None:
    """What eth-account reads: ``int(text, 16)`` of 0x hexadecimal, else ``int(text)``."""
    if _HEX.fullmatch(value):
        return int(value, 16) if len(value) > 2 else None
    stripped = value.strip(_PYTHON_SPACE)
    return int(stripped) if _PYTHON_NUMBER.fullmatch(stripped) else None


def _js_array_text(value: list[Any]) -> str | None:
    """``String(array)`` where it can be a number: an array of at most one item; ``None`` where it cannot."""
    current: Any = value
    while isinstance(current, list):
        items: list[Any] = current
        if len(items) > 1:
            return None
        current = items[0] if items else ""
    if current is None:
        return ""
    if isinstance(current, JsonNumber):
        return None if len(current) > 40 else _js_number_text(current)
    return str(current) if type(current) in (int, str) else None


def _js_number_text(value: JsonNumber) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e21 else "no integer"


_TEXT_ROWS: Final[Mapping[str, str]] = {
    "TTTT": "number_in_loose_text",
    "TFFF": "number_in_python_text",
    "FTTT": "number_in_javascript_text",
    "FFTT": "number_in_empty_text",
    "FTFF": "number_in_ethers_text",
    "FFFT": "signed_number_out_of_range",
}


@lru_cache(maxsize=128)
def _bounds(signed: bool, size: int) -> tuple[int, int, int, int]:
    """The least and greatest number of a type, and those that eth-sig-util takes."""
    if not signed:
        return 0, 2**size - 1, 0, 2**size - 1
    return -(2 ** (size - 1)), 2 ** (size - 1) - 1, max(1 - 2**size, -(2**255)), 2**size - 1


def integer(signed: bool, size: int, value: Any) -> str | None:
    """Any JSON value for ``uintN`` or ``intN``."""
    low, high, least, most = _bounds(signed, size)
    if type(value) is int and low <= value <= high:
        return None

    def fits(number: int | None) -> bool:
        return number is not None and low <= number <= high

    def nearly_fits(number: int | None) -> bool:
        return number is not None and least <= number <= most

    if type(value) is int:
        return "signed_number_out_of_range" if nearly_fits(value) else "number_out_of_range"
    if isinstance(value, JsonNumber):
        return _json_number(value, fits, nearly_fits)
    if isinstance(value, bool):
        return "bool_for_int" if signed else "bool_for_uint"
    if isinstance(value, list):
        read = _js_array_text(value)
        if read is not None and len(read) > _LONGEST_MODELLED:
            return NOT_MODELLED
        number = None if read is None else _js_text(read)
        if fits(number):
            return "bool_for_int" if signed else "bool_for_uint"
        return "signed_number_out_of_range" if signed and nearly_fits(number) else "number_other"
    if not isinstance(value, str):
        return "number_other"
    if len(value) > _LONGEST_MODELLED:
        return "number_out_of_range" if _LONG_DECIMAL.fullmatch(value) else NOT_MODELLED
    canonical = _CANONICAL.fullmatch(value) or (not signed and _CANONICAL_HEX.fullmatch(value))
    python, ethers, script = _python_text(value), _ethers_text(value), _js_text(value)
    found = _pattern(fits(python), fits(ethers), fits(script), nearly_fits(script))
    if canonical and found == "TTTT":
        return None
    if found == "FFFF":
        return "number_text" if python is None and ethers is None and script is None else "number_out_of_range"
    return _TEXT_ROWS.get(found, NOT_MODELLED)


def _json_number(value: JsonNumber, fits: Any, nearly_fits: Any) -> str:
    exact, rounded = _numbers(value)
    if (exact is None and rounded != rounded) or not rounded.is_integer():
        return "number_fraction"
    script = int(rounded)
    safe = abs(script) < JAVASCRIPT_SAFE
    if value == "-0":
        return "number_minus_zero"
    found = _pattern(fits(exact), safe and fits(script), fits(script), nearly_fits(script))
    rows = {
        "TFTT": "number_unsafe",
        "TFFF": "number_rounded_out_of_range",
        "TFFT": "number_rounded_near_range",
        "FTTT": "number_float",
        "FFTT": "number_float_unsafe" if exact is None else "number_rounded_into_range",
        "FFFT": "signed_number_out_of_range",
        "FFFF": "number_out_of_range",
    }
    return rows.get(found, NOT_MODELLED)


# bool, address


def boolean(value: Any) -> str | None:
    """Any JSON value for ``bool``."""
    if isinstance(value, bool):
        return None
    if value is None:
        return "bool_null"
    if isinstance(value, JsonNumber | int):
        return "bool_number"
    if isinstance(value, str):
        return "bool_true_false_text" if value in ("true", "false") else "bool_text"
    return "bool_container" if value else "bool_empty_container"


def address(value: Any) -> str | None:
    """Any JSON value for ``address``."""
    if isinstance(value, JsonNumber) or type(value) is int:
        _exact, number = _numbers(value)
        good = number >= 0 and number.is_integer() and number < JAVASCRIPT_SAFE
        return "address_number" if good else "address_other"
    if not isinstance(value, str):
        return "address_other"
    if plain := _PLAIN_ADDRESS.fullmatch(value):
        return _plain_address(value[-40:], plain[1])
    if _STRICT_HEX.fullmatch(value):
        return "address_text" if len(value) <= 42 else "address_other"
    strange = _strange_number(value) >= 0
    if _is_icap(value):
        return "address_icap" if strange else NOT_MODELLED
    return "address_text" if strange else "address_other"


def _plain_address(digits: str, prefix: str | None) -> str | None:
    try:
        Address("0x" + digits)
        good = True
    except InvalidInput:
        good = False
    upper = digits == digits.upper()
    if prefix is None:
        return "address_without_prefix" if good or upper else "address_without_prefix_checksum"
    if prefix == "0x" and good:
        return None
    return "address_upper" if prefix == "0x" and upper else "address_checksum"


def _strange_number(value: str) -> int:
    """A number with the sign of the sum that eth-sig-util takes of the characters of an address that is no hexadecimal.

    It refuses a negative one.
    """
    total = 0
    units = value.encode("utf-16-le", "surrogatepass")
    for index in range(0, len(units), 2):
        character = int.from_bytes(units[index : index + 2], "little") - 48
        total = total * 10 + (character - 39 if character >= 49 else character - 7 if character >= 17 else character)
        if abs(total) > 65_536:  # What follows cannot change the sign any more.
            break
    return total


def _is_icap(value: str) -> bool:
    if not _ICAP.fullmatch(value):
        return False
    digits = "".join(str(int(character, 36)) for character in value[4:].upper() + value[:2] + "00")
    return int(value[2:4]) == 98 - int(digits) % 97 and int(value[4:], 36) < 2**160


# bytes, string


_FIXED_ROWS: Final[Mapping[str, str]] = {
    "TFFT": "fixed_bytes_short",
    "FFFT": "fixed_bytes_long",
    "TFFF": "fixed_bytes_short_text",
    "TFTF": "fixed_bytes_text",
    "FFTF": "fixed_bytes_garbage",
    "TFTT": "fixed_bytes_odd",
    "FTFT": "fixed_bytes_upper_prefix",
    "FFFF": "fixed_bytes_other",
}


def viem_fits(size: int, value: Any) -> bool:
    """Whether viem takes a value for ``bytesN``: it looks at the length alone."""
    if not isinstance(value, str) or isinstance(value, JsonNumber):
        return False
    length = len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2
    return (length - 1) // 2 == size if value.startswith("0x") else length == size


def metamask_fits(value: Any) -> bool:
    """Whether eth-sig-util takes a value for any ``bytesN``: it pads whatever has at most 32 bytes."""
    if isinstance(value, str) and not isinstance(value, JsonNumber):
        return value in ("0x", "0X") or (bool(_STRICT_HEX.fullmatch(value)) and len(value) <= 66)
    if isinstance(value, bool) or not isinstance(value, int | JsonNumber):
        return False
    number = float(value)
    return number < 0 or (number.is_integer() and number < 2**256)


def fixed_bytes(size: int, value: Any) -> str | None:
    """Any JSON value for ``bytesN``."""
    if isinstance(value, str) and not isinstance(value, JsonNumber):
        hexadecimal = _HEX.fullmatch(value)
        if hexadecimal:
            python = (len(value) - 1) // 2 <= size
        else:
            python = not _has_surrogate(value) and len(value) <= size and len(value.encode()) <= size
        ethers = bool(_EVEN_HEX.fullmatch(value)) and len(value) == 2 * size + 2
        script, metamask = viem_fits(size, value), metamask_fits(value)
        if hexadecimal and ethers:
            return None
        return _FIXED_ROWS.get(_pattern(python, ethers, script, metamask), NOT_MODELLED)
    if isinstance(value, bool):
        return "fixed_bytes_short_text"
    if isinstance(value, int | JsonNumber):
        exact, _number = _numbers(value)
        python = exact is not None and (exact <= 0 or exact.bit_length() <= 8 * size)
        return _FIXED_ROWS.get(_pattern(python, False, False, metamask_fits(value)), NOT_MODELLED)
    return "fixed_bytes_other"


def dynamic_bytes(value: Any) -> str | None:
    """Any JSON value for ``bytes``."""
    if isinstance(value, str) and not isinstance(value, JsonNumber):
        if _EVEN_HEX.fullmatch(value):
            return None if value.startswith("0x") else "bytes_upper_prefix"
        return "bytes_surrogate" if _has_surrogate(value) else "bytes_text"
    if value is None or isinstance(value, bool):
        return "bytes_number_python"
    if isinstance(value, int | JsonNumber):
        exact, number = _numbers(value)
        metamask = number >= 0 and number.is_integer() and number < JAVASCRIPT_SAFE
        if exact is None:
            return "bytes_float" if metamask else "bytes_other"
        return "bytes_number" if metamask else "bytes_number_python"
    return "bytes_other"


def text(value: Any) -> str | None:
    """Any JSON value for ``string``."""
    if isinstance(value, str) and not isinstance(value, JsonNumber):
        return "string_surrogate" if _has_surrogate(value) else None
    if value is None:
        return "string_null"
    if isinstance(value, bool):
        return "string_bool"
    if isinstance(value, int | JsonNumber):
        exact, number = _numbers(value)
        script = number >= 0 and number.is_integer() and number < JAVASCRIPT_SAFE
        if exact is None:
            return "string_float" if script else "string_other"
        return "string_number" if script else "string_unsafe_number" if exact >= 0 else "string_other"
    if isinstance(value, dict) and "length" in value:
        return NOT_MODELLED
    return "string_container"
