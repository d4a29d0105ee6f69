"""The venues: one client each, sync and async, over one shared transport. So far: :mod:`orderseal.api.stove`."""

__all__: list[str] = []
