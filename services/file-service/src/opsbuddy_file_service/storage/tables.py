"""Tables of the file service; `migrations/` makes them."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table

from opsbuddy_core.database import BYTEWISE, Moment

schema = MetaData()

files = Table(
    "files",
    schema,
    Column("id", BYTEWISE, primary_key=True),
    Column("key", BYTEWISE, nullable=False, unique=True),
    Column("filename", BYTEWISE, nullable=False),
    Column("folded", BYTEWISE, nullable=False),  # the name as a search compares it
    Column("content_type", BYTEWISE, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("deleted_at", Moment),
    Index("files_by_created_at", "created_at", "id"),
    Index("files_by_updated_at", "updated_at", "id"),
    Index("files_by_size", "size", "id"),
    Index("files_by_filename", "filename", "id"),
    Index("files_by_deleted_at", "deleted_at", "id"),
)
file_tags = Table(
    "file_tags",
    schema,
    Column("file_id", BYTEWISE, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("name", BYTEWISE, primary_key=True),
    Column("value", BYTEWISE, primary_key=True),
    Index("file_tags_by_value", "name", "value", "file_id"),
)
file_usage = Table(  # one row: what all files take, kept by each write so that no upload has to count them
    "file_usage",
    schema,
    Column("id", Integer, primary_key=True),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
