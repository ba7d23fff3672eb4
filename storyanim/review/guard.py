"""Who may ask the review page for anything: this machine's own browser, by the token of its address."""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 256 * 1024                          # of a form: a shot's words, a hundred times over
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                               "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
                               "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache, private",
}


class Guard:
    """An ASGI application around another that refuses all requests but those of the page itself.

    The host must be this machine by its own name, so that no foreign name can be bound to it; what changes
    something must come from the page's own origin; everything needs the token, once in the address and from
    then on as a cookie. Bodies are read whole here, up to `MAX_BODY_BYTES`.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"storyanim-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refused = self._refusal(scope) or self._let_in(scope)
        body = b""
        if refused is None:
            body_or_none = await _body(scope, receive)
            if body_or_none is None:
                refused = PlainTextResponse("too long", 413)
            body = body_or_none or b""
        app = self._app if refused is None else refused

        async def replay() -> Message:
            nonlocal body
            sent, body = body, b""
            return {"type": "http.request", "body": sent, "more_body": False}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive if scope["method"] == "GET" else replay, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            return PlainTextResponse("this page is for the machine that it runs on", 421)
        reads = scope["method"] in {"GET", "HEAD"}
        if (origin is None and not reads) or origin not in {None, f"http://{host}"}:
            return PlainTextResponse("this request comes from another page", 403)
        if not reads and scope["method"] != "POST":
            return PlainTextResponse("no such method", 405)
        return None

    def _let_in(self, scope: Scope) -> Response | None:
        """Return the answer to a request without the cookie; None for one that has it."""
        if self._is_token(_cookies(scope).get(self._cookie, "")):
            return None
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")
        if scope["path"] != "/" or not self._is_token(given):
            return PlainTextResponse("open the address that `storyanim review` printed: its token is missing "
                                     "or of an earlier time", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        return answer

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body of a request; None for one that is too long, of which no more is read."""
    if scope["method"] == "GET":
        return b""
    declared = Headers(scope=scope).get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
        return None
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _cookies(scope: Scope) -> dict[str, str]:
    try:
        found = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}
