"""The tree of errors."""

import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from orderseal import signing
from orderseal.signing import (
    Address,
    ChainError,
    InvalidInput,
    InvalidReply,
    LedgerError,
    NodeError,
    NonceConflict,
    OrdersealError,
    OutcomeUnknown,
    PlanMismatch,
    RateLimited,
    Refused,
    Reverted,
    RuleViolation,
    SignerError,
    Unauthorized,
    Unfinished,
    Unreachable,
    VenueError,
    VerificationFailed,
    WrongChain,
    describe,
)

EXAMPLES: list[Callable[[], OrdersealError]] = [
    lambda: InvalidInput(path="a.b", expected="this", actual="that", hint="do so"),
    lambda: RuleViolation("deadline_too_soon", "too soon"),
    lambda: VerificationFailed("no", reasons=("high_s", "x"), diagnosis="flip it"),
    lambda: SignerError("no key"),
    lambda: LedgerError("busy", "in use"),
    lambda: ChainError("chain"),
    lambda: Reverted("buy", reason="paused", data=b"\x01"),
    lambda: WrongChain(expected=17000, actual=1),
    lambda: PlanMismatch("price", expected="440", actual="441", hint="plan again"),
    lambda: NodeError("refused", code=-32000, data=b"\x01"),
    lambda: VenueError("venue"),
    lambda: Refused("create", status=400, code=7, message="m", details="d", request_id="r", hint="h"),
    lambda: Unauthorized("create", status=401, code=None, message="m"),
    lambda: RateLimited("create", status=429, code=None, message="m"),
    lambda: OutcomeUnknown("lost", nonce=0),
    lambda: OutcomeUnknown("lost", reference="a-7"),
    lambda: NonceConflict("other", nonce=0),
    lambda: InvalidReply("html", status=200, path="$.a"),
    lambda: Unreachable("gone"),
    lambda: Unfinished("not final", last="pending", seconds=3.0),
    lambda: OrdersealError("any"),
]


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    below: list[type[Any]] = cls.__subclasses__()
    for sub in below:
        if sub.__module__.startswith("orderseal.signing"):
            yield sub
            yield from subclasses(sub)


def test_the_examples_are_the_whole_tree() -> None:
    tree = {OrdersealError, *subclasses(OrdersealError)}
    assert {type(make()) for make in EXAMPLES} == tree
    assert {cls for cls in vars(signing).values() if isinstance(cls, type) and issubclass(cls, BaseException)} == tree


def test_the_shape_of_the_tree() -> None:
    assert InvalidInput.__bases__ == (OrdersealError, ValueError)
    assert set(OrdersealError.__subclasses__()) >= {InvalidInput, RuleViolation, VerificationFailed, SignerError, VenueError}
    assert set(VenueError.__subclasses__()) >= {Refused, OutcomeUnknown, NonceConflict, InvalidReply, Unreachable}
    assert set(Refused.__subclasses__()) >= {Unauthorized, RateLimited}
    assert OrdersealError.__bases__ == (Exception,)


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickle_and_copy(make: Callable[[], OrdersealError], protocol: int) -> None:
    error = make()
    error.add_note("a note")
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)


def refuse(text: str) -> None:
    Address(text)


def test_an_error_crosses_a_process_border() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(Address, "0x12").exception()
    assert isinstance(error, InvalidInput)
    assert error.path == "address"
    assert "0x12" in str(error)


def test_the_words_of_bad_input() -> None:
    assert str(InvalidInput(path="a", expected="b", actual="c")) == "a: expected b, got c"
    assert str(InvalidInput(path="a", expected="b", actual="c", hint="Do d")) == "a: expected b, got c. Do d"


@pytest.mark.parametrize(
    ("path", "prefix", "joined"),
    [("b", "a", "a.b"), ("[2].b", "a", "a[2].b"), ("", "a", "a"), ("[0]", "a", "a[0]"), ("[0]", "[1]", "[1][0]")],
)
def test_paths_are_joined(path: str, prefix: str, joined: str) -> None:
    assert InvalidInput(path=path, expected="", actual="").below(prefix).path == joined


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("abc", "'abc'"),
        ("\ud800\x1b[31m\n", "'\\ud800\\x1b[31m\\n'"),
        ("x" * 1000, f"'{'x' * 80}…' (1000 characters)"),
        (True, "True"),
        (None, "None"),
        (5, "5"),
        (10**5000, "an integer of 16610 bits"),
        (b"secret", "6 bytes"),
        (bytearray(3), "3 bytes"),
        ({1: 2}, "an object of 1 members"),
        ([1, 2], "an array of 2 items"),
        (1.5, "a float"),
        (object(), "a object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_described_in_short(value: Any, said: str) -> None:
    assert describe(value) == said
    assert describe(value).isprintable()


# What follows was found by attack.


def test_the_repr_of_bad_input_says_something() -> None:
    """Loggers and pytest print the ``repr``; it was ``InvalidInput()``."""
    assert "a.b" in repr(InvalidInput(path="a.b", expected="this", actual="that"))
