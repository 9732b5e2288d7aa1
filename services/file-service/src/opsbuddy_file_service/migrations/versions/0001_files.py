import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BYTEWISE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of files and of their tags."""
    op.create_table(
        "files",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("key", BYTEWISE, nullable=False, unique=True),
        sa.Column("filename", BYTEWISE, nullable=False),
        sa.Column("folded", BYTEWISE, nullable=False),
        sa.Column("content_type", BYTEWISE, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    for column in ("created_at", "size", "filename"):
        op.create_index(f"files_by_{column}", "files", [column, "id"])
    op.create_table(
        "file_tags",
        sa.Column("file_id", BYTEWISE, sa.ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", BYTEWISE, primary_key=True),
        sa.Column("value", BYTEWISE, primary_key=True),
    )
    op.create_index("file_tags_by_value", "file_tags", ["name", "value", "file_id"])
