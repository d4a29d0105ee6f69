"""Declared calls and events: as the pinned ABI has them, compiled equal to the general codec, refused if they contradict themselves."""

import copy
import pickle
from typing import Annotated, Any, ClassVar

import pytest
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector
from hypothesis import given
from hypothesis import strategies as st

from orderseal.chain import erc20, marketplace
from orderseal.chain.abi import Abi, Call, Error, Event, Indexed, RawLog, Record
from orderseal.signing import Address, Hash32, InvalidInput, Sol
from orderseal.signing.sol import address, boolean, bytes4, dynamic_bytes, int16, int256, string, uint8, uint112, uint256

A, B, C = (Address("0x" + pair * 20) for pair in ("a1", "b2", "c3"))

MARKETPLACE: list[Any] = [getattr(marketplace, name) for name in marketplace.__all__ if name not in ("Listing", "marketplace_abi")]
ERC20: list[Any] = [
    getattr(erc20, n) for n in erc20.__all__ if isinstance(getattr(erc20, n), type) and issubclass(getattr(erc20, n), Record)
]


class TestMarketplace:
    def test_the_pinned_abi_is_that_of_the_document(self, integration: dict[str, Any]) -> None:
        """The recipe's string, parsed as it stands, is what the package pins; and the classes are all of it."""
        pinned = marketplace.marketplace_abi()
        assert Abi.parse(integration["abi"]) == pinned
        assert {c.abi.signature for c in MARKETPLACE} == {entry.signature for entry in pinned.functions} | {
            entry.signature for entry in pinned.events
        }
        assert len(MARKETPLACE) == len(pinned.functions) + len(pinned.events) == 11

    @pytest.mark.parametrize("declared", MARKETPLACE)
    def test_each_class_has_the_parameters_of_the_pinned_abi(self, declared: Any) -> None:
        pinned = marketplace.marketplace_abi()
        own = declared.abi
        found = pinned.event(own.name) if issubclass(declared, Event) else pinned.function(own.name)
        assert own.inputs == found.inputs
        if issubclass(declared, Call):
            assert own.outputs == found.outputs  # type: ignore[union-attr]

    def test_selectors_and_topics_are_those_of_an_independent_library(self, integration: dict[str, Any]) -> None:
        import json

        by_name = {c.abi.name: c for c in MARKETPLACE}
        for entry in json.loads(integration["abi"]):
            declared = by_name[entry["name"]]
            if entry["type"] == "event":
                assert bytes(declared.topic) == event_abi_to_log_topic(entry)
            else:
                assert declared.selector == function_abi_to_4byte_selector(entry)

    def test_buy_in_full(self) -> None:
        """Written out by hand from the ABI specification."""
        words = (7).to_bytes(32, "big") + bytes(12) + bytes(A) + bytes(12) + bytes(B)
        buy = marketplace.Buy(amount=7, house_token=A, payment_token=B)
        assert buy.encode() == bytes.fromhex("e753858a") + words
        assert marketplace.Buy.decode(buy.encode()) == buy
        assert marketplace.Buy.decode_return(b"") is None

    def test_a_listing_is_returned(self) -> None:
        data = bytes(12) + A + bytes(12) + B + b"".join([n.to_bytes(32, "big") for n in (440, 1000, 1, 100)])
        listing = marketplace.Listing(token=A, payment_token=B, price=440, token_amount=1000, min_buy_count=1, max_buy_count=100)
        assert marketplace.ViewListing.decode_return(data) == listing
        assert marketplace.ViewListing.read_return(data) == (listing, ())
        value, (odd,) = marketplace.ViewListing.read_return(data + b"\0")
        assert (value, odd.path) == (listing, "return")
        with pytest.raises(InvalidInput) as caught:
            marketplace.ViewListing.decode_return(b"\1" + data[1:])
        assert caught.value.path == "return[0].token"

    def test_views_of_one_value(self) -> None:
        assert marketplace.ViewUserCanBuy.decode_return((1).to_bytes(32, "big")) is True
        assert marketplace.ViewCanHaveMaxAmount.decode_return((5).to_bytes(32, "big")) == 5
        with pytest.raises(InvalidInput):
            marketplace.ViewUserCanBuy.read_return((2).to_bytes(32, "big"))


