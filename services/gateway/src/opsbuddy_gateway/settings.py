from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, Field, model_validator
from typing_extensions import override

from opsbuddy_core.settings import MIB, Host, Settings
from opsbuddy_gateway.access_settings import AccessSettings
from opsbuddy_gateway.models import REASON_HEADER, Address
from opsbuddy_gateway.service.headers import Networks, parse_networks
from opsbuddy_gateway.storage.endpoints_static import parse_endpoints


class GatewaySettings(Settings, AccessSettings):
    """Where routes and endpoints come from, and the limits of the data path."""

    reason_header: ClassVar[str | None] = REASON_HEADER
    service_name: str = Field("gateway", validation_alias="OPSBUDDY_SERVICE")
    title: str = Field("API Gateway", validation_alias="OPSBUDDY_TITLE")
    service_host: str = Field(
        "0.0.0.0",  # noqa: S104 - a pod listens on its own address
        validation_alias=AliasChoices("GATEWAY_HOST", "SERVICE_HOST"),
        description="Address to listen on (GATEWAY_HOST is read first)",
    )
    service_port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("GATEWAY_PORT", "SERVICE_PORT"),
        description="Port to listen on (GATEWAY_PORT is read first)",
    )
    max_body_bytes: int = Field(
        1024 * MIB, ge=1, description="Largest request body in bytes on routes that set no limit of their own"
    )
    body_least_rate: int = Field(
        100,
        ge=0,
        description="Bytes a second with which a body has to come, on average over BODY_IDLE_SECONDS; 0: however slowly",
    )

    routes_from: Annotated[str, Field(pattern=r"^(auto|kubernetes|file(:.+)?)$")] = Field(
        "auto",
        description="Source of the routing table: file, file:PATH or kubernetes; auto: kubernetes inside a cluster, else file",
    )
    routes_file: Path = Field(
        Path("routes.json"),
        description="The table as a file; in a cluster the mounted ConfigMap, read while the API is out of reach",
    )
    routes_poll_seconds: float = Field(1.0, gt=0, le=300, description="How often the file is looked at")
    endpoints_from: Annotated[str, Field(pattern=r"^(auto|dns|kubernetes|static(:.+)?)$")] = Field(
        "auto",
        description="Source of endpoints: static, static:LIST, dns or kubernetes; auto: static with STATIC_ENDPOINTS, "
        "kubernetes inside a cluster, else dns",
    )
    static_endpoints: str = Field(
        "", description='Endpoints by service: {"file-service": ["127.0.0.1:8001"]} or file-service=127.0.0.1:8001,…;…'
    )
    dns_refresh_seconds: float = Field(3.0, gt=0, le=300, description="How often names are resolved anew")
    kubernetes_service_host: str | None = Field(None, description="Set by Kubernetes in every pod")
    pod_namespace: str | None = Field(None, description="Namespace whose table and endpoints are used")
    kubeconfig: Path | None = Field(None, description="How to reach the API server outside of a cluster")

    connect_timeout_seconds: float = Field(2.0, gt=0, le=60, description="Limit for connecting to an endpoint")
    stream_idle_seconds: float = Field(
        300.0, gt=0, le=86400, description="How long an answer that has begun may stand still, on either side"
    )
    upstream_connections: int = Field(1024, ge=1, description="Connections to all endpoints together, at most")
    upstream_idle_seconds: float = Field(
        4.0, gt=0, le=3600, description="How long a connection to an endpoint waits for its next request"
    )
    max_websockets: int = Field(1000, ge=0, description="WebSockets that are open at the same time, at most")
    trusted_proxies: str = Field(
        "", description="Networks (CIDR, comma-separated) whose X-Forwarded-* headers are believed; none without it"
    )

    openapi_seconds: float = Field(
        60.0, ge=0, le=3600, description="How often services are asked for their OpenAPI documents; 0: never"
    )
    check_seconds: float = Field(1.0, gt=0, le=300, description="How often every endpoint's health is asked")
    check_timeout_seconds: float = Field(2.0, gt=0, le=60, description="Limit for one health check")
    extra_checks: str = Field(
        "", description="Further services to check but not to route: ui-service=http://ui-service:3000/health,…"
    )

    timeseries_url: str | None = Field(
        None,
        description="Where requests, errors and p95 of each service are kept, for example http://timeseries-service:8004; "
        "nowhere without it",
    )
    figures_seconds: float = Field(60.0, ge=1, le=3600, description="How often they are")

    influxdb_host: Host | None = Field(
        None, description="Host of InfluxDB, whose health is checked too where it is set"
    )
    influxdb_port: int = Field(8086, ge=1, le=65535, description="Port of InfluxDB")

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        """Read everything that is written in a notation of its own, so that a mistake in it ends the start."""
        _ = self.endpoints, self.trusted, self.checks
        if "kubernetes" in (self.effective_routes_from, self.effective_endpoints_from) and not self.pod_namespace:
            raise ValueError(
                "POD_NAMESPACE is needed where routes or endpoints come from kubernetes; set it to the gateway's namespace"
            )
        return self

    @property
    @override
    def certificate_files(self) -> tuple[Path, Path] | None:
        chain, key = self.tls_certificate_file, self.tls_key_file
        return (chain, key) if chain and key else None

    @property
    def in_cluster(self) -> bool:
        return bool(self.kubernetes_service_host and self.pod_namespace)

    @property
    def effective_routes_from(self) -> Literal["file", "kubernetes"]:
        if self.routes_from == "auto":
            return "kubernetes" if self.in_cluster else "file"
        return "kubernetes" if self.routes_from == "kubernetes" else "file"

    @property
    def effective_routes_file(self) -> Path:
        return (
            Path(self.routes_from.removeprefix("file:")) if self.routes_from.startswith("file:") else self.routes_file
        )

    @property
    def effective_endpoints_from(self) -> Literal["static", "dns", "kubernetes"]:
        match self.endpoints_from.partition(":")[0]:
            case "static":
                return "static"
            case "dns":
                return "dns"
            case "kubernetes":
                return "kubernetes"
            case _:
                pass
        if self.static_endpoints:
            return "static"
        return "kubernetes" if self.in_cluster else "dns"

    @property
    def endpoints(self) -> dict[str, tuple[Address, ...]]:
        return parse_endpoints(self.endpoints_from.partition(":")[2] or self.static_endpoints)

    @property
    def namespace(self) -> str:
        return self.pod_namespace or ""

    @property
    def trusted(self) -> Networks:
        return parse_networks(self.trusted_proxies)

    @property
    def checks(self) -> dict[str, str]:
        checks = parse_checks(self.extra_checks)
        if self.influxdb_host:
            checks.setdefault("influxdb", f"http://{self.influxdb_host}:{self.influxdb_port}/health")
        return checks


def parse_checks(text: str) -> dict[str, str]:
    """Read `name=URL,name=URL`; raises ValueError that names the wrong part."""
    checks: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, found, url = part.partition("=")
        if not found or not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"{part} is no check; write name=http://host:port/health")
        checks[name] = url
    return checks
