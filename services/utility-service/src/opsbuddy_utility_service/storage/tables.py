"""The tables. Migrations make them."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

from opsbuddy_core.database import BYTEWISE, Moment

metadata = MetaData()


def _content() -> list[Column[Any]]:
    """Return the columns of what a version of a configuration says, besides its number."""
    return [
        Column("category", BYTEWISE, nullable=False),
        Column("name", BYTEWISE, nullable=False),
        Column("value", Text, nullable=False),  # JSON text; of a secret it is sealed
        Column("description", BYTEWISE, nullable=False),
        Column("secret", Boolean, nullable=False),
        Column("tags", BYTEWISE, nullable=False),  # one a line, with a line break before the first and after the last
        Column("actor", BYTEWISE, nullable=False),
        Column("updated_at", Moment, nullable=False),
    ]


configs = Table(
    "configs",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("version", Integer, nullable=False),
    *_content(),
    Column("folded", BYTEWISE, nullable=False),  # name, category and description as a search compares them
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment),  # category and name are unique together where it is null
)

versions = Table(
    "config_versions",
    metadata,
    Column("config_id", BYTEWISE, primary_key=True),
    Column("version", Integer, primary_key=True),
    *_content(),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", BYTEWISE, nullable=False),
    Column("run", BYTEWISE, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", BYTEWISE, nullable=False),
    Column("template", BYTEWISE, nullable=False),
    Column("reason", BYTEWISE, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", BYTEWISE, nullable=False, unique=True),
    Column("hash", BYTEWISE, nullable=False, unique=True),
)
