"""What a page may load, what it may be used for, and who may ask for a change."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsbuddy_core.errors import ForbiddenError
from opsbuddy_core.web.problems import response

PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
DOCS = PAGES.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)  # the page of the API's documentation has a script of its own in it
DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"  # what others have stored must not run as a page of ours

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def policy(path: str) -> str:
    """Return the content security policy for an address."""
    if path == "/docs":
        return DOCS
    return DATA if path.startswith("/api/") else PAGES


class SecurityHeaders:
    """Adds the headers, as plain ASGI; replaces what a service behind sent under the same names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = policy(scope["path"])
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = (
                    "same-origin"  # with none at all a form would come from nowhere: `Origin: null`
                )
                headers["cross-origin-opener-policy"] = "same-origin"
                headers["cross-origin-resource-policy"] = "same-origin"
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded)


class OwnPagesOnly:
    """Refuses changes that a browser asks for on behalf of another site's page. Programs, which send no Origin, are not concerned."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and is_foreign(Headers(scope=scope)):
            error = ForbiddenError("A page of another site asked for this change; only the pages of OpsBuddy may.")
            await response(error, scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_foreign(headers: Headers) -> bool:
    """Return whether a browser says that the page behind a request is not one of ours.

    It knows by itself (Sec-Fetch-Site, which no page can set), over TLS and on localhost in any case. Where it does not say so, the page's origin
    has to have the name by which we are called, which a proxy in between has to pass on.
    """
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
