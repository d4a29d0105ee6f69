"""The table of divergences: on every document of the corpus it says what the real libraries do, and no row is idle."""

import inspect
import json
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderseal.signing import InvalidInput
from orderseal.signing.eip712 import parity as module
from orderseal.signing.eip712.parity import LIBRARIES, TABLE, VERSIONS, Parity, inspect_parity
from orderseal.signing.eip712.parity.document import MAX_CHARACTERS

ROOT = Path(__file__).resolve().parents[2]
LINES = files("orderseal.fixtures").joinpath("parity/documents.jsonl").read_text("utf-8").splitlines()
CORPUS: dict[str, str] = {entry["name"]: entry["document"] for entry in map(json.loads, LINES)}
NO_TEXT = {"not_utf8", "too_long"}
"""Rows for what is no document in a corpus of texts; each has a test of its own."""

GOOD: dict[str, Any] = {
    "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "M": [{"name": "a", "type": "uint256[]"}]},
    "primaryType": "M",
    "domain": {"name": "Shop"},
    "message": {"a": [1]},
}


@pytest.fixture(scope="module")
def judged(libraries: Any, verdicts: Any) -> dict[str, tuple[Parity, dict[str, str]]]:
    """For each document of the corpus what the table says, and what each library really does."""
    result = {}
    for (name, text), answer in zip(CORPUS.items(), libraries(list(CORPUS.values())), strict=True):
        said = inspect_parity(text)
        result[name] = (said, {library: verdicts(said, outcome) for library, outcome in answer.items()})
    return result


def test_the_corpus_is_large_and_each_document_has_its_own_name() -> None:
    assert len(CORPUS) == len(LINES)
    assert len(set(CORPUS.values())) == len(LINES) >= 450


def test_what_the_table_says_is_what_the_libraries_do(judged: Any) -> None:
    wrong = [
        f"{name}: {outcome.library} {live[outcome.library]}, the table says {outcome.verdict} because of {', '.join(outcome.because)}"
        for name, (said, live) in judged.items()
        for outcome in said.outcomes
        if outcome.verdict not in ("unknown", live[outcome.library])
    ]
    assert not wrong, f"{len(wrong)} predictions are wrong:\n" + "\n".join(wrong)


def test_the_table_knows_nearly_all_of_the_corpus(judged: Any) -> None:
    unknown = [
        (name, outcome.library) for name, (said, _live) in judged.items() for outcome in said.outcomes if outcome.verdict == "unknown"
    ]
    assert len({name for name, _library in unknown}) <= 16
    for name, library in unknown:
        said = judged[name][0]
        (outcome,) = (outcome for outcome in said.outcomes if outcome.library == library)
        assert all(TABLE[code].effects[library] == "unknown" for code in outcome.because), name


def test_no_row_is_idle(judged: Any) -> None:
    met = {found.code for said, _live in judged.values() for found in said.divergences}
    assert set(TABLE) - met == NO_TEXT


