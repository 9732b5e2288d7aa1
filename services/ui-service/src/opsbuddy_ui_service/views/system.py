"""The routing table as people read it. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsbuddy_ui_service.views.figures import enumeration, size

BALANCING = {"RoundRobin": "in turn", "LeastRequest": "to who has least to do"}


@dataclass(frozen=True, slots=True)
class Route:
    """One prefix: where it leads, and what holds on the way, each in words."""

    prefix: str
    rewrite: str
    methods: str
    backends: tuple[str, ...]
    timeout: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The table in force. `error` says why a newer one was refused."""

    sha256: str
    source: str
    error: str
    routes: tuple[Route, ...]


def table(answer: Mapping[str, Any]) -> Table:
    """Return the table that the gateway shows."""
    routes = tuple(_route(each) for each in answer.get("routes") or ())
    return Table(answer.get("sha256") or "", answer.get("source") or "", answer.get("error") or "", routes)


def _route(route: Mapping[str, Any]) -> Route:
    backends = route.get("backends") or ()
    return Route(
        prefix=route["prefix"],
        rewrite=route.get("rewrite", "/"),
        methods=", ".join(route.get("methods") or ()) or "all",
        backends=tuple(_backends(backends)),
        timeout=f"{route.get('timeoutSeconds', 0):g} s",
        limits=tuple(_limits(route)),
    )


def _backends(backends: Any) -> Iterator[str]:
    """Yield each backend, with its share of the requests where there are several."""
    whole = sum(each.get("weight", 0) for each in backends)
    for each in backends:
        share = f", {each.get('weight', 0) / whole:.0%}" if len(backends) > 1 and whole else ""
        yield f"{each['service']}:{each['port']}{share}"


def _limits(route: Mapping[str, Any]) -> Iterator[str]:
    if rate := route.get("rateLimit"):
        burst = f", {rate['burst']} at once" if rate.get("burst") else ""
        by = "credential" if rate.get("by") == "Token" else "address"
        yield f"{rate['requestsPerSecond']:g} requests a second{burst} for each {by}"
    if asks := route.get("authentication"):
        yield _authentication(asks)
    if origins := (route.get("cors") or {}).get("allowOrigins"):
        yield f"pages of {enumeration(list(origins))} may ask"
    if most := route.get("maxBodyBytes"):
        yield f"bodies up to {size(most)}"
    if breaker := route.get("circuitBreaker"):
        yield f"held back for {breaker['openSeconds']:g} s after {breaker['failures']} failures in a row"
    retries = route.get("retries", 0)
    yield (
        "not tried again"
        if not retries
        else f"tried again {'once' if retries == 1 else f'{retries} times'} where that is safe"
    )
    if balancing := BALANCING.get(route.get("loadBalancing", "")):
        yield f"spread {balancing}"


def _authentication(asks: Mapping[str, Any]) -> str:
    if asks.get("mode") == "None":
        return "no credentials asked for"
    methods = [{"APIKey": "an API key"}.get(each, f"a {each}") for each in asks.get("methods") or ()]
    roles = asks.get("roles") or ()
    return f"asks for {' or '.join(methods) or 'credentials'}" + (
        f" with the role {' or '.join(roles)}" if roles else ""
    )
