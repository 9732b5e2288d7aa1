"""uvicorn's HTTP/1.1 protocol, with a limit on the header and with problem documents for what cannot be parsed."""

import orjson
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from opsbuddy_core.errors import MalformedError, OpsBuddyError
from opsbuddy_core.web.problems import MEDIA_TYPE, document

MAX_HEAD_BYTES = 256 * 1024  # the parser has no limit of its own: an endless header would fill the memory


class HttpProtocol(HttpToolsProtocol):
    """Refuses requests that no application will ever see."""

    _head_open = False
    _head_bytes = 0

    @override
    def data_received(self, data: bytes) -> None:
        if self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(
                    MalformedError(f"The request header has more than {MAX_HEAD_BYTES} bytes; send a smaller one.")
                )
                return
        super().data_received(data)

    @override
    def on_message_begin(self) -> None:
        self._head_open, self._head_bytes = True, 0
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        self._head_open = False
        super().on_headers_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(
            MalformedError(
                "This is no valid HTTP/1.1 request: the request line, a header field or the framing of the body is wrong."
            )
        )

    def _refuse(self, error: OpsBuddyError) -> None:
        """Answer and close. After an answer that has begun nothing can be said any more."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = orjson.dumps(document(error, getattr(self, "url", b"").decode("latin-1")))
            head = b"content-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[int(error.status)] + head % (MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()
