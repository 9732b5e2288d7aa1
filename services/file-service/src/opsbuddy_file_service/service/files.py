"""What the file service does with files. Content first, record after: a record never lacks its content."""

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from opsbuddy_core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
    StorageFullError,
    UnavailableError,
)
from opsbuddy_core.logs import get_logger
from opsbuddy_file_service.conditions import Conditions
from opsbuddy_file_service.models import Cursor, Part, Query, StoredFile, Usage
from opsbuddy_file_service.names import clean_name
from opsbuddy_file_service.ranges import Selection, Span
from opsbuddy_file_service.service import changes
from opsbuddy_file_service.service.limits import Limits
from opsbuddy_file_service.service.receiving import Content, Receiver
from opsbuddy_file_service.service.upkeep import Upkeep
from opsbuddy_file_service.storage.blobs import Blobs
from opsbuddy_file_service.storage.records import Records

T = TypeVar("T")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DECIDED = (ConflictError, NotFoundError, PreconditionFailedError, StorageFullError)  # the record was not written
log = get_logger("file_service")


class FileService:
    """Files with tags and metadata. A reference is an id, or a name that one file has."""

    def __init__(self, records: Records, blobs: Blobs, limits: Limits, upkeep: Upkeep, *, trash: bool) -> None:
        self._records, self._blobs, self._limits, self._upkeep, self._trash = records, blobs, limits, upkeep, trash
        self._receiver = Receiver(blobs, limits)
        self._slots = asyncio.Semaphore(limits.uploads)

    async def upload(self, parts: AsyncIterator[Part]) -> StoredFile:
        """Store the one file of a form with the tags and metadata around it."""
        async with self._slot():
            form = await self._receiver.form(parts, await self._used())
            file = _new(form.filename, form.content, form.documents)
            async with self._forgotten_when_refused(form.content):
                await self._records.add(file, self._limits.total_bytes)
        log.info("File stored", operation="create", file_id=file.id, filename=file.filename, size=file.size)
        return file

    async def put(
        self, reference: str, chunks: AsyncIterator[bytes], declared: str | None, conditions: Conditions
    ) -> tuple[StoredFile, bool]:
        """Store a content as the file of a name, or as the new content of an id; returns the record and whether it is new."""
        if ID.fullmatch(reference):
            return await self._put_by_id(reference.lower(), chunks, declared, conditions), False
        filename = clean_name(reference, "name")

        def decided(found: list[StoredFile], content: Content | None) -> StoredFile | None:
            if len(found) > 1:
                raise _ambiguous(filename)
            conditions.check(*(tag for file in found for tag in (file.tag, file.content_tag)))
            if content is None:
                return found[0] if found else None
            return _with_content(found[0], content) if found else _new(filename, content, {})

        async with self._slot():
            now = decided(await self._records.named(filename), None)  # before a body is read that will be refused
            used = await self._used() - (now.size if now else 0)
            content = await self._receiver.content(chunks, declared, filename, used)

            def decide(found: list[StoredFile]) -> StoredFile:
                file = decided(found, content)
                assert file  # noqa: S101 - there is a content
                return file

            async with self._forgotten_when_refused(content):
                before, after = await self._records.put(filename, decide, self._limits.total_bytes)
        await self._stored(before, after)
        return after, before is None

    async def find(self, reference: str) -> StoredFile:
        """Return the record, or raise NotFoundError; ConflictError when several have the name."""
        if ID.fullmatch(reference):
            return _live(_found(await self._records.find(reference.lower()), reference))
        try:
            filename = clean_name(reference, "name")
        except InvalidRequestError:
            raise _missing(reference) from None
        found = await self._records.named(filename)
        if len(found) > 1:
            raise _ambiguous(filename)
        return _found(found[0] if found else None, reference)

    async def search(self, query: Query) -> tuple[list[StoredFile], Cursor | None]:
        """Return a page of files and where the next one begins; None: this is the last."""
        found = await self._records.search(query, query.limit + 1)
        page = found[: query.limit]
        return page, Cursor.after(page[-1], query.sort) if len(found) > len(page) else None

    async def open(
        self, reference: str, select: Callable[[StoredFile], Selection]
    ) -> tuple[StoredFile, Selection, list[AsyncIterator[bytes]]]:
        """Return a record, what of its content is asked for, and that; `select` may raise what the caller hears."""
        for _ in range(3):  # a content that was replaced since its record was read is gone
            file = await self.find(reference)
            selection = select(file)
            if not selection.spans:
                return file, selection, []
            first = await self._blobs.get(file.key, selection.spans[0].start, selection.spans[0].end)
            if first is not None:
                return file, selection, [first, *(self._later(file, span) for span in selection.spans[1:])]
        log.error("The store lacks the content of a record", operation="read", file_id=file.id)
        raise _missing(reference)

    async def change(self, reference: str, body: bytes, conditions: Conditions, *, whole: bool) -> StoredFile:
        """Replace name, tags and metadata by a JSON object, or merge it into them."""
        given = changes.read(body, whole=whole)
        apply = changes.replaced if whole else changes.patched

        def decide(file: StoredFile) -> StoredFile:
            conditions.check(_live(file).tag)
            return apply(file, given, datetime.now(UTC))

        _, changed = await self._decided(reference, decide)
        log.info("File changed", operation="update", file_id=changed.id, filename=changed.filename)
        return changed

    async def delete(self, reference: str, conditions: Conditions, *, purge: bool) -> None:
        """Move a file to the trash, or remove it for good; `purge` finds what is in the trash too, by its id."""

        def check(file: StoredFile) -> None:
            conditions.check((file if purge else _live(file)).tag)

        def thrown(file: StoredFile) -> StoredFile:
            check(file)
            now = datetime.now(UTC)
            return changes.next_version(file, now, deleted_at=now)

        if self._trash and not purge:
            _, file = await self._decided(reference, thrown)
        else:
            removed = await self._records.remove(await self._id(reference), check)
            file = _found(removed, reference)
            await self._receiver.forget(file.key)
        log.info("File deleted", operation="delete", file_id=file.id, filename=file.filename)

    async def restore(self, file_id: str, conditions: Conditions) -> StoredFile:
        """Take a file out of the trash; one that is not in it stays as it is."""
        if not ID.fullmatch(file_id):
            raise _missing(file_id)

        def decide(file: StoredFile) -> StoredFile:
            conditions.check(file.tag)
            return file if file.deleted_at is None else changes.next_version(file, datetime.now(UTC), deleted_at=None)

        _, file = await self._decided(file_id, decide)
        log.info("File restored", operation="restore", file_id=file.id, filename=file.filename)
        return file

    async def empty_trash(self, most: int) -> tuple[int, int]:
        """Remove for good what is in the trash, up to so many files; returns how many went, and how many are left."""
        purged = await self._upkeep.purge(datetime.now(UTC), most)
        return purged, (await self._records.usage()).trash_files

    async def usage(self) -> Usage:
        return await self._records.usage()

    async def _put_by_id(
        self, file_id: str, chunks: AsyncIterator[bytes], declared: str | None, conditions: Conditions
    ) -> StoredFile:
        def checked(file: StoredFile) -> StoredFile:
            conditions.check(_live(file).tag, file.content_tag)
            return file

        async with self._slot():
            now = checked(await self.find(file_id))
            content = await self._receiver.content(chunks, declared, now.filename, await self._used() - now.size)
            async with self._forgotten_when_refused(content):
                changed = await self._records.change(
                    file_id, lambda file: _with_content(checked(file), content), self._limits.total_bytes
                )
                before, after = _found(changed, file_id)
        await self._stored(before, after)
        return after

    async def _stored(self, before: StoredFile | None, after: StoredFile) -> None:
        if before:
            await self._receiver.forget(before.key)
        operation = "update" if before else "create"
        log.info("File stored", operation=operation, file_id=after.id, filename=after.filename, size=after.size)

    async def _decided(
        self, reference: str, decide: Callable[[StoredFile], StoredFile]
    ) -> tuple[StoredFile | None, StoredFile]:
        return _found(await self._records.change(await self._id(reference), decide), reference)

    async def _id(self, reference: str) -> str:
        return reference.lower() if ID.fullmatch(reference) else (await self.find(reference)).id

    async def _used(self) -> int:
        return 0 if self._limits.total_bytes is None else (await self._records.usage()).bytes

    async def _later(self, file: StoredFile, span: Span) -> AsyncIterator[bytes]:
        pieces = await self._blobs.get(file.key, span.start, span.end)
        async for piece in _found(pieces, file.id):
            yield piece

    @asynccontextmanager
    async def _slot(self) -> AsyncGenerator[None]:
        if self._slots.locked():
            raise UnavailableError(
                f"{self._limits.uploads} uploads are under way already; try again in a moment.", retry_after=2
            )
        async with self._slots:
            yield

    @asynccontextmanager
    async def _forgotten_when_refused(self, content: Content) -> AsyncGenerator[None]:
        """Remove the content when its record was refused. Not when the database failed: the record may be written all the same; a sweep sees."""
        try:
            yield
        except DECIDED:
            await asyncio.shield(self._receiver.forget(content.key))
            raise


