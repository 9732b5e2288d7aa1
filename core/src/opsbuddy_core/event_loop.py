"""The event loop of every deployable: uvloop's, which must not close what belongs to others.

When a connection that was made from a socket object breaks while it begins, uvloop (0.23) closes its descriptor and lets the object keep the
number. Whenever that object is collected, the number is closed once more, and by then it may be that of another connection: the answer on
its way there is lost. aiohttp makes all of its connections so.
"""

import socket
from typing import Any

import uvloop
from typing_extensions import override


class Loop(uvloop.Loop):
    """uvloop's, with sockets that let go of a descriptor which is closed, or about to be, by the loop."""

    @override
    async def create_connection(
        self, *arguments: Any, sock: socket.socket | None = None, **options: Any
    ) -> tuple[Any, Any]:
        connection: Any = super().create_connection(*arguments, sock=sock, **options)
        if sock is None:
            return await connection  # type: ignore[no-any-return]
        try:
            transport, protocol = await connection
        except BaseException:
            sock.detach()
            raise
        if transport.is_closing():
            sock.detach()
        return transport, protocol
