"""What each route asks of its callers, compiled from the table and the gateway's own defaults."""

from dataclasses import dataclass, field
from typing import Literal

from opsbuddy_core.resource.route import Authentication
from opsbuddy_core.resource.route import Cors as CorsSpec
from opsbuddy_core.resource.route import RateLimit as RateLimitSpec
from opsbuddy_core.resource.types import seconds
from opsbuddy_gateway.service.cors import ALL_METHODS, Cors
from opsbuddy_gateway.service.ratelimit import RateLimit
from opsbuddy_gateway.service.routing import Route, Snapshot

Credential = Literal["JWT", "APIKey"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds on routes that say nothing themselves. `credentials`: those that this gateway can check."""

    rate_limit: RateLimitSpec | None = None
    authentication: Authentication | None = None
    cors: Cors | None = None
    credentials: tuple[Credential, ...] = ()
    clients: int = 10_000


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one route. `accepted`: the credentials of which it needs one; none of them: everybody may come."""

    limit: RateLimit | None = None
    limit_by_token: bool = False
    accepted: tuple[Credential, ...] = ()
    roles: frozenset[str] = frozenset()
    cors: Cors | None = None
    asks: bool = field(init=False)
    """Whether there is anything to check or to add."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asks", bool(self.limit or self.accepted or self.cors))


@dataclass(slots=True)
class Policies:
    """The policies of the table in force. Counts of a rate limit survive a new table as long as the limit stays the same."""

    defaults: Defaults
    _shared: RateLimit | None = None
    _limits: dict[str, tuple[RateLimitSpec, RateLimit]] = field(default_factory=dict)
    _policies: dict[str, Policy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.defaults.rate_limit:
            self._shared = self._made(self.defaults.rate_limit)

    def follow(self, snapshot: Snapshot) -> None:
        """Compile a table's policies."""
        self._limits = {prefix: entry for prefix, entry in self._limits.items() if prefix in snapshot.routes}
        self._policies = {prefix: self._policy(route) for prefix, route in snapshot.routes.items()}

    def of(self, route: Route) -> Policy:
        return self._policies[route.prefix]

    def asked(self, prefix: str) -> tuple[Credential, ...]:
        """Return the credentials of which the route from a prefix asks for one."""
        policy = self._policies.get(prefix)
        return policy.accepted if policy else ()

    def required(self, route: Route) -> tuple[Credential, ...]:
        """Likewise, of a route."""
        return self.asked(route.prefix)

    def _policy(self, route: Route) -> Policy:
        spec = route.spec
        authentication = spec.authentication or self.defaults.authentication
        limited = spec.rate_limit or self.defaults.rate_limit
        required = authentication is not None and authentication.mode == "Required"
        accepted: tuple[Credential, ...] = ()
        if authentication is not None and required:
            accepted = tuple(sorted(authentication.methods or self.defaults.credentials))
        return Policy(
            limit=self._limit(route),
            limit_by_token=limited is not None and limited.by == "Token",
            accepted=accepted,
            roles=frozenset(authentication.roles or ()) if authentication and required else frozenset(),
            cors=cors_of(spec.cors) if spec.cors else self.defaults.cors,
        )

    def _limit(self, route: Route) -> RateLimit | None:
        spec = route.spec.rate_limit
        if spec is None:
            self._limits.pop(route.prefix, None)
            return self._shared
        known = self._limits.get(route.prefix)
        if known is None or known[0] != spec:
            known = self._limits[route.prefix] = (spec, self._made(spec))
        return known[1]

    def _made(self, spec: RateLimitSpec) -> RateLimit:
        return RateLimit(spec.requests_per_second, spec.burst or spec.requests_per_second, self.defaults.clients)


def cors_of(spec: CorsSpec) -> Cors:
    """Return a declaration ready to use."""
    return Cors(
        frozenset(spec.allow_origins),
        tuple(spec.allow_methods or ALL_METHODS),
        tuple(spec.allow_headers or ()),
        tuple(spec.expose_headers or ()),
        spec.allow_credentials,
        int(seconds(spec.max_age)),
    )
