"""The entry: a path on a route goes to the data path, everything else to the control pages."""

from starlette.types import ASGIApp, Receive, Scope, Send

from opsbuddy_core.errors import NotFoundError, OpsBuddyError
from opsbuddy_gateway.handlers.access import Access, answer_preflight
from opsbuddy_gateway.handlers.failures import refuse
from opsbuddy_gateway.handlers.proxy import Proxy
from opsbuddy_gateway.handlers.websocket import WebSockets
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.routing import Route, find
from opsbuddy_gateway.service.table import Table


class Dispatcher:
    """One ASGI application of several: routes first, then the control pages."""

    def __init__(self, table: Table, access: Access, proxy: Proxy, websockets: WebSockets, control: ASGIApp) -> None:
        self._table, self._access, self._control = table, access, control
        self._proxy, self._websockets = proxy, websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._control(scope, receive, send)
            return
        try:
            route = self._route(scope)
        except OpsBuddyError as error:
            await refuse(error, scope, receive, send)
            return
        if route is None:
            if kind == "websocket":
                nothing = NotFoundError(f"No route leads from {scope['path']}.", reason=Reason.NO_ROUTE)
                await refuse(nothing, scope, receive, send)
                return
            await self._control(scope, receive, send)
            return
        if scope.get("method") == "OPTIONS" and (cors := self._access.preflight(scope, route)):
            await answer_preflight(scope, send, route, cors)
            return
        scope, send = self._access.passed(scope, send, route)
        if kind == "websocket":
            await self._websockets(scope, receive, send, route)
        else:
            await self._proxy(scope, receive, send, route)

    def _route(self, scope: Scope) -> Route | None:
        snapshot = self._table.current
        return None if snapshot is None else find(snapshot, scope["raw_path"], scope["path"])
