"""The fixtures keep one shape, their substitutions are honest, and nothing personal or secret is in them."""

import copy
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, cast

import pytest

from orderseal import fixtures

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NIL_UUID = "00000000-0000-0000-0000-000000000000"
SAFE_SECRETS = {"", "an example phrase", "buyer@example.invalid", "::ffff:192.0.2.1", NIL_UUID}
"""What may stand in place of a removed value: names, addresses and ids that are reserved and belong to nobody."""
PLACEHOLDERS = {"<access_token>", "<removed: token>", "{API_TOKEN}", "{token}", r"\{\{token\}\}"}
"""What a credential may be in a documented header."""
REMOVED_SHA256 = {
    "3db546c14b393439778357c7d9487e3bdc135b193d62965c82e8942ef6f55299",
    "63725287bd888472acd76f35bd39bc2eb980f4be654f64569337817ac03560ad",
    "75e72ab3071f095045d594129508abd5ff498d2dbca8f9176c29276123d28e48",
    "c4a2993e7fcd708f4c9504b8e256feb603edff5fc6742851830c3d04282fb7b4",
    "f4972428a284228460b5776d206458a5aa9d81ea5ccfa0042479fd23a7e3a6a9",
}
"""Hashes of the webhook tokens and of the secret phrase that were removed, so that this file does not publish them either."""


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


FILES = dict(sorted(_files(files("orderseal.fixtures"))))
TEXTS = {name: file.read_text(encoding="utf-8") for name, file in FILES.items()}
EXCHANGES = [name.removesuffix(".json") for name in FILES if name.endswith(".json") and "/" in name]
SCHEMA: dict[str, Any] = json.loads(TEXTS["exchange.schema.json"])
ERRORS = [
    f"tokenizationtr/{page}-{code}"
    for page in ("buy-on-primary-market", "sell-on-secondary-market")
    for code in (400, 401, 403, 404, 422, 500)
]
DOCUMENTED = {
    "stove/create-order",
    "brokerstr/create-token-by-external-id",
    "tokenizationtr/buy-on-primary-market",
    "tokenizationtr/sell-on-secondary-market",
    "tokenizationtr/sell-on-secondary-market-schema",
    "licenserocks/get-orders",
    "licenserocks/get-orders-one-id",
    "licenserocks/get-orders-three-ids",
    "licenserocks/get-orders-400-not-a-number",
    "licenserocks/get-orders-400-unknown-order",
    "licenserocks/create-orders",
    *ERRORS,
}


# The shape


def test_every_documented_exchange_is_there() -> None:
    assert set(EXCHANGES) == DOCUMENTED


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_follows_the_schema(name: str) -> None:
    assert list(_violations(SCHEMA, fixtures.load(name))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.source.venue", "Nobody"),
        ("$.verbatim.request.method", 1),
        ("$.verbatim.response.status", "200"),
        ("$.verbatim.response.status", True),
        ("$.removed[0].path", "request.body"),
        ("$.usable.surprise", 1),
    ],
)
def test_the_schema_refuses_another_shape(path: str, value: object) -> None:
    exchange = fixtures.load("stove/create-order")
    _put(exchange, path, value)
    assert list(_violations(SCHEMA, exchange)) != []


def test_the_schema_refuses_a_missing_key() -> None:
    exchange = fixtures.load("stove/create-order")
    del exchange["removed"]
    assert list(_violations(SCHEMA, exchange)) == ["$: removed is missing"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_json_has_no_duplicate_member_and_one_layout(name: str) -> None:
    text = TEXTS[f"{name}.json"]

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=members)
    assert text == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_request_goes_to_the_endpoint(name: str) -> None:
    exchange = fixtures.load(name)
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(exchange["endpoint"]["path"]))
    for part in (exchange["verbatim"], exchange["usable"] or exchange["verbatim"]):
        assert part["request"] or part["response"]
        if part["request"]:
            assert part["request"]["method"] == exchange["endpoint"]["method"]
            assert re.fullmatch(pattern, part["request"]["path"])


