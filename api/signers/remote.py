"""A signer behind JSON-RPC: a wallet, a node, or a signing service.

It speaks ``eth_signTypedData_v4`` and ``personal_sign``, and ``eth_signTransaction`` for purchases.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from orderseal.api.transport import check_base_url, is_loopback
from orderseal.signing import Address, AddressLike, Hash32, InvalidInput, Signature, SignerError, TypedData, describe, is_too_deep
from orderseal.signing.values import hex_to_bytes

__all__ = ["RemoteSigner"]

_REPLY_BYTES: Final = 1024 * 1024


class _QuietUrl(httpx.URL):
    """A URL that shows no more than its host: httpx logs that of each request, and it may hold a token."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


class RemoteSigner:
    """A :class:`~orderseal.signing.Signer` that asks a JSON-RPC service (EIP-712, *Specification of the eth_signTypedData JSON RPC*).

    It is a :class:`~orderseal.signing.TransactionSigner` too; :func:`orderseal.chain.transactions.sign_transaction` checks what it gives.

    The whole document is sent, so that the other side can show it and hash it itself. What comes back is recovered and compared
    before use, by :func:`~orderseal.signing.sign_order` and its like; a ``v`` of 0 or 1, which hardware gives, is read as 27 or 28.

    Args:
        url: of the service, https, or http on loopback. It may hold a token in its path; it is never shown.
        address: the account to sign for; may be left out where the service has exactly one.
        timeout: seconds for one answer; a person may have to press a button.

    Raises:
        SignerError: the service cannot be reached, refuses, or answers something else. Nothing was sent to a venue.
    """

    def __init__(self, url: str, address: AddressLike | None = None, *, timeout: float = 60.0) -> None:
        checked = check_base_url(url)
        self._timeout = timeout
        self._url = checked
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=not is_loopback(checked))
        try:
            self._address = Address(address) if address is not None else self._only_account()
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> Address:
        """The account that it signs for."""
        return self._address

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        """Have the whole document signed by ``eth_signTypedData_v4``."""
        typed_data = document()
        if typed_data.signing_hash != digest:
            raise InvalidInput(path="document", expected=f"a document that hashes to {digest}", actual=str(typed_data.signing_hash))
        return self._signature("eth_signTypedData_v4", [str(self._address), json.dumps(typed_data.to_json())])

    def sign_message(self, text: str) -> Signature:
        """Have a text signed by ``personal_sign``."""
        return self._signature("personal_sign", ["0x" + text.encode().hex(), str(self._address)])

    def sign_transaction(self, digest: Hash32, fields: Mapping[str, str]) -> bytes:  # noqa: ARG002 - the other side hashes it itself
        """Have a transaction signed by ``eth_signTransaction``, and give it as it goes to a node. Nothing of it is checked here.

        The service answers with ``0x`` hex, or with go-ethereum's ``{"raw": …, "tx": …}``.
        """
        answer = self._call("eth_signTransaction", [dict(fields)])
        answer = answer.get("raw") if isinstance(answer, dict) else answer
        raw = hex_to_bytes(answer) if isinstance(answer, str) else None
        if raw is None:
            raise SignerError(f"eth_signTransaction at {self._host} returned no transaction: {describe(answer)}")
        return raw

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RemoteSigner({self._address} at {self._host})"

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or ""

    def _only_account(self) -> Address:
        accounts = self._call("eth_accounts", [])
        if not isinstance(accounts, list) or len(accounts) != 1:
            count = len(accounts) if isinstance(accounts, list) else 0
            raise SignerError(f"the signer at {self._host} has {count} accounts: say which one with address=…")
        try:
            return Address(accounts[0])
        except InvalidInput:
            raise SignerError(f"the signer at {self._host} named something that is no address") from None

    def _signature(self, method: str, parameters: list[Any]) -> Signature:
        answer = self._call(method, parameters)
        raw = hex_to_bytes(answer) if isinstance(answer, str) else None
        if raw is not None and len(raw) == 65 and raw[64] in (0, 1):
            raw = raw[:64] + bytes([raw[64] + 27])
        try:
            return Signature(raw if raw is not None else b"")
        except InvalidInput as error:
            raise SignerError(f"{method} at {self._host} returned no signature: {error.actual}") from None

    def _call(self, method: str, parameters: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        until = time.monotonic() + self._timeout
        try:
            request = self._client.build_request("POST", self._url, json=body, headers={"Accept-Encoding": "identity"})
            request.url = _QuietUrl(self._url)
            with contextlib.closing(self._client.send(request, stream=True)) as response:
                if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
                    raise SignerError(f"{method} at {self._host}: an answer that is compressed, which was not asked for")
                reply = bytearray()
                for chunk in response.iter_raw(65536):
                    reply += chunk
                    if len(reply) > _REPLY_BYTES or time.monotonic() > until:
                        raise SignerError(f"{method} at {self._host}: an answer that is too long or too slow")
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise SignerError(
                f"{method}: no answer from the signer at {self._host} ({type(error).__name__}); asking again is safe"
            ) from None
        try:
            answer = None if is_too_deep(bytes(reply)) else json.loads(reply.decode())
        except ValueError:
            raise SignerError(f"{method} at {self._host}: HTTP {status} with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise SignerError(f"{method} at {self._host}: {describe(answer)} instead of a JSON-RPC answer")
        refusal = answer.get("error")
        if refusal is not None or "result" not in answer:
            said = refusal.get("message") if isinstance(refusal, dict) else None
            words = (
                "".join(c if c.isprintable() else " " for c in said[:200]) if isinstance(said, str) else f"HTTP {status}, no reason given"
            )
            raise SignerError(f"{method} was refused by the signer at {self._host}: {words}")
        return answer["result"]
