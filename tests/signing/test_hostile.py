"""Hostile input: each is hashed correctly or refused with ``InvalidInput``, in a bounded memory, and the limits do what they say.

What is large is read in a child process whose address space is bounded; expected digests are plain Keccak-256 over what EIP-712 says.
"""

import copy
import gc
import json
import math
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import IO, Annotated, Any, NamedTuple, cast

import pytest
from eth_utils.crypto import keccak

from orderseal.signing import (
    DEFAULT_LIMITS,
    Address,
    Domain,
    Hash32,
    InvalidInput,
    Limits,
    LocalSigner,
    Order,
    OrdersealError,
    Signature,
    Sol,
    Struct,
    TypedData,
    VerificationFailed,
    inspect_signed,
    inspect_typed_data,
    parse_venue_payload,
    read_json,
    read_signed,
    recover_signer,
    sign_order,
    signature_bytes,
    verify_order,
)
from orderseal.signing.sol import address, dynamic_bytes, int8, string, uint8, uint16

METACLASS: Any = type(Struct)
MIB = 2**20
BASE, A_BYTE = 64 * MIB, 13
"""What a document may take on top of the interpreter and its text, as address space: 64 MiB, and 13 bytes for each byte of the text. For
the longest documents within the default limits that is 480 MiB."""
CPU_SECONDS = 60
"""Only a safety net: no test judges speed."""

DOMAIN_TYPE = '"EIP712Domain":[{"name":"name","type":"string"}]'
SEPARATOR = keccak(keccak(b"EIP712Domain(string name)") + keccak(b"x"))


def text_of(types: str, message: str, primary: str = "T") -> str:
    return f'{{"types":{{{DOMAIN_TYPE},{types}}},"primaryType":"{primary}","domain":{{"name":"x"}},"message":{message}}}'


def one_member(type_: str, value: str) -> str:
    return text_of(f'"T":[{{"name":"v","type":"{type_}"}}]', f'{{"v":{value}}}')


def members(*types: str) -> str:
    return ",".join(f'{{"name":"m{i}","type":"{type_}"}}' for i, type_ in enumerate(types))


def digest_of(encoded_type: str, *words: bytes) -> str:
    struct_hash = keccak(keccak(encoded_type.encode()) + b"".join(words))
    return "0x" + keccak(b"\x19\x01" + SEPARATOR + struct_hash).hex()


def word(number: int) -> bytes:
    return (number % 2**256).to_bytes(32, "big")


def one_digest(type_: str, value: bytes) -> str:
    return digest_of(f"T({type_} v)", value)


def hashed_times(count: int, value: bytes) -> bytes:
    for _ in range(count):
        value = keccak(value)
    return value


# Large documents.

CHILD = """
import json, resource, sys
from orderseal.signing import OrdersealError, TypedData

def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

seconds = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
while header := sys.stdin.buffer.readline():
    length, memory = map(int, header.split())
    data = sys.stdin.buffer.read(length)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + memory, hard))
    try:
        answer = ["hashed", str(TypedData.from_json(data).signing_hash)]
    except OrdersealError as error:
        answer = ["refused", type(error).__name__, str(error)]
    except BaseException as error:
        answer = ["escaped", type(error).__name__, str(error)[:500]]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    del data
    print(json.dumps(answer), flush=True)
"""


