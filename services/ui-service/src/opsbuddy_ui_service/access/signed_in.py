"""Opens the cookie of a session, and asks on in its name: whatever a page asks of the gateway carries the credential from here on."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsbuddy_ui_service.access.session import NAME, SECURE_NAME, Session, Sessions
from opsbuddy_ui_service.clients.gateway import CREDENTIALS, brought

SESSION = "opsbuddy.session"
STATIC = ("/assets/", "/docs/")  # kept by caches that others share: nothing of a session goes there


class SignedIn:
    """Gives requests the credential of their session, as plain ASGI.

    A credential that a program sends itself wins; a cookie that opens nothing is as none, and goes.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self.app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or "cookie" not in headers or scope["path"].startswith(STATIC):
            await self.app(scope, receive, send)
            return
        sealed = sealed_in(headers, scope["scheme"])
        session = next((found for value in sealed.values() if (found := self._sessions.open(value))), None)
        if session is not None:
            if not brought(headers):
                name, value = session.credential.header
                others = [field for field in scope["headers"] if field[0].decode("latin-1") not in CREDENTIALS]
                given = [*others, (name.encode(), value.encode())]
                scope = {**scope, "headers": given, SESSION: session}
            await self.app(scope, receive, send)
            return
        if not sealed:
            await self.app(scope, receive, send)
            return

        async def clearing(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                if not any(value.startswith((NAME, SECURE_NAME)) for value in answer.getlist("set-cookie")):
                    for name in sealed:
                        answer.append("set-cookie", cleared(name))
            await send(message)

        await self.app(scope, receive, clearing)


def session_of(request: HTTPConnection) -> Session | None:
    """Return the session in whose name a request is made."""
    session: Session | None = request.scope.get(SESSION)
    return session


def sealed_in(headers: Headers, scheme: str) -> dict[str, str]:
    """Return the cookies of sessions, by name. Where a browser comes by TLS only that which none but this host can have set."""
    cookies = cookie_parser("; ".join(headers.getlist("cookie")))
    names = (SECURE_NAME,) if is_secure(headers, scheme) else (SECURE_NAME, NAME)
    return {name: cookies[name] for name in names if name in cookies}


def is_secure(headers: Headers, scheme: str) -> bool:
    """Return whether the browser came by TLS, which ends before this service: the proxy there says so, or the page's own origin does.

    Whoever makes it up changes the name of no cookie but their own.
    """
    said = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" in (scheme, said) or headers.get("origin", "").startswith("https://")


def kept(sealed: str, seconds: int, *, secure: bool) -> str:
    """Return the header that keeps a session in the browser.

    Lax, because links from alerts, dashboards and chats lead into pages, which would be locked to who is signed in if the cookie stayed behind;
    what Strict keeps out besides, changes asked for by pages of other sites, is refused as such (OwnPagesOnly), and no GET changes anything.
    """
    name = SECURE_NAME if secure else NAME
    return f"{name}={sealed}; Max-Age={seconds}; {ATTRIBUTES}{'; Secure' if secure else ''}"


def cleared(name: str) -> str:
    """Return the header that takes a session out of the browser."""
    return f"{name}=; Max-Age=0; {ATTRIBUTES}{'; Secure' if name == SECURE_NAME else ''}"


ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"
