"""Configurations: any JSON value under a name that is unique in its category."""

import base64
import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from opsbuddy_core import exact_json
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.exact_json import refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a version of a configuration says. `value` is JSON text, of a secret sealed; `actor` made this version."""

    version: int
    category: str
    name: str
    value: str
    description: str
    secret: bool
    tags: tuple[str, ...]
    actor: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Content):
    """A configuration as it is kept."""

    id: str
    created_at: datetime
    deleted_at: datetime | None = None

    @property
    def etag(self) -> str:
        return f'"{self.id}.{self.version}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigVersion(Content):
    """A configuration as it was."""

    config_id: str


CONTENT = tuple(field.name for field in fields(Content))


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller sent; None: it was not there. `value` is JSON text. `literal`: the value is meant as it is, also if it looks like a mask."""

    name: str | None = None
    category: str | None = None
    value: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    secret: bool | None = None
    literal: bool = False


def _members(content: Content) -> dict[str, Any]:
    """Return what is shown of it, wherever that is."""
    shown: dict[str, Any] = {name: getattr(content, name) for name in _Shown.model_fields if name != "value"}
    return shown if content.secret else shown | {"value": json.loads(content.value)}


class _Identified(BaseModel):
    id: str


class _Shown(BaseModel):
    name: str
    category: str
    value: Any = Field(None, description="Any JSON value; not there in a secret")
    description: str
    tags: list[str]
    secret: bool
    version: int
    updated_at: datetime


class ConfigEntry(_Shown, _Identified):  # bases give their fields from the last one to the first
    """A configuration. The value of a secret is never shown: there is no `value` then."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "6f1f2a52-6d1c-4b0f-9d58-0d2f4f1f7c11",
                "name": "retention",
                "category": "system",
                "value": {"days": 30},
                "description": "How long logs are kept",
                "tags": ["logs"],
                "secret": False,
                "version": 1,
                "created_at": "2026-01-01T12:00:00.000000Z",
                "updated_at": "2026-01-01T12:00:00.000000Z",
            }
        }
    )

    created_at: datetime
    deleted_at: datetime | None = Field(None, description="Only in the trash: since when it is there")

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return what is shown. Only what is set is sent."""
        trash = {"deleted_at": config.deleted_at} if config.deleted_at else {}
        return cls(**_members(config), id=config.id, created_at=config.created_at, **trash)


class ConfigPage(BaseModel):
    """Some of the configurations that match, by category and name."""

    configs: list[ConfigEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` to get those that follow; null: there are none")


class VersionEntry(_Shown):
    """A configuration as it was, and who made it so."""

    actor: str

    @classmethod
    def of(cls, version: ConfigVersion) -> Self:
        return cls(**_members(version), actor=version.actor)


class VersionList(BaseModel):
    """The versions that are kept, newest first."""

    versions: list[VersionEntry]


class Imported(BaseModel):
    """What became of one entry of an import."""

    category: str
    name: str
    outcome: Literal["created", "changed", "unchanged"]


class ImportReport(BaseModel):
    """What an import did, or would do."""

    dry_run: bool
    created: int
    changed: int
    unchanged: int
    results: list[Imported]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last entry of a page; category, name and id are unique together, also in the trash."""

    category: str
    name: str
    id: str

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Return what `write` wrote, or raise InvalidRequestError."""
        try:
            place = exact_json.parse(base64.b64decode(text, altchars=b"-_", validate=True), "cursor")
            category, name, entry_id = (exact_json.checked_text(part, "cursor") for part in place)
            return cls(category, name, entry_id)
        except (ValueError, TypeError, OpsBuddyError):
            refuse("cursor", "it is none that a listing gave; start without one")

    def write(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.category, self.name, self.id]).encode()).decode()


@dataclass(frozen=True, slots=True)
class Query:
    """Which configurations: of a category, with `text` in name, category, description or tags, with all `tags`; how many, after which."""

    category: str | None = None
    text: str | None = None
    tags: tuple[str, ...] = ()
    trash: bool = False
    limit: int = 100
    cursor: Cursor | None = None