class TestErc20:
    KNOWN: ClassVar[dict[str, str]] = {
        "Approve": "095ea7b3",
        "Allowance": "dd62ed3e",
        "TransferFrom": "23b872dd",
        "TransferCall": "a9059cbb",
        "BalanceOf": "70a08231",
        "Decimals": "313ce567",
        "Symbol": "95d89b41",
        "Nonces": "7ecebe00",
        "DomainSeparator": "3644e515",
        "Permit": "d505accf",
        "Transfer": "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
        "Approval": "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
    }

    def test_the_well_known_selectors_and_topics(self) -> None:
        found = {c.__name__: (c.topic if issubclass(c, Event) else c.selector).hex() for c in ERC20}
        assert found == self.KNOWN

    def test_what_is_indexed_is_what_the_standard_says(self) -> None:
        assert [p.indexed for p in erc20.Transfer.abi.inputs] == [p.indexed for p in erc20.Approval.abi.inputs] == [True, True, False]

    def test_the_permit_that_is_signed_is_the_standards(self) -> None:
        assert erc20.PermitMessage.type_hash.hex() == "6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9"

    def test_success(self) -> None:
        assert erc20.read_success((1).to_bytes(32, "big")) == (True, ())
        assert erc20.read_success(bytes(32)) == (False, ())
        value, (odd,) = erc20.read_success(b"")
        assert (value, odd.actual) == (True, "nothing, as some tokens do")
        assert erc20.read_success((1).to_bytes(32, "big") + b"x").value is True
        for bad in ((2).to_bytes(32, "big"), bytes(31), b"\1"):
            with pytest.raises(InvalidInput):
                erc20.read_success(bad)

    def test_symbols_of_both_forms(self) -> None:
        modern = (32).to_bytes(32, "big") + (4).to_bytes(32, "big") + b"USDT" + bytes(28)
        assert erc20.read_symbol(modern) == ("USDT", ())
        value, (odd,) = erc20.read_symbol(b"MKR" + bytes(29))
        assert (value, odd.path) == ("MKR", "return")
        assert erc20.read_symbol(b"X" * 32).value == "X" * 32
        for bad in (b"", b"\xff" + bytes(31), bytes(31)):
            with pytest.raises(InvalidInput):
                erc20.read_symbol(bad)

    def test_decimals(self) -> None:
        assert erc20.Decimals.decode_return((77).to_bytes(32, "big")) == 77
        with pytest.raises(InvalidInput):
            erc20.Decimals.read_return((256).to_bytes(32, "big"))


class Leg(Record):
    to: address
    counts: tuple[uint8, ...]


class Flat(Call[tuple[uint112, boolean]], name="flat"):
    a: uint256
    b: int256
    c: int16
    d: boolean
    e: address
    f: bytes4
    g: uint8


class Deep(Call[tuple[Leg, ...]], name="deep"):
    leg: Leg
    pair: tuple[Leg, Leg]
    text: string
    data: Annotated[bytes, Sol("bytes", name="_data")]


class Oops(Error):
    who: address
    how: int16


class Many(Event):
    who: Indexed[address]
    small: Indexed[uint8]
    named: Indexed[Annotated[Hash32, Sol("string")]]
    note: string


class Quiet(Event, anonymous=True):
    flag: Indexed[boolean]
    count: int16


FLAT = st.builds(
    Flat,
    a=st.integers(0, 2**256 - 1),
    b=st.integers(-(2**255), 2**255 - 1),
    c=st.integers(-(2**15), 2**15 - 1),
    d=st.booleans(),
    e=st.binary(min_size=20, max_size=20).map(Address),
    f=st.binary(min_size=4, max_size=4),
    g=st.integers(0, 255),
)
LEGS = st.builds(Leg, to=st.binary(min_size=20, max_size=20).map(Address), counts=st.lists(st.integers(0, 255), max_size=3).map(tuple))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DEEP = st.builds(Deep, leg=LEGS, pair=st.tuples(LEGS, LEGS), text=TEXT, data=st.binary(max_size=40))


@given(FLAT | DEEP)
def test_compiled_and_general_code_are_equal(call: Any) -> None:
    data = call.encode()
    assert data == type(call).abi.encode(*call.abi_values())
    assert type(call).decode(data) == call
    assert type(call).abi.decode(data) == call.abi_values()
    assert type(call).read(data) == (call, ())
    assert pickle.loads(pickle.dumps(call)) == copy.copy(call) == call
    assert hash(type(call).decode(data)) == hash(call)


@given(FLAT, st.data())
def test_compiled_decoding_refuses_what_the_general_one_refuses(call: Flat, data: st.DataObject) -> None:
    found = bytearray(call.encode())
    at = data.draw(st.integers(0, len(found) - 1))
    found[at] ^= data.draw(st.integers(1, 255))
    mutant = bytes(found)

    def outcome(decode: Any) -> Any:
        try:
            made = decode(mutant)
        except InvalidInput as error:
            return str(error)
        return made.abi_values() if isinstance(made, Flat) else made

    assert outcome(Flat.decode) == outcome(Flat.abi.decode)


