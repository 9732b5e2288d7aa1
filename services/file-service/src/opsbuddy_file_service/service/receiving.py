"""Takes a content in: looked at, counted, hashed and stored in one pass."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from opsbuddy_core import exact_json
from opsbuddy_core.exact_json import refuse
from opsbuddy_core.logs import get_logger
from opsbuddy_file_service import digests, media
from opsbuddy_file_service.models import Part
from opsbuddy_file_service.names import clean_name
from opsbuddy_file_service.service.changes import DOCUMENTS, Documents, document
from opsbuddy_file_service.service.limits import Limits, too_large
from opsbuddy_file_service.storage.blobs import PREFIX, Blobs
from opsbuddy_file_service.storage.records import full

log = get_logger("file_service")


@dataclass(frozen=True, slots=True)
class Content:
    """A content that is in the store: its key, what it is, how large, its SHA-256 in hex."""

    key: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a form has brought."""

    filename: str
    content: Content
    documents: Documents


class Receiver:
    """Stores contents under new keys."""

    def __init__(self, blobs: Blobs, limits: Limits) -> None:
        self._blobs, self._limits = blobs, limits

    async def content(self, chunks: AsyncIterator[bytes], declared: str | None, filename: str, used: int) -> Content:
        """Store a content; `used` bytes are stored already. Nothing of it stays when this raises."""
        passing = _Passing(chunks, declared, filename, self._limits, used)
        key = f"{PREFIX}/{uuid.uuid4().hex[:2]}/{uuid.uuid4().hex}"
        await self._blobs.put(key, passing.chunks())
        return Content(key, passing.kind, passing.size, passing.digest.hexdigest())

    async def form(self, parts: AsyncIterator[Part], used: int) -> Form:
        """Store the one file of a form with the documents around it; the parts may come in any order."""
        named: tuple[str, Content] | None = None
        documents: Documents = {}
        try:
            async for part in parts:
                if part.name == "file":
                    if named:
                        refuse("file", "it is there twice; send one file a request")
                    named = await self._file(part, used)
                elif part.name in DOCUMENTS:
                    if part.name in documents:
                        refuse(part.name, "it is there twice")
                    documents[part.name] = document(part.name, await _text(part))
                else:
                    refuse(part.name[:100], "no such field; there are file, tags and metadata")
            if named is None:
                refuse("file", "it is missing; send one part of that name with a file name")
        except BaseException:
            if named:
                await asyncio.shield(self.forget(named[1].key))
            raise
        return Form(*named, documents)

    async def forget(self, key: str) -> None:
        """Remove a content that no record has. When that fails a sweep does it."""
        try:
            await self._blobs.delete(key)
        except Exception as error:  # noqa: BLE001 - the request is decided; a sweep tries again
            log.warning("A content stays for the sweep", operation="delete", error=type(error).__name__)

    async def _file(self, part: Part, used: int) -> tuple[str, Content]:
        if not part.filename:
            refuse("file", "it has no file name")
        filename = clean_name(part.filename, "file")
        chunks = digests.checked(part.chunks, digests.announced(part.headers))
        return filename, await self.content(chunks, part.content_type, filename, used)


class _Passing:
    """A content on its way to the store."""

    def __init__(
        self, chunks: AsyncIterator[bytes], declared: str | None, filename: str, limits: Limits, used: int
    ) -> None:
        self._chunks, self._declared, self._filename, self._limits, self._used = (
            chunks,
            declared,
            filename,
            limits,
            used,
        )
        self.kind, self.size, self.digest = "", 0, hashlib.sha256()
        self._limit = limits.file_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        head = b""
        async for chunk in self._chunks:
            if self.kind:
                yield self._counted(chunk)
                continue
            head += chunk
            if len(head) >= media.HEAD_BYTES:
                self._look(head)
                yield self._counted(head)
        if not self.kind:
            self._look(head)
            if head:
                yield self._counted(head)

    def _look(self, head: bytes) -> None:
        self.kind = media.sniff(head[: media.HEAD_BYTES], self._declared, self._filename)
        self._limit = self._limits.of(self.kind)

    def _counted(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        if self.size > self._limit:
            raise too_large(self._limit, self.kind if self._limit < self._limits.file_bytes else None)
        total = self._limits.total_bytes
        if total is not None and self._used + self.size > total:
            raise full(total)
        self.digest.update(chunk)
        return chunk


async def _text(part: Part) -> bytes:
    text = b""
    async for chunk in part.chunks:
        text += chunk
        if len(text) > exact_json.MAX_BYTES:
            refuse(part.name, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
    return text