# Removals and substitutions


@pytest.mark.parametrize("name", EXCHANGES)
def test_usable_is_verbatim_with_exactly_the_substitutions(name: str) -> None:
    exchange = fixtures.load(name)
    paths = [substitution["path"] for substitution in exchange["substitutions"]]
    assert len(set(paths)) == len(paths)
    assert bool(paths) == (exchange["usable"] is not None)
    if not paths:
        return
    expected = copy.deepcopy(exchange["verbatim"])
    for substitution in exchange["substitutions"]:
        path, old, new = substitution["path"], substitution["from"], substitution["to"]
        assert _same(_get(exchange["verbatim"], path), old)
        assert _same(_get(exchange["usable"], path), new)
        assert not _same(old, new)
        _put(expected, path, new)
    assert _same(expected, exchange["usable"])


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_marker_is_listed_and_substituted(name: str) -> None:
    exchange = fixtures.load(name)
    removed = {entry["path"]: entry["what"] for entry in exchange["removed"]}
    markers = {path: value for path, value in _leaves(exchange["verbatim"], "$") if isinstance(value, str) and "<removed" in value}
    assert len(removed) == len(exchange["removed"])
    assert removed.keys() == markers.keys()
    assert removed.keys() <= {substitution["path"] for substitution in exchange["substitutions"]}
    for path, value in markers.items():
        assert value.removeprefix("Bearer ") == f"<removed: {removed[path]}>"


@pytest.mark.parametrize("name", EXCHANGES)
def test_nothing_usable_is_elided(name: str) -> None:
    exchange = fixtures.load(name)
    usable = exchange["usable"] or exchange["verbatim"]
    for path, value in _leaves(usable, "$"):
        if isinstance(value, str):
            assert "<removed" not in value
            assert not re.fullmatch(r"0x[0-9a-f]*\.\.\.|number|string|boolean", value)
            # A description of License.rocks ends in dots of its own; a base and a credential are the caller's.
            assert path.startswith(("$.request.base", "$.request.headers")) or not re.search(r"\{\w+\}|(?<!Beschreibung\.)\.\.\.$", value)


def test_what_was_removed() -> None:
    counts = {name: len(fixtures.load(name)["removed"]) for name in EXCHANGES}
    assert {name: count for name, count in counts.items() if count} == {
        "licenserocks/create-orders": 2,
        "licenserocks/get-orders": 10,
        "stove/create-order": 1,
    }


# Nothing personal, nothing secret


@pytest.mark.parametrize("name", FILES)
def test_no_e_mail(name: str) -> None:
    found = re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", TEXTS[name])
    assert set(found) <= {"buyer@example.invalid"}


@pytest.mark.parametrize("name", FILES)
def test_no_ip_address(name: str) -> None:
    """Addresses reserved for documentation are allowed; version numbers have fewer parts, and a time of day is no address."""
    allowed = ipaddress.ip_network("192.0.2.0/24")
    for candidate in re.findall(r"(?<![\d.])(?:\d+\.){3}\d+(?!\.?\d)|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*", TEXTS[name]):
        try:
            address = ipaddress.ip_address(candidate.rstrip("."))
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address):
            assert address.ipv4_mapped is not None, candidate
            address = address.ipv4_mapped
        assert address in allowed, candidate


@pytest.mark.parametrize("name", FILES)
def test_no_token(name: str) -> None:
    assert not re.search(r"eyJ[\w-]{4,}", TEXTS[name])


@pytest.mark.parametrize("name", FILES)
def test_no_removed_value_under_any_name(name: str) -> None:
    words = set(re.findall(r"[\w-]+", TEXTS[name]))
    assert not {hashlib.sha256(word.encode()).hexdigest() for word in words} & REMOVED_SHA256


