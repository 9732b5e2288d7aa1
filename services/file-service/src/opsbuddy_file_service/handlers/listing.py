"""What a listing can be asked for."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from opsbuddy_core import timestamps
from opsbuddy_core.exact_json import refuse
from opsbuddy_file_service.models import EPOCH, MICROSECOND, Cursor, Query, Sort

LARGEST = 2**63 - 1


def _moment(value: Any) -> datetime:
    text = str(value).strip()
    instant = timestamps.parse(text) if text.isascii() and text.isdigit() else timestamps.instant(text)
    try:
        return (
            EPOCH + -(-instant // 1000) * MICROSECOND
        )  # records have whole microseconds: both ends compare right when rounded up
    except OverflowError:
        raise ValueError("lies beyond the years 1 to 9999") from None


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a NUL character")
    return text


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # as names are kept


Type = Annotated[str, Field(max_length=255, pattern=r"^$|^[^/\s]+/[^/]+$"), AfterValidator(_plain)]
Name = Annotated[str, Field(max_length=255), AfterValidator(_plain), AfterValidator(_composed)]
Token = Annotated[str, Field(max_length=2000), AfterValidator(_plain)]
Tag = Annotated[str, Field(max_length=600), AfterValidator(_plain)]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-01-31T12:00:00Z"]}),
]
Size = Annotated[int, Field(ge=0, le=LARGEST)]


class Listing(BaseModel):
    """The query of `GET /files`. A parameter that there is not is refused: a filter with a typing error would show too much."""

    model_config = ConfigDict(extra="forbid")

    tag: list[Tag] = Field([], max_length=10, description="`name=value`, or `name` for any value; all must hold")
    type: Type | None = Field(None, description="`text/plain`, or `image/*`")
    name: Name | None = Field(None, description="A part of the file name, in any case")
    min_size: Size | None = Field(None, description="Least bytes")
    max_size: Size | None = Field(None, description="Most bytes")
    created_after: Moment | None = Field(None, description="At this time or later, RFC 3339")
    created_before: Moment | None = Field(None, description="Earlier than this")
    updated_after: Moment | None = Field(None, description="At this time or later, RFC 3339")
    updated_before: Moment | None = Field(None, description="Earlier than this")
    trash: bool = Field(default=False, description="What was deleted, instead of what there is")
    sort: Sort = Field(Sort.CREATED_DOWN, description="`deleted` orders the trash alone")
    limit: int = Field(100, ge=1, le=1000, description="Files on a page")
    cursor: Token | None = Field(None, description="`next_cursor` of the page before")

    def query(self) -> Query:
        """Return what is searched, or raise InvalidRequestError for a cursor of another listing."""
        if self.sort.field == "deleted_at" and not self.trash:
            refuse("sort", "only the trash has an order of deletion; add trash=true")
        parts = [tag.partition("=") for tag in self.tag]
        return Query(
            sort=self.sort,
            limit=self.limit,
            cursor=Cursor.read(self.cursor, self.sort) if self.cursor else None,
            trash=self.trash,
            tags=tuple((name, value if equals else None) for name, equals, value in parts),
            content_type=self.type.lower() if self.type else None,
            name=self.name,
            min_size=self.min_size,
            max_size=self.max_size,
            created_after=self.created_after,
            created_before=self.created_before,
            updated_after=self.updated_after,
            updated_before=self.updated_before,
        )
