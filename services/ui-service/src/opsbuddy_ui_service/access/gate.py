"""Keeps the pages for those who say who they are, where the gateway asks that at each of the platform's services."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from opsbuddy_core.errors import OpsBuddyError, UnauthenticatedError
from opsbuddy_core.web.problems import response
from opsbuddy_ui_service.access.credential import UnreadableCredentialError, read
from opsbuddy_ui_service.access.entrance import Entrance
from opsbuddy_ui_service.access.signed_in import SESSION
from opsbuddy_ui_service.clients.gateway import brought
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.views.state import Door

OPEN = frozenset(
    {"/login", "/logout", "/health", "/health/live", "/health/ready", "/metrics", "/status", "/openapi.json"}
)
OPEN_BELOW = ("/assets/", "/docs")
ASKED_THERE = ("/api/", "/panels/files", "/panels/utility", "/panels/analytics", "/panels/timeseries")  # by the gateway
OWN_STATE = "/api/services"
NO_PAGE = ("/api/", "/panels/", "/events")
HELD, MOST = 60.0, 1000  # seconds for which a program's credential need not be shown to the gateway again; of so many


class Gate:
    """Lets requests through, or sends people to the sign-in and tells programs that they need a credential; as plain ASGI."""

    def __init__(
        self, app: ASGIApp, monitor: Monitor, entrance: Entrance, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app, self._monitor, self._entrance, self._clock = app, monitor, entrance, clock
        self._held: OrderedDict[str, float] = OrderedDict()  # digest of a credential, until when it counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and SESSION not in scope and not is_open(scope["path"]):
            view = self._monitor.view()
            if view.closed and (refusal := await self._refusal(scope, view.doors)):
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _refusal(self, scope: Scope, doors: tuple[Door, ...]) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        given = brought(headers)
        try:
            if given:
                await self._check(headers, doors)
                return None
            raise UnauthenticatedError("Sign in at /login, or send a credential that the gateway takes.")
        except OpsBuddyError as error:
            if given or path.startswith(NO_PAGE) or scope["method"] not in ("GET", "HEAD"):
                return response(error, path)
        query = scope["query_string"].decode("latin-1")
        here = quote(path, safe="/") + (f"?{query}" if query else "")
        way = "/login" if here == "/" else f"/login?next={quote(here, safe='/')}"
        return Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": way, "cache-control": "no-store"})

    async def _check(self, headers: Headers, doors: tuple[Door, ...]) -> None:
        """Return when the gateway takes what a program sent. Raises an OpsBuddyError that says why not."""
        pasted = headers.get("x-api-key") or headers["authorization"]
        digest, now = hashlib.sha256(pasted.encode()).hexdigest(), self._clock()
        if self._held.get(digest, 0) > now:
            return
        try:
            credential = read(pasted)
        except UnreadableCredentialError as error:
            raise UnauthenticatedError(str(error)) from None
        await self._entrance.check(doors, credential)
        self._held[digest] = now + HELD
        while len(self._held) > MOST:
            self._held.popitem(last=False)


def is_open(path: str) -> bool:
    """Return whether an address shows nothing of the platform, or only what the gateway itself answers to who asks."""
    if path.startswith(OWN_STATE):
        return False
    return path in OPEN or path.startswith(OPEN_BELOW) or path.startswith(ASKED_THERE)
