"""Declared structs: the class statement compiles them, construction checks them."""

import copy
import enum
import pickle
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import pytest

from orderseal.signing import Address, Domain, InvalidInput, LocalSigner, Sol, Struct, TypedData, sign_order, verify_order
from orderseal.signing import sol as annotations
from orderseal.signing.sol import (
    address,
    boolean,
    bytes4,
    bytes32,
    dynamic_bytes,
    int256,
    string,
    uint8,
    uint16,
    uint32,
    uint48,
    uint64,
    uint96,
    uint128,
    uint160,
    uint256,
)


class Person(Struct):
    name: string
    wallet: address


class Mail(Struct):
    from_: Annotated[Person, Sol("Person", name="from")]
    to: Person
    contents: string


class Permit(Struct, maker="owner"):
    """ERC-2612."""

    owner: address
    spender: address
    value: uint256
    nonce: uint256
    deadline: uint256


class Everything(Struct, name="All"):
    a: address
    b: boolean
    c: bytes4
    d: bytes32
    e: dynamic_bytes
    f: int256
    g: string
    h: uint8
    i: uint16
    j: uint32
    k: uint48
    ell: uint64
    m: uint96
    n: uint128
    o: uint160
    p: uint256
    q: Annotated[int, Sol("int24")]
    r: Annotated[tuple[int, ...], Sol("uint88[]")]
    s: tuple[Person, ...]
    t: Annotated[tuple[tuple[Person, ...], ...], Sol("Person[2][]")]
    u: tuple[tuple[Person, ...], ...]
    v: Annotated[bytes, Sol("bytes1", name="aBytes1")]


