"""The routing table as the data path reads it: compiled once, immutable, swapped as a whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from opsbuddy_core.errors import MalformedError
from opsbuddy_core.routes import RoutingTable, TableRoute, digest
from opsbuddy_gateway.service.weights import WeightedCycle

OWN_PATHS = ("/health", "/status", "/docs", "/redoc", "/openapi.json", "/metrics")
_ESCAPED_UNRESERVED = re.compile(r"%(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")


@dataclass(frozen=True, slots=True)
class Route:
    """One route, ready to use. `rewrite` is empty where the prefix is simply removed."""

    spec: TableRoute
    prefix: str
    rewrite: str
    methods: frozenset[str] | None
    backends: WeightedCycle[str] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole table. A request keeps the one that it began with."""

    sha256: str
    table: RoutingTable
    routes: Mapping[str, Route]
    longest: int

    def match(self, path: str) -> Route | None:
        """Return the route with the longest prefix on whole segments."""
        candidate = path
        if len(path) > self.longest:
            if (cut := path.rfind("/", 0, self.longest + 1)) <= 0:
                return None
            candidate = path[:cut]
        while candidate:
            if route := self.routes.get(candidate):
                return route
            candidate = candidate[: candidate.rfind("/")] if "/" in candidate else ""
        return None


def backend_key(service: str, port: int) -> str:
    """Return what tells backends apart."""
    return f"{service}:{port}"


def compiled(text: str) -> Snapshot:
    """Read and compile a table; raises ValueError that names what is wrong."""
    table = RoutingTable.parse(text)
    routes = {}
    for spec in table.routes:
        if any(spec.prefix == own or spec.prefix.startswith(own + "/") for own in OWN_PATHS):
            raise ValueError(f"{spec.prefix} is one of the gateway's own paths; choose another prefix")
        routes[spec.prefix] = Route(
            spec=spec,
            prefix=spec.prefix,
            rewrite="" if spec.rewrite == "/" else spec.rewrite,
            methods=_methods(spec),
            backends=WeightedCycle({backend_key(b.service, b.port): b.weight for b in spec.backends}),
        )
    return Snapshot(digest(text), table, routes, max(map(len, routes), default=0))


def _methods(spec: TableRoute) -> frozenset[str] | None:
    if spec.methods is None:
        return None
    return frozenset(spec.methods) | ({"HEAD"} if "GET" in spec.methods else frozenset())


def find(snapshot: Snapshot, raw_path: bytes, path: str) -> Route | None:
    """Return the route of a request's path, or None; raises MalformedError for a path that services could read as another one."""
    raw = raw_path.decode("latin-1")
    if "%" not in raw:
        route = snapshot.match(raw)
    else:
        route = snapshot.match(normalised(raw))
        if route is not snapshot.match(path):
            raise MalformedError(
                "An escaped slash moves the path to another route; write it without the escape.", reason="bad_request"
            )
    if route is not None and _ambiguous(path):
        raise MalformedError(
            "The path has a dot segment, a backslash or a NUL; send the path that is meant.", reason="bad_request"
        )
    return route


def normalised(raw: str) -> str:
    """Return the path with escaped unreserved characters unescaped: both spellings mean the same (RFC 3986 6.2.2.2)."""
    return _ESCAPED_UNRESERVED.sub(lambda match: unquote(match[0]), raw)


def _ambiguous(path: str) -> bool:
    return "\\" in path or "\0" in path or ("/." in path and any(part in (".", "..") for part in path.split("/")))


def upstream_target(route: Route, raw_path: bytes, query: bytes) -> bytes:
    """Return the request target for the service: the prefix replaced, all other bytes untouched."""
    segments = raw_path.split(b"/", route.prefix.count("/") + 1)[route.prefix.count("/") + 1 :]
    rest = b"/" + segments[0] if segments else b""
    target = route.rewrite.encode() + rest or b"/"
    return target + b"?" + query if query else target
