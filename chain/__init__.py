"""The EVM side. ``abi`` has the codec, ``marketplace`` and ``erc20`` the declared calls and events, ``reverts`` why a contract refused.

A purchase: ``recipe`` (what a platform says) is held against ``pins`` (what the user says). ``planning`` makes a ``plan`` of it, with what
a ``node`` says (``state``, ``multicall``) and what a simulation shows (``simulate``, ``rehearsal``, ``outcome``). ``execute`` carries it
out, with ``transactions``, ``fees`` and ``receipts``, and the ledger behind it (``journal``). ``dialogue`` runs them all, sync or async.

Importing these loads neither web3 nor eth-abi nor httpx; each is loaded when it is used.
"""

__all__: list[str] = []