BOB: dict[str, Any] = {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"}
COW: dict[str, Any] = {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"}


def everything(**changes: Any) -> Everything:
    bob, cow = Person(**BOB), Person(**COW)
    values: dict[str, Any] = {
        "a": COW["wallet"],
        "b": True,
        "c": b"abcd",
        "d": bytes(range(32)),
        "e": b"x" * 100,
        "f": -(2**255),
        "g": "é😀",
        "h": 255,
        "i": 2**16 - 1,
        "j": 2**32 - 1,
        "k": 2**48 - 1,
        "ell": 2**64 - 1,
        "m": 2**96 - 1,
        "n": 2**128 - 1,
        "o": 2**160 - 1,
        "p": 2**256 - 1,
        "q": -(2**23),
        "r": (0, 2**88 - 1),
        "s": (bob, cow),
        "t": ((bob, cow), (cow, cow)),
        "u": ((), (bob,)),
        "v": b"\xff",
    }
    return Everything(**{**values, **changes})


MESSAGE: dict[str, Any] = {
    "a": COW["wallet"],
    "b": True,
    "c": b"abcd",
    "d": bytes(range(32)),
    "e": b"x" * 100,
    "f": -(2**255),
    "g": "é😀",
    "h": 255,
    "i": 2**16 - 1,
    "j": 2**32 - 1,
    "k": 2**48 - 1,
    "ell": 2**64 - 1,
    "m": 2**96 - 1,
    "n": 2**128 - 1,
    "o": 2**160 - 1,
    "p": 2**256 - 1,
    "q": -(2**23),
    "r": [0, 2**88 - 1],
    "s": [BOB, COW],
    "t": [[BOB, COW], [COW, COW]],
    "u": [[], [BOB]],
    "aBytes1": b"\xff",
}

TYPES = {
    "EIP712Domain": [{"name": "name", "type": "string"}],
    "All": [
        {"name": n, "type": t}
        for n, t in [
            ("a", "address"),
            ("b", "bool"),
            ("c", "bytes4"),
            ("d", "bytes32"),
            ("e", "bytes"),
            ("f", "int256"),
            ("g", "string"),
            ("h", "uint8"),
            ("i", "uint16"),
            ("j", "uint32"),
            ("k", "uint48"),
            ("ell", "uint64"),
            ("m", "uint96"),
            ("n", "uint128"),
            ("o", "uint160"),
            ("p", "uint256"),
            ("q", "int24"),
            ("r", "uint88[]"),
            ("s", "Person[]"),
            ("t", "Person[2][]"),
            ("u", "Person[][]"),
            ("aBytes1", "bytes1"),
        ]
    ],
    "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
}


def test_the_standards_example_as_a_declared_struct() -> None:
    mail = Mail(from_=Person(**COW), to=Person(**BOB), contents="Hello, Bob!")
    domain = Domain(name="Ether Mail", version="1", chain_id=1, verifying_contract="0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")
    assert Mail.encoded_type == "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
    assert str(Mail.type_hash) == "0xa0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"
    assert str(mail.struct_hash()) == "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    assert str(mail.signing_hash(domain)) == "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"


def test_a_well_known_type_hash() -> None:
    """ERC-2612's ``PERMIT_TYPEHASH``, as its text prints it."""
    assert str(Permit.type_hash) == "0x6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9"


def test_every_kind_of_field_hashes_as_eth_account_does(oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    expected = oracle({"types": TYPES, "primaryType": "All", "domain": {"name": "x"}, "message": MESSAGE})
    domain = Domain(name="x")
    one = everything()
    assert one.signing_hash(domain) == expected
    assert one.to_typed_data(domain).signing_hash == expected
    assert TypedData(Everything.schema.to_json(), "All", domain, one).signing_hash == expected  # type: ignore[arg-type]
    assert Everything.from_message(MESSAGE) == one
    assert Everything.from_message(one.to_message()) == one
    assert Everything.from_typed_data(one.to_typed_data(domain)) == one
    assert Everything.from_message(one.to_typed_data(domain).to_json()["message"], json=True) == one


def test_the_annotations_are_the_types_they_are_named_after() -> None:
    solidity = {"boolean": "bool", "dynamic_bytes": "bytes"}
    for name in annotations.__all__:
        [sol] = getattr(annotations, name).__metadata__
        assert sol.type == solidity.get(name, name)


def test_names_are_mapped() -> None:
    mail = Mail(from_=Person(**COW), to=Person(**BOB), contents="x")
    assert list(mail.to_message()) == ["from", "to", "contents"]
    assert Mail.struct_name == "Mail"
    assert Everything.struct_name == "All"
    assert Everything.encoded_type.startswith("All(address a,")
    assert Everything.encoded_type.endswith("bytes1 aBytes1)Person(string name,address wallet)")
    with pytest.raises(InvalidInput):
        Mail.from_message({"from_": COW, "to": BOB, "contents": "x"})


def test_a_struct_is_immutable() -> None:
    person = Person(**COW)
    for name in ("name", "wallet", "new", "__class__"):
        with pytest.raises(AttributeError):
            setattr(person, name, "x")
        with pytest.raises(AttributeError):
            delattr(person, name)
    assert not hasattr(person, "__dict__")
    items = [Person(**BOB), Person(**COW)]
    one = everything(s=items, r=[1, 2])
    before = one.struct_hash()
    items.pop()
    assert one.struct_hash() == before
    assert type(one.s) is tuple
    assert type(one.r) is tuple
    assert type(one.t[0]) is tuple
    assert type(one.s[0]) is Person


def test_equality_hash_and_repr() -> None:
    class Other(Struct, name="Person"):
        name: string
        wallet: address

    a, b, c = Person(**COW), Person(name="Cow", wallet=bytes.fromhex(COW["wallet"][2:])), Person(**BOB)  # type: ignore[arg-type]
    assert a == b
    assert hash(a) == hash(b)
    assert a != c
    assert a != Other(**COW)
    assert a != a.to_message()
    assert len({a, b, c}) == 2
    assert repr(a) == "Person(name='Cow', wallet=Address('0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826'))"
    assert eval(repr(a), {"Person": Person, "Address": Address}) == a


def test_a_struct_survives_pickle_and_copy() -> None:
    one = everything()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(one, protocol))
        assert again == one
        assert again.encoded_data() == one.encoded_data()
    assert copy.copy(one) == copy.deepcopy(one) == one


def test_replace_checks() -> None:
    permit = Permit(owner=bytes(20), spender=bytes(20), value=1, nonce=0, deadline=5)  # type: ignore[arg-type]
    assert permit.replace(value=2).value == 2
    assert permit.value == 1
    with pytest.raises(InvalidInput):
        permit.replace(value=-1)
    with pytest.raises(TypeError):
        permit.replace(amount=1)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"a": "0x12"}, "everything.a"),
        ({"b": 1}, "everything.b"),
        ({"c": b"abc"}, "everything.c"),
        ({"d": bytes(33)}, "everything.d"),
        ({"e": "x"}, "everything.e"),
        ({"f": 2**255}, "everything.f"),
        ({"g": b"x"}, "everything.g"),
        ({"g": "\ud800"}, "everything.g"),
        ({"h": 256}, "everything.h"),
        ({"h": -1}, "everything.h"),
        ({"h": True}, "everything.h"),
        ({"h": 1.0}, "everything.h"),
        ({"h": "1"}, "everything.h"),
        ({"p": 2**256}, "everything.p"),
        ({"q": 2**23}, "everything.q"),
        ({"r": [0, -1]}, "everything.r[1]"),
        ({"r": 5}, "everything.r"),
        ({"s": [COW, {"name": "x"}]}, "everything.s[1]"),
        ({"s": [{**COW, "wallet": 5}]}, "everything.s[0].wallet"),
        ({"t": [[COW]]}, "everything.t[0]"),
        ({"t": [[COW, {**COW, "name": 5}]]}, "everything.t[0][1].name"),
        ({"s": COW}, "everything.s"),
        ({"v": b""}, "everything.v"),
    ],
)
def test_bad_values_are_refused_with_their_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        everything(**changes)
    assert caught.value.path == path


