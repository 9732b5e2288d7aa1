"""Settings of the UI service."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from opsbuddy_core import fernet_keys
from opsbuddy_core.settings import MIB, Settings


class UiSettings(Settings):
    """Where the gateway is, and how often it is asked."""

    service_name: str = Field("ui-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs and metrics")
    title: str = Field("UI Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(3000, ge=0, le=65535, description="Port to listen on")
    gateway_url: str = Field(
        "http://localhost:8000", pattern=r"^https?://[^/]+/?$", description="The gateway; all data comes through it"
    )
    refresh_seconds: float = Field(1.5, ge=0.05, le=60, description="Time between two questions to the gateway")
    gateway_timeout: float = Field(3, ge=0.05, le=30, description="Longest wait for the gateway's status, in seconds")
    expected_services: tuple[str, ...] = Field(
        ("file-service", "utility-service", "analytics-service", "timeseries-service"),
        description="Services that are shown even when the gateway does not know them, as a JSON list",
    )
    pod_namespace: str | None = Field(
        None, description="Namespace that the commands on the pages name, and whose OpsBuddyServices are shown"
    )
    kubernetes_service_host: str | None = Field(None, description="Set by Kubernetes in every pod")
    kubernetes_service_port: int = Field(443, ge=1, le=65535, description="Set by Kubernetes in every pod")
    kubernetes_account: Path = Field(
        Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        description="Folder with token and ca.crt by which the API server is asked for the OpsBuddyServices",
    )
    kubernetes_timeout: float = Field(2, ge=0.05, le=30, description="Longest wait for the API server, in seconds")
    max_streams: int = Field(200, ge=1, description="Most pages that are kept up to date at the same time")
    session_keys: SecretStr | None = Field(
        None,
        description="Keys that seal sessions (Fernet), separated by commas; the first one seals, all of them open; without it each start makes its own",
    )
    session_hours: float = Field(12, gt=0, le=168, description="How long a session lasts, however much it is used")
    sign_in_first: bool = Field(
        default=True,
        description="Where the gateway asks who comes at each expected service, show no page before the sign-in; false: Home, System, Services stay open",
    )
    max_body_bytes: int = Field(
        1024 * MIB, ge=1, description="Largest request body in bytes; the services have limits of their own"
    )

    @field_validator("session_keys")
    @classmethod
    def _keys(cls, given: SecretStr | None) -> SecretStr | None:
        if given:
            fernet_keys.parse(given.get_secret_value())
        return given

    @property
    def sessions(self) -> list[str]:
        """The keys of sessions."""
        return fernet_keys.parse(self.session_keys.get_secret_value()) if self.session_keys else []

    @property
    def stale_after(self) -> float:
        """Seconds after which an answer of the gateway is old: two questions went by without a new one."""
        return 2 * self.refresh_seconds + self.gateway_timeout
