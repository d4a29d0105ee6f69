"""The quick ways to read are the strict one: short cuts and caches change no meaning, whatever was read before.

The plain way parses the whole text with :func:`read_json` and gives it, with cold caches, to the engine.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from orderseal.signing import DEFAULT_LIMITS, Domain, InvalidInput, Limits, TypedData, read_json, read_signed
from orderseal.signing.eip712 import document as document_module
from orderseal.signing.eip712.schema import Schema
from orderseal.signing.signed import _item
from orderseal.signing.strict_json import read_object
from orderseal.signing.values import address_of_text

SETTINGS = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
SIGNATURE = '"0x' + "11" * 64 + '1b"'

Outcome = tuple[str, Any]


def forget() -> None:
    """Make every cache cold."""
    document_module._recent = ()
    caches: list[Any] = [Schema._cached, Domain._cached, address_of_text]
    for cached in caches:
        cached.cache_clear()


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    """No test leaves anything to another."""
    forget()
    yield
    forget()


def outcome(read: Callable[[], TypedData]) -> Outcome:
    try:
        made = read()
    except InvalidInput as error:
        return "refused", str(error)
    return str(made.signing_hash), made.to_json()


def quickly(text: str | bytes) -> Outcome:
    return outcome(lambda: TypedData.from_json(text))


def within(text: str) -> Outcome:
    """Read the document as a part of a signed item."""

    def read() -> TypedData:
        content = read_signed(f'{{"signature":{SIGNATURE},"typed_data":{text}}}').content
        assert isinstance(content, TypedData)
        return content

    kind, rest = outcome(read)
    return kind, rest.replace("typed_data.", "", 1) if isinstance(rest, str) else rest


def plainly(text: str | bytes) -> Outcome:
    forget()
    return outcome(lambda: TypedData._from_object(read_json(text), DEFAULT_LIMITS))


def hold_equal(texts: Sequence[str]) -> list[Outcome]:
    """Read texts one after the other, and again, as text, as bytes and within an item, and plainly; give what came of each."""
    expected = [plainly(text) for text in texts]
    forget()
    for text, plain in zip([*texts, *reversed(texts)], [*expected, *reversed(expected)], strict=True):
        assert quickly(text) == plain
        if not any("\ud800" <= character <= "\udfff" for character in text):
            assert quickly(text.encode()) == plain
        if plain[0] != "refused":
            assert within(text) == plain
        else:
            assert within(text)[0] == "refused"
    return expected


# JSON text in all its forms.

PLAIN_KEYS = st.sampled_from(["types", "primaryType", "domain", "message", "a", "b_c", "Z"])
ODD_KEYS = st.text(max_size=4) | st.sampled_from(["a1", "", "$", "é", "typ\\", '"', "\ud800"])
SPACES = st.text(" \t\r\n", max_size=3)
ODD_SPACES = SPACES | st.sampled_from(["\v", "\u00a0", "\ufeff", "//", "\0"])
ODD_NUMBERS = ["0", "-0", "1", "-1", "1.0", "1e3", "1E-400", "1e400", "00", "01", "+1", ".5", "1.", "0x1", "1e", "1_0"]
LARGE_NUMBERS = ["9007199254740991", "9007199254740992", "-9007199254740991", "-9007199254740992", "1" * 40, "1" + "0" * 4400]
WORDS = ["NaN", "Infinity", "-Infinity"]
NUMBERS = st.sampled_from(ODD_NUMBERS + LARGE_NUMBERS + WORDS)
CHARACTERS = st.sampled_from(
    ["a", "é", "😀", ",", ":", "{", "}", "[", "]", " ", "\\n", '\\"', "\\\\", "\\/", "\\u0061", "\\u0000", "\\ud800"]
)
ODD_CHARACTERS = CHARACTERS | st.sampled_from(["\\ud83d\\ude00", "\\x", "\\u12", "\n", "\0", "\ud800", "\u2028", "'", "\x7f"])


@st.composite
def json_texts(draw: st.DrawFn, *, odd: bool, depth: int = 0) -> str:
    """A JSON value as text. With ``odd`` it may be none, in one of the ways that readers differ in."""
    spaces, keys = (ODD_SPACES, PLAIN_KEYS | ODD_KEYS) if odd and draw(st.integers(0, 9)) == 0 else (SPACES, PLAIN_KEYS)
    kind = draw(st.integers(0, 6 if depth < 4 else 3))
    if kind == 0:
        return draw(NUMBERS if odd else st.integers(-(2**53) + 1, 2**53 - 1).map(str))
    if kind == 1:
        return draw(st.sampled_from(["true", "false", "null", *(["True", "nul", ""] if odd else [])]))
    if kind in (2, 3):
        return '"' + "".join(draw(st.lists(ODD_CHARACTERS if odd else CHARACTERS, max_size=6))) + '"'
    items = draw(st.lists(json_texts(odd=odd, depth=depth + 1), max_size=4))
    if kind == 4:
        return (
            "["
            + draw(spaces)
            + ",".join(draw(spaces) + item + draw(spaces) for item in items)
            + ("," if odd and draw(st.integers(0, 29)) == 0 else "")
            + "]"
        )
    return (
        "{"
        + draw(spaces)
        + ",".join(f"{draw(spaces)}{json.dumps(draw(keys))}{draw(spaces)}:{draw(spaces)}{item}{draw(spaces)}" for item in items)
        + "}"
    )


def read_whole(text: str) -> Any:
    """The object that the quick reader makes of the whole text, or ``None``."""
    read = read_object(text, lambda _key, _text, _start: None)
    return None if read is None or read[1] != len(text) else {key: value for key, (value, _start, _end) in read[0].items()}


def exact(value: Any) -> Any:
    """A form in which ``1``, ``True``, ``"1"`` and the number ``1.0`` are all different, and the order of keys counts."""
    if isinstance(value, dict):
        return "object", [(key, exact(item)) for key, item in value.items()]
    return ("array", [exact(item) for item in value]) if isinstance(value, list) else (type(value).__name__, value)


@given(json_texts(odd=True))
@example('{"a":1,"a":1}')
@example('{"a":{"b":1,"b":1}}')
@example('{"a":1}x')
@example('{"a":1,}')
@example('{"a":1}\u00a0')
@example('{"a":NaN}')
@example('{"\\u0061":1}')
@example("{}")
@settings(SETTINGS, max_examples=250)
def test_what_the_quick_reader_reads_the_strict_one_reads_alike(text: str) -> None:
    quick = read_whole(text)
    if quick is None:
        return
    assert exact(quick) == exact(read_json(text))
    read = read_object(text, lambda _key, _text, _start: None)
    assert read is not None
    for value, start, end in read[0].values():
        assert exact(read_json(text[start:end])) == exact(value)


@given(
    st.lists(st.tuples(PLAIN_KEYS, json_texts(odd=False)), min_size=1, max_size=5, unique_by=lambda pair: pair[0]),
    st.lists(SPACES, min_size=5, max_size=5),
)
@settings(SETTINGS, max_examples=80)
def test_the_quick_reader_reads_every_regular_object(members: list[tuple[str, str]], spaces: list[str]) -> None:
    """Without this the other tests could pass with a quick reader that reads nothing."""
    one, two, three, four, five = spaces
    text = one + "{" + ",".join(f'{two}"{key}"{three}:{four}{value}{five}' for key, value in members) + "}" + one
    try:
        expected = read_json(text)
    except InvalidInput:
        with pytest.raises(InvalidInput, match="each key once"):
            read_json(text)
        assert read_whole(text) is None
        return
    assert exact(read_whole(text)) == exact(expected)
    at = len(one) + 7
    shifted = read_object("[,] 1:\n" + text + ",1", lambda _key, _text, _start: None, at - len(one))
    assert shifted is not None
    assert shifted[1] == 7 + len(text)


@given(json_texts(odd=True), json_texts(odd=True))
@settings(SETTINGS, max_examples=80)
def test_a_value_that_is_recalled_stands_where_it_stood(value: str, rest: str) -> None:
    """``recall`` gives a value and its end; what follows is read as if the value had been parsed."""
    text = f'{{"a":{value},"b":{rest}}}'
    plain = read_whole(text)
    assume(plain is not None)
    read = read_object(text, lambda key, _text, start: ("recalled", start + len(value)) if key == "a" else None)
    assert read is not None
    assert read[0]["a"] == ("recalled", 5, 5 + len(value))
    assert exact(read[0]["b"][0]) == exact(plain["b"])
    assert read[1] == len(text)


# Documents.

MEMBER_TYPES = {
    "uint8": ["1", '"1"', '"0x1"', "true", "1.0", "256"],
    "string": ['"1"', "1", '"\\u0031"', "null"],
    "bool": ["true", "1", '"true"'],
}


@st.composite
def document_texts(draw: st.DrawFn) -> str:
    """A document, good or not, in few words: so that two of them share much."""
    space = draw(st.sampled_from(["", " ", "\n  "]))
    members = draw(
        st.lists(st.tuples(st.sampled_from(["a", "b", "a,b", "name"]), st.sampled_from(sorted(MEMBER_TYPES))), min_size=1, max_size=3)
    )
    declared = ",".join(f'{{"name":{space}"{name}","type":"{type_}"}}' for name, type_ in members)
    standard = draw(st.lists(st.sampled_from(["name", "version", "chainId"]), min_size=1, max_size=2))
    of_domain = ",".join(f'{{"name":"{name}","type":"{"uint256" if name == "chainId" else "string"}"}}' for name in standard)
    structs = [
        f'"EIP712Domain":[{of_domain}]',
        f'"T":{space}[{declared}]',
        *draw(st.lists(st.sampled_from(['"S":[]', '"T":[]', '"S":[{"name":"a","type":"bool"}]']), max_size=1)),
    ]
    values = {"name": ['"x"', "1", '"1"'], "version": ['"1"', "1"], "chainId": ["1", '"1"', "true", "1.0", '"0x1"', "-0"]}
    domain = ",".join(f'"{name}":{draw(st.sampled_from(values[name]))}' for name in draw(st.permutations(standard)))
    message = ",".join(f'"{name}":{draw(st.sampled_from(MEMBER_TYPES[type_]))}' for name, type_ in members)
    parts = [
        f'"types":{space}{{{",".join(draw(st.permutations(structs)))}}}',
        '"primaryType":"T"',
        f'"domain":{{{domain}}}',
        f'"message":{{{message}}}',
    ]
    text = "{" + f"{space},".join(draw(st.permutations(parts))) + "}"
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(['"', ",", ":", "}", "]", " ", "1", "\\", "\\u0061", '"a":1,', "", "\ufeff"]))
            + text[at + draw(st.integers(0, 2)) :]
        )
    return text


@given(st.lists(document_texts(), min_size=1, max_size=4))
@settings(SETTINGS, max_examples=120)
def test_documents_mean_the_same_after_any_other_documents(texts: list[str]) -> None:
    hold_equal(texts)


def text_of(types: str, *, domain: str = '{"name":"x"}', message: str = '{"v":1}', primary: str = '"T"') -> str:
    return f'{{"types":{types},"primaryType":{primary},"domain":{domain},"message":{message}}}'


DOMAIN_TYPE = '"EIP712Domain":[{"name":"name","type":"string"}]'
TYPES = f'{{{DOMAIN_TYPE},"T":[{{"name":"v","type":"uint8"}}]}}'


def test_every_vector_is_read_alike_both_ways(vectors: list[dict[str, Any]]) -> None:
    texts = [json.dumps(vector["typed_data"], indent=indent) for vector in vectors for indent in (None, 1)]
    assert all(kind != "refused" for kind, _rest in hold_equal(texts))


@pytest.mark.parametrize(
    "types",
    [
        TYPES.replace('"name":"v"', '"name":"v","name":"v"'),
        TYPES.replace('"name":"v"', '"name":"w","name":"v"'),
        TYPES.replace('"type":"uint8"', '"type":"string","type":"uint8"'),
        TYPES.replace('"T":', '"T":[],"T":'),
        TYPES.replace('"T":', '"T":[{"name":"v","type":"bool"}],"T":'),
        TYPES.replace(DOMAIN_TYPE, f"{DOMAIN_TYPE},{DOMAIN_TYPE}"),
        TYPES.replace('"name":"name"', '"name":"version","name":"name"'),
        TYPES.replace('"type":"string"', '"type":"string","typ\\u0065":"string"'),
        TYPES.replace('"type":"uint8"', '"type":"uint8","extra":1'),
        TYPES.replace('"type":"string"', '"type":"string","extra":{"a":1,"a":1}'),
        TYPES.replace('"type":"string"', '"type":"string","extra":":"'),
        TYPES.replace('"T":', '"S:":[],"T":'),
        TYPES.replace('"T":', '"S":NaN,"T":'),
        TYPES.replace('"T":', '"S":[1.0],"T":'),
        TYPES.replace('"T":', '"S":[{"name":1e5,"type":"bool"}],"T":'),
        TYPES.replace('"T":', f'"S":[{{"name":"a","type":{"1" * 5000}}}],"T":'),
        TYPES.replace('[{"name":"name","type":"string"}]', '[{"name":"name","type":"string"},{"name":"name","type":"string"}]'),
        TYPES.replace('[{"name":"name","type":"string"}]', '{"name":"name","type":"string"}'),
        TYPES.replace('[{"name":"name","type":"string"}]', '[{"a":{"b":1,"b":2}}]'),
        TYPES.replace('[{"name":"name","type":"string"}]', '[["name","string"]]'),
        TYPES.replace('[{"name":"name","type":"string"}]', "[]"),
        TYPES.replace('[{"name":"name","type":"string"}]', "null"),
        TYPES.replace("}]}", "}],}"),
        TYPES.replace("}]}", "}]"),
        "{}",
        "[]",
        "1",
        "null",
        '"types"',
        "NaN",
        TYPES[:-3] + "xxx",
        TYPES[:-1] + "]",
        TYPES[:-2] + "}}",
        TYPES[:-1] + " ",
        TYPES + "}",
        TYPES[:-1],
        TYPES[1:],
    ],
)
def test_types_that_are_nearly_good_are_refused_whatever_stands_in_the_cache(types: str) -> None:
    """Their objects are read without a look at their keys at first."""
    good = text_of(TYPES)
    refused, _, again = hold_equal([text_of(types), good, text_of(types)])
    assert refused == again
    assert refused[0] == "refused"


@pytest.mark.parametrize(
    "types",
    [
        TYPES.replace(":", " : "),
        TYPES.replace("{", "{ "),
        TYPES.replace('"name":"v","type":"uint8"', '"type":"uint8","name":"v"'),
        TYPES.replace('"name"', '"n\\u0061me"'),
        TYPES.replace('"uint8"', '"uint\\u0038"'),
        f'{{"T":[{{"name":"v","type":"uint8"}}],{DOMAIN_TYPE}}}',
        TYPES[:-1] + ',"S":[{"name":"v","type":"uint8"}]}',
    ],
)
def test_types_in_other_words_have_the_same_meaning(types: str) -> None:
    (first, _), (second, _), (third, _) = hold_equal([text_of(TYPES), text_of(types), text_of(TYPES)])
    assert first == second == third != "refused"


def test_types_that_differ_in_one_letter_are_not_confused() -> None:
    texts = [text_of(TYPES.replace("uint8", type_)) for type_ in ("uint8", "uint16", "int8", "uint80", "uint88")]
    texts += [text_of(TYPES.replace('"T"', f'"{name}"'), primary=f'"{name}"') for name in ("t", "T_", "TT")]
    texts += [text_of(TYPES.replace('"v"', f'"{name}"'), message=f'{{"{name}":1}}') for name in ("V", "v_", "vv")]
    digests = [digest for digest, _ in hold_equal(texts)]
    assert len(set(digests)) == len(texts)
    assert "refused" not in digests


CHAIN_TYPES = TYPES.replace('"name":"name","type":"string"', '"name":"chainId","type":"uint256"')
CHAINS = ["1", '"1"', '"0x1"', "true", "1.0", "1e0", '"01"', "-1", "[1]", "null", '""', '" 1"', "0", "false", '"0"', "-0", "2", '{"a":1}']


def test_the_text_of_known_types_elsewhere_in_a_document_is_not_its_types() -> None:
    """Here it is the message."""
    other = (
        f'{{{DOMAIN_TYPE},"M":[{{"name":"EIP712Domain","type":"N[]"}},{{"name":"T","type":"N[]"}}],'
        '"N":[{"name":"name","type":"string"},{"name":"type","type":"string"}]}'
    )
    known = TYPES[:-1].ljust(len(other) - 1) + "}"
    results = hold_equal([text_of(known), text_of(other, message=known, primary='"M"'), text_of(known)])
    assert all(kind != "refused" for kind, _rest in results)
    assert len({kind for kind, _rest in results}) == 2


@pytest.mark.parametrize("rest", ["x", "}", ",", "{}", '"', "\0", "\ufeff", "\u00a0", "//", " 1", "\n\v"])
def test_what_follows_a_good_document_makes_it_bad(rest: str) -> None:
    good = text_of(TYPES)
    results = hold_equal([good, good + rest, good + " \t\r\n"])
    assert [kind == "refused" for kind, _said in results] == [False, True, False]
    item = f'{{"typed_data":{good},"signature":{SIGNATURE}}}'
    for _ in range(2):
        assert read_signed(item + " \n").content == TypedData.from_json(good)
        with pytest.raises(InvalidInput, match="expected JSON"):
            read_signed(item + rest)


@pytest.mark.parametrize("digits", ["0", "1", *map(str, (2**53 - 1, 2**53, 2**53 + 1, 10**15, 10**16, 10**17, 2**64)), "1" + "0" * 4400])
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_that_javascript_would_round_come_back_as_their_text(digits: str, sign: str) -> None:
    text = sign + digits
    found = read_json(text)
    if len(digits) < 18 and int(digits) < 2**53 and text != "-0":
        assert exact(found) == ("int", int(text))
    else:
        assert isinstance(found, str)
        assert str(found) == text
    assert exact(read_whole(f'{{"a":{text}}}')) == exact({"a": found})


def test_values_of_the_domain_that_are_equal_in_python_are_not_confused() -> None:
    texts = [text_of(CHAIN_TYPES, domain=f'{{"chainId":{value}}}') for value in CHAINS]
    digests = dict(zip(CHAINS, [digest for digest, _ in hold_equal(texts)], strict=True))
    assert digests["1"] == digests['"1"'] == digests['"0x1"'] != digests["2"]
    assert digests["0"] == digests['"0"'] not in ("refused", digests["1"])
    assert {digest for value, digest in digests.items() if value not in ("1", '"1"', '"0x1"', "0", '"0"', "2")} == {"refused"}


@pytest.mark.parametrize("order", list(itertools.permutations(["1", "true", '"1"', "1.0"]))[::3])
@pytest.mark.parametrize("type_", ["uint8", "string", "bool"])
def test_values_of_the_message_that_are_equal_in_python_are_not_confused(type_: str, order: tuple[str, ...]) -> None:
    texts = [text_of(TYPES.replace('"uint8"', f'"{type_}"'), message=f'{{"v":{value}}}') for value in order]
    accepted = {value for value, (kind, _rest) in zip(order, hold_equal(texts), strict=True) if kind != "refused"}
    assert accepted == {"uint8": {"1", '"1"'}, "string": {'"1"'}, "bool": {"true"}}[type_]


@pytest.mark.parametrize("value", [True, 1.0, "1", 1, "01", None])
def test_parsed_objects_and_texts_share_no_wrong_domain(value: Any) -> None:
    """Parsed objects go through the same cache as texts, and may hold what no text can."""
    types = json.loads(CHAIN_TYPES)

    def read(chain_id: Any) -> Outcome:
        return outcome(
            lambda: TypedData.from_json({"types": types, "primaryType": "T", "domain": {"chainId": chain_id}, "message": {"v": 1}})
        )

    class Name(str):
        __slots__ = ()

    forget()
    cold = read(value)
    for other in (1, "1", True, 1.0, "01", None, 2):
        read(other)
        assert read(value) == cold
    assert (cold[0] == "refused") is (type(value) not in (int, str) or value == "01")
    named = {"types": types, "primaryType": "T", "domain": {Name("chainId"): value}, "message": {"v": 1}}
    assert outcome(lambda: TypedData.from_json(named)) == cold


def test_addresses_in_every_spelling_keep_their_own_judgement() -> None:
    good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    spellings = [
        good,
        good.lower(),
        good.upper(),
        "0x" + good[2:].upper(),
        good.swapcase(),
        good[:-1],
        good + "0",
        good.replace("Aeb", "aeb"),
        " " + good,
    ]
    texts = [text_of(TYPES.replace("uint8", "address"), message=f'{{"v":"{spelling}"}}') for spelling in spellings]
    kinds = [kind != "refused" for kind, _rest in hold_equal(texts)]
    assert kinds == [True, True, False, False, False, False, False, False, False]


def test_more_kinds_than_the_caches_hold() -> None:
    texts = [text_of(TYPES.replace('"v"', f'"v{i}"'), message=f'{{"v{i}":{i % 300}}}', domain=f'{{"name":"{i}"}}') for i in range(300)]
    kinds = [kind != "refused" for kind, _rest in hold_equal(texts)]
    assert kinds == [i % 300 < 256 for i in range(300)]


def test_the_quick_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing here would test it: regular text never comes to the plain reader, neither the first nor the second time."""
    from orderseal.signing import signed

    def fail(*_arguments: Any, **_keywords: Any) -> Any:
        raise AssertionError("the plain reader was asked")

    text = text_of(TYPES)
    monkeypatch.setattr(document_module, "read_json", fail)
    monkeypatch.setattr(signed, "read_json", fail)
    for _ in range(2):
        TypedData.from_json(text)
        TypedData.from_json(text.encode(), limits=Limits(values=900))
        assert read_signed(f'{{"typed_data":{text},"signature":{SIGNATURE},"signer":"0x{"ab" * 20}"}}')
    monkeypatch.setattr(Schema, "parse", fail)
    TypedData.from_json(text)
    with pytest.raises(AssertionError):
        TypedData.from_json(text, limits=Limits(values=900))