def test_fields_are_keywords_all_needed_and_no_others() -> None:
    with pytest.raises(TypeError):
        Person("Cow", COW["wallet"])  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Person(name="Cow")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Person(**COW, age=5)  # type: ignore[call-arg]


def test_a_document_of_another_type_is_no_such_struct() -> None:
    document = TypedData(
        {"Person": [{"name": "wallet", "type": "address"}, {"name": "name", "type": "string"}]}, "Person", Domain(name="x"), COW
    )
    with pytest.raises(InvalidInput) as caught:
        Person.from_typed_data(document)
    assert caught.value.path == "primaryType"


METACLASS: Any = type(Struct)


def declare(fields: Mapping[str, Any], *bases: type, values: Mapping[str, Any] | None = None, **keywords: Any) -> Any:
    """Run a class statement."""
    namespace = {"__annotations__": dict(fields), "__module__": __name__, "__qualname__": "New", **(values or {})}
    return METACLASS("New", bases or (Struct,), namespace, **keywords)


class Leg(Struct):
    a: uint8


class OtherLeg(Struct, name="Leg"):
    a: uint16


class Named(Struct, name="New"):
    a: uint8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: declare({}), "at least one member"),
        (lambda: declare({"a": int}), "name its Solidity type"),
        (lambda: declare({"a": str}), "name its Solidity type"),
        (lambda: declare({"a": list[Leg]}), "name its Solidity type"),
        (lambda: declare({"a": tuple[int, ...]}), "name its Solidity type"),
        (lambda: declare({"a": Annotated[int, "uint256"]}), "name its Solidity type"),
        (lambda: declare({"a": Annotated[int, Sol("uint")]}), "Write uint256"),
        (lambda: declare({"a": Annotated[int, Sol("uint7")]}), "multiple of 8"),
        (lambda: declare({"a": Annotated[int, Sol("uint256[0]")]}), "no leading zero"),
        (lambda: declare({"a": Annotated[int, Sol("Missing")]}), "declared before"),
        (lambda: declare({"a": Leg, "b": Annotated[int, Sol("Leg")]}), "declared before"),
        (lambda: declare({"a": Annotated[int, Sol("string")]}), "Sol says string, but the annotated Python type says int"),
        (lambda: declare({"a": Annotated[bool, Sol("uint8")]}), "says bool"),
        (lambda: declare({"a": Annotated[int, Sol("bool")]}), "says int"),
        (lambda: declare({"a": Annotated[bytes, Sol("address")]}), "says bytes"),
        (lambda: declare({"a": Annotated[Leg, Sol("uint8")]}), "says Leg"),
        (lambda: declare({"a": Annotated[Leg, Sol("Person")], "b": Person}), "says Leg"),
        (lambda: declare({"a": Annotated[Leg, Sol(Person)]}), "says Leg"),
        (lambda: declare({"a": Annotated[int, Sol("uint8[]")]}), "says int"),
        (lambda: declare({"a": Annotated[tuple[int, ...], Sol("uint8")]}), "1 dimensions of int"),
        (lambda: declare({"a": Annotated[tuple[Leg, ...], Sol("Leg[2][2]")]}), "1 dimensions of Leg"),
        (lambda: declare({"a": tuple[Leg, Person]}), "of one type"),
        (lambda: declare({"a": tuple[uint8, address]}), "Sol('address')"),
        (lambda: declare({"a": list[uint8]}), "Arrays are tuples"),
        (lambda: declare({"a": Address}), "with address"),
        (lambda: declare({"a": bool}), "with boolean"),
        (lambda: declare({"a": address}, values={"value": uint256}), 'value: with "=" it is no member'),
        (lambda: declare({"a": address}, values={"value": Leg}), 'value: with "=" it is no member'),
        (lambda: declare({"a": address}, values={"value": tuple[uint8, ...]}), 'value: with "=" it is no member'),
        (lambda: declare({"a": address}, values={"value": 5}), "ClassVar"),
        (lambda: declare({"a": uint8, "b": address}, maker="a"), "maker='a' is a uint8"),
        (lambda: declare({"a": uint8}, naem="x"), "name and maker, not naem"),
        (lambda: declare({"_New__a": uint8}), "name='__a'"),
        (lambda: declare({"a": tuple[Annotated[int, Sol("uint8", name="b")], ...]}), "around the whole array"),
        (lambda: declare({"a": "New"}), "through a dynamic array only"),
        (lambda: declare({"a": tuple["New", "New"]}), "through a dynamic array only"),  # type: ignore[name-defined]  # noqa: F821
        (lambda: declare({"a": Annotated[int, Sol(5)]}), "a type string"),  # type: ignore[arg-type]
        (lambda: declare({"a": Annotated[int, Sol("uint8", name="a,bool b")]}), "identifier"),
        (lambda: declare({"a": Annotated[int, Sol("uint8", name="b")], "b": uint8}), "each member once"),
        (lambda: declare({"é": uint8}), "identifier"),
        (lambda: declare({"a": uint8}, name="uint256"), "Solidity's own types"),
        (lambda: declare({"a": uint8}, name="New(uint8 a)"), "identifiers"),
        (lambda: declare({"a": uint8}, maker="owner"), "is no field"),
        (lambda: declare({"a": uint8}, values={"a": 5}), "no default"),
        (lambda: declare({"replace": uint8}), "hide a method"),
        (lambda: declare({"to_message": uint8}), "hide a method"),
        (lambda: declare({"faults": uint8}), "hide a method"),
        (lambda: declare({"a": Leg, "b": OtherLeg}), "two different structs are named Leg"),
        (lambda: declare({"a": Named}), "two different structs are named New"),
        (lambda: declare({"a": uint8}, Person), "no inheritance"),
        (lambda: declare({"a": uint8}, Struct, object), "no inheritance"),
        (lambda: declare({}, Person), "no inheritance"),
    ],
)
def test_a_class_that_is_no_struct_is_a_type_error(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert words in str(caught.value)
    assert "New" in str(caught.value)


def test_class_variables_and_methods_are_no_fields() -> None:
    class Noted(Struct):
        venue: ClassVar[str] = "Stove"
        a: uint8

        def double(self) -> int:
            return 2 * self.a

    assert Noted.encoded_type == "Noted(uint8 a)"
    assert Noted(a=4).double() == 8
    assert Noted.venue == "Stove"


def test_two_uses_of_one_struct_are_listed_once() -> None:
    new = declare({"a": Leg, "b": tuple[Leg, ...], "c": Annotated[tuple[Leg, ...], Sol("Leg[3]")]})
    assert new.encoded_type == "New(Leg a,Leg[] b,Leg[3] c)Leg(uint8 a)"


def test_a_declared_maker_must_sign(signer: LocalSigner, stranger: LocalSigner) -> None:
    domain = Domain(name="x", chain_id=1)
    permit = Permit(owner=signer.address, spender=stranger.address, value=1, nonce=0, deadline=2**256 - 1)
    signed = sign_order(permit, domain, signer)
    assert verify_order(signed) == signer.address
    with pytest.raises(InvalidInput) as caught:
        sign_order(permit, domain, stranger)
    assert caught.value.path == "permit.owner"


def test_the_bare_struct_has_no_members() -> None:
    with pytest.raises(TypeError):
        Struct().encoded_data()


# What follows was found by attack.

NAMES_OF_THE_COMPILED_CODE = [
    "type",
    "len",
    "self",
    "join",
    "Address",
    "PAD",
    "TRUE",
    "FALSE",
    "set_0",
    "coerce_0",
    "encode_0",
    "type_",
    "value",
    "bytes",
    "int",
    "str",
    "keccak256",
    "isinstance",
    "object",
    "id",
    "from_bytes",
    "name",
    "maker",
    "cls",
    "args",
    "kwargs",
    "_type",
    "_self",
]


@pytest.mark.parametrize("name", NAMES_OF_THE_COMPILED_CODE)
@pytest.mark.parametrize("type_", ["uint8", "int16", "bytes4", "bytes", "string", "address", "bool", "uint8[]"])
def test_a_field_may_have_any_name(name: str, type_: str) -> None:
    """A field called ``type``, as plenty of orders have, hid the builtin from the compiled code: ``TypeError`` on construction."""
    value: Any = {"bytes4": b"abcd", "bytes": b"x", "string": "x", "address": bytes(20), "bool": True, "uint8[]": (1,)}.get(type_, 1)
    new = declare({name: Annotated[Any, Sol(type_)], "other": uint8})
    made = new(**{name: value, "other": 7})
    expected = TypedData(
        {"New": [{"name": name, "type": type_}, {"name": "other", "type": "uint8"}]}, "New", Domain(name="x"), {name: value, "other": 7}
    )
    assert made.signing_hash(Domain(name="x")) == expected.signing_hash
    assert getattr(made, name) == value
    assert made == made.replace()


@pytest.mark.parametrize(
    "name",
    ["schema", "struct_name", "type_hash", "encoded_type", "struct_fields", "maker_attribute", "mro", "__slots__", "__init__", "__class__"],
)
def test_a_field_named_like_an_attribute_of_the_class_is_refused_with_what_to_do(name: str) -> None:
    """It was an ``AttributeError`` about ``__set__``."""
    with pytest.raises(TypeError, match=r"Sol\("):
        declare({name: uint8})


@pytest.mark.parametrize(
    ("hint", "type_"),
    [
        (tuple[Leg, ...], "Leg[]"),
        (tuple[Leg, Leg], "Leg[2]"),
        (tuple[Leg], "Leg[1]"),
        (tuple[tuple[Leg, Leg], ...], "Leg[2][]"),
        (tuple[tuple[Leg, ...], tuple[Leg, ...]], "Leg[][2]"),
        (tuple[uint256, ...], "uint256[]"),
        (tuple[tuple[uint8, uint8, uint8], ...], "uint8[3][]"),
        (Annotated[Any, Sol(Leg, "[2]" * 3)], "Leg[2][2][2]"),
        (Annotated[Any, Sol(Leg)], "Leg"),
        (Annotated[Any, Sol("uint8[2]")], "uint8[2]"),
        (Annotated[Address | str, Sol("address")], "address"),
    ],
)
def test_a_type_is_read_from_its_annotation(hint: Any, type_: str) -> None:
    """``tuple[Leg, Leg]`` was once declared, and hashed, as ``Leg[]``."""
    assert declare({"a": hint}).encoded_type == f"New({type_} a)" + ("Leg(uint8 a)" if "Leg" in type_ else "")


def test_an_empty_tuple_is_no_array() -> None:
    with pytest.raises(TypeError, match="name its Solidity type"):
        declare({"a": tuple[()]})


def test_a_tree_of_any_height_is_declared_by_its_brackets() -> None:
    tree = declare({"tree": Annotated[Any, Sol(Leg, "[2][2]")]})
    leaf = Leg(a=1)
    made = tree(tree=[[leaf, {"a": 2}], (leaf, Leg(a=3))])
    assert made.tree == ((leaf, Leg(a=2)), (leaf, Leg(a=3)))
    with pytest.raises(InvalidInput) as caught:
        tree(tree=[[leaf, leaf], [leaf, {"a": 256}]])
    assert caught.value.path == "new.tree[1][1].a"


class Node(Struct):
    """A struct that contains itself through an array."""

    value: uint256
    children: tuple["Node", ...]


class Forest(Struct):
    trees: Annotated[tuple[tuple[Node, ...], ...], Sol("Node[2][]")]


def test_a_struct_may_contain_itself_through_an_array(oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    leaf = Node(value=2, children=())
    root = Node(value=1, children=(leaf, {"value": 3, "children": [{"value": 4, "children": []}]}))  # type: ignore[arg-type]
    assert Node.encoded_type == "Node(uint256 value,Node[] children)"
    assert root.children[1].children[0] == Node(value=4, children=())
    domain = Domain(name="trees")
    assert root.signing_hash(domain) == oracle(root.to_typed_data(domain).to_json())
    forest = Forest(trees=((root, leaf), (leaf, leaf)))
    assert Forest.encoded_type == "Forest(Node[2][] trees)Node(uint256 value,Node[] children)"
    assert forest.signing_hash(domain) == oracle(forest.to_typed_data(domain).to_json())
    assert Forest.from_typed_data(forest.to_typed_data(domain)) == forest
    with pytest.raises(InvalidInput) as caught:
        Node(value=1, children=({"value": 2, "children": [{"value": -1, "children": []}]},))  # type: ignore[arg-type]
    assert caught.value.path == "node.children[0].children[0].value"


def test_a_tree_from_outside_has_a_bounded_height() -> None:
    deep: dict[str, Any] = {"value": 1, "children": []}
    for _ in range(60):
        deep = {"value": 1, "children": [deep]}
    assert Node.from_message(deep).struct_hash() == Node.from_message(Node.from_message(deep).to_message()).struct_hash()
    for _ in range(60):
        deep = {"value": 1, "children": [deep]}
    for make in (lambda: Node.from_message(deep), lambda: Node(value=1, children=(deep,))):  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="at most 128 levels"):
            make()  # type: ignore[no-untyped-call]


def test_a_struct_of_another_type_is_not_taken_for_the_declared_one() -> None:
    """What is written ``Buy(…)`` must not be signed as a ``Sell``."""

    class Sell(Struct):
        amount: uint256

    class Buy(Struct):
        amount: uint256

    class Ticket(Struct):
        sell: Sell

    assert Ticket(sell=Sell(amount=1)).sell == Sell(amount=1)
    with pytest.raises(InvalidInput) as caught:
        Ticket(sell=Buy(amount=1))  # type: ignore[arg-type]
    assert caught.value.path == "ticket.sell"
    with pytest.raises(InvalidInput):
        TypedData({"Sell": [{"name": "amount", "type": "uint256"}]}, "Sell", Domain(name="x"), Buy(amount=1))  # type: ignore[arg-type]


class Word(str, enum.Enum):  # noqa: UP042 - StrEnum has another str()
    AAPL = "AAPL"


def test_a_member_of_an_enum_counts_as_its_value() -> None:
    person = Person(name=Word.AAPL, wallet=COW["wallet"])
    assert person == Person(name="AAPL", wallet=COW["wallet"])
    assert type(person.name) is str
    assert person.to_message()["name"] == "AAPL"


def test_from_message_names_the_path_as_construction_does() -> None:
    with pytest.raises(InvalidInput) as caught:
        Mail.from_message({"from": COW, "to": {**BOB, "wallet": 1}, "contents": ""})
    assert caught.value.path == "to.wallet"


def test_a_private_name_is_not_mangled_into_the_type() -> None:
    """Python stores ``__amount`` in the class ``Pair`` as ``_Pair__amount``, and that was hashed."""
    with pytest.raises(TypeError):

        class Pair(Struct):
            __amount: uint8
