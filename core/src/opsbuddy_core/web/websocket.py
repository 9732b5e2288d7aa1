"""uvicorn's WebSockets, for which an answer that refuses a handshake completes it."""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Without this, every refusal is an error in the log as well: of an application that has given no answer."""

    @override
    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # as after a refusal by websocket.close