@pytest.mark.parametrize(
    ("word", "number", "name"),
    [(2, 2**15, "c"), (2, 2**256 - 2**15 - 1, "c"), (3, 2, "d"), (3, 256, "d"), (4, 2**160, "e"), (5, 1, "f"), (6, 256, "g")],
)
def test_compiled_decoding_refuses_bits_outside_each_type(word: int, number: int, name: str) -> None:
    data = bytearray(Flat(a=1, b=-1, c=-1, d=True, e=A, f=b"abcd", g=5).encode())
    data[4 + 32 * word : 36 + 32 * word] = number.to_bytes(32, "big")
    with pytest.raises(InvalidInput) as caught:
        Flat.decode(bytes(data))
    assert caught.value.path == f"flat.{name}"


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"", lambda d: d[:4], lambda d: b"\0" + d])
def test_lengths(change: Any) -> None:
    for declared in (marketplace.Buy(amount=1, house_token=A, payment_token=B), Oops(who=A, how=-1)):
        with pytest.raises(InvalidInput):
            type(declared).decode(change(declared.encode()))


def log_of(topics: list[bytes], data: bytes) -> dict[str, Any]:
    return {"address": str(C), "topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + data.hex(), "logIndex": "0x0"}


class TestEvents:
    TRANSFER = (erc20.Transfer.topic, bytes(12) + bytes(A), bytes(12) + bytes(B))

    def test_a_transfer_from_a_node(self) -> None:
        log = log_of(list(self.TRANSFER), (5).to_bytes(32, "big"))
        expected = erc20.Transfer(sender=A, to=B, value=5)
        assert erc20.Transfer.decode_log(log) == expected
        assert erc20.Transfer.read_log(log) == (expected, ())
        assert erc20.Transfer.matches(log)
        assert not erc20.Approval.matches(log)
        assert RawLog.of(log).address == C
        assert erc20.Transfer.decode(list(self.TRANSFER), (5).to_bytes(32, "big")) == expected
        assert erc20.Transfer.abi.decode(self.TRANSFER, (5).to_bytes(32, "big")) == expected.abi_values()

    @pytest.mark.parametrize(
        ("topics", "data", "path"),
        [
            ([], bytes(32), "logs[2].topics[0]"),
            ([bytes(32), *TRANSFER[1:]], bytes(32), "logs[2].topics[0]"),
            (TRANSFER[:2], bytes(32), "logs[2].topics"),
            ([*TRANSFER, bytes(32)], bytes(32), "logs[2].topics"),
            ([TRANSFER[0], b"\1" + TRANSFER[1][1:], TRANSFER[2]], bytes(32), "logs[2].from"),
            (TRANSFER, bytes(31), "logs[2].data"),
            (TRANSFER, bytes(33), "logs[2].data"),
        ],
    )
    def test_every_fault_has_its_path(self, topics: Any, data: bytes, path: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            erc20.Transfer.decode_log(log_of(list(topics), data), "logs[2]")
        assert caught.value.path == path

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"topics": None}, "log.topics"),
            ({"topics": "0x"}, "log.topics"),
            ({"topics": ["0x00"]}, "log.topics[0]"),
            ({"topics": ["zz"]}, "log.topics[0]"),
            ({"topics": [5]}, "log.topics[0]"),
            ({"topics": [bytes(32)] * 5}, "log.topics"),
            ({"data": "0x0"}, "log.data"),
            ({"data": None}, "log.data"),
            ({"data": "0x 0"}, "log.data"),
            ({"address": "0x00"}, "log.address"),
        ],
    )
    def test_a_log_that_is_none(self, change: dict[str, Any], path: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            RawLog.of({**log_of(list(self.TRANSFER), bytes(32)), **change})
        assert caught.value.path == path
        with pytest.raises(InvalidInput, match="a log"):
            RawLog.of([])  # type: ignore[arg-type]

    def test_an_odd_log_is_read_with_a_warning(self) -> None:
        log = log_of(list(self.TRANSFER), bytes(33))
        value, (odd,) = erc20.Transfer.read_log(log)
        assert (value.value, odd.path) == (0, "log.data")

    def test_indexed_text_is_its_hash(self) -> None:
        topics = [Many.topic, bytes(12) + bytes(A), (5).to_bytes(32, "big"), b"\xaa" * 32]
        note = (32).to_bytes(32, "big") + (2).to_bytes(32, "big") + b"hi" + bytes(30)
        assert Many.decode(topics, note) == Many(who=A, small=5, named=Hash32(b"\xaa" * 32), note="hi")
        topics[2] = (256).to_bytes(32, "big")
        with pytest.raises(InvalidInput) as caught:
            Many.read(topics, note)
        assert caught.value.path == "log.small"

    def test_an_anonymous_event_has_no_topic_of_its_own(self) -> None:
        made = Quiet.decode(((1).to_bytes(32, "big"),), (2**256 - 5).to_bytes(32, "big"))
        assert made == Quiet(flag=True, count=-5)
        assert Quiet.abi.topic_count == 1


class TestConstruction:
    def test_paths_are_those_of_the_fields(self) -> None:
        for field, bad in (("amount", -1), ("amount", True), ("amount", 2**256), ("house_token", "0x"), ("payment_token", None)):
            fields: dict[str, Any] = {"amount": 1, "house_token": A, "payment_token": B, field: bad}
            with pytest.raises(InvalidInput) as caught:
                marketplace.Buy(**fields)
            assert caught.value.path == f"buy.{field}"
        with pytest.raises(InvalidInput) as caught:
            Deep(leg=Leg(to=A, counts=()), pair=((A, (1,)), (B, (256,))), text="", data=b"")  # type: ignore[arg-type]
        assert caught.value.path == "deep.pair[1].counts[0]"

    def test_other_forms_are_brought_into_the_canonical_one(self) -> None:
        made = Deep(leg={"to": str(A), "counts": [1]}, pair=[Leg(to=A, counts=()), (B, ())], text="x", data=b"")  # type: ignore[arg-type]
        assert made.leg == Leg(to=A, counts=(1,))
        assert made.pair == (Leg(to=A, counts=()), Leg(to=B, counts=()))
        assert marketplace.Buy(amount=1, house_token=str(A), payment_token=str(B)).house_token == A  # type: ignore[arg-type]

    def test_another_record_of_the_same_shape_is_not_taken(self) -> None:
        class Other(Record):
            to: address
            amounts: tuple[uint8, ...]

        pair = (Leg(to=A, counts=()), Leg(to=B, counts=()))
        with pytest.raises(InvalidInput, match=r"^deep\.leg: "):
            Deep(leg=Other(to=A, amounts=()), pair=pair, text="", data=b"")  # type: ignore[arg-type]

    def test_immutable_and_replaced(self) -> None:
        buy = marketplace.Buy(amount=1, house_token=A, payment_token=B)
        with pytest.raises(AttributeError):
            buy.amount = 2  # type: ignore[misc]
        with pytest.raises(AttributeError):
            del buy.amount
        assert buy.replace(amount=2).amount == 2
        with pytest.raises(InvalidInput):
            buy.replace(amount=-1)
        assert buy.to_dict() == {"amount": 1, "_houseTokenAddress": A, "_paymentToken": B}
        assert repr(buy).startswith("Buy(amount=1, house_token=Address(")
        assert buy != marketplace.Delist(token=A)

    @pytest.mark.parametrize(
        "source",
        [
            "class X(Call[None]):\n a: int",
            "class X(Call[None]):\n a: Annotated[str, Sol('uint256')]",
            "class X(Call[None]):\n a: Annotated[bool, Sol('uint256')]",
            "class X(Call[None]):\n a: Annotated[int, Sol('uint')]",
            "class X(Call[None]):\n a: Annotated[int, Sol('uint7')]",
            "class X(Call[None]):\n a: uint256 = 5",
            "class X(Call[None]):\n encode: uint256",
            "class X(Call[None]):\n selector: uint256",
            "class X(Call[None]):\n a: Indexed[uint256]",
            "class X(Call[int]):\n a: uint256",
            "class X(Call[None]):\n a: tuple[uint256, uint8]",
            "class X(Call[None], anonymous=True):\n a: uint256",
            "class X(Call[None]):\n a: uint256\n b: Annotated[int, Sol('uint256', name='a')]",
            "class X(Record):\n pass",
            "class X(Event):\n a: Indexed[uint8]\n b: Indexed[uint8]\n c: Indexed[uint8]\n d: Indexed[uint8]",
            "class X(Event):\n a: Indexed[string]",
            "class X(Event):\n a: Indexed[tuple[uint8, uint8]]",
            "class X(Event):\n a: Indexed[Leg]",
            "class X(Event):\n a: Indexed[Annotated[bytes, Sol('uint8[]')]]",
            "class X(marketplace.Buy):\n a: uint256",
            "class X(Call[None]):\n a: Annotated[int, Sol('uint256', name='a,address')]",
            "class X(Call[None], name='f(uint8'):\n a: uint256",
        ],
    )
    def test_declarations_that_contradict_themselves(self, source: str) -> None:
        with pytest.raises(TypeError):
            exec(source, dict(globals()))

    def test_a_call_without_arguments(self) -> None:
        assert erc20.Decimals().encode() == erc20.Decimals.selector
        assert erc20.Decimals.decode(erc20.Decimals.selector) == erc20.Decimals()
        assert Flat.decode_return((5).to_bytes(32, "big") + (1).to_bytes(32, "big")) == (5, True)
        _ = dynamic_bytes
