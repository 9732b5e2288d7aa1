"""How a service is doing, why, and since when: from what the gateway measured of it."""

from datetime import datetime, timedelta

from opsbuddy_ui_service.figures import enumeration, milliseconds, percent
from opsbuddy_ui_service.models import MINUTES, Endpoint, Judgement, ServiceStatus, State

TOO_MANY_ERRORS = 0.05
ENOUGH_REQUESTS = 20


def judge(service: ServiceStatus, now: datetime) -> Judgement:
    """Return the judgement."""
    match service.state:
        case "unknown":
            return _unknown(service)
        case "unhealthy":
            return _down(service)
        case "healthy":
            return _up(service, now)


def _unknown(service: ServiceStatus) -> Judgement:
    if service.endpoints or service.prefix:
        reason = service.reason or "The gateway has not had an answer to a health check yet."
        return Judgement(State.NOT_HEARD, service.since, "has not been heard from", reason)
    reason = service.reason or "It has had no ready pod yet, or it is not deployed."
    return Judgement(State.NOT_HEARD, service.since, "is not known to the gateway", reason)


def _down(service: ServiceStatus) -> Judgement:
    failing = [endpoint for endpoint in service.endpoints if not endpoint.healthy]
    if failing and len(failing) == len(service.endpoints):
        many = f"None of its {len(failing)} pods passes its" if len(failing) > 1 else "Its only pod does not pass the"
        reason = service.reason or f"{many} health check: {_named(failing)}."
        headline = "has no ready pod"
    elif failing:
        reason = service.reason or f"{_named(failing)} does not pass the health check."
        headline = "does not work"
    else:
        reason = service.reason or "There is no pod that could answer."
        headline = "has no pod"
    if service.breaker == "open":
        reason += " The gateway holds requests back from it: its circuit breaker is open."
    return Judgement(State.DOWN, service.since, headline, reason)


def _up(service: ServiceStatus, now: datetime) -> Judgement:
    failing = [endpoint for endpoint in service.endpoints if not endpoint.healthy]
    began = _trouble_began(service, now)
    if failing:
        ready = len(service.endpoints) - len(failing)
        headline = f"has {ready} of {len(service.endpoints)} pods ready"
        return Judgement(
            State.DEGRADED, began, headline, service.reason or f"Not passing the health check: {_named(failing)}."
        )
    if (service.error_rate or 0) >= TOO_MANY_ERRORS and (service.requests or 0) >= ENOUGH_REQUESTS:
        headline = f"fails {percent(service.error_rate)} of its requests"
        return Judgement(
            State.DEGRADED, began, headline, f"Of the last {service.requests:,} requests through the gateway."
        )
    if service.history[-1] == "slow":
        headline = f"answers in {milliseconds(service.p95_ms)} (p95)" if service.p95_ms else "answers slowly"
        slow = service.history.count("slow")
        reason = (
            f"It was slow in {slow} of the last {MINUTES} minutes."
            if slow > 1
            else "It has been slow for this minute only."
        )
        return Judgement(State.SLOW, began, headline, service.reason or reason)
    return Judgement(State.HEALTHY, service.since, "is healthy", "")


def _trouble_began(service: ServiceStatus, now: datetime) -> datetime | None:
    """Return the minute from which on no bar is good; None when the newest is, or when it began before the first."""
    run = 0
    for bar in reversed(service.history):
        if bar not in ("slow", "down"):
            break
        run += 1
    return now.replace(second=0, microsecond=0) - timedelta(minutes=run - 1) if 0 < run < MINUTES else None


def _named(endpoints: list[Endpoint]) -> str:
    shown = [f"{e.address} ({e.reason})" if e.reason else e.address for e in endpoints[:3]]
    if len(endpoints) > len(shown):
        shown.append(f"{len(endpoints) - len(shown)} more")
    return enumeration(shown)