def _new(filename: str, content: Content, documents: changes.Documents) -> StoredFile:
    now = datetime.now(UTC)
    return StoredFile(
        id=str(uuid.uuid4()),
        key=content.key,
        filename=filename,
        content_type=content.content_type,
        size=content.size,
        sha256=content.sha256,
        tags=documents.get("tags", {}),
        metadata=documents.get("metadata", {}),
        created_at=now,
        updated_at=now,
        version=1,
        deleted_at=None,
    )


def _with_content(file: StoredFile, content: Content) -> StoredFile:
    return changes.next_version(
        file,
        datetime.now(UTC),
        key=content.key,
        content_type=content.content_type,
        size=content.size,
        sha256=content.sha256,
    )


def _live(file: StoredFile) -> StoredFile:
    if file.deleted_at is not None:
        raise NotFoundError(f"File {file.id} is in the trash; POST /files/{file.id}/restore takes it out.")
    return file


def _found(what: T | None, reference: str) -> T:
    if what is None:
        raise _missing(reference)
    return what


def _ambiguous(filename: str) -> ConflictError:
    return ConflictError(f"Several files are named {filename}; GET /files?name=… lists them. Use the id of one.")


def _missing(reference: str) -> NotFoundError:
    name = reference[:64] if reference.isprintable() else "of that name"
    return NotFoundError(f"There is no file {name}; GET /files lists those that there are.")
