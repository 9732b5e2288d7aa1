"""How a service is doing, why, and since when: from what the gateway measured of it."""

from datetime import datetime, timedelta

from opsbuddy_ui_service.models.status import MINUTES, CircuitBreaker, Endpoint, ServiceStatus
from opsbuddy_ui_service.views.figures import duration, enumeration, milliseconds, percent
from opsbuddy_ui_service.views.state import Judgement, Part, State

TOO_MANY_ERRORS = 0.05
TOO_SLOW_MS = 1000  # the gateway marks a minute as slow by the same measure
ENOUGH_REQUESTS = 20
NOT_READY = {"unhealthy": "its health check fails", "set_aside": "set aside after failed requests"}


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
        reason = _sentence(service.reason or "the gateway has not had an answer to a health check yet")
        return Judgement(State.NOT_HEARD, service.since, "has not been heard from", reason)
    reason = _sentence(service.reason or "it has had no ready pod yet, or it is not deployed")
    return Judgement(State.NOT_HEARD, service.since, "is not known to the gateway", reason)


def _down(service: ServiceStatus) -> Judgement:
    failing = _failing(service)
    if service.reason and service.endpoints:
        headline, reason = "has no ready pod", f"{_named(failing or service.endpoints)}: {service.reason}"
    elif service.endpoints:
        headline, reason = "has no ready pod", f"not ready: {_named(failing, why=True)}"
    else:
        headline, reason = "has no pod", service.reason or "there is no pod that could answer"
    reason = _sentence(reason)
    if service.breaker == "open":
        long = service.circuit_breaker.open_seconds
        held = "" if long is None else f" for {duration(long)}"
        reason += f" The gateway holds requests back from it: its circuit breaker is open{held}{_next_probe(service.circuit_breaker)}."
    return Judgement(State.DOWN, service.since, headline, reason)


def _up(service: ServiceStatus, now: datetime) -> Judgement:
    began = _trouble_began(service, now)
    if failing := _failing(service):
        ready = len(service.endpoints) - len(failing)
        headline = f"has {ready} of {len(service.endpoints)} pods ready"
        return Judgement(State.DEGRADED, began, headline, _sentence(f"not ready: {_named(failing, why=True)}"))
    enough = (service.requests or 0) >= ENOUGH_REQUESTS
    if enough and (service.error_rate or 0) >= TOO_MANY_ERRORS:
        headline = f"fails {percent(service.error_rate)} of its requests"
        return Judgement(State.DEGRADED, began, headline, f"Of the last {service.requests:,} through the gateway.")
    if enough and (service.p95_ms or 0) > TOO_SLOW_MS:
        headline = f"answers in {milliseconds(service.p95_ms)} (p95)"
        return Judgement(State.SLOW, began, headline, f"Of the last {service.requests:,} requests through the gateway.")
    if service.history[-1] == "slow":
        slow = service.history.count("slow")
        often = f"in {slow} of the last {MINUTES} minutes" if slow > 1 else "in this minute"
        reason = f"Its health check took longer than {milliseconds(TOO_SLOW_MS)} {often}."
        return Judgement(State.SLOW, began, "answers slowly", reason)
    return Judgement(State.HEALTHY, service.since, "is healthy", "")


def circuit(service: ServiceStatus, now: datetime) -> tuple[Part, ...]:
    """Return in words whether the gateway lets requests through to a service; nothing where it has no breaker."""
    breaker = service.circuit_breaker
    match service.breaker:
        case "closed":
            after = f"; after {breaker.failures} failures in a row it holds them back" if breaker.failures else ""
            return (Part(f"Closed: requests go through{after}."),)
        case "open":
            return (*_since("Open", breaker, now), Part(f": requests are held back{_next_probe(breaker)}."))
        case "half_open":
            words = ": the next request is the probe whether it is back, the others are held back."
            return (*_since("Half open; open", breaker, now), Part(words))
        case _:
            return ()


def _since(word: str, breaker: CircuitBreaker, now: datetime) -> tuple[Part, ...]:
    """Return `Open since 03:04 (2 min)`."""
    if breaker.open_seconds is None:
        return (Part(word.partition(";")[0]),)
    began = now - timedelta(seconds=breaker.open_seconds)
    return Part(f"{word} since ", at=began), Part(f" ({duration(breaker.open_seconds)})")


def _next_probe(breaker: CircuitBreaker) -> str:
    return "" if breaker.retry_after_seconds is None else f", next probe in {duration(breaker.retry_after_seconds)}"


def _trouble_began(service: ServiceStatus, now: datetime) -> datetime | None:
    """Return the minute from which on no bar is good; None when the newest is, or when it began before the first."""
    run = 0
    for bar in reversed(service.history):
        if bar not in ("slow", "down"):
            break
        run += 1
    return now.replace(second=0, microsecond=0) - timedelta(minutes=run - 1) if 0 < run < MINUTES else None


def _failing(service: ServiceStatus) -> tuple[Endpoint, ...]:
    return tuple(endpoint for endpoint in service.endpoints if endpoint.state in NOT_READY)


def _named(endpoints: tuple[Endpoint, ...], *, why: bool = False) -> str:
    shown = [f"{e.address} ({NOT_READY[e.state]})" if why else e.address for e in endpoints[:3]]
    if len(endpoints) > len(shown):
        shown.append(f"{len(endpoints) - len(shown)} more")
    return enumeration(shown)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + ("" if words.endswith(".") else ".")
