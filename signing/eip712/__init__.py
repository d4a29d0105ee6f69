"""The EIP-712 engine: types → values → words → digest, one module a stage (https://eips.ethereum.org/EIPS/eip-712)."""

from orderseal.signing.eip712.annotations import Sol
from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.struct import Struct

__all__ = ["Domain", "Sol", "Struct", "TypedData"]
