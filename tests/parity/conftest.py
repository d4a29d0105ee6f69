"""The four libraries, and what their answers are called beside ours."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data


@pytest.fixture(scope="session")
def libraries(javascript: Any) -> Callable[[Sequence[str]], list[dict[str, Any]]]:
    """What eth-account, ethers, viem and eth-sig-util make of documents: for each ``{library: outcome}``, in the table's order."""

    def ask(documents: Sequence[str]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = javascript(documents)
        outcome = type(next(iter(answers[0].values())))
        return [{"eth-account": outcome(*_eth_account(text)), **answer} for text, answer in zip(documents, answers, strict=True)]

    return ask


def _eth_account(text: str) -> tuple[str | None, str | None]:
    """eth-account as its users call it with a document from ``json.loads``; its errors are of many classes."""
    try:
        signable = encode_typed_data(full_message=json.loads(text))
        return "0x" + bytes(_hash_eip191_message(signable)).hex(), None
    except Exception as error:  # noqa: BLE001 - whatever it raises is a refusal
        return None, f"{type(error).__name__}: {error}"[:200]


@pytest.fixture(scope="session")
def verdicts() -> Callable[[Any, Any], str]:
    """The word for what a library really did with a document, given our own outcome."""

    def word(parity: Any, outcome: Any) -> str:
        if outcome.digest is None:
            return "refuses"
        if parity.signing_hash is None:
            return "accepts"
        return "same digest" if outcome.digest == str(parity.signing_hash) else "another digest"

    return word