@pytest.mark.parametrize("name", EXCHANGES)
def test_secret_members_hold_a_marker_or_a_value_of_nobody(name: str) -> None:
    for path, value in _leaves(fixtures.load(name), "$"):
        if re.search(r"\.(email|ipAddress|secupayWebhookToken|secretPhrase)$", path):
            assert value is None or value in SAFE_SECRETS or re.fullmatch(r"<removed: [\w -]+>", str(value)), path
        if re.search(r"(?i)\.(authorization|x-api-key|cookie)$", path):
            assert str(value).removeprefix("Bearer ") in PLACEHOLDERS, path


# Values whose form matters


def test_documented_forms_survive() -> None:
    assert '"value": 0.00044000000000000007,' in TEXTS["brokerstr/create-token-by-external-id.json"]
    assert '"priceEths": "13.422818791946309"' in TEXTS["licenserocks/get-orders.json"]
    assert '"priceWei": "13422818791946309000"' in TEXTS["licenserocks/get-orders.json"]
    assert '"city": "Toruń"' in TEXTS["licenserocks/create-orders.json"]


def test_the_abi_is_a_string_that_holds_json() -> None:
    abi = fixtures.load("brokerstr/create-token-by-external-id")["verbatim"]["response"]["body"]["integration"]["abi"]
    assert isinstance(abi, str)
    entries = json.loads(abi)
    assert json.dumps(entries, separators=(",", ":")) == abi
    assert [entry["name"] for entry in entries if entry["type"] == "event"] == [
        "ListEvent",
        "ListingBuyEvent",
        "ListingDelistEvent",
        "ListingUpdateEvent",
    ]
    assert [entry["name"] for entry in entries if entry["type"] == "function"] == [
        "buy",
        "delist",
        "list",
        "update",
        "viewCanHaveMaxAmount",
        "viewListing",
        "viewUserCanBuy",
    ]
    assert len(entries) == 11


def test_usable_signatures_are_well_formed() -> None:
    found: list[str] = []
    for name in EXCHANGES:
        usable = fixtures.load(name)["usable"]
        found += [value for path, value in _leaves(usable, "$") if path.endswith(".signature")]
    assert len(found) == 2
    for text in found:
        signature = bytes.fromhex(text.removeprefix("0x"))
        assert len(signature) == 65
        assert 0 < int.from_bytes(signature[:32]) < SECP256K1_ORDER
        assert 0 < int.from_bytes(signature[32:64]) <= SECP256K1_ORDER // 2
        assert signature[64] in (27, 28)


def test_the_usable_order_hash_is_32_bytes() -> None:
    order_hash = fixtures.load("stove/create-order")["usable"]["response"]["body"]["data"]["order_hash"]
    assert len(bytes.fromhex(order_hash.removeprefix("0x"))) == 32


def test_the_printed_types_become_the_documented_example() -> None:
    schema = fixtures.load("tokenizationtr/sell-on-secondary-market-schema")
    example = fixtures.load("tokenizationtr/sell-on-secondary-market")
    assert schema["usable"]["response"] == example["verbatim"]["response"]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_hold_the_status_of_their_name(name: str) -> None:
    response = fixtures.load(name)["verbatim"]["response"]
    assert response["status"] == int(name[-3:])
    assert isinstance(response["body"]["error"], str)


def test_vectors() -> None:
    lines = TEXTS["vectors/eip712-ethers.jsonl"].removesuffix("\n").split("\n")
    vectors: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(vectors) == 65
    assert len({vector["name"] for vector in vectors}) == 65
    for vector in vectors:
        assert (
            {"name", "typed_data", "encoded", "digest"}
            <= vector.keys()
            <= {"name", "typed_data", "encoded", "digest", "private_key", "signature"}
        )
        assert vector["typed_data"].keys() == {"types", "primaryType", "domain", "message"}
        assert "EIP712Domain" in vector["typed_data"]["types"]
        assert len(bytes.fromhex(vector["digest"].removeprefix("0x"))) == 32
        assert len(bytes.fromhex(vector["encoded"].removeprefix("0x"))) % 32 == 0
    assert [vector["name"] for vector in vectors if "private_key" in vector] == ["EIP712 example"]
    assert "Copyright (c) 2016-2025 Richard Moore" in TEXTS["vectors/README.md"]


