"""The ABI codec: types → values → bytes and back, and declared calls, events and errors.

``decode…`` is strict: it takes the one canonical encoding. ``read…`` reads as Solidity does, and gives a
:class:`Reading` with warnings. Everything that is wrong with what is given is an :class:`~orderseal.signing.InvalidInput` with its path.
"""

from orderseal.chain.abi.declared import Call, Error, Event, Indexed, Record
from orderseal.chain.abi.decode import Oddity, Reading
from orderseal.chain.abi.document import Abi, AbiError, AbiEvent, AbiFunction
from orderseal.chain.abi.logs import RawLog

__all__ = ["Abi", "AbiError", "AbiEvent", "AbiFunction", "Call", "Error", "Event", "Indexed", "Oddity", "RawLog", "Reading", "Record"]
