"""Orderseal beside its peers, on the same order: ``orderseal bench``. How it is measured is told in ``docs/performance.md``."""

from orderseal.benchmarks.rounds import Contestant, Disagreement, Goal, Missing, Pace, Section
from orderseal.benchmarks.table import Report, Row, run

__all__ = ["Contestant", "Disagreement", "Goal", "Missing", "Pace", "Report", "Row", "Section", "run"]
