"""The venues: one client each, sync and async: ``stove``, ``brokerstr``, ``tokenizationtr``, ``licenserocks``.

:mod:`orderseal.api.signers` has the signers whose key lives across a network.
"""

__all__: list[str] = []
