from typing import Annotated, Literal

from pydantic import Field

from opsbuddy_core.resource.types import LIST_TYPE, Duration, ResourceModel, Size, rule, rules

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PATH = r"^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$"


class CircuitBreaker(ResourceModel):
    """When the gateway stops asking a service that fails."""

    failures: Annotated[
        int, Field(ge=1, le=1000, description="Consecutive failures after which the circuit opens.")
    ] = 5
    open_for: Annotated[
        Duration, Field(description="How long the circuit stays open before one probe request is let through.")
    ] = "60s"


class RateLimit(ResourceModel):
    """How much one client may ask."""

    requests_per_second: Annotated[int, Field(ge=1, le=100000, description="Sustained rate for one client.")]
    burst: Annotated[
        int | None,
        Field(ge=1, le=100000, description="Requests that may come at once; without it, one second's worth."),
    ] = None
    by: Annotated[
        Literal["ClientAddress", "Token"],
        Field(description="What tells clients apart: their address, or the credential that they send."),
    ] = "ClientAddress"


class Authentication(ResourceModel):
    """Who may use the route; how tokens and keys are checked is set on the gateway."""

    model_config = rules(
        rule(
            "self.mode == 'Required' || (!has(self.methods) && !has(self.roles))",
            "route.authentication with mode None lets everybody in; remove methods and roles, or set mode to Required",
        )
    )

    mode: Annotated[
        Literal["Required", "None"],
        Field(
            description="Required asks for a credential; None lets everybody in even where the gateway asks by default."
        ),
    ] = "Required"
    methods: Annotated[
        list[Literal["JWT", "APIKey"]] | None,
        Field(
            min_length=1,
            max_length=2,
            json_schema_extra={LIST_TYPE: "set"},
            description="Credentials that are accepted; without the list all that the gateway can check.",
        ),
    ] = None
    roles: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "set"},
            description="The caller needs one of these roles; without the list any valid credential will do.",
        ),
    ] = None


_Origin = Annotated[
    str, Field(max_length=256, pattern=r"^(\*|https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?)$")
]
_FieldName = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class Cors(ResourceModel):
    """Which pages of other origins may use the route from a browser. The gateway answers, whatever the service says of it."""

    model_config = rules(
        rule(
            "!self.allowCredentials || !('*' in self.allowOrigins)",
            "route.cors: every origin with credentials would hand each user's data to any page; name the origins, or set allowCredentials to false",
        )
    )

    allow_origins: Annotated[
        list[_Origin],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra={LIST_TYPE: "set"},
            description="Origins as browsers write them, such as https://ops.example.com, compared exactly; * is every origin.",
        ),
    ]
    allow_methods: Annotated[
        list[Method] | None,
        Field(
            min_length=1,
            max_length=7,
            json_schema_extra={LIST_TYPE: "set"},
            description="Methods that pages may use; without the list all but OPTIONS.",
        ),
    ] = None
    allow_headers: Annotated[
        list[_FieldName] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "set"},
            description="Header fields that pages may send; without the list whichever they ask for.",
        ),
    ] = None
    expose_headers: Annotated[
        list[_FieldName] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "set"},
            description="Header fields of answers that pages may read, besides those that every page may.",
        ),
    ] = None
    allow_credentials: Annotated[
        bool, Field(description="Whether pages may send the user's cookies and client certificates.")
    ] = False
    max_age: Annotated[Duration, Field(description="How long a browser may remember the permission.")] = "10m"


class Route(ResourceModel):
    """Where the gateway takes requests for this service."""

    model_config = rules(
        rule(
            "!(self.prefix in ['/', '/health', '/status', '/docs', '/redoc', '/openapi.json', '/metrics'])",
            "route.prefix is one of the gateway's own paths; choose another, for example /api/<name>",
        )
    )

    prefix: Annotated[
        str,
        Field(
            min_length=2,
            max_length=128,
            pattern=PATH,
            description="Path prefix, matched on whole segments; the longest one wins. Starts with a slash and does not end with one.",
        ),
    ]
    rewrite: Annotated[
        str,
        Field(
            max_length=128,
            pattern=PATH,
            description="What replaces the prefix in the path that the service sees. / removes the prefix; write the prefix again to keep it.",
        ),
    ] = "/"
    methods: Annotated[
        list[Method] | None,
        Field(
            min_length=1,
            max_length=7,
            json_schema_extra={LIST_TYPE: "set"},
            description="HTTP methods that are routed; without the list all of them.",
        ),
    ] = None
    timeout: Annotated[
        Duration,
        Field(
            description="How long the gateway waits for the service to begin its answer. A body that flows may take longer."
        ),
    ] = "30s"
    retries: Annotated[
        int,
        Field(
            ge=0,
            le=5,
            description="Further attempts on another endpoint, for requests that are safe to repeat or were never sent.",
        ),
    ] = 1
    load_balancing: Annotated[
        Literal["RoundRobin", "LeastRequest"], Field(description="How the gateway chooses among the endpoints.")
    ] = "RoundRobin"
    circuit_breaker: Annotated[
        CircuitBreaker, Field(description="When the gateway stops asking a service that fails.")
    ] = CircuitBreaker()
    rate_limit: Annotated[RateLimit | None, Field(description="How much one client may ask; without it, no limit.")] = (
        None
    )
    authentication: Annotated[
        Authentication | None,
        Field(description="Who may use the route; without it, everybody who reaches the gateway."),
    ] = None
    cors: Annotated[
        Cors | None,
        Field(
            description="Which pages of other origins may use the route; without it, what the gateway allows by default."
        ),
    ] = None
    max_body_size: Annotated[
        Size | None, Field(description="Largest request body; without it the gateway's own limit holds.")
    ] = None
    weight: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="Share of the requests, relative to other services that declare the same prefix with a weight. "
            "Without it a prefix belongs to one service.",
        ),
    ] = None