class Child:
    """A process that reads documents within a bounded address space; started again if one ends it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes) -> list[str]:
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-c", CHILD, str(CPU_SECONDS)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stdin, stdout = cast("IO[bytes]", self.process.stdin), cast("IO[bytes]", self.process.stdout)
        stdin.write(b"%d %d\n" % (len(data), BASE + A_BYTE * len(data)))
        stdin.write(data)
        stdin.flush()
        line = stdout.readline()
        if not line:
            return ["died", str(self.process.wait())]
        answer: list[str] = json.loads(line)
        return answer

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    started = Child()
    yield started
    started.close()


class Large(NamedTuple):
    """A document that is made when its test runs, and what must come of it: a digest, or a part of the refusal."""

    text: Callable[[], str | bytes]
    digest: Callable[[], str] | None = None
    refusal: str = ""


VALUES, CONTAINERS = DEFAULT_LIMITS.values, DEFAULT_LIMITS.containers
MOST = VALUES - 10
"""Items of one array that stay within the limits."""
FULL = DEFAULT_LIMITS.document_bytes - 1000
ROOM = FULL // 5
"""Bytes of most texts here: the bound on the memory grows with them, so shorter ones test as much in less time."""
TOO_MANY = f"expected at most {VALUES} values"
TOO_MANY_CONTAINERS = f"expected at most {CONTAINERS} arrays and objects"


def repeated(item: str, count: int) -> str:
    return "[" + ",".join([item] * count) + "]"


def in_a_ring(count: int, filling: str = "", suffix: str = "") -> str:
    """Structs that refer to each other in a circle, so that each type string holds all of them."""
    names = [f"S{i}{suffix}" for i in range(count)]
    ring = ",".join(f'"{name}":[{{"name":"m{filling}","type":"{names[(i + 1) % count]}[]"}}]' for i, name in enumerate(names))
    message = ",".join(f'"m{i}":[{{"m{filling}":[]}}]' for i in range(count))
    return text_of(f'"T":[{members(*(f"{name}[]" for name in names))}],{ring}', f"{{{message}}}")


def digest_of_a_ring(count: int, filling: str = "") -> str:
    declared = {f"S{i}": f"S{i}(S{(i + 1) % count}[] m{filling})" for i in range(count)}

    def encoded_type(name: str) -> str:
        return declared[name] + "".join(declared[other] for other in sorted(declared) if other != name)

    empty = keccak(b"")
    words = [keccak(keccak(keccak(encoded_type(f"S{i}").encode()) + empty)) for i in range(count)]
    own = f"T({','.join(f'S{i}[] m{i}' for i in range(count))})"
    return digest_of(own + "".join(declared[name] for name in sorted(declared)), *words)


def nested(levels: int) -> str:
    return text_of('"T":[{"name":"v","type":"T[]"}]', '{"v":[' * (levels // 2 - 1) + '{"v":[]}' + "]}" * (levels // 2 - 1))


def digest_of_nested(levels: int) -> str:
    type_hash, array = keccak(b"T(T[] v)"), keccak(b"")
    for _ in range(levels // 2 - 1):
        array = keccak(keccak(type_hash + array))
    return digest_of("T(T[] v)", array)


LARGE: dict[str, Large] = {
    # Hashed.
    "100 levels": Large(lambda: nested(100), lambda: digest_of_nested(100)),
    "string of 10 MB": Large(lambda: one_member("string", f'"{"a" * 10**7}"'), lambda: one_digest("string", keccak(b"a" * 10**7))),
    "string of 32 MB and one astral character": Large(
        lambda: one_member("string", f'"{"a" * FULL}😀"'), lambda: one_digest("string", keccak(b"a" * FULL + "😀".encode()))
    ),
    "string of escapes": Large(
        lambda: one_member("string", '"' + "\\n" * (ROOM // 2) + '"'), lambda: one_digest("string", keccak(b"\n" * (ROOM // 2)))
    ),
    "string of escaped surrogate pairs": Large(
        lambda: one_member("string", '"' + "\\ud83d\\ude00" * (ROOM // 12) + '"'),
        lambda: one_digest("string", keccak("😀".encode() * (ROOM // 12))),
    ),
    "string of NUL": Large(
        lambda: one_member("string", '"' + "\\u0000" * (ROOM // 6) + '"'), lambda: one_digest("string", keccak(bytes(ROOM // 6)))
    ),
    "string of commas": Large(lambda: one_member("string", f'"{"," * ROOM}"'), lambda: one_digest("string", keccak(b"," * ROOM))),
    "string of brackets": Large(
        lambda: one_member("string", f'"{"[{" * (ROOM // 2)}"'), lambda: one_digest("string", keccak(b"[{" * (ROOM // 2)))
    ),
    "string of escaped quotes and commas": Large(
        lambda: one_member("string", '"' + '\\",' * (ROOM // 3) + '"'), lambda: one_digest("string", keccak(b'",' * (ROOM // 3)))
    ),
    "string of escaped backslashes and brackets": Large(
        lambda: one_member("string", '"' + "\\\\[" * (ROOM // 3) + '"'), lambda: one_digest("string", keccak(b"\\[" * (ROOM // 3)))
    ),
    "long bytes": Large(
        lambda: one_member("bytes", f'"0x{"ab" * (ROOM // 2)}"'), lambda: one_digest("bytes", keccak(b"\xab" * (ROOM // 2)))
    ),
    "white space": Large(lambda: " \n\t\r" * (ROOM // 4) + one_member("uint8", "1"), lambda: one_digest("uint8", word(1))),
    "a long name of the domain": Large(
        lambda: one_member("uint8", "1").replace('"name":"x"', f'"name":"{"y" * ROOM}"'),
        lambda: (
            "0x"
            + keccak(
                b"\x19\x01" + keccak(keccak(b"EIP712Domain(string name)") + keccak(b"y" * ROOM)) + keccak(keccak(b"T(uint8 v)") + word(1))
            ).hex()
        ),
    ),
    "most small numbers": Large(lambda: one_member("uint8[]", repeated("1", MOST)), lambda: one_digest("uint8[]", keccak(word(1) * MOST))),
    "most numbers of 78 digits": Large(
        lambda: one_member("uint256[]", repeated(f'"{10**77}"', MOST)), lambda: one_digest("uint256[]", keccak(word(10**77) * MOST))
    ),
    "most strings": Large(
        lambda: one_member("string[]", repeated(f'"😀{"z" * 90}"', MOST)),
        lambda: one_digest("string[]", keccak(keccak(f"😀{'z' * 90}".encode()) * MOST)),
    ),
    "most addresses": Large(
        lambda: one_member("address[]", "[" + ",".join([f'"0x{i:040x}"' for i in range(MOST)]) + "]"),
        lambda: one_digest("address[]", keccak(b"".join(map(word, range(MOST))))),
    ),
    "most arrays": Large(
        lambda: one_member("uint8[][]", repeated("[]", CONTAINERS - 20)),
        lambda: one_digest("uint8[][]", keccak(keccak(b"") * (CONTAINERS - 20))),
    ),
    "most objects": Large(
        lambda: text_of(
            '"T":[{"name":"v","type":"S[]"}],"S":[{"name":"a","type":"string"}]', '{"v":' + repeated('{"a":"s"}', CONTAINERS - 20) + "}"
        ),
        lambda: digest_of("T(S[] v)S(string a)", keccak(keccak(keccak(b"S(string a)") + keccak(b"s")) * (CONTAINERS - 20))),
    ),
    "5,000 members": Large(
        lambda: text_of(f'"T":[{members(*["uint16"] * 5000)}]', "{" + ",".join(f'"m{i}":{i}' for i in reversed(range(5000))) + "}"),
        lambda: digest_of(f"T({','.join(f'uint16 m{i}' for i in range(5000))})", *map(word, range(5000))),
    ),
    "types that explode": Large(lambda: in_a_ring(490, "n" * 150), lambda: digest_of_a_ring(490, "n" * 150)),
    "32 dimensions": Large(
        lambda: one_member("uint8" + "[1]" * 32, "[" * 32 + "7" + "]" * 32),
        lambda: one_digest("uint8" + "[1]" * 32, hashed_times(32, word(7))),
    ),
    # Refused.
    "a million array items": Large(lambda: one_member("uint8[]", repeated("1", 1_000_000)), refusal=TOO_MANY),
    "a million distinct keys": Large(
        lambda: one_member("uint8", "{" + ",".join(f'"k{i}":1' for i in range(1_000_000)) + "}"), refusal=TOO_MANY
    ),
    "a million empty arrays": Large(lambda: one_member("uint8[][]", repeated("[]", 1_000_000)), refusal=TOO_MANY_CONTAINERS),
    "a million objects": Large(lambda: one_member("S[]", repeated("{}", 1_000_000)), refusal=TOO_MANY_CONTAINERS),
    "millions of arrays and few commas": Large(
        lambda: one_member("uint8" + "[]" * 30, repeated("[" * 100 + "]" * 100, ROOM // 210)), refusal=TOO_MANY_CONTAINERS
    ),
    "brackets and nothing else": Large(lambda: "[" * ROOM, refusal="at most 128 levels"),
    "brackets that close": Large(lambda: "[]" * (ROOM // 2), refusal=TOO_MANY_CONTAINERS),
    "braces in an object": Large(lambda: '{"a":' * (ROOM // 5), refusal="at most 128 levels"),
    "commas and nothing else": Large(lambda: "," * ROOM, refusal=TOO_MANY),
    "strings without commas": Large(lambda: "[" * 129 + '""' * (ROOM // 2 - 129), refusal="document: expected at most"),
    "a string that does not end": Large(lambda: '{"types":"' + '\\"' * (ROOM // 2), refusal="document: expected JSON"),
    "escapes that do not end": Large(lambda: '["' + "\\\\" * (ROOM // 2 - 9) + "," * 9, refusal="document: expected JSON"),
    "a long string and a lone surrogate": Large(
        lambda: one_member("string", f'"{"a" * ROOM}\\ud800"'), refusal="message.v: expected valid Unicode"
    ),
    "a long string and no end": Large(lambda: one_member("string", f'"{"a" * ROOM}😀"')[:-1], refusal="document: expected JSON"),
    "a long string and a key twice": Large(
        lambda: one_member("string", f'"{"a" * ROOM}😀","v":1'), refusal="message: expected each key once"
    ),
    "white space and something else": Large(lambda: one_member("uint8", "1") + " " * ROOM + "x", refusal="document: expected JSON"),
    "a number of 10,000 digits": Large(lambda: one_member("uint256", "1" * 10_000), refusal="message.v: expected uint256"),
    "a number of millions of digits": Large(lambda: one_member("uint256", "1" * ROOM), refusal="message.v: expected uint256"),
    "a string of millions of digits": Large(lambda: one_member("uint256", f'"{"1" * ROOM}"'), refusal="message.v: expected uint256"),
    "a string of millions of hexadecimal digits": Large(
        lambda: one_member("uint256", f'"0x{"1" * ROOM}"'), refusal="message.v: expected uint256"
    ),
    "an exponent of millions of digits": Large(lambda: one_member("uint256", "1e" + "9" * ROOM), refusal="message.v: expected uint256"),
    "an array with a bad last item": Large(
        lambda: one_member("uint8[]", "[" + "1," * MOST + '"x"]'), refusal=f"message.v[{MOST}]: expected uint8"
    ),
    "numbers that are none": Large(lambda: one_member("uint8[]", repeated("1.0", MOST)), refusal="message.v[0]: expected uint8"),
    "objects with keys that come twice": Large(
        lambda: one_member("uint8[]", repeated('{"a":1,"a":2}', CONTAINERS - 20)), refusal="message.v[0]: expected each key once"
    ),
    "a key that comes twice at the end": Large(
        lambda: one_member("uint8[]", "[" + "1," * MOST + '{"a":1,"a":2}]'), refusal=f"message.v[{MOST}]: expected each key once"
    ),
    "a type of millions of dimensions": Large(lambda: one_member("uint8" + "[]" * (ROOM // 2), "[]"), refusal="types.T[0].type: expected"),
    "a type of millions of brackets": Large(lambda: one_member("uint8" + "[" * ROOM, "[]"), refusal="types.T[0].type: expected"),
    "a dimension of millions of digits": Large(lambda: one_member(f"uint8[{'1' * ROOM}]", "[]"), refusal="types.T[0].type: expected"),
    "millions of dimensions with numbers": Large(
        lambda: one_member("uint8" + "[11]" * (ROOM // 4), "[]"), refusal="types.T[0].type: expected"
    ),
    "a long name of a member": Large(
        lambda: text_of(f'"T":[{{"name":"{"a" * ROOM}","type":"bool"}}]', "{}"), refusal="types.T[0].name: expected"
    ),
    "a long name of a struct": Large(lambda: text_of(f'"{"a" * ROOM}":[{members("bool")}]', "{}"), refusal="types: expected struct names"),
    "a long primary type": Large(
        lambda: text_of(f'"T":[{members("bool")}]', "{}", "T" * ROOM), refusal="primaryType: expected a declared struct"
    ),
    "a long unknown key": Large(lambda: f'{{"{"k" * ROOM}":1}}', refusal="document: expected an object with exactly"),
    "501 structs": Large(
        lambda: text_of(",".join(f'"S{i}":[{members("bool")}]' for i in range(501)), "{}"), refusal="types: expected at most 500 structs"
    ),
    "5,001 members": Large(lambda: text_of(f'"T":[{members(*["bool"] * 5001)}]', "{}"), refusal="types: expected at most 5000 members"),
    "a type string that explodes": Large(lambda: in_a_ring(490, "n" * 250), refusal="types: expected a type string of at most 100000"),
    "4 thousand million items declared": Large(
        lambda: one_member("uint8[4294967296]", "[1]"), refusal="message.v: expected an array of exactly"
    ),
    "a kilometre of fixed arrays": Large(
        lambda: one_member("uint8" + "[4294967296]" * 32, "[" * 32 + "]" * 32), refusal="message.v: expected an array of exactly"
    ),
    "bytes that are no UTF-8": Large(lambda: b"\xff" * ROOM, refusal="document: expected JSON in UTF-8"),
    "33 MB": Large(lambda: " " * (DEFAULT_LIMITS.document_bytes + 1), refusal="document: expected JSON of at most"),
}


def test_the_default_limits_keep_the_memory_below_half_a_gigabyte() -> None:
    """Whoever raises a default has to look at the bound again."""
    assert BASE + A_BYTE * DEFAULT_LIMITS.document_bytes == 480 * MIB
    assert (VALUES, CONTAINERS) == (250_000, 50_000)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the address space of a process")
@pytest.mark.parametrize("name", LARGE)
def test_large_documents_are_hashed_or_refused_in_bounded_memory(name: str, child: Child) -> None:
    case = LARGE[name]
    text = case.text()
    answer = child.read(text if isinstance(text, bytes) else text.encode())
    del text
    if case.digest is not None:
        assert answer == ["hashed", case.digest()]
    else:
        assert answer[:2] == ["refused", "InvalidInput"], answer
        assert answer[2].startswith(case.refusal) or case.refusal in answer[2], answer[2][:500]
        assert len(answer[2]) < 1000


# What is small and hostile.

SMALL: dict[str, str | bytes] = {
    "nothing": "",
    "white space": " \n",
    "a byte order mark": "\ufeff" + one_member("uint8", "1"),
    "a byte order mark in UTF-8": b"\xef\xbb\xbf" + one_member("uint8", "1").encode(),
    "UTF-16": one_member("uint8", "1").encode("utf-16"),
    "UTF-16 without a mark": one_member("uint8", "1").encode("utf-16-le"),
    "UTF-32": one_member("uint8", "1").encode("utf-32"),
    "UTF-7": one_member("string", '"+2D3eAA-"').encode() + b"\x80",
    "an overlong slash": one_member("string", '"?"').encode().replace(b"?", b"\xc0\xaf"),
    "an overlong NUL": one_member("string", '"?"').encode().replace(b"?", b"\xc0\x80"),
    "a surrogate in UTF-8": one_member("string", '"?"').encode().replace(b"?", b"\xed\xa0\x80"),
    "a pair of surrogates in UTF-8": one_member("string", '"?"').encode().replace(b"?", b"\xed\xa0\xbd\xed\xb8\x80"),
    "beyond Unicode": one_member("string", '"?"').encode().replace(b"?", b"\xf4\x90\x80\x80"),
    "half a character": one_member("string", '"?"').encode().replace(b"?", b"\xf0\x9f\x98"),
    "Latin-1": one_member("string", '"é"').encode("latin-1"),
    "a bare NUL": one_member("string", '"\0"'),
    "a bare line feed": one_member("string", '"\n"'),
    "a bare tab": one_member("string", '"\t"'),
    "no-break space between": one_member("uint8", "1").replace(":", ":\u00a0"),
    "vertical tab between": one_member("uint8", "1").replace(":", ":\v"),
    "a line separator after it": one_member("uint8", "1") + "\u2028",
    "a NUL after it": one_member("uint8", "1") + "\0",
    "a second document": one_member("uint8", "1") * 2,
    "a bracket more": one_member("uint8", "1") + "}",
    "a comma at the end of an array": one_member("uint8[]", "[1,]"),
    "a comma at the end of an object": one_member("uint8", "1,"),
    "a comma at the end of all": one_member("uint8", "1")[:-1] + ",}",
    "a comment": one_member("uint8", "1/**/"),
    "single quotes": one_member("uint8", "1").replace('"', "'"),
    "a bare key": one_member("uint8", "1").replace('"v":', "v:"),
    "an escape that is none": one_member("string", '"\\x41"'),
    "an escape that is too short": one_member("string", '"\\u41"'),
    "an escape in other digits": one_member("string", '"\\u\u0661\u0661\u0661\u0661"'),
    "a lone surrogate": one_member("string", '"\\ud800"'),
    "a lone low surrogate": one_member("string", '"\\udc00a"'),
    "surrogates in the wrong order": one_member("string", '"\\udc00\\ud800"'),
    "a lone surrogate in a key": one_member("uint8", '1,"\\ud800":1'),
    "a lone surrogate in the place of a key": one_member("uint8", "1").replace('"message"', '"messag\\ud800"'),
    "a lone surrogate in the primary type": one_member("uint8", "1").replace('"primaryType":"T"', '"primaryType":"\\ud800"'),
    "a lone surrogate in a struct's name": one_member("uint8", "1").replace('"T":[', '"T\\ud800":['),
    "a lone surrogate in the name of a malformed struct": one_member("uint8", "1").replace('"T":[', '"\\ud800":5,"T":['),
    "a lone surrogate in a member's name": one_member("uint8", "1").replace('"v"', '"v\\ud800"'),
    "a lone surrogate in a type": one_member("uint8\\ud800", "1"),
    "a lone surrogate in the domain": one_member("uint8", "1").replace('"x"', '"\\ud800"'),
    "an escape sequence in the name of a malformed struct": one_member("uint8", "1").replace('"T":[', '"\\u001b[31m":[[]],"T":['),
    "a line feed in the name of a malformed member": one_member("uint8", "1").replace('"T":[', '"a\\nb":[{"name":5,"type":"bool"}],"T":['),
    "a NUL in a name": one_member("uint8", "1").replace('"v"', '"v\\u0000"'),
    "a comma in a name": one_member("uint8", "1").replace('"v"', '"v,uint8 w"'),
    "a comma in a name, declared and given": text_of('"T":[{"name":"a,uint8 b","type":"uint8"}]', '{"a,uint8 b":1}'),
    "parentheses in a name": text_of('"T":[{"name":"a)S(uint8 b","type":"uint8"}]', '{"a)S(uint8 b":1}'),
    "a comma in a struct's name": text_of('"A,B":[{"name":"a","type":"uint8"}]', '{"a":1}', "A,B"),
    "parentheses in a struct's name": text_of('"A(uint8 a)B":[{"name":"a","type":"uint8"}]', '{"a":1}', "A(uint8 a)B"),
    "a space in a type": one_member("uint8 ", "1"),
    "a type in full-width digits": one_member("uint\uff18", "1"),
    "a name in Greek": text_of('"T":[{"name":"\u03b1","type":"uint8"}]', '{"\u03b1":1}'),
    "a key twice, escaped": one_member("uint8", '1,"\\u0076":1'),
    "a key twice, deep": one_member("uint8[]", '[[[{"a":{"b":1,"b":1}}]]]'),
    "types twice": one_member("uint8", "1").replace('"primaryType"', '"types":{},"primaryType"'),
    "the message twice": one_member("uint8", "1")[:-1] + ',"message":{"v":1}}',
    "a struct twice": text_of('"T":[{"name":"v","type":"uint8"}],"T":[{"name":"v","type":"uint8"}]', '{"v":1}'),
    "a member twice": text_of('"T":[{"name":"v","type":"uint8"},{"name":"v","type":"uint8"}]', '{"v":1}'),
    "the name of a member twice": text_of('"T":[{"name":"v","name":"v","type":"uint8"}]', '{"v":1}'),
    "NaN": one_member("uint8", "NaN"),
    "Infinity": one_member("uint8", "Infinity"),
    "minus Infinity": one_member("int8", "-Infinity"),
    "1e999": one_member("uint8", "1e999"),
    "1e-999": one_member("uint8", "1e-999"),
    "0e0": one_member("uint8", "0e0"),
    "-0": one_member("uint8", "-0"),
    "leading zeros": one_member("uint8", "00"),
    "a plus": one_member("uint8", "+1"),
    "hexadecimal": one_member("uint8", "0x1"),
    "two numbers": one_member("uint8", "1 2"),
    "2^53": one_member("uint256", str(2**53)),
    "an array for the whole": "[]",
    "a string for the whole": '"types"',
    "a number for the whole": "1",
    "null for the whole": "null",
    "a struct that contains itself": text_of('"T":[{"name":"v","type":"T"}]', '{"v":{}}'),
    "a struct that contains itself twice": text_of('"T":[{"name":"v","type":"T[2]"}]', '{"v":[]}'),
    "129 levels": text_of('"T":[{"name":"v","type":"T[]"}]', '{"v":[' * 64 + "]}" * 64),
}


@pytest.mark.parametrize("name", SMALL)
def test_malformed_documents_are_refused_in_words_that_can_be_shown(name: str) -> None:
    data = SMALL[name]
    forms: list[str | bytes] = [data, data.encode("utf-8", "surrogatepass")] if isinstance(data, str) else [data]
    for form in forms:
        for read in (TypedData.from_json, read_signed):
            with pytest.raises(InvalidInput) as caught:
                read(form)
            text = str(caught.value)
            assert text.isprintable()
            assert text.encode()
            assert len(text) < 1000
        inside: Any = (
            b'{"typed_data":%s,"signature":"0x"}' % form if isinstance(form, bytes) else f'{{"typed_data":{form},"signature":"0x"}}'
        )
        with pytest.raises(InvalidInput) as caught:
            read_signed(inside)
        assert str(caught.value).isprintable()


def test_text_that_looks_hostile_and_is_good() -> None:
    text = '\0\x1b[31m","message":{}}]\\\u2028\ufeff\ufffd😀' + "".join(map(chr, range(0xE000, 0xE010)))
    for ascii_only in (True, False):
        document = one_member("string", json.dumps(text, ensure_ascii=ascii_only))
        assert str(TypedData.from_json(document).signing_hash) == one_digest("string", keccak(text.encode()))
    assert str(TypedData.from_json(one_member("string", '"\\ud83d\\ude00\\u0000"')).signing_hash) == one_digest(
        "string", keccak("😀\0".encode())
    )


def test_keys_that_collide_are_read_in_linear_time() -> None:
    """Python hashes strings with a secret; integers collide at will, and a key of JSON is never one."""
    count = 20_000
    colliding = {f"k{i * (2**61 - 1)}": 1 for i in range(count)}
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json(one_member("uint8", json.dumps(colliding)))
    assert caught.value.path == "message.v"
    numbers = {i * (2**61 - 1): 1 for i in range(300)}
    with pytest.raises(InvalidInput) as caught:
        TypedData({"T": [{"name": "v", "type": "T[]"}]}, "T", Domain(name="x"), {"v": [numbers]})
    assert caught.value.path == "message.v[0]"


@pytest.mark.parametrize("type_", ["uint256", "int256", "bool", "string", "bytes", "bytes32", "address", "uint8[]", "uint8[2]", "T[]"])
def test_every_number_of_json_at_every_type(type_: str) -> None:
    """What is an integer below 2^53 and in range is taken by integers; no number by anything else."""
    for number in ("0", "-1", "1.0", "-0", "-0.0", "1e0", "1E+2", "9007199254740991", "9007199254740992", "-9007199254740992", "1" * 309):
        good = type_ in ("uint256", "int256") and number in ("0", "9007199254740991", "-1")
        if good and not (type_ == "uint256" and number == "-1"):
            assert str(TypedData.from_json(one_member(type_, number)).signing_hash) == one_digest(type_, word(int(number)))
        else:
            with pytest.raises(InvalidInput) as caught:
                TypedData.from_json(one_member(type_, number))
            assert caught.value.path == "message.v"


# The limits.


def bare(text: str) -> int:
    """Commas outside strings."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "", text).count(",")


