"""A local chain with real contracts: eth-tester behind a JSON-RPC front, or anvil.

Importing this package needs only the standard library. Starting a chain needs ``pip install 'orderseal[sandbox]'``, and anvil for anvil.
"""

from __future__ import annotations

from orderseal.sandbox.evm.local import BACKENDS, Account, Backend, ChainError, Contract, LocalChain

__all__ = ["BACKENDS", "Account", "Backend", "ChainError", "Contract", "LocalChain"]
