"""What a supervisor creates and changes: users, tokens, their metric, their secondary market."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP
from typing import Any, cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.tokenizationtr.reads import shown_user
from orderseal.sandbox.tokenizationtr.state import NODE, State, Token, User
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.ids import object_id

_NEEDED = ("category_id", "name", "description", "max_supply", "token_name", "token_symbol")
_VALUES = (("value", "value_symbol", "rate"), ("total_value", "currency_token_id", "salable_percentage"))
"""How the value is given: the older form, and the newer one."""


class Admin:
    """Handlers of these writes; they take effect at once, and most answer without a body."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def create_user(self, call: Call) -> Answer:
        body = cast("dict[str, str]", call.body)
        if any(user.email == body["email"] for user in self._state.users.values()):
            raise Refusal("conflict", "The e-mail address is in use")
        user = User(object_id(self._state.rng), body["name"], body["surname"], body["email"], body["identity_number"], "", verified=False)
        self._state.users[user.id] = user
        return Answer(shown_user(user), 201, (user.id,))

    def create_token(self, call: Call) -> Answer:
        if call.path["node_id"] != NODE:
            raise Refusal("missing", "Node not found")
        fields = _form(call)
        if missing := [name for name in _NEEDED if not fields.get(name)]:
            raise Refusal("invalid", f"{missing[0]} is required")
        if not any(all(fields.get(name) for name in names) for names in _VALUES):
            raise Refusal("invalid", "The value is required")
        supply = _number(fields, "max_supply")
        price = _number(fields, "value") if "value" in fields else _number(fields, "total_value") / supply
        token_id = object_id(self._state.rng)
        token = Token(token_id, fields["name"], fields["token_symbol"], price, int(supply), 0, False, False, self._clock.time())
        self._state.tokens[token_id] = token
        return Answer(b"", ids=(token_id,))

    def set_metric(self, call: Call) -> Answer:
        token, body = self._state.token(call.path["token_id"]), cast("dict[str, Any]", call.body)
        low = body.get("min_purchase_quantity", token.limits[0])
        high = body.get("max_purchase_quantity", token.limits[1])
        if not 0 < low <= high:
            raise Refusal("invalid", "min_purchase_quantity must be positive and at most max_purchase_quantity")
        token.limits = (low, high)
        token.metric |= body
        return Answer(b"", ids=(token.id,))

    def open_to_secondary(self, call: Call) -> Answer:
        token = self._state.token(call.path["token_id"])
        token.open_to_secondary = cast("dict[str, bool]", call.body)["is_open"]
        return Answer({}, ids=(token.id,))


def _form(call: Call) -> dict[str, str]:
    """Return the text fields of a multipart form; files are not kept."""
    header = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode("latin-1", "replace")
    message = message_from_bytes(header + call.raw, policy=HTTP)
    if not message.is_multipart() or message.defects:
        raise Refusal("malformed")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and part.get_filename() is None:
            content = part.get_payload(decode=True)
            fields[name] = content.decode("utf-8", "replace").strip() if isinstance(content, bytes) else ""
    return fields


def _number(fields: dict[str, str], name: str) -> float:
    try:
        value = float(fields[name])
    except ValueError as exc:
        raise Refusal("invalid", f"{name} must be a number") from exc
    if not 0 < value < 1e15:
        raise Refusal("invalid", f"{name} must be greater than 0")
    return value
