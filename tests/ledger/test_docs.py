"""docs/ledger.md: its programs run, and its rules give what it says."""

import re
from pathlib import Path
from typing import Any

import pytest

from orderseal.signing.ledger import Claim, Ledger, LedgerError, NonceRule, Scope

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's programs leave behind, run one after the other."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, program in enumerate(programs()):
        exec(compile(program, f"{PAGE} program {number}", "exec"), names)
    return names


def test_the_programs_run(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert len(programs()) == 6
    assert names["slot"].state == "accepted"
    assert Path("bot.db").stat().st_mode & 0o777 == 0o600


def test_milliseconds_go_on_where_the_clock_stands_still(names: dict[str, Any]) -> None:
    rule = names["Milliseconds"]()
    assert isinstance(rule, NonceRule)
    assert rule.claim(1.0005) == Claim(floor=1000)
    with Ledger("bot.db", clock=lambda: 1.0) as ledger:  # A clock that was set back does not turn the numbers back.
        assert ledger.reserve(Scope("exchange", "main", names["signer"].address), rule).key == 1_800_000_000_252


def test_a_word_of_the_bitmap_has_256_bits(names: dict[str, Any]) -> None:
    with Ledger("bot.db") as ledger:
        rest = ledger.reserve_many(names["permits"], names["Bitmap"](7), 254)
        assert [slot.key & 255 for slot in rest] == list(range(2, 256))
        with pytest.raises(LedgerError) as error:
            ledger.reserve(names["permits"], names["Bitmap"](7))
        assert error.value.reason == "exhausted"
        assert ledger.reserve(names["permits"], names["Bitmap"](8)).key == 8 << 8


def test_an_epoch_that_is_over_gives_nothing_more(names: dict[str, Any]) -> None:
    with Ledger("bot.db") as ledger, pytest.raises(LedgerError) as error:
        ledger.reserve(names["listings"], names["Epoch"](3))
    assert error.value.reason == "exhausted"


def test_a_listing_is_held_against_its_key(names: dict[str, Any]) -> None:
    with Ledger("bot.db") as ledger:
        slot = ledger.reserve(names["listings"], names["Epoch"](5))
        with pytest.raises(LedgerError) as error:
            ledger.commit(slot, names["listing"], names["domain"], key_of=lambda order: order.counter << 128 | order.salt)
        assert error.value.reason == "not_ours"


def test_every_reason_that_the_page_names_exists() -> None:
    from orderseal.signing.ledger import REASONS

    for reason in ("venue_ahead", "needs_reconcile", "held", "lease_lost", "spent", "conflict", "stale"):
        assert f"`{reason}`" in PAGE.read_text("utf-8")
        assert reason in REASONS
