"""What the clients of all venues share: HTTP, WebSocket, tokens, rate limits, and a background loop for callers without one."""

from orderseal.api.transport.auth import Ask, Auth, BearerAuth, Grant, HmacAuth, NoAuth, TokenAuth, TokenKeeper
from orderseal.api.transport.background import BackgroundLoop, in_daemon_thread, start_thread
from orderseal.api.transport.call import Call
from orderseal.api.transport.caller import DEFAULT_RETRIES, Caller, Retries
from orderseal.api.transport.connection import DEFAULT_CONNECTION, Connection
from orderseal.api.transport.hooks import Facts, Hooks, opentelemetry_hooks
from orderseal.api.transport.http import DEFAULT_LIMITS, HttpTransport, Limits, Request, Response
from orderseal.api.transport.logins import KeyAuth, PasswordAuth
from orderseal.api.transport.pages import Page, pages
from orderseal.api.transport.polling import poll
from orderseal.api.transport.rate import RateLimit
from orderseal.api.transport.replies import Refusal
from orderseal.api.transport.segments import segment
from orderseal.api.transport.tokens import check_token, token_claims
from orderseal.api.transport.urls import websocket_url
from orderseal.api.transport.websocket import Listener, is_protocol
from orderseal.api.transport.words import words
from orderseal.signing.urls import check_base_url, is_loopback

__all__ = [
    "DEFAULT_CONNECTION",
    "DEFAULT_LIMITS",
    "DEFAULT_RETRIES",
    "Ask",
    "Auth",
    "BackgroundLoop",
    "BearerAuth",
    "Call",
    "Caller",
    "Connection",
    "Facts",
    "Grant",
    "HmacAuth",
    "Hooks",
    "HttpTransport",
    "KeyAuth",
    "Limits",
    "Listener",
    "NoAuth",
    "Page",
    "PasswordAuth",
    "RateLimit",
    "Refusal",
    "Request",
    "Response",
    "Retries",
    "TokenAuth",
    "TokenKeeper",
    "check_base_url",
    "check_token",
    "in_daemon_thread",
    "is_loopback",
    "is_protocol",
    "opentelemetry_hooks",
    "pages",
    "poll",
    "segment",
    "start_thread",
    "token_claims",
    "websocket_url",
    "words",
]
