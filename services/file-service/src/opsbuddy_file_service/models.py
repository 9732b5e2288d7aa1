"""What the file service speaks of."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from opsbuddy_core import exact_json
from opsbuddy_core.exact_json import refuse


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
            }
        }
    )

    id: str
    filename: str
    content_type: str = Field(description="As the sender declared it, or by the name's ending")
    size: int = Field(description="Bytes")
    sha256: str = Field(description="Of the content, in hex")
    tags: dict[str, Any]
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class StoredFile(FileRecord):
    """A record together with the key of its content in the object store, which no client sees."""

    key: str

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
    SIZE = "size"
    SIZE_DOWN = "-size"
    NAME = "name"
    NAME_DOWN = "-name"

    @property
    def field(self) -> str:
        return self.value.removeprefix("-")

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
        match sort.field:
            case "created":
                return cls(sort, file.created_at, file.id)
            case "size":
                return cls(sort, file.size, file.id)
            case _:
                return cls(sort, file.filename, file.id)

    @classmethod
    def read(cls, text: str, sort: Sort) -> "Cursor":
        """Return what `write` wrote, or raise InvalidRequestError."""
        try:
            made_for, value, last = exact_json.parse(base64.b64decode(text, altchars=b"-_", validate=True), "cursor")
            return cls(Sort(made_for), _sorted_by(sort, made_for, value), str(last))
        except (ValueError, TypeError):
            refuse("cursor", f"it is none that a listing in the order {sort} gave; start without one")

    def write(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([self.sort, value, self.id]).encode()).decode()


def _sorted_by(sort: Sort, made_for: Any, value: Any) -> str | int | datetime:
    if made_for != sort:
        raise ValueError(made_for)
    if sort.field == "size" and type(value) is int:
        return value
    if sort.field == "created" and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    if sort.field == "name" and isinstance(value, str):
        return value
    raise ValueError(sort)


@dataclass(frozen=True, slots=True)
class Query:
    """Which files, in which order, how many. A tag's value None: any."""

    sort: Sort = Sort.CREATED_DOWN
    limit: int = 100
    cursor: Cursor | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    content_type: str | None = None
    name: str | None = None


class Part(Protocol):
    """One part of a form, read as it comes."""

    @property
    def name(self) -> str: ...
    @property
    def filename(self) -> str | None: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def chunks(self) -> AsyncIterator[bytes]: ...
