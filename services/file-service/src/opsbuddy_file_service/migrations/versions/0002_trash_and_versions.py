import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give files a version and a place in the trash, and count what they take."""
    op.add_column("files", sa.Column("version", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("files", sa.Column("deleted_at", sa.BigInteger))
    for column in ("updated_at", "deleted_at"):
        op.create_index(f"files_by_{column}", "files", [column, "id"])
    op.create_table(
        "file_usage",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO file_usage (id, files, bytes) SELECT 1, count(*), coalesce(sum(size), 0) FROM files")
