"""The routing table: written by the operator, read by the gateway, one class for both.

It names services and policies, never pods: the gateway finds those itself. The text is byte-stable for the same content, so that a hash tells
whether anything changed.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from opsbuddy_core.resource.route import PATH, Authentication, Cors, Method, RateLimit

CONFIG_MAP = "opsbuddy-gateway-routes"
KEY = "routes.json"
HASH_ANNOTATION = "opsbuddy.dev/routes-sha256"
SCHEMA_VERSION: Literal[1] = 1


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Backend(_Part):
    """A Kubernetes Service (or its namesake elsewhere) and its share of the requests."""

    service: Annotated[str, Field(min_length=1, max_length=63)]
    port: Annotated[int, Field(ge=1, le=65535)]
    weight: Annotated[int, Field(ge=0, le=100_000)] = 100


class CircuitBreaker(_Part):
    """Consecutive failures until the circuit opens, and how long it stays open."""

    failures: Annotated[int, Field(ge=1)] = 5
    open_seconds: Annotated[float, Field(gt=0)] = 60.0


class TableRoute(_Part):
    """One prefix, where it leads, and the policies on the way."""

    prefix: Annotated[str, Field(pattern=PATH, min_length=2)]
    rewrite: Annotated[str, Field(pattern=PATH)] = "/"
    methods: tuple[Method, ...] | None = None
    backends: Annotated[tuple[Backend, ...], Field(min_length=1)]
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    load_balancing: Literal["RoundRobin", "LeastRequest"] = "RoundRobin"
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    rate_limit: RateLimit | None = None
    authentication: Authentication | None = None
    cors: Cors | None = None
    max_body_bytes: Annotated[int | None, Field(gt=0)] = None


class RoutingTable(_Part):
    """All routes of one gateway, sorted by prefix."""

    schema_version: Literal[1] = SCHEMA_VERSION
    routes: tuple[TableRoute, ...] = ()

    @model_validator(mode="after")
    def _unique_and_sorted(self) -> Self:
        prefixes = [route.prefix for route in self.routes]
        if doubled := {prefix for prefix in prefixes if prefixes.count(prefix) > 1}:
            raise ValueError(
                f"prefixes appear twice: {', '.join(sorted(doubled))}; each prefix is one route with several backends"
            )
        if prefixes != sorted(prefixes):
            object.__setattr__(self, "routes", tuple(sorted(self.routes, key=lambda route: route.prefix)))
        return self

    def text(self) -> str:
        """Return the JSON text, the same bytes for the same content."""
        return (
            json.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True), indent=1, sort_keys=True) + "\n"
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a table; raises ValueError (pydantic's ValidationError) that names what is wrong."""
        return cls.model_validate_json(text)


def digest(text: str) -> str:
    """Return the sha256 of a table's text in hex, as the ConfigMap's annotation and the gateway's /status show it."""
    return hashlib.sha256(text.encode()).hexdigest()
