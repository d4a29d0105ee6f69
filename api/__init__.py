"""The venues: one client each, sync and async, over one shared transport. So far: :mod:`orderseal.api.stove`.

:mod:`orderseal.api.signers` has the signers whose key lives across a network.
"""

__all__: list[str] = []
