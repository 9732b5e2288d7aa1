"""Turns what is known about the platform into what a page shows. No I/O, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from opsbuddy_ui_service.models.resources import Resource, change_before
from opsbuddy_ui_service.models.status import MINUTES, NO_BARS, Observation, ServiceStatus, Tone
from opsbuddy_ui_service.views.figures import NONE, milliseconds, percent
from opsbuddy_ui_service.views.judgement import circuit, judge
from opsbuddy_ui_service.views.sentence import summary, truth
from opsbuddy_ui_service.views.state import Door, Row, State, View

OWN = "ui-service"
PORTS = {
    "gateway": 8000,
    "file-service": 8001,
    "utility-service": 8002,
    "analytics-service": 8003,
    "timeseries-service": 8004,
    OWN: 3000,
    "influxdb": 8086,
}
NO_RESOURCE = ("gateway", OWN, "influxdb")  # seen without endpoints while they run, or no OpsBuddyService


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What does not change while the process runs. `stale_after` in seconds."""

    expected: tuple[str, ...]
    stale_after: float
    namespace: str | None = None
    sign_in_first: bool = True

    def logs(self, name: str) -> str:
        """Return the command that shows a service's newest log lines; blank outside of a cluster, where none is sure to do so."""
        return self._kubectl(f"logs deploy/{name} --tail=50")

    def evidence(self, service: ServiceStatus) -> str:
        """Return the command that says most about a service: its log, or where there is no pod that has one, its resource with its conditions and events."""
        if service.endpoints or service.state == "healthy" or service.name in NO_RESOURCE:
            return self.logs(service.name)
        return self._kubectl(f"describe obs {service.name}")

    def _kubectl(self, act: str) -> str:
        return f"kubectl -n {self.namespace} {act}" if self.namespace else ""


def look(seen: Observation, now: datetime, around: Surroundings) -> View:
    """Return the view of this moment. Old is not live: without a fresh answer of the gateway nothing is said to be healthy."""
    live = seen.heard is not None and (now - seen.heard).total_seconds() <= around.stale_after
    since = seen.heard or seen.started
    rows = tuple(_row(service, now, around) for service in _services(seen, around.expected, live=live))
    rows = _with_changes(rows, seen.resources)
    if not live:
        rows = tuple(
            row if row.name == OWN and seen.own else _lost(row, since, now, around, seen.failure) for row in rows
        )
    return View(
        at=now,
        heard=seen.heard,
        live=live,
        tone=_worst(row.state.tone for row in rows),
        truth=truth(rows, None if live else since),
        summary=summary(rows) if live else "Every state below comes through it and is not known.",
        rows=rows,
        doors=_doors(seen),
        closed=around.sign_in_first and _closed(seen, around.expected),
    )


def _doors(seen: Observation) -> tuple[Door, ...]:
    """Return where the gateway asks who comes, as it said last."""
    services = seen.status.services if seen.status else ()
    return tuple(Door(each.prefix, each.credentials) for each in services if each.prefix and each.credentials)


def _closed(seen: Observation, expected: Sequence[str]) -> bool:
    """Return whether nothing of the platform's own is open. A service of one's own that is open to all does not open the pages."""
    asks = [
        bool(each.credentials)
        for each in (seen.status.services if seen.status else ())
        if each.prefix and each.name in expected
    ]
    return bool(asks) and all(asks)


def _services(seen: Observation, expected: Sequence[str], *, live: bool) -> list[ServiceStatus]:
    """Return each service once: the gateway, those that are expected, those that the gateway knows besides, the UI."""
    known = {service.name: service for service in (seen.status.services if seen.status else ())}
    own = {service.name: service for service in (seen.gateway, seen.own) if service}
    names = ["gateway", *expected, *sorted(known.keys() - {"gateway", OWN}), OWN]
    if not live and seen.own:
        known.pop(OWN, None)  # what the gateway said of this process is old; that it answers now is not
    return [known.get(name) or own.get(name) or ServiceStatus(name=name) for name in dict.fromkeys(names)]


def _worst(tones: Iterable[Tone]) -> Tone:
    order: tuple[Tone, ...] = ("ok", "stale", "warn", "bad")
    return max(tones, key=order.index, default="stale")


def _row(service: ServiceStatus, now: datetime, around: Surroundings) -> Row:
    judgement = judge(service, now)
    return Row(
        name=service.name,
        port=PORTS.get(service.name) or _port(service),
        prefix=service.prefix,
        state=judgement.state,
        since=judgement.since,
        headline=judgement.headline,
        reason=judgement.reason,
        command=around.evidence(service),
        bars=service.history,
        endpoints=service.endpoints,
        pods=_pods(service),
        p95=milliseconds(service.p95_ms),
        errors=percent(service.error_rate),
        requests=NONE if service.requests is None else f"{service.requests:,}",
        breaker=service.breaker,
        circuit=circuit(service, now),
    )


def _with_changes(rows: tuple[Row, ...], resources: Sequence[Resource]) -> tuple[Row, ...]:
    """Say of what is in trouble what was done to its resource before."""
    named = {resource.name: resource for resource in resources}
    return tuple(
        replace(row, changed=change_before(named[row.name], row.since))
        if row.since and row.name in named and row.state is not State.HEALTHY
        else row
        for row in rows
    )


def _lost(row: Row, since: datetime, now: datetime, around: Surroundings, failure: str | None) -> Row:
    """Return the row of a service of which nothing is heard, because the gateway is not: its figures are old and go, its bars move on."""
    minutes = int((now - since).total_seconds() // 60) + 1
    bars = (row.bars + NO_BARS[: min(minutes, MINUTES)])[-MINUTES:]
    is_gateway = row.name == "gateway"
    return replace(
        row,
        state=State.NOT_HEARD,
        since=since,
        headline="does not answer" if is_gateway else "has not been heard from",
        reason=(failure or "It was not asked yet.")
        if is_gateway
        else "Its state comes through the gateway, which does not answer.",
        command=around.logs("gateway"),
        bars=bars,
        endpoints=(),
        pods=NONE,
        p95=NONE,
        errors=NONE,
        requests=NONE,
        breaker=None,
        circuit=(),
    )


def _pods(service: ServiceStatus) -> str:
    if not service.endpoints:
        return "0" if service.state == "unhealthy" else NONE
    return f"{sum(endpoint.healthy for endpoint in service.endpoints)} / {len(service.endpoints)}"


def _port(service: ServiceStatus) -> int | None:
    ports = {endpoint.address.rpartition(":")[2] for endpoint in service.endpoints}
    return int(port) if len(ports) == 1 and (port := ports.pop()).isdigit() else None
