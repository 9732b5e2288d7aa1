from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from opsbuddy_core.logs import get_logger
from opsbuddy_core.routes import RoutingTable
from opsbuddy_gateway.service.metrics import RELOADS
from opsbuddy_gateway.service.routing import Snapshot, compiled

log = get_logger("routes")


class Table:
    """The routing table in force. A new one replaces it as a whole or not at all; the last good one stays."""

    def __init__(self, source: str, followers: Sequence[Callable[[Snapshot], None]]) -> None:
        """`followers` are told of a new table before it is in force."""
        self.current: Snapshot | None = None
        self.source = source
        self.error: str | None = None
        self.followers = list(followers)

    def offer(self, text: str | None, source: str | None = None) -> None:
        """Take what a source read: a table's text, or None when there is none."""
        if text is None and self.current is not None:
            self._refuse("the table was removed at its source; the last one stays in force")
            return
        try:
            snapshot = compiled(RoutingTable().text() if text is None else text)
        except ValueError as error:
            self._refuse(_words(error))
            return
        self.error = None
        self.source = source or self.source
        if self.current is not None and self.current.sha256 == snapshot.sha256:
            return
        for follow in self.followers:
            follow(snapshot)
        self.current = snapshot
        RELOADS.labels("taken_over").inc()
        log.info(
            "Routing table taken over",
            operation="reload",
            sha256=snapshot.sha256,
            routes=list(snapshot.routes),
            source=self.source,
        )

    def _refuse(self, reason: str) -> None:
        if reason != self.error:
            RELOADS.labels("refused").inc()
            log.error("Routing table refused", operation="reload", reason=reason, source=self.source)
        self.error = reason

    def as_dict(self) -> dict[str, Any]:
        """Return the table's part of `/status`; `error` says why the newest one was refused."""
        current = self.current
        return {
            "sha256": current.sha256 if current else None,
            "schemaVersion": current.table.schema_version if current else None,
            "count": len(current.routes) if current else 0,
            "source": self.source,
            "error": self.error,
        }

    def routes(self) -> dict[str, Any]:
        """Return the table in force, each route with all that holds for it."""
        table = self.current.table.model_dump(mode="json", by_alias=True, exclude_none=True) if self.current else {}
        return {**self.as_dict(), "routes": table.get("routes", [])}


def _words(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