def with_levels(count: int) -> str:
    """Of which the document itself is one."""
    return one_member("uint8" + "[]" * (count - 2), "[" * (count - 2) + "]" * (count - 2))


def with_values(count: int) -> str:
    few = one_member("uint8[]", "[1]")
    return one_member("uint8[]", repeated("1", 1 + count - bare(few)))


def with_containers(count: int) -> str:
    few = one_member("uint8[][]", "[]")
    return one_member("uint8[][]", repeated("[]", count - few.count("[") - few.count("{") + 2))


def with_structs(count: int) -> str:
    return text_of(",".join(f'"{"T" if not i else f"S{i}"}":[{members("bool")}]' for i in range(count)), '{"m0":true}')


def with_type_length(count: int) -> str:
    return text_of(f'"T":[{{"name":"{"n" * (count - 8)}","type":"bool"}}]', f'{{"{"n" * (count - 8)}":true}}')


def with_names(count: int) -> str:
    return text_of(f'"{"S" * count}":[{{"name":"{"n" * count}","type":"bool"}}]', f'{{"{"n" * count}":true}}', "S" * count)


LIMITED: dict[str, tuple[Callable[[int], str], int, int]] = {
    # How to make a document that needs just so much, and two values of the limit.
    "document_bytes": (lambda count: one_member("string", f'"{"é" * 50}"').ljust(count - 50), 500, 1000),
    "depth": (with_levels, 30, 25),
    "values": (with_values, 100, 1000),
    "containers": (with_containers, 50, 500),
    "structs": (with_structs, 3, 40),
    "members": (
        lambda count: text_of(f'"T":[{members(*["bool"] * count)}]', "{" + ",".join(f'"m{i}":true' for i in range(count)) + "}"),
        5,
        400,
    ),
    "name_length": (with_names, 10, 300),
    "type_length": (with_type_length, 40, 250),
    "array_dimensions": (lambda count: one_member("uint8" + "[]" * count, "[]"), 2, 33),
}
"""The greater one lies beyond the default where a small document can."""


