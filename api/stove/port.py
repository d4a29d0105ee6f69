"""Stove as a submission sees it: renew the token, send exact bytes once, look a nonce up."""

from collections.abc import Sequence

from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.models import PlacedOrder
from orderseal.api.submission import Found
from orderseal.api.submission.afterwards import in_thread
from orderseal.signing import InvalidInput, InvalidReply, Order, RateLimited, Unauthorized, Unreachable, VenueError
from orderseal.signing.ledger import Ledger, Outgoing, Scope

__all__ = ["StovePort"]


class StovePort:
    """What a submission needs of the client."""

    def __init__(self, client: AsyncClient, scope: Scope, ledger: Ledger) -> None:
        self.client, self.scope, self.ledger = client, scope, ledger

    async def renew(self) -> None:
        await self.client.renew()

    async def send(self, out: Outgoing) -> Found[PlacedOrder]:
        order = await in_thread(self.ledger.order, out.slot, Order)
        begun = False

        def before_write() -> None:
            nonlocal begun
            out.check_lease()
            begun = True

        try:
            return _found(await self.client.submit(out.body, order, out.signature, before_write=before_write), order)
        except (Unauthorized, RateLimited):
            raise
        except VenueError as error:
            if begun:
                raise
            # Another request's answer may have ended the session meanwhile, and a login have failed: it says nothing of the order.
            raise Unreachable(f"create the order: nothing was sent ({error})") from error

    async def look_up(self, key: int) -> Sequence[Found[PlacedOrder]]:
        signed = await in_thread(self._signed, key)
        return [_found(placed, signed) for placed in await self.client.under_nonce(key, once=True)]

    def _signed(self, key: int) -> Order | None:
        """The order that we committed to this nonce, if there is one: it tells in what unit the venue shows its quantity."""
        slot = self.ledger.find(self.scope, key)
        return None if slot is None or slot.digest is None else self.ledger.order(slot, Order)


def _found(placed: PlacedOrder, signed: Order | None) -> Found[PlacedOrder]:
    try:
        order = placed.to_order(signed)
    except InvalidInput as error:
        raise InvalidReply(f"query orders: the venue shows an order that cannot be ({error})", status=200) from None
    return Found(order, placed.signature, placed.id, placed.status, placed)