# load


@pytest.mark.parametrize(
    "name",
    [
        "",
        "stove",
        "stove/",
        "stove/create-order.json",
        "stove/none",
        "/stove/create-order",
        "./stove/create-order",
        "stove/../stove/create-order",
        "../pyproject",
        "stove\\create-order",
        "exchange.schema",
        "vectors/eip712-ethers",
    ],
)
def test_load_refuses_what_is_not_a_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"there are: .*stove/create-order") as raised:
        fixtures.load(name)
    assert repr(name) in str(raised.value)


def test_load_returns_a_new_value_each_time() -> None:
    first = fixtures.load("stove/create-order")
    first["source"].clear()
    assert fixtures.load("stove/create-order")["source"]["venue"] == "Stove"


def test_the_readme_names_every_folder() -> None:
    for name in EXCHANGES:
        assert f"`{name.partition('/')[0]}/`" in TEXTS["README.md"]


# Helpers


def _steps(path: str) -> list[str | int]:
    assert path.startswith("$")
    return [int(index) if index else key for key, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", path)]


def _get(value: Any, path: str) -> Any:
    for step in _steps(path):
        value = value[step]
    return value


def _put(value: Any, path: str, new: object) -> None:
    *steps, last = _steps(path)
    for step in steps:
        value = value[step]
    value[last] = new


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _same(left: object, right: object) -> bool:
    """Equal as JSON text: ``1`` is not ``1.0`` and not ``true``, and the order of members counts."""
    return json.dumps(left) == json.dumps(right)


JSON_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}


def _violations(schema: dict[str, Any], value: Any, path: str = "$") -> Iterator[str]:
    """Check by the few JSON Schema keywords that ``exchange.schema.json`` uses; another keyword is an error of the schema."""
    for keyword, argument in schema.items():
        match keyword:
            case "$ref":
                yield from _violations(SCHEMA["$defs"][argument.removeprefix("#/$defs/")], value, path)
            case "anyOf":
                if all(any(_violations(option, value, path)) for option in argument):
                    yield f"{path}: no option fits"
            case "enum":
                if value not in argument:
                    yield f"{path}: {value!r} is not one of {argument}"
            case "type":
                if not isinstance(value, JSON_TYPES[argument]) or isinstance(value, bool):
                    yield f"{path}: not of type {argument}"
            case "pattern":
                if isinstance(value, str) and not re.search(argument, value):
                    yield f"{path}: {value!r} does not match {argument}"
            case "minimum":
                if isinstance(value, int) and value < argument:
                    yield f"{path}: below {argument}"
            case "maximum":
                if isinstance(value, int) and value > argument:
                    yield f"{path}: above {argument}"
            case "required":
                yield from (f"{path}: {key} is missing" for key in argument if isinstance(value, dict) and key not in value)
            case "additionalProperties":
                if isinstance(value, dict):
                    for key in cast("dict[str, Any]", value).keys() - schema.get("properties", {}).keys():
                        if argument is False:
                            yield f"{path}: {key} is unknown"
                        else:
                            yield from _violations(argument, value[key], f"{path}.{key}")
            case "properties":
                if isinstance(value, dict):
                    for key in argument.keys() & cast("dict[str, Any]", value).keys():
                        yield from _violations(argument[key], value[key], f"{path}.{key}")
            case "items":
                if isinstance(value, list):
                    for index, item in enumerate(cast("Sequence[Any]", value)):
                        yield from _violations(argument, item, f"{path}[{index}]")
            case "$schema" | "title" | "$defs":
                pass
            case _:
                raise AssertionError(f"{path}: the schema uses {keyword}, which this check does not know")