def test_every_effect_of_every_row_is_seen_live(judged: Any) -> None:
    """For each row and library there is a document where the library reads the place, and no other row would explain what it then does."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for said, live in judged.values():
        by_library = {library: [found.code for found in said.divergences if library in found.effects] for library in LIBRARIES}
        for library, codes in by_library.items():
            effects = {code: TABLE[code].effects[library] for code in set(codes)}
            for code, effect in effects.items():
                others = {other for place, other in effects.items() if place != code}
                if effect == "refuses" and "refuses" not in others:
                    seen[code, library].add("refuses" if live[library] == "refuses" else "wrong")
                elif effect in ("accepts", "same", "other") and "refuses" not in others and "unknown" not in others:
                    seen[code, library].add("wrong" if live[library] == "refuses" else effect)
    assert not [place for place, words in seen.items() if "wrong" in words]
    refusing = {(code, library) for code, row in TABLE.items() for library, effect in row.effects.items() if effect in ("refuses", "other")}
    idle = sorted(place for place in refusing if place not in seen)
    assert not idle, "\n".join(map(str, idle))


def test_each_rejection_of_ours_names_who_accepts(judged: Any) -> None:
    """Where we refuse and the table names a library that accepts, it does give a digest."""
    accepted: dict[str, set[str]] = defaultdict(set)
    for said, live in judged.values():
        for outcome in said.outcomes:
            if outcome.verdict == "accepts":
                assert said.signing_hash is None
                assert live[outcome.library] == "accepts"
                for code in outcome.because:
                    accepted[code].add(outcome.library)
    claimed = {code: {library for library, effect in row.effects.items() if effect == "accepts"} for code, row in TABLE.items()}
    never = {code: sorted(missing) for code, wanted in claimed.items() if (missing := wanted - accepted[code])}
    assert never == {}


def test_the_versions_are_those_that_the_tests_use(javascript: Any) -> None:
    pinned = json.loads((ROOT / "tests/oracle/package.json").read_text("utf-8"))["dependencies"]
    assert {"eth-account": version("eth-account"), **{name.removeprefix("@metamask/"): v for name, v in pinned.items()}} == dict(VERSIONS)
    installed = subprocess.run(
        ["node", str(ROOT / "tests/oracle/oracle.mjs"), "--versions"], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(installed.stdout) == {name: number for name, number in VERSIONS.items() if name != "eth-account"}


# Hostile documents


def deep(levels: int) -> str:
    return json.dumps({**GOOD, "message": {"a": "@"}}).replace('"@"', "[" * levels + "]" * levels)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfe{}", "not_utf8"),
        (json.dumps({**GOOD, "message": {"a": [1] * 30_000}}), "too_long"),
        (json.dumps(GOOD) + " " * MAX_CHARACTERS, "too_long"),
        ("[" * 900_000, "too_deep"),
        ("[" * 5_000_000, "too_long"),
        ('{"a":' * 100_000, "too_deep"),
        (deep(1000), "too_deep"),
        (json.dumps({"types": {f"S{i}": [{"name": "x", "type": "bool"}] for i in range(501)}}), "too_many_types"),
    ],
    ids=["bytes", "many values", "long", "brackets", "very many", "objects", "deep", "many structs"],
)
def test_beyond_the_limits_nothing_is_guessed(data: bytes | str, code: str) -> None:
    said = inspect_parity(data)
    assert code in {found.code for found in said.divergences}
    assert {outcome.verdict for outcome in said.outcomes} <= {"unknown", "refuses"}
    assert any(outcome.verdict == "unknown" for outcome in said.outcomes)


def test_a_document_at_the_edge_of_the_limits_is_still_judged() -> None:
    said = inspect_parity(json.dumps({**GOOD, "message": {"a": [1] * 19_000}}))
    assert said.agreed


def test_few_places_of_many_are_kept() -> None:
    said = inspect_parity(json.dumps({**GOOD, "message": {"a": ["+1"] * 1000}}))
    assert [found.path for found in said.divergences] == [f"message.a[{index}]" for index in range(20)]
    assert {outcome.verdict for outcome in said.outcomes} == {"accepts"}


@pytest.mark.parametrize(
    "junk",
    ["", "null", "[]", "0", '"x"', "{}", '{"types":[]}', '{"types":{"M":[[]]}}', '{"types":{"M":[{"name":[],"type":{}}]}}', "\ud800"],
)
def test_junk_is_an_answer_and_no_error(junk: str) -> None:
    said = inspect_parity(junk)
    assert said.signing_hash is None
    assert said.refusal is not None
    assert not said.agreed


WORDS = st.sampled_from(
    [
        "EIP712Domain",
        "M",
        "name",
        "type",
        "a",
        "",
        "uint256",
        "M[]",
        "M[2]",
        "bool",
        "uint",
        "bytes4",
        "string[]",
        "[",
        "]",
        "toString",
        "$",
        "\ud800",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**300), 2**300) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.lists(st.fixed_dictionaries({"name": WORDS, "type": WORDS}) | JSON, max_size=3)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(WORDS, MEMBERS | JSON, max_size=3) | JSON, WORDS | JSON, JSON, JSON, st.integers(0, 3))
def test_nothing_but_an_answer_comes_of_anything(types: Any, primary_type: Any, domain: Any, message: Any, cut: int) -> None:
    text = json.dumps({"types": types, "primaryType": primary_type, "domain": domain, "message": message})
    said = inspect_parity(text[: len(text) - cut])
    assert (said.signing_hash is None) != (said.refusal is None)
    assert [outcome.library for outcome in said.outcomes] == list(LIBRARIES)


def test_what_is_no_text_is_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="document: expected JSON text"):
        inspect_parity(GOOD)  # type: ignore[arg-type]


def test_bytes_and_text_are_one() -> None:
    for text in list(CORPUS.values())[::10]:
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            continue
        one, other = inspect_parity(raw), inspect_parity(text)
        assert (one.signing_hash, one.outcomes, one.divergences) == (other.signing_hash, other.outcomes, other.divergences)


def test_no_library_is_loaded() -> None:
    program = (
        "import sys; from orderseal.signing.eip712.parity import inspect_parity; inspect_parity('{}')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('eth_account', 'eth_abi', 'eth_utils', 'subprocess')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_every_public_thing_has_a_docstring() -> None:
    for name in module.__all__:
        item = getattr(module, name)
        if inspect.isclass(item) or inspect.isfunction(item):
            assert (item.__doc__ or "").strip(), name