def test_every_limit_has_its_test() -> None:
    assert set(LIMITED) == {field.name for field in fields(Limits)}


def needs(name: str, limit: int) -> str:
    text = LIMITED[name][0](limit)
    if name == "document_bytes":
        assert len(text.encode()) == limit
    return text


def readers(text: str) -> list[str | bytes | dict[str, Any]]:
    return [text, text.encode(), json.loads(text)]


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_holds_to_the_last_unit(name: str) -> None:
    for limit in LIMITED[name][1:]:
        within, beyond = needs(name, limit), needs(name, limit + 1)
        limits = Limits(**{name: limit, **({"name_length": limit} if name == "type_length" else {})})
        wider = Limits(**{name: limit + 1, **({"name_length": limit + 1} if name == "type_length" else {})})
        for text in (within, within.encode()):
            assert TypedData.from_json(text, limits=limits).signing_hash == TypedData.from_json(text, limits=wider).signing_hash
        for text in (beyond, beyond.encode()):
            TypedData.from_json(text, limits=wider)
            for _ in range(2):
                with pytest.raises(InvalidInput) as caught:
                    TypedData.from_json(text, limits=limits)
                assert f"at most {limit}" in str(caught.value)
            signed = f'{{"typed_data":{beyond},"signature":"0x"}}'
            with pytest.raises(InvalidInput, match=f"at most {limit}"):
                read_signed(signed if isinstance(text, str) else signed.encode(), limits=limits)


