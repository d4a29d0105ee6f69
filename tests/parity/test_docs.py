"""``docs/parity.md`` shows the table as it is in the code, and its example runs.

Where the table has changed, ``python tests/parity/test_docs.py`` writes it anew.
"""

import re
from pathlib import Path

from orderseal.signing.eip712.parity import LIBRARIES, TABLE, VERSIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parity.md"
SIGNS = {"same": " ", "other": "≠", "accepts": "+", "refuses": "-", "unknown": "?"}


def table() -> str:
    lines = ["| code | " + " | ".join(LIBRARIES) + " | what |", "|---|" + ":-:|" * len(LIBRARIES) + "---|"]
    for row in TABLE.values():
        signs = " | ".join(SIGNS[row.effects[library]] for library in LIBRARIES)
        lines.append(f"| `{row.code}` | {signs} | {row.what} |")
    return "\n".join(lines)


def versions() -> str:
    return "\n".join(["| library | version |", "|---|---|", *(f"| {library} | {number} |" for library, number in VERSIONS.items())])


def with_current(text: str) -> str:
    """The page with both generated parts as they ought to be."""
    for mark, part in (("versions", versions()), ("table", table())):
        before, after = text.split(f"<!-- {mark} -->\n")
        rest = re.sub(r"\A\n(?:\|.*\n)+", "", after)
        text = f"{before}<!-- {mark} -->\n\n{part}\n{rest}"
    return text


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert text == with_current(text)
    assert text.count(table()) == text.count(versions()) == 1


def test_the_example_runs() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    exec(compile(program, str(PAGE), "exec"), {})


if __name__ == "__main__":
    PAGE.write_text(with_current(PAGE.read_text("utf-8")), "utf-8")
