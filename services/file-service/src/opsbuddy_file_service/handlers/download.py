"""Answers that have a content, parts of it, or only its header."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import Response, StreamingResponse

from opsbuddy_file_service import digests
from opsbuddy_file_service.models import StoredFile
from opsbuddy_file_service.names import attachment
from opsbuddy_file_service.ranges import Selection


@dataclass(frozen=True, slots=True)
class Download:
    """A file, what of it was asked for, and that; without bodies: an answer to HEAD."""

    file: StoredFile
    selection: Selection
    bodies: list[AsyncIterator[bytes]]

    def response(self) -> Response:
        file, spans = self.file, self.selection.spans
        cached = {"etag": file.content_tag, "cache-control": "private, no-cache"}
        if not spans:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=cached)
        headers = cached | {
            "accept-ranges": "bytes",
            "content-disposition": attachment(file.filename),
            "repr-digest": digests.field_value(file.sha256),
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",  # should a browser show it all the same
        }
        if self.selection.partial and len(spans) > 1:
            return self._parts(headers)
        status = HTTPStatus.PARTIAL_CONTENT if self.selection.partial else HTTPStatus.OK
        headers |= {"content-type": file.content_type, "content-length": str(spans[0].size)}
        if self.selection.partial:
            headers["content-range"] = spans[0].of(file.size)
        if not self.bodies:
            return Response(status_code=status, headers=headers)
        if not self.selection.partial:
            headers["content-digest"] = headers["repr-digest"]
        return StreamingResponse(self.bodies[0], status, headers)

    def _parts(self, headers: dict[str, str]) -> Response:
        boundary = uuid4().hex
        heads = [
            f"--{boundary}\r\ncontent-type: {self.file.content_type}\r\ncontent-range: {span.of(self.file.size)}\r\n\r\n".encode()
            for span in self.selection.spans
        ]
        end = f"--{boundary}--\r\n".encode()

        async def body() -> AsyncIterator[bytes]:
            for head, pieces in zip(heads, self.bodies, strict=True):
                yield head
                async for piece in pieces:
                    yield piece
                yield b"\r\n"
            yield end

        length = len(end) + sum(
            len(head) + span.size + 2 for head, span in zip(heads, self.selection.spans, strict=True)
        )
        headers |= {"content-type": f"multipart/byteranges; boundary={boundary}", "content-length": str(length)}
        return StreamingResponse(body(), HTTPStatus.PARTIAL_CONTENT, headers)
