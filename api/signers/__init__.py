"""Signers whose key lives across a network."""

from orderseal.api.signers.remote import RemoteSigner

__all__ = ["RemoteSigner"]