# Signed items.


@given(
    st.lists(st.sampled_from(["typed_data", "signature", "signer", "order", "extra"]), max_size=4),
    st.lists(document_texts(), min_size=1, max_size=2),
    st.sampled_from([SIGNATURE, '"0x"', '"0x1"', "null", "5", '""']),
    st.sampled_from(["null", f'"0x{"ab" * 20}"', '"x"', "1", "[]"]),
    st.sampled_from(["", " ", "x", "}", ","]),
)
@settings(SETTINGS, max_examples=100)
def test_signed_items_are_read_alike_both_ways(keys: list[str], texts: list[str], signature: str, signer: str, after: str) -> None:
    def item(content: str) -> str:
        values = {"typed_data": content, "signature": signature, "signer": signer, "order": "{}", "extra": "1"}
        return "{" + ",".join(f'"{key}":{values[key]}' for key in keys) + "}" + after

    def read(reader: Callable[[], Any]) -> tuple[str, ...]:
        try:
            found = reader()
        except InvalidInput:
            return ("refused",)
        return str(found.content.signing_hash), found.signature.hex(), str(found.signer)

    for text in (item(each) for each in [*texts, *texts]):
        expected = read(lambda given=text: _item(read_json(given), DEFAULT_LIMITS))  # type: ignore[misc]
        assert read(lambda given=text: read_signed(given)) == expected  # type: ignore[misc]


# What fuzzing found (tools/fuzz_json.py).

FOUND = [
    # The name of a struct stood in the path of an error before anybody had looked at it.
    (text_of('{"EIP712Dom\\u0000ain":[1],' + TYPES[1:]), "expected struct names"),
    (text_of('{"\\u001b[31m":5,' + TYPES[1:]), "expected struct names"),
    (text_of('{"\\ud800":[[]],' + TYPES[1:]), "expected struct names"),
    # The fault of the message was named although the text was no JSON.
    (text_of(TYPES, message='{"v":[]}') + "}", "expected JSON"),
    (text_of(TYPES, message='{"v":[]}') * 2, "expected JSON"),
]


@pytest.mark.parametrize(("text", "says"), FOUND)
def test_what_fuzzing_found(text: str, says: str) -> None:
    ((kind, said),) = hold_equal([text])
    assert kind == "refused"
    assert said.isprintable()
    assert says in said
