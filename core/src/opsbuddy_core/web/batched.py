"""A transport that joins what is written in one turn of the event loop: the head of an answer and its body are then one system call."""

import asyncio
from typing import Any

AT_ONCE = 64 * 1024  # more than this is worth a call of its own


class BatchedTransport:
    """Stands before the real transport; whatever is not about writing goes straight to it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        pieces = self._pieces
        if not pieces:
            self._loop.call_soon(self.flush)
        pieces.append(data)
        if len(data) > AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def finish(self, data: bytes) -> None:
        """Write the last piece of a message, and what is waiting, at once: nothing follows that could join it."""
        self._pieces.append(data)
        self.flush()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        self.flush()
        self._transport.close()
