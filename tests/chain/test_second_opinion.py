"""Reading as Solidity does beside ethers and viem: two other lenient decoders, each with tolerances of its own.

No Solidity compiler is here. Where both libraries know better than a contract is written out: ethers and viem drop bits outside a type,
on which Solidity's ABI coder v2 reverts, so for data without such bits all three must agree.
"""

import json
import shutil
import subprocess
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chain.cases import Case, cases
from tests.conftest import ORACLE

from orderseal.chain.abi import AbiFunction
from orderseal.signing import Address, InvalidInput

SCRIPT = ORACLE.parent / "chain" / "lenient.mjs"


def ask(questions: list[tuple[list[dict[str, Any]], bytes]]) -> list[dict[str, dict[str, Any]]]:
    lines = "".join(json.dumps({"types": types, "data": "0x" + data.hex()}) + "\n" for types, data in questions)
    command = [shutil.which("node") or "node", str(SCRIPT), str(ORACLE / "package.json")]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Address):
        return str(value).lower()
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if type(value) is int else value


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Case, bytes]:
    """Encodings in which small words, which are lengths, offsets and numbers, are changed, and the end is cut or extended."""
    case = draw(cases(least=1, functions=False))
    body = bytearray(case.function.encode(*case.values)[4:])
    small = [at for at in range(0, len(body) - 31, 32) if 0 < int.from_bytes(body[at : at + 32], "big") < 2**12]
    for _ in range(draw(st.integers(0, 2)) if small else 0):
        at = draw(st.sampled_from(small))
        body[at : at + 32] = (32 * draw(st.integers(0, 8)) + draw(st.sampled_from([0, 0, 0, 1, 5]))).to_bytes(32, "big")
    match draw(st.sampled_from(["as it is", "cut", "extend"])):
        case "cut":
            del body[len(body) - draw(st.integers(0, min(40, len(body) - 1))) :]
        case "extend":
            body += draw(st.binary(max_size=40))
        case _:
            pass
    return case, bytes(body)


def read(f: AbiFunction, body: bytes) -> tuple[Any, str]:
    try:
        value, warnings = f.read(f.selector + body)
    except InvalidInput as error:
        return None, str(error)
    return plain(value), " ".join(str(odd) for odd in warnings)


DIRTY = ("less than 2^", "with its sign", "a bool, 0 or 1", "after 12 zero bytes", "zero bytes, got 0x")


@settings(max_examples=5)
@given(st.lists(mutants(), min_size=60, max_size=120))
def test_what_is_read_is_what_ethers_and_viem_read(javascript: Any, found: list[tuple[Case, bytes]]) -> None:
    answers = ask([(case.inputs, body) for case, body in found])
    for (case, body), answer in zip(found, answers, strict=True):
        value, said = read(case.function, body)
        ethers, viem = answer["ethers"], answer["viem"]
        if value is None:
            # Bits outside a type are dropped by both; the shape of the data none of us may get wrong.
            assert "error" in ethers or any(mark in said for mark in DIRTY), (case, body.hex(), said, ethers)
        else:
            assert ethers.get("value") == value or "UTF-8" in said, (case, body.hex(), value, ethers)
            if "value" in viem and "UTF-8" not in said:
                assert viem["value"] == value, (case, body.hex(), value, viem)


@settings(max_examples=3)
@given(st.lists(cases(least=1, functions=False), min_size=60, max_size=100))
def test_canonical_data_is_read_by_all(javascript: Any, found: list[Case]) -> None:
    answers = ask([(case.inputs, case.function.encode(*case.values)[4:]) for case in found])
    for case, answer in zip(found, answers, strict=True):
        assert answer["ethers"].get("value") == plain(case.values), case
        assert answer["viem"].get("value") == plain(case.values), case
