"""Forms of type multipart/form-data, in UTF-8, read as they come: nothing of a file is kept here."""

import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import (
    DEFAULT_MAX_HEADER_COUNT,
    DEFAULT_MAX_HEADER_SIZE,
    MAX_BOUNDARY_LENGTH,
    MultipartParser,
    parse_options_header,
)

from opsbuddy_core.errors import FieldError, MalformedError, UnsupportedTypeError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
EXTENDED = re.compile(r";\s*filename\*\s*=\s*utf-8'[^';]*'([^\s;]+)", re.IGNORECASE)
AS_IT_IS = frozenset({"7bit", "8bit", "binary"})
UNREADABLE = (
    f"what stands at a boundary is no part: expected at most {DEFAULT_MAX_HEADER_COUNT} header fields of {DEFAULT_MAX_HEADER_SIZE} bytes "
    "and an empty line, each ending in CR LF, then the content"
)
ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}  # what browsers escape in names, and nothing else


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part; read `chunks` before asking for the next part."""

    name: str
    filename: str | None
    content_type: str | None
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _Begin:
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _End:
    pass


class FormReader:
    """Reads the parts of a multipart/form-data body in the order in which they come."""

    def __init__(self, content_type: str | None, body: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise UnsupportedTypeError(
                "Send a form of type multipart/form-data.",
                errors=[FieldError("content-type", "expected multipart/form-data", "type")],
            )
        if not (boundary := options.get(b"boundary")):
            raise unreadable("content-type", "it has no boundary; let the client library make that field")
        self._body = body
        self._events: deque[_Begin | bytes | _End] = deque()
        self._headers: dict[str, str] = {}
        self._name, self._value, self._complete = b"", b"", False
        self._first, self._before, self._begun = b"\n--" + boundary, b"\n", False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise unreadable("content-type", f"its boundary has more than {MAX_BOUNDARY_LENGTH} characters") from error

    async def parts(self) -> AsyncIterator[FormPart]:
        """Yield the parts; MalformedError when it is no complete form."""
        while (event := await self._next()) is not None:
            if isinstance(event, _Begin):
                part = self._part(event.headers)
                yield part
                async for _ in part.chunks:  # what the caller left unread
                    pass

    def _callbacks(self) -> "MultipartCallbacks":
        def on_header_field(data: bytes, start: int, end: int) -> None:
            self._name += data[start:end]

        def on_header_value(data: bytes, start: int, end: int) -> None:
            self._value += data[start:end]

        def on_header_end() -> None:
            name, value = self._name.decode("latin-1").lower(), self._value.decode("latin-1")
            self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
            self._name = self._value = b""

        def on_headers_finished() -> None:
            self._events.append(_Begin(self._headers))
            self._headers = {}

        def on_part_data(data: bytes, start: int, end: int) -> None:
            self._events.append(data[start:end])

        def on_part_end() -> None:
            self._events.append(_End())

        def on_end() -> None:
            self._complete = True

        return {
            "on_header_field": on_header_field,
            "on_header_value": on_header_value,
            "on_header_end": on_header_end,
            "on_headers_finished": on_headers_finished,
            "on_part_data": on_part_data,
            "on_part_end": on_part_end,
            "on_end": on_end,
        }

    async def _next(self) -> _Begin | bytes | _End | None:
        while not self._events:
            chunk = await anext(self._body, None)
            if chunk is None:
                if not self._complete:
                    raise unreadable("body", "it ends before the form's last boundary; send it again as a whole")
                return None
            try:
                self._parser.write(self._without_preamble(chunk))
            except FormParserError as error:
                raise unreadable("body", UNREADABLE) from error
        return self._events.popleft()

    def _without_preamble(self, chunk: bytes) -> bytes:
        """Return the chunk without what may stand before the first boundary (RFC 2046 section 5.1.1), and means nothing."""
        if self._begun:
            return chunk
        self._before += chunk
        at = self._before.find(self._first)
        if at < 0:
            self._before = self._before[-len(self._first) :]
            return b""
        self._begun = True
        return self._before[at + 1 :]

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not isinstance(event := await self._next(), _End):
            if event is None:
                raise unreadable("body", "it ends in the middle of a part; send it again as a whole")
            if isinstance(event, bytes):
                yield event

    def _part(self, headers: dict[str, str]) -> FormPart:
        disposition, options = parse_options_header(headers.get("content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise unreadable("body", "a part has no name; each needs Content-Disposition: form-data; name=…")
        name = _decoded(options[b"name"])
        if (coding := headers.get("content-transfer-encoding", "binary").strip().lower()) not in AS_IT_IS:
            reason = f"the coding {coding[:40]} is not taken; send its bytes as they are"
            raise UnsupportedTypeError(f"{name[:100]}: {reason}.", errors=[FieldError(name[:100], reason, "encoding")])
        filename = options.get(b"filename")
        return FormPart(
            name=name,
            filename=_extended(headers["content-disposition"]) or (None if filename is None else _decoded(filename)),
            content_type=headers.get("content-type"),
            headers=headers,
            chunks=self._chunks(),
        )


def unreadable(place: str, reason: str) -> MalformedError:
    """Return the error for a form that is none, or not whole; `place` is what of the request tells."""
    return MalformedError(
        f"The form cannot be read: {place}: {reason}.", errors=[FieldError(place, reason, "malformed")]
    )


def _extended(disposition: str) -> str | None:
    """Return the name as RFC 8187 writes it. Forms should not, but clients do, some with a name for the eyes alone beside it."""
    if (match := EXTENDED.search(QUOTED.sub('""', disposition))) is None:
        return None
    return unquote_to_bytes(match[1]).decode("utf-8", "surrogateescape")


def _decoded(value: bytes) -> str:
    text = value.decode("utf-8", "surrogateescape")
    for escaped, letter in ESCAPES.items():
        text = text.replace(escaped, letter)
    return text
