"""What the file service does: takes uploads, keeps records, removes what nobody refers to."""

import asyncio
import hashlib
import json
import mimetypes
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opsbuddy_core import exact_json
from opsbuddy_core.errors import NotFoundError, TooLargeError, UnavailableError
from opsbuddy_core.exact_json import refuse
from opsbuddy_core.logs import get_logger
from opsbuddy_file_service.models import Cursor, Part, Query, StoredFile
from opsbuddy_file_service.names import clean_name
from opsbuddy_file_service.storage.blobs import PREFIX, Blobs
from opsbuddy_file_service.storage.records import Records

MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(\s*;\s*[\w!#$&^.+-]+=([\w!#$&^.+-]+|\"[ !#-\[\]-~]*\"))*", re.ASCII
)
MAX_TAG = 256
DOCUMENTS = ("tags", "metadata")
MAX_CHANGE = 3 * exact_json.MAX_BYTES
log = get_logger("file_service")


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest file in bytes; uploads at once."""

    file_bytes: int
    uploads: int


@dataclass(slots=True)
class _Received:
    """What has come of an upload so far."""

    key: str | None = None
    filename: str = ""
    content_type: str = ""
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)


class FileService:
    """Files with tags and metadata. The content is stored first and its record after: a record never lacks its content."""

    def __init__(self, records: Records, blobs: Blobs, limits: Limits) -> None:
        self._records, self._blobs, self._limits = records, blobs, limits
        self._slots = asyncio.Semaphore(limits.uploads)

    async def upload(self, parts: AsyncIterator[Part]) -> StoredFile:
        """Store the one file of a form with the tags and metadata around it; the parts may come in any order."""
        if self._slots.locked():
            raise UnavailableError(
                f"{self._limits.uploads} uploads are under way already; try again in a moment.", retry_after=2
            )
        async with self._slots:
            received = _Received()
            try:
                await self._receive(parts, received)
            except BaseException:
                if received.key:
                    await asyncio.shield(self._forget(received.key))
                raise
            file = _new_file(received)
            # Not undone when this fails: it may be written all the same. A sweep removes the content if it is not.
            await self._records.add(file)
        log.info("File stored", operation="create", file_id=file.id, filename=file.filename, size=file.size)
        return file

    async def find(self, file_id: str) -> StoredFile:
        file = await self._records.find(_canonical(file_id))
        if file is None:
            raise _missing(file_id)
        return file

    async def search(self, query: Query) -> tuple[list[StoredFile], Cursor | None]:
        """Return a page of files and where the next one begins; None: this is the last."""
        found = await self._records.search(query, query.limit + 1)
        page = found[: query.limit]
        return page, Cursor.after(page[-1], query.sort) if len(found) > len(page) else None

    async def open(self, file_id: str) -> tuple[StoredFile, AsyncIterator[bytes]]:
        """Return a record and its content, piece by piece."""
        file = await self.find(file_id)
        content = await self._blobs.get(file.key)
        if content is None:  # deleted since the record was read, or lost by the store
            raise _missing(file_id)
        return file, content

    async def change(self, file_id: str, document: bytes, *, whole: bool) -> StoredFile:
        """Set the members that a JSON object has; `whole`: tags and metadata that it lacks become empty."""
        given = _changes(document)
        if whole:
            given = {"tags": {}, "metadata": {}} | given
        changed = await self._records.change(_canonical(file_id), given | {"updated_at": datetime.now(UTC)})
        if changed is None:
            raise _missing(file_id)
        log.info("File changed", operation="update", file_id=changed.id, filename=changed.filename)
        return changed

    async def delete(self, file_id: str) -> None:
        file = await self.find(file_id)
        if not await self._records.remove(file.id):
            raise _missing(file_id)
        await self._forget(file.key)
        log.info("File deleted", operation="delete", file_id=file.id, filename=file.filename)

    async def sweep(self, age_seconds: float) -> int:
        """Remove contents older than that which no record has; return how many. Whatever a crash left ends here."""
        removed = await self._blobs.sweep_unfinished(age_seconds)
        async for keys in self._blobs.older_than(age_seconds):
            known = await self._records.known(keys)
            for key in keys:
                if key not in known:
                    await self._blobs.delete(key)
                    removed += 1
        if removed:
            log.info("Contents without a record removed", operation="sweep", removed=removed)
        return removed

    async def _receive(self, parts: AsyncIterator[Part], received: _Received) -> None:
        async for part in parts:
            if part.name == "file":
                await self._receive_file(part, received)
            elif part.name in DOCUMENTS:
                if part.name in received.documents:
                    refuse(part.name, "it is there twice")
                received.documents[part.name] = _checked(part.name, await _text(part))
            else:
                refuse(part.name[:100], "no such field; there are file, tags and metadata")
        if received.key is None:
            refuse("file", "it is missing; send one part of that name with a file name")

    async def _receive_file(self, part: Part, received: _Received) -> None:
        if received.key:
            refuse("file", "it is there twice; send one file a request")
        if not part.filename:
            refuse("file", "it has no file name")
        received.filename = clean_name(part.filename, "file")
        received.content_type = _content_type(part.content_type, received.filename)
        key = f"{PREFIX}/{uuid.uuid4().hex[:2]}/{uuid.uuid4().hex}"
        await self._blobs.put(key, self._counted(part.chunks, received))
        received.key = key

    async def _counted(self, chunks: AsyncIterator[bytes], received: _Received) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            received.size += len(chunk)
            if received.size > self._limits.file_bytes:
                raise TooLargeError(
                    f"The file has more than the {self._limits.file_bytes} bytes that are taken; send a smaller one.",
                    limit=self._limits.file_bytes,
                )
            received.digest.update(chunk)
            yield chunk

    async def _forget(self, key: str) -> None:
        try:
            await self._blobs.delete(key)
        except Exception as error:  # noqa: BLE001 - the request is decided; a sweep tries again
            log.warning("A content stays for the sweep", operation="delete", error=type(error).__name__)


def _new_file(received: _Received) -> StoredFile:
    assert received.key  # noqa: S101 - _receive refuses a form without a file
    now = datetime.now(UTC)
    return StoredFile(
        id=str(uuid.uuid4()),
        key=received.key,
        filename=received.filename,
        content_type=received.content_type,
        size=received.size,
        sha256=received.digest.hexdigest(),
        tags=received.documents.get("tags", {}),
        metadata=received.documents.get("metadata", {}),
        created_at=now,
        updated_at=now,
    )


async def _text(part: Part) -> bytes:
    text = b""
    async for chunk in part.chunks:
        text += chunk
        if len(text) > exact_json.MAX_BYTES:
            refuse(part.name, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
    return text


def _checked(name: str, document: bytes) -> dict[str, Any]:
    value: dict[str, Any] = exact_json.parse_object(document, name) if document.strip() else {}
    return _tags(value) if name == "tags" else value


def _tags(tags: dict[str, Any]) -> dict[str, Any]:
    for name, value in tags.items():
        texts = [name, *(item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))]
        if not name or any(len(text) > MAX_TAG for text in texts):
            refuse("tags", f"names and values have 1 to {MAX_TAG} characters; put longer text into metadata")
    return tags


def _changes(document: bytes) -> dict[str, Any]:
    given: dict[str, Any] = exact_json.parse_object(
        document, "body", max_bytes=MAX_CHANGE, max_depth=exact_json.MAX_DEPTH + 1
    )
    for name, value in given.items():
        if name == "filename" and isinstance(value, str):
            given[name] = clean_name(value, "filename")
        elif name in DOCUMENTS and isinstance(value, dict):
            if len(json.dumps(value, ensure_ascii=False).encode()) > exact_json.MAX_BYTES:
                refuse(name, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
        else:
            refuse(
                name[:100], "a file's filename is text, its tags and metadata are JSON objects; nothing else can change"
            )
    _tags(given.get("tags", {}))
    return given


def _content_type(declared: str | None, filename: str) -> str:
    if declared and len(declared) <= MAX_TAG and MEDIA_TYPE.fullmatch(declared):
        return declared
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _canonical(file_id: str) -> str:
    try:
        return str(uuid.UUID(file_id))
    except ValueError:
        raise _missing(file_id) from None


def _missing(file_id: str) -> NotFoundError:
    return NotFoundError(f"There is no file {file_id[:64]}; GET /files lists those that there are.")