@pytest.mark.parametrize("name", ["depth", "values", "containers", "structs", "members", "name_length", "type_length", "array_dimensions"])
def test_limits_hold_for_parsed_objects_too(name: str) -> None:
    """There ``values`` are counted one by one, not by their commas."""
    for limit in LIMITED[name][1:]:
        more = 20 if name in ("values", "containers") else 1
        beyond: dict[str, Any] = json.loads(needs(name, limit + more))
        others = {"name_length": limit + 1} if name == "type_length" else {}
        limits = Limits(**{name: limit, **others})
        TypedData.from_json(beyond, limits=Limits(**{name: limit + 2 * more, **others}))
        with pytest.raises(InvalidInput) as caught:
            TypedData.from_json(beyond, limits=limits)
        assert f"at most {limit}" in str(caught.value)
        if name not in ("values", "containers"):
            del beyond["types"]["EIP712Domain"]
            message = {"v": [beyond["message"]]} if name == "depth" else beyond["message"]
            with pytest.raises(InvalidInput, match=f"at most {limit}"):
                TypedData(beyond["types"], beyond["primaryType"], Domain(name="x"), message, limits=limits)


BEYOND_DEFAULT: dict[str, tuple[str, Limits]] = {
    "depth": (nested(128), Limits(depth=200)),
    "values": (with_values(VALUES + 1), Limits(values=VALUES + 100)),
    "containers": (with_containers(CONTAINERS + 1), Limits(containers=CONTAINERS + 100)),
    "structs": (with_structs(501), Limits(structs=600)),
    "members": (LIMITED["members"][0](5001), Limits(members=5100)),
    "name_length": (with_names(257), Limits(name_length=257)),
    "type_length": (with_type_length(250), Limits(type_length=249)),
    "array_dimensions": (LIMITED["array_dimensions"][0](33), Limits(array_dimensions=33)),
}


@pytest.mark.parametrize("name", [name for name in BEYOND_DEFAULT if name != "type_length"])
@pytest.mark.parametrize("raised_first", [True, False])
def test_what_was_read_under_raised_limits_is_still_refused_under_the_default_ones(name: str, raised_first: bool) -> None:
    text, raised = BEYOND_DEFAULT[name]
    if raised_first:
        TypedData.from_json(text, limits=raised)
    for _ in range(2 if len(text) < 10**5 else 1):
        with pytest.raises(InvalidInput):
            TypedData.from_json(text)
        with pytest.raises(InvalidInput):
            read_signed(f'{{"typed_data":{text},"signature":"0x"}}')
        TypedData.from_json(text, limits=raised)
        assert read_signed(f'{{"typed_data":{text},"signature":"0x"}}', limits=raised)


@pytest.mark.parametrize("name", LIMITED)
def test_what_was_read_under_the_default_limits_is_still_refused_under_lower_ones(name: str) -> None:
    text = needs(name, LIMITED[name][1])
    lower = Limits(**{name: LIMITED[name][1] - 1})
    for _ in range(2):
        TypedData.from_json(text)
        TypedData.from_json(text, limits=Limits())
        assert read_signed(f'{{"typed_data":{text},"signature":"0x"}}')
        for refuse in (
            lambda: TypedData.from_json(text, limits=lower),
            lambda: TypedData.from_json(json.loads(text), limits=Limits(**{name: 1})) if name != "document_bytes" else None,
            lambda: read_signed(f'{{"typed_data":{text},"signature":"0x"}}', limits=lower),
        ):
            try:
                result = refuse()
            except InvalidInput:
                continue
            assert name == "document_bytes"
            assert result is None


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", None, 2**0.5, math.inf, math.nan, Decimal(1)])
def test_a_limit_that_is_no_whole_number_above_zero_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Limits(**{field: value})
    assert caught.value.path == f"limits.{field}"


def test_the_deepest_limit_is_one_that_the_stack_bears() -> None:
    with pytest.raises(InvalidInput):
        Limits(depth=201)
    limits = Limits(depth=200)
    text = nested(198)
    deep = TypedData.from_json(text, limits=limits)
    assert str(deep.signing_hash) == digest_of_nested(198)
    assert TypedData.from_json(json.loads(text), limits=limits) == deep
    assert TypedData.from_json(json.dumps(deep.to_json()), limits=limits) == deep
    assert read_signed(f'{{"typed_data":{text},"signature":"0x"}}', limits=limits).content == deep
    with pytest.raises(InvalidInput):
        TypedData.from_json(nested(200), limits=limits)


# Objects that lie, change, or never end.


