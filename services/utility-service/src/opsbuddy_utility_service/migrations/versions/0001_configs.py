import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BYTEWISE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table of configurations."""
    op.create_table(
        "configs",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("category", BYTEWISE, nullable=False),
        sa.Column("name", BYTEWISE, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("description", BYTEWISE, nullable=False),
        sa.Column("folded", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("category", "name", name="configs_by_name"),
    )
