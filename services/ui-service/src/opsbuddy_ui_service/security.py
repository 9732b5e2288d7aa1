"""Headers that every answer carries: what a page may load, and what it may be used for."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
DOCS = PAGES.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)  # the page of the API's documentation has a script of its own in it
DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"  # what others have stored must not run as a page of ours


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
                headers["referrer-policy"] = "no-referrer"
                headers["cross-origin-opener-policy"] = "same-origin"
                headers["cross-origin-resource-policy"] = "same-origin"
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded)
