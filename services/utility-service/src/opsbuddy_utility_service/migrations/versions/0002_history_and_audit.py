"""Versions, tags, secrets and soft deletion of configurations; the audit, which the database itself keeps from being changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BYTEWISE = sa.String().with_variant(sa.String(collation="C"), "postgresql")
KEPT = ("category", "name", "value", "description", "secret", "tags", "actor", "updated_at")
REFUSE_SQLITE = """
CREATE TRIGGER audit_refuses_{event} BEFORE {event} ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END
"""
REFUSE_POSTGRES = """
CREATE FUNCTION opsbuddy_audit_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is only ever added to'; END $$
"""


def upgrade() -> None:
    """Add columns, the versions that there are, and the audit."""
    _extend_configs()
    op.create_table(
        "config_versions",
        sa.Column("config_id", BYTEWISE, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("category", BYTEWISE, nullable=False),
        sa.Column("name", BYTEWISE, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("description", BYTEWISE, nullable=False),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("tags", BYTEWISE, nullable=False),
        sa.Column("actor", BYTEWISE, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    columns = ", ".join(KEPT)
    now = f"SELECT id, version, {columns} FROM configs"  # noqa: S608 - the names above
    op.execute(f"INSERT INTO config_versions (config_id, version, {columns}) {now}")
    _make_audit()


def _extend_configs() -> None:
    with op.batch_alter_table("configs") as table:
        table.add_column(sa.Column("version", sa.Integer, nullable=False, server_default="1"))
        table.add_column(sa.Column("secret", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("tags", BYTEWISE, nullable=False, server_default="\n"))
        table.add_column(sa.Column("actor", BYTEWISE, nullable=False, server_default=""))
        table.add_column(sa.Column("deleted_at", sa.BigInteger))
        table.drop_constraint("configs_by_name", type_="unique")
    live = sa.text("deleted_at IS NULL")
    op.create_index(
        "configs_live_name", "configs", ["category", "name"], unique=True, sqlite_where=live, postgresql_where=live
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", BYTEWISE, nullable=False),
        sa.Column("run", BYTEWISE, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", BYTEWISE, nullable=False),
        sa.Column("template", BYTEWISE, nullable=False),
        sa.Column("reason", BYTEWISE, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", BYTEWISE, nullable=False, unique=True),  # two records cannot follow the same one
        sa.Column("hash", BYTEWISE, nullable=False, unique=True),
        sa.UniqueConstraint("run", "kind", name="audit_once"),
    )
    if op.get_context().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(REFUSE_SQLITE.format(event=event))
        return
    op.execute(REFUSE_POSTGRES)
    op.execute(
        "CREATE TRIGGER audit_refuses BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION opsbuddy_audit_refuses()"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION opsbuddy_audit_refuses()"
    )
