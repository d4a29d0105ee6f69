"""The EVM side. This room is empty so far: nothing in this release talks to a node."""

__all__: list[str] = []
