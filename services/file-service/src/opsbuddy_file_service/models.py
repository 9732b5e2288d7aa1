"""What the file service speaks of."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from opsbuddy_core import exact_json
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.exact_json import refuse
from opsbuddy_file_service.conditions import quoted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class FileRecord(BaseModel):
    """What is known of a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "6f1f2a52-6d1c-4b0f-9d58-0d2f4f1f7c11",
                "filename": "example.txt",
                "content_type": "text/plain",
                "size": 1024,
                "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                "tags": {"category": "logs"},
                "metadata": {"host": "web-1"},
                "created_at": "2026-01-01T12:00:00.000000Z",
                "updated_at": "2026-01-01T12:00:00.000000Z",
                "version": 1,
                "deleted_at": None,
            }
        }
    )

    id: str
    filename: str
    content_type: str = Field(description="As the content's first bytes tell; of text, as the sender or the name says")
    size: int = Field(description="Bytes")
    sha256: str = Field(description="Of the content, in hex")
    tags: dict[str, Any]
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Counts the changes; the ETag of the record is `<id>.<version>`")
    deleted_at: datetime | None = Field(description="Since when it is in the trash; null: it is not")


class StoredFile(FileRecord):
    """A record together with the key of its content in the object store, which no client sees."""

    key: str

    @property
    def tag(self) -> str:
        """The entity tag of the record."""
        return quoted(f"{self.id}.{self.version}")

    @property
    def content_tag(self) -> str:
        """The entity tag of the content."""
        return quoted(self.sha256)

    def searchable_tags(self) -> set[tuple[str, str]]:
        """Return name and value of each tag that a search finds: text as it is, other values as JSON; of a list each item."""
        return {
            (name, item if isinstance(item, str) else json.dumps(item))
            for name, value in self.tags.items()
            for item in (value if isinstance(value, list) else [value])
            if not isinstance(item, dict | list)
        }


class FilePage(BaseModel):
    """Some of the files that match."""

    files: list[FileRecord]
    next_cursor: str | None = Field(
        description="Send it as `cursor` to get the files that follow; null: there are none"
    )


class Sort(StrEnum):
    """Order of a listing; files with the same value are ordered by id. A minus turns it round."""

    CREATED = "created"
    CREATED_DOWN = "-created"
    UPDATED = "updated"
    UPDATED_DOWN = "-updated"
    SIZE = "size"
    SIZE_DOWN = "-size"
    NAME = "name"
    NAME_DOWN = "-name"
    DELETED = "deleted"
    DELETED_DOWN = "-deleted"

    @property
    def field(self) -> str:
        """The member of a record that is compared."""
        word = self.value.removeprefix("-")
        return {"name": "filename", "size": "size"}.get(word, f"{word}_at")

    @property
    def descending(self) -> bool:
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last file of a page: its value of the sort field, and its id, since values repeat."""

    sort: Sort
    value: str | int | datetime
    id: str

    @classmethod
    def after(cls, file: StoredFile, sort: Sort) -> "Cursor":
        return cls(sort, getattr(file, sort.field), file.id)

    @classmethod
    def read(cls, text: str, sort: Sort) -> "Cursor":
        """Return what `write` wrote, or raise InvalidRequestError."""
        try:
            made_for, value, last = exact_json.parse(base64.b64decode(text, altchars=b"-_", validate=True), "cursor")
            return cls(sort, _sorted_by(sort, made_for, value), exact_json.checked_text(last, "cursor"))
        except (ValueError, TypeError, OverflowError, OpsBuddyError):
            refuse("cursor", f"it is none that a listing in the order {sort} gave; start without one")

    def write(self) -> str:
        value = (self.value - EPOCH) // MICROSECOND if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([self.sort, value, self.id]).encode()).decode()


def _sorted_by(sort: Sort, made_for: Any, value: Any) -> str | int | datetime:
    if made_for == sort and sort.field == "filename" and isinstance(value, str):
        return value
    if made_for == sort and sort.field != "filename" and type(value) is int:
        return value if sort.field == "size" else EPOCH + value * MICROSECOND
    raise ValueError(sort)


@dataclass(frozen=True, slots=True)
class Query:
    """Which files, in which order, how many. A tag's value None: any. Of times and sizes the lower end is included, of times the upper is not."""

    sort: Sort = Sort.CREATED_DOWN
    limit: int = 100
    cursor: Cursor | None = None
    trash: bool = False
    tags: tuple[tuple[str, str | None], ...] = ()
    content_type: str | None = None
    name: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much is kept: all files and, of them, those in the trash; sizes in bytes."""

    files: int
    bytes: int
    trash_files: int
    trash_bytes: int


class Part(Protocol):
    """One part of a form, read as it comes."""

    @property
    def name(self) -> str: ...
    @property
    def filename(self) -> str | None: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def chunks(self) -> AsyncIterator[bytes]: ...
