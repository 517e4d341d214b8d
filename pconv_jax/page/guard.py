"""Who may ask the page for something: the browser tab that the command opened, on this machine, and nobody else."""

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pconv_jax.page.users import is_this_user

_USUAL_PORT = 80
COOKIE = "pconv_jax_page"
# Everything comes from this server, and no other page may show this one in a frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _key_in(query: bytes) -> str:
    return parse_qs(query.decode("latin-1")).get("key", [""])[0]


def _same(given: str, key: str) -> bool:
    return secrets.compare_digest(given.encode(), key.encode())


class Guard:
    """Refuses requests without the key, from other pages, and by other names of this machine.

    One key is in the address that the command prints, another in the one that it opens; after that a cookie takes their
    place. The address that is opened is an argument of the browser, which other users of the machine can read: its key
    counts once, and where the system tells users apart only for the one who started the command. Checking the name that
    was asked for keeps pages out whose own name was made to lead here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, *, secret: str, opened: str, port: int):
        """Wraps the application.

        Args:
            app: what answers those that may ask.
            secret: the key that is printed.
            opened: the key that the browser is opened with.
            port: that it is served on.
        """
        self._app, self._key = app, secret
        self._opened: str | None = opened  # until the browser has come
        ending = "" if port == _USUAL_PORT else f":{port}"  # which browsers leave out
        self._hosts = {f"{host}{ending}" for host in ("127.0.0.1", "localhost")}
        self._cookie = f"{COOKIE}_{port}"  # browsers share cookies between the ports of a machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts or not self._from_here(headers):
            await PlainTextResponse("only the page itself may ask for this", 403)(scope, receive, send)
        elif _same(self._cookie_of(headers), self._key):
            await self._app(scope, receive, self._sending(send))
        elif scope["path"] == "/" and self._opens(_key_in(scope["query_string"]), scope):
            response = RedirectResponse("/", 303)
            response.set_cookie(self._cookie, self._key, httponly=True, samesite="strict")
            await response(scope, receive, self._sending(send))
        else:
            said = "this page needs its key: open the address that `pconv-jax page` printed"
            await PlainTextResponse(said, 401)(scope, receive, send)

    def _from_here(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        within = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        return within and (origin is None or origin.removeprefix("http://") in self._hosts)

    def _opens(self, given: str, scope: Scope) -> bool:
        if _same(given, self._key):
            return True
        if self._opened is None or not _same(given, self._opened) or not is_this_user(*scope["client"]):
            return False
        self._opened = None
        return True

    def _cookie_of(self, headers: Headers) -> str:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return ""

    def _sending(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        return with_headers