class LyingText(str):
    """Says of itself that it is another text."""

    def __getitem__(self, _index: Any) -> str:
        return "lie"

    def __len__(self) -> int:
        return 3

    def __str__(self) -> str:
        return "lie"

    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def encode(self, *_arguments: Any) -> bytes:
        return b"lie"

    def startswith(self, *_arguments: Any) -> bool:
        return True

    def isascii(self) -> bool:
        return True


class LyingInt(int):
    """Says of itself that it is another number."""

    def __int__(self) -> int:
        return 7

    __index__ = __int__

    def __ge__(self, _other: Any) -> bool:
        return True

    __le__ = __lt__ = __gt__ = __ge__

    def to_bytes(self, *_arguments: Any, **_keywords: Any) -> bytes:
        return bytes(31) + b"\7"


class LyingBytes(bytes):
    """Says of itself that it is longer."""

    length = 32

    def __len__(self) -> int:
        return self.length

    def ljust(self, *_arguments: Any) -> bytes:
        return b"lie"


class LyingList(list[Any]):
    """Says of itself that it holds others."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        return iter([7, 7])

    def copy(self) -> "LyingList":
        return self


class LyingTuple(tuple[Any, ...]):
    """Says of itself that it holds others."""

    __slots__ = ()

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        return iter([7, 7])


class Endless(Mapping[str, Any]):
    """Holds another one of itself, and only makes it when it is asked."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(["v"])

    def __getitem__(self, _key: str) -> Any:
        return [Endless()]


class Changing(Mapping[str, Any]):
    """Is empty when it is first looked at, and endless from then on."""

    def __init__(self) -> None:
        self.reads = 0

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(["v"])

    def __getitem__(self, _key: str) -> Any:
        self.reads += 1
        return [] if self.reads < 2 else [Endless()]


class Pretender:
    """Claims to be a declared struct of the type ``T(T[] v)``, and gives itself as its own member."""

    encoded_type = "T(T[] v)"

    def to_message(self) -> Any:
        return {"v": [Pretender()]}


class HalfPretender:
    """Claims to be a declared struct, and gives a number."""

    encoded_type = "T(T[] v)"

    def to_message(self) -> Any:
        return 5


RECURSIVE = {"T": [{"name": "v", "type": "T[]"}]}


def in_itself() -> tuple[list[Any], dict[str, Any]]:
    items: list[Any] = []
    items.append({"v": items})
    member: dict[str, Any] = {}
    member["v"] = [member]
    return items, member


@pytest.mark.parametrize(
    "make",
    [
        Endless,
        Changing,
        Pretender,
        HalfPretender,
        lambda: in_itself()[1],
        lambda: {"v": in_itself()[0]},
        lambda: {"v": [Endless()]},
        lambda: {"v": [Pretender()]},
        lambda: {"v": [HalfPretender()]},
        lambda: {"v": ([],)},
        lambda: {"v": iter([])},
        lambda: {"v": (item for item in [1])},
        lambda: {"v": [{"v": range(0)}]},
        lambda: {"v": {}.values()},
        lambda: {"v": [{"v": None}]},
        lambda: {"v": set()},
        lambda: {5: []},
        lambda: {LyingText("w"): []},
        lambda: {("v",): []},
        lambda: {"v": [], 10**100_000: []},
        lambda: [("v", [])],
        lambda: type("Odd", (), {"encoded_type": "T(T[] v)"})(),
        lambda: type("Odd", (), {"encoded_type": "T(T[] v)", "to_message": 5})(),
    ],
)
def test_endless_and_changing_objects_are_refused(make: Callable[[], Any]) -> None:
    types = {"EIP712Domain": [{"name": "name", "type": "string"}], **RECURSIVE}
    ways: list[Callable[[], TypedData]] = [
        lambda: TypedData(RECURSIVE, "T", Domain(name="x"), make()),
        lambda: TypedData.from_json({"types": types, "primaryType": "T", "domain": {"name": "x"}, "message": make()}),
    ]
    for refuse in ways:
        with pytest.raises(InvalidInput) as caught:
            refuse()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 2000


NO_VALUES: list[Any] = [
    *(
        None,
        1.0,
        math.nan,
        Decimal(1),
        Fraction(1),
        1j,
        object(),
        object,
        ...,
        NotImplemented,
        len,
        {1},
        frozenset(),
        range(3),
        memoryview(b"x"),
    ),
    *(bytearray(32), iter(()), Order, LocalSigner, 10**100_000, -(10**100_000), 2**256, -(2**255) - 1),
]


@pytest.mark.parametrize("type_", ["uint8", "int256", "bool", "string", "bytes", "bytes4", "address", "uint8[]", "bool[2]", "T[]"])
def test_what_is_no_value_is_refused_by_every_type(type_: str) -> None:
    types = {"T": [{"name": "v", "type": type_}]}
    declared = {"EIP712Domain": [{"name": "name", "type": "string"}], **types}
    for value in [*NO_VALUES, *(LyingInt(300) if type_ != "int256" else 1.5, LyingText("word") if type_ != "string" else b"word")]:
        message = {"v": value}
        ways: list[Callable[[], TypedData]] = [
            partial(TypedData, types, "T", Domain(name="x"), message),
            partial(TypedData.from_json, {"types": declared, "primaryType": "T", "domain": {"name": "x"}, "message": message}),
        ]
        for refuse in ways:
            with pytest.raises(InvalidInput) as caught:
                refuse()
            assert caught.value.path == "message.v"
            assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("type_", "value", "word_of_it"),
    [
        ("uint8", LyingInt(200), word(200)),
        ("int256", LyingInt(-1), word(-1)),
        ("string", LyingText("tést"), keccak("tést".encode())),
        ("bytes", LyingBytes(b"ab"), keccak(b"ab")),
        ("bytes2", LyingBytes(b"ab"), b"ab" + bytes(30)),
        ("uint8[]", LyingList([1]), keccak(word(1))),
        ("uint8[1]", LyingTuple([1]), keccak(word(1))),
        ("address", LyingText("0x" + "ab" * 20), bytes(12) + b"\xab" * 20),
        ("address", LyingBytes(b"\xab" * 20), bytes(12) + b"\xab" * 20),
    ],
)
def test_of_an_object_that_lies_the_exact_value_is_taken(type_: str, value: Any, word_of_it: bytes) -> None:
    document = TypedData({"T": [{"name": "v", "type": type_}]}, "T", Domain(name="x"), {"v": value})
    assert str(document.signing_hash) == one_digest(type_, word_of_it)
    found = document.message["v"]
    assert type(found) in (int, str, bytes, tuple, Address)
    declared = METACLASS("T", (Struct,), {"__annotations__": {"v": Annotated[Any, Sol(type_)]}, "__module__": __name__})
    assert str(declared(v=value).signing_hash(Domain(name="x"))) == one_digest(type_, word_of_it)


def test_of_a_document_that_lies_about_its_text_the_exact_text_is_read() -> None:
    other = one_member("uint8", "2").replace("uint8", "uint16")
    TypedData.from_json(other)  # its types stay in the cache
    text = one_member("uint8", "1")
    for form in (LyingText(text), type("Short", (LyingBytes,), {"length": 5})(text.encode())):
        assert str(TypedData.from_json(form).signing_hash) == one_digest("uint8", word(1))
        assert read_json(form)["message"] == {"v": 1}
        inside = f'{{"typed_data":{text},"signature":"0x"}}'
        signed = read_signed(type(form)(inside if isinstance(form, str) else inside.encode()))
        assert signed.content == TypedData.from_json(text)
    with pytest.raises(InvalidInput, match="at most 128 levels"):
        TypedData.from_json(type("Short", (LyingBytes,), {"length": 5, "count": lambda *_: 0})(b'{"a":' + b"[" * 100_000))


