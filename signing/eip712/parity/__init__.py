"""Who else would sign this document, and whether with the same digest: a table of known divergences, held against the libraries."""

from orderseal.signing.eip712.parity.report import Divergence, Outcome, Parity, Verdict, inspect_parity
from orderseal.signing.eip712.parity.table import LIBRARIES, TABLE, VERSIONS, Effect, Library, Row

__all__ = [
    "LIBRARIES",
    "TABLE",
    "VERSIONS",
    "Divergence",
    "Effect",
    "Library",
    "Outcome",
    "Parity",
    "Row",
    "Verdict",
    "inspect_parity",
]
