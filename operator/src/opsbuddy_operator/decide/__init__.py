"""Decisions about resources, without I/O, framework or clock: what should exist, what to do, what to say about it."""

from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.desired import desired
from opsbuddy_operator.decide.ownership import is_leaving, is_ours
from opsbuddy_operator.decide.references import references, required
from opsbuddy_operator.decide.routing import table
from opsbuddy_operator.decide.verdict import judge

__all__ = ["decide", "desired", "is_leaving", "is_ours", "judge", "references", "required", "table"]
