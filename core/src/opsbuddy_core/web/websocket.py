"""uvicorn's WebSockets, for which an answer that refuses a handshake completes it, and what is no handshake gets a problem document."""

import logging
from typing import Any

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from opsbuddy_core.errors import MalformedError
from opsbuddy_core.web import refusal

log = logging.getLogger("uvicorn.error.websocket")
log.setLevel(
    logging.WARNING
)  # its line for each socket has the query, which may hold a token; the access log has one of its own


def sockets(reason_header: str | None = None) -> type["WebSocketProtocol"]:
    """Return the protocol; `reason_header`: the field in which a refusal names its reason as well."""
    return type("NamedWebSocketProtocol", (WebSocketProtocol,), {"reason_header": reason_header})


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Without `send`, every refusal is an error in the log as well: of an application that has given no answer."""

    reason_header: str | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = log

    @override
    def handle_connect(self, event: Request) -> None:
        if self.conn.accept(event).status_code == 101:  # noqa: PLR2004 - the handshake is one
            super().handle_connect(event)
            return
        error = MalformedError(
            "This is no WebSocket handshake of version 13: a field of it is missing or wrong.", reason="bad_request"
        )
        refusal.account(error, self.client[0] if self.client else None)
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(refusal.message(error, event.path.encode("latin-1"), self.reason_header))
        self.transport.close()

    @override
    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # as after a refusal by websocket.close
