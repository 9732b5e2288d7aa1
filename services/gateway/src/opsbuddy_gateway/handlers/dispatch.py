"""The entry: a path on a route goes to the data path, everything else to the control pages."""

from starlette.types import ASGIApp, Receive, Scope, Send

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.web.problems import response
from opsbuddy_gateway.handlers.proxy import Proxy
from opsbuddy_gateway.models import NotImplementedHereError
from opsbuddy_gateway.service.routing import find
from opsbuddy_gateway.service.table import Table


class Dispatcher:
    """One ASGI application of two: routes first, then the control pages."""

    def __init__(self, table: Table, proxy: Proxy, control: ASGIApp) -> None:
        self._table, self._proxy, self._control = table, proxy, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (snapshot := self._table.current) is not None:
            try:
                route = find(snapshot, scope["raw_path"], scope["path"])
            except OpsBuddyError as error:
                await response(error, scope["path"])(scope, receive, send)
                return
            if route is not None:
                await self._proxy(scope, receive, send, route)
                return
        if scope["type"] == "websocket":
            await _no_websocket(scope, send)
            return
        await self._control(scope, receive, send)


async def _no_websocket(scope: Scope, send: Send) -> None:
    error = NotImplementedHereError(
        "WebSockets do not pass this gateway; use server-sent events, or ask the service directly."
    )
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1011})
        return
    answer = response(error, scope["path"])
    start = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": bytes(answer.body), "more_body": False})
