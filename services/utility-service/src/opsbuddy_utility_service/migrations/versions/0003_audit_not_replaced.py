"""In SQLite, INSERT OR REPLACE removes what is in its way without asking the trigger against DELETE: what would remove a record is no insertion."""

from alembic import op

revision = "0003"
down_revision = "0002"

REFUSE = """
CREATE TRIGGER audit_refuses_REPLACE BEFORE INSERT ON audit
WHEN EXISTS (
    SELECT 1 FROM audit WHERE sequence = NEW.sequence OR previous = NEW.previous OR hash = NEW.hash OR (run = NEW.run AND kind = NEW.kind)
)
BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END
"""


def upgrade() -> None:
    """Have the database refuse to put a record in another's place."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(REFUSE)
