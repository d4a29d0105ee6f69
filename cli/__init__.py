"""The ``orderseal`` command. Thin: it reads, calls the rooms below, and prints."""

from orderseal.cli.main import main

__all__ = ["main"]
