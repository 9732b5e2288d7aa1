"""Shows the audit and checks its chain."""

import json
from typing import Any

from opsbuddy_utility_service.models.audit import FIRST, AuditedRun, AuditPage, AuditQuery, Record, Verification
from opsbuddy_utility_service.storage.audit import Audit

BEGUN, BOUNDS = ("address", "request_id", "command"), ("isolation", "timeout")
OVER = ("duration", "exit_code", "signal", "stragglers", "stdout_sha256", "stderr_sha256")


class AuditService:
    """The audit as people read it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def page(self, query: AuditQuery) -> AuditPage:
        """Return the newest runs that the query asks for."""
        found = await self._audit.page(
            AuditQuery(query.template, query.actor, query.reason, query.before, query.limit + 1)
        )
        page = found[: query.limit]
        following = str(page[-1][0].sequence) if len(found) > len(page) else None
        return AuditPage(runs=[_shown(begun, ended) for begun, ended in page], next_cursor=following)

    async def verify(self) -> Verification:
        """Compute every hash anew."""
        last: Record | None = None
        async for record in self._audit.all():
            if problem := _broken(last, record):
                return _verdict(last, problem, record.sequence)
            last = record
        return _verdict(last, None, None)


def _broken(last: Record | None, record: Record) -> str | None:
    expected = last.sequence + 1 if last else 1
    if record.sequence != expected:
        return f"record {expected} is missing"
    if record.previous != (last.hash if last else FIRST):
        return f"record {record.sequence} does not follow the one before it"
    if record.hash != record.computed():
        return f"record {record.sequence} was changed"
    return None


def _verdict(last: Record | None, problem: str | None, broken_at: int | None) -> Verification:
    count = last.sequence if last else 0
    return Verification(
        valid=problem is None,
        records=count,
        sequence=count,
        hash=last.hash if last else FIRST,
        broken_at=broken_at,
        detail=f"The chain is broken: {problem}." if problem else f"All {count} records are as they were written.",
    )


def _shown(begun: Record, ended: Record | None) -> AuditedRun:
    details = _details(begun)
    over = _details(ended) if ended else {}
    last = begun if begun.kind == "denied" else ended
    return AuditedRun.model_validate(
        {
            "sequence": begun.sequence,
            "id": begun.run,
            "closed": last is not None,
            "reason": last.reason if last else None,
            "actor": begun.actor,
            "template": begun.template,
            "started_at": begun.at,
            "ended_at": last.at if last else None,
            "hash": begun.hash,
            "ended_hash": ended.hash if ended else None,
        }
        | {name: str(details.get(name, "")) for name in BEGUN}
        | {name: details.get(name) for name in BOUNDS}
        | {name: over.get(name) for name in OVER}
    )


def _details(record: Record) -> dict[str, Any]:
    """Return what the record says; nothing where somebody made it unreadable, which verifying finds."""
    try:
        details = json.loads(record.details)
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