@pytest.mark.parametrize("value", [None, 5, 1.0, [], {}, bytearray(b"{}"), memoryview(b"{}"), object(), str, iter("{}")])
def test_what_is_no_text_is_refused(value: Any) -> None:
    for read in (read_json, read_signed, parse_venue_payload, TypedData.from_json):
        if value == {} and read in (parse_venue_payload, TypedData.from_json):
            continue
        with pytest.raises(InvalidInput):
            read(value)


class Node(Struct):
    """A declared struct that contains itself."""

    value: uint8
    children: "tuple[Node, ...]"


def a_node(value: int, children: Any) -> Node:
    return Node(value=value, children=children)


class OtherNode(Struct, name="Node"):
    """Another class of the same type."""

    value: uint8
    children: "tuple[OtherNode, ...]"


class WrongNode(Struct, name="Node"):
    """Another type of the same name."""

    value: uint16
    children: "tuple[WrongNode, ...]"


class Mixed(Struct):
    """Each kind of field that has a short cut in the compiled code, and two that have none."""

    who: address
    text: string
    data: dynamic_bytes
    small: int8
    fixed: Annotated[bytes, Sol("bytes3")]
    numbers: Annotated[tuple[int, ...], Sol("uint16[]")]


def a_mixed(**changes: Any) -> Mixed:
    values: dict[str, Any] = {"who": "0x" + "ab" * 20, "text": "é", "data": b"", "small": -1, "fixed": b"abc", "numbers": [1, 2]}
    return Mixed(**{**values, **changes})


@pytest.mark.parametrize("field", ["who", "text", "data", "small", "fixed", "numbers"])
def test_declared_structs_refuse_what_is_no_value(field: str) -> None:
    for value in [*NO_VALUES, True, [None], LyingInt(128), type("Three", (LyingBytes,), {"length": 3})(b"a"), "\ud800"]:
        if field == "data" and isinstance(value, bytes):
            continue
        with pytest.raises(InvalidInput) as caught:
            a_mixed(**{field: value})
        assert caught.value.path.startswith(f"mixed.{field}")
        assert len(str(caught.value)) < 600


def test_what_is_changed_after_construction_changes_nothing() -> None:
    numbers = [1, 2]
    inner: dict[str, Any] = {"value": 1, "children": []}
    children: list[Any] = [inner, a_node(2, [])]
    mixed, node = a_mixed(numbers=numbers), a_node(0, children)
    document_message: dict[str, Any] = {"v": [{"v": []}]}
    document = TypedData(RECURSIVE, "T", Domain(name="x"), document_message)
    before = [mixed.struct_hash(), node.struct_hash(), document.to_json()]
    numbers.append(3)
    inner["value"] = 9
    children.clear()
    document_message["v"][0]["v"].append({"v": []})
    assert [mixed.struct_hash(), node.struct_hash(), document.to_json()] == before
    assert document.signing_hash == TypedData(RECURSIVE, "T", Domain(name="x"), {"v": [{"v": []}]}).signing_hash
    with pytest.raises(TypeError):
        document.message["v"][0]["v"] = ()


def test_nested_structs_may_come_in_any_form_of_the_same_type() -> None:
    domain = Domain(name="x")
    leaf = keccak(keccak(b"Node(uint8 value,Node[] children)") + word(3) + keccak(b""))
    expected = digest_of("Node(uint8 value,Node[] children)", word(1), keccak(leaf))
    other = OtherNode(value=3, children=())
    for child_form in (Node(value=3, children=()), other, other.to_message(), {"children": [], "value": 3}):
        node = a_node(1, [child_form])
        assert str(node.signing_hash(domain)) == expected
        assert type(node.children[0]) is Node
        for again in (copy.copy(node), copy.deepcopy(node), pickle.loads(pickle.dumps(node)), node.replace()):
            assert again == node
            assert str(again.signing_hash(domain)) == expected
    for bad in (WrongNode(value=3, children=()), WrongNode, Order, {"value": 256, "children": []}, {"value": 3, "children": [other, 5]}):
        with pytest.raises(InvalidInput) as caught:
            a_node(1, [bad])
        assert caught.value.path.startswith("node.children[0]")
    pretending = type("Odd", (), {"encoded_type": Node.encoded_type, "to_message": lambda self: {"value": 1, "children": [self]}})()
    with pytest.raises(InvalidInput):
        a_node(1, [pretending])


def test_structs_that_are_deeper_than_can_be_hashed_are_refused_when_they_are_made() -> None:
    made = [Node(value=0, children=())]

    def deepen() -> None:
        for _ in range(500):
            made.append(Node(value=1, children=(made[-1],)))

    with pytest.raises(InvalidInput):
        deepen()
    deepest, domain = made[-1], Domain(name="x")
    assert deepest.to_typed_data(domain).signing_hash == deepest.signing_hash(domain)
    assert pickle.loads(pickle.dumps(deepest)) == deepest
    assert copy.deepcopy(deepest) == deepest
    assert repr(deepest).startswith("Node(")


def test_a_struct_of_very_many_fields() -> None:
    count = DEFAULT_LIMITS.members
    namespace: dict[str, Any] = {"__annotations__": {f"f{i}": Annotated[int, Sol("uint16")] for i in range(count)}, "__module__": __name__}
    wide = METACLASS("Wide", (Struct,), namespace)
    made = wide(**{f"f{i}": i for i in range(count)})
    expected = digest_of(f"Wide({','.join(f'uint16 f{i}' for i in range(count))})", *map(word, range(count)))
    assert str(made.signing_hash(Domain(name="x"))) == expected
    namespace["__annotations__"]["more"] = Annotated[int, Sol("uint16")]
    with pytest.raises(TypeError, match=f"at most {count} members"):
        METACLASS("Wide", (Struct,), dict(namespace))


@pytest.mark.parametrize(
    "field", ["self", "cls", "domain", "type", "int", "len", "print", "match", "_", "keccak256", "é", "bytes", "value"]
)
def test_fields_may_be_named_like_anything_that_the_compiled_code_uses(field: str) -> None:
    space = {"__annotations__": {field: Annotated[int, Sol("uint8", name="a")]}, "__module__": __name__}
    made = METACLASS("T", (Struct,), space)(**{field: 5})
    assert str(made.signing_hash(Domain(name="x"))) == digest_of("T(uint8 a)", word(5))
    assert made.to_typed_data(Domain(name="x")).signing_hash == made.signing_hash(Domain(name="x"))


# Small values of the wrong length. C believes every length, and libsecp256k1 ends the process where an argument is impossible.

