"""Taking the ledger's orders to a venue, by one table of what an answer means.

:mod:`.machine` decides, without I/O; :mod:`.driver` does it. A venue joins in by a :class:`Port`.
"""

from orderseal.api.submission.driver import Found, Port, Settled, Submitter
from orderseal.api.submission.machine import Ending, Policy

__all__ = ["Ending", "Found", "Policy", "Port", "Settled", "Submitter"]
