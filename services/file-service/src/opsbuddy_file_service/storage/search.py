"""Listings as SQL: every value is a parameter."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, true, tuple_

from opsbuddy_file_service.models import Query
from opsbuddy_file_service.storage.tables import file_tags, files


def statement(query: Query) -> Select[Any]:
    """Return the statement for a page; by value and id, so that equal values at its border are on one page each."""
    column, down = files.c[query.sort.field], query.sort.descending
    chosen = select(files).where(condition(query))
    if query.cursor:
        place, last = tuple_(column, files.c.id), (query.cursor.value, query.cursor.id)
        chosen = chosen.where(place < last if down else place > last)
    return chosen.order_by(column.desc() if down else column, files.c.id.desc() if down else files.c.id)


def condition(query: Query) -> ColumnElement[bool]:
    """Return what a file of this listing has to be, whatever the page."""
    rules: list[ColumnElement[bool]] = [
        files.c.deleted_at.is_not(None) if query.trash else files.c.deleted_at.is_(None),
        *(_tagged(name, value) for name, value in query.tags),
    ]
    if query.content_type:
        rules.append(_of_type(query.content_type))
    if query.name:
        rules.append(files.c.folded.contains(query.name.casefold(), autoescape=True))
    if query.min_size is not None:
        rules.append(files.c.size >= query.min_size)
    if query.max_size is not None:
        rules.append(files.c.size <= query.max_size)
    for column in ("created", "updated"):
        after, before = getattr(query, f"{column}_after"), getattr(query, f"{column}_before")
        rules += [files.c[f"{column}_at"] >= after] if after else []
        rules += [files.c[f"{column}_at"] < before] if before else []
    return and_(*rules)


def _tagged(name: str, value: str | None) -> ColumnElement[bool]:
    has = exists().where(file_tags.c.file_id == files.c.id, file_tags.c.name == name)
    return has if value is None else has.where(file_tags.c.value == value)


def _of_type(wanted: str) -> ColumnElement[bool]:
    """Match `text/plain` with any parameters, or `text/*`."""
    kind = files.c.content_type
    if wanted == "*/*":
        return true()
    if wanted.endswith("/*"):
        return kind.startswith(wanted[:-1], autoescape=True)
    return or_(kind == wanted, kind.startswith(f"{wanted};", autoescape=True))