PROGRAM = """
from orderseal.signing import *
from orderseal.signing import secp256k1
class Long(bytes):
    def __len__(self): return self.length
    def __getitem__(self, index): return (b"\\1" * 64 + b"\\x1b")[index]
class Changing(bytes):
    reads = 0
    def __getitem__(self, index):
        self.reads += 1
        return 27 if self.reads < 2 else 99
def long(raw, length):
    made = Long(raw)
    made.length = length
    return made
class Key:
    def __init__(self, secret): self.secret = secret
key, signer = secp256k1.load(bytes(31) + b"\\7"), LocalSigner(bytes(31) + b"\\7")
document = TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", Domain(name="x"), {"v": True})
good = bytes(signer.unsafe_sign_digest(bytes(32)))
assert secp256k1.recover(bytes(32), good) == bytes(signer.address)
attempts = [
    *(lambda digest=digest: secp256k1.sign(key, digest) for digest in DIGESTS),
    *(lambda digest=digest: signer.sign_typed_data(digest, None) for digest in DIGESTS),
    *(lambda digest=digest: signer.unsafe_sign_digest(digest) for digest in DIGESTS),
    *(lambda digest=digest: Hash32(digest) for digest in DIGESTS),
    *(lambda digest=digest: secp256k1.recover(digest, good) for digest in DIGESTS),
    *(lambda made=made: secp256k1.sign(made, bytes(32)) for made in KEYS),
    *(lambda secret=secret: LocalSigner(secret) for secret in SECRETS),
    *(lambda signature=signature: secp256k1.recover(bytes(32), signature) for signature in SIGNATURES),
    *(lambda signature=signature: Signature(signature) for signature in SIGNATURES),
    *(lambda signature=signature: recover_signer(document, signature) for signature in SIGNATURES),
    *(lambda signature=signature: verify_typed_data(document, signature, signer=signer.address) for signature in SIGNATURES),
]
for number, attempt in enumerate(attempts):
    try:
        result = attempt()
    except (OrdersealError, ValueError, TypeError, AttributeError, OverflowError):
        continue
    assert result is None, (number, result)
print(len(attempts))
"""
DIGESTS = 'long(b"x", 32), long(b"", 32), b"", b"x" * 31, b"x" * 33, None, 5, "x" * 32, {}, 32, [300] * 32'
KEYS = 'None, "k", Key(b""), Key(bytes(32)), Key(b"\\xff" * 32), Key(b"x" * 31), Key(None), Key("x" * 32)'
SECRETS = 'long(b"x", 32), b"", b"x" * 33, bytes(32), b"\\xff" * 32, None, 5, "x" * 32, bytearray(b"x" * 32), long(b"x" * 64, 32)'
SIGNATURES = (
    'b"", bytes(65), b"\\xff" * 65, b"\\1" * 64 + b"\\x00", b"\\1" * 64 + b"\\x1d", b"\\1" * 64 + b"\\x1e", '
    'b"\\1" * 64 + b"\\xff", b"\\1" * 66, '
    'long(b"x", 65), long(b"", 65), Changing(b"\\1" * 64 + b"\\x63"), None, 5, "x" * 65, bytearray(65), [1] * 64 + [99], '
    'bytes(64) + b"\\x1b", '
    'b"\\xff" * 64 + b"\\x1b", bytes(32) + b"\\1" * 32 + b"\\x1c", b"\\1" * 32 + bytes(32) + b"\\x1c"'
)


def test_wrong_lengths_and_types_never_reach_the_library() -> None:
    """In a child process: an illegal argument ends the whole interpreter with SIGABRT."""
    program = PROGRAM
    for name, items in (("DIGESTS", DIGESTS), ("KEYS", KEYS), ("SECRETS", SECRETS), ("SIGNATURES", SIGNATURES)):
        program = program.replace(f"in {name}", f"in ({items},)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64, 66, 100])
def test_hashes_and_signatures_have_their_length_whatever_their_source_says(length: int) -> None:
    for cls, right in ((Hash32, 32), (Signature, 65)):
        source = type("Long", (LyingBytes,), {"length": right})(b"\x01" * (length - 1) + b"\x1b" if length else b"")
        with pytest.raises(InvalidInput):
            cast("Any", cls)(source)


# Many threads.


def test_threads_get_what_one_thread_gets(signer: LocalSigner, stranger: LocalSigner, order: Order, domain: Domain) -> None:
    """More kinds of documents than the caches hold, from many threads at once; the interpreter changes threads as often as it can."""
    texts = [
        text_of(f'"T":[{{"name":"v{i % 40}","type":"{type_}"}}]', f'{{"v{i % 40}":{value}}}').replace('"x"', f'"x{i % 7}"')
        for i in range(80)
        for type_, value in (("uint8", "1"), ("string", '"1"'), ("uint8", '"1"'), ("uint16", "true"), ("address", f'"0x{i % 9:040x}"'))
    ]
    orders = [order.replace(nonce=i) for i in range(20)]

    def outcome(text: str) -> str:
        try:
            return str(read_signed(f'{{"typed_data":{text},"signature":"0x"}}').content.signing_hash)
        except InvalidInput as error:
            return str(error)

    expected = [outcome(text) for text in texts]
    signatures = [sign_order(each, domain, signer) for each in orders]
    assert len(set(expected)) > 200
    problems: list[object] = []

    def hammer(start: int) -> None:
        try:
            for i in range(len(texts)):
                at = (start * 37 + i) % len(texts)
                if (found := outcome(texts[at])) != expected[at]:
                    problems.append((texts[at], found, expected[at]))
                if i % 8 == 0:
                    signed = signatures[at % 20]
                    again = sign_order(orders[at % 20], domain, signer)
                    if (
                        again != signed
                        or verify_order(signed) != signer.address
                        or recover_signer(again.order, again.signature, domain) != signer.address
                    ):
                        problems.append(again)
                    try:
                        verify_order(
                            orders[at % 20], domain, sign_order(orders[at % 20].replace(maker=stranger.address), domain, stranger).signature
                        )
                        problems.append("a stranger's signature was good")
                    except VerificationFailed:
                        pass
        except BaseException as error:
            problems.append(error)
            raise

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=hammer, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert problems == []


# What strangers can leave in the caches.


@pytest.mark.parametrize("count", [40, 98])
def test_strangers_cannot_fill_the_memory_through_the_caches(count: int) -> None:
    """Each document was small, and kept megabytes of type strings with its schema: 256 of them kept gigabytes."""
    import tracemalloc

    def read(number: int) -> None:
        filling = f"{number:03}".ljust(245, "n")
        assert TypedData.from_json(in_a_ring(count, filling, filling)).signing_hash

    read(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, 5):
            read(number)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 4 * 700_000


# Judging.


@pytest.mark.parametrize("signature", ["0x" + "11" * 64 + "1b", "0x", "0x" + "00" * 65, "0x" + "11" * 65])
@pytest.mark.parametrize("number", [0, 2**53, 2**256 - 1])
def test_orders_with_extreme_numbers_are_judged(number: int, signature: str, order: Order, domain: Domain) -> None:
    """A report looks for the likely mistakes, which scale and shift the numbers beyond their ranges."""
    extreme = order.replace(price=number, quantity=number, incentive=number, deadline=number, nonce=number, exchange=number % 2**16)
    text = json.dumps({"typed_data": extreme.to_typed_data(domain).to_json(), "signature": signature})
    for at in (None, 1_700_000_000):
        report = inspect_signed(read_signed(text), at=at)
        assert report.valid is False
        assert json.dumps(report.to_json())
    with pytest.raises(OrdersealError):
        verify_order(extreme, domain, signature_bytes(signature))
    assert inspect_typed_data(extreme.to_typed_data(domain), signature_bytes(signature)).valid is False
