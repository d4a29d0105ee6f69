"""JSON Web Tokens as we receive them: opaque, but for an expiry that tells when to renew. Nothing here trusts a token."""

import base64
import binascii
import json
import re
from typing import Any, cast

from orderseal.signing import InvalidReply, is_too_deep

__all__ = ["check_token", "token_claims"]

_TOKEN = re.compile(r"[A-Za-z0-9_\-.~+/=]{1,8192}", re.ASCII)


def check_token(token: object, what: str) -> str:
    """Check that a token can go into a header: a line break in it would forge another header."""
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidReply(f"{what}: the venue sent a token with characters that no token has", status=200)
    return token


def token_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty if it is no JWT."""
    try:
        payload = token.split(".")[1]
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = None if is_too_deep(text) else json.loads(text.decode())
    except (IndexError, ValueError, binascii.Error):
        return {}
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else {}
