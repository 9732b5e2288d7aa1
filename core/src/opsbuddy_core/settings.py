"""Settings that every deployable has, read once from the environment and a `.env` file."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NoReturn, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024
CONFIG = SettingsConfigDict(
    env_file=".env",
    env_ignore_empty=True,
    extra="ignore",
    frozen=True,
    hide_input_in_errors=True,
    populate_by_name=True,
)  # each base class has it: with several bases the last one's wins


class Settings(BaseSettings):
    """What all deployables share. A subclass sets the defaults of `service_name`, `title` and `service_port`."""

    model_config = CONFIG
    reason_header: ClassVar[str | None] = None  # the field in which a refusal of the server names its reason as well

    service_name: str = Field("", validation_alias="OPSBUDDY_SERVICE", description="Name in logs, metrics and routes")
    title: str = Field("", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_host: str = Field("0.0.0.0", description="Address to listen on")  # noqa: S104 - a pod listens on its own address
    service_port: int = Field(0, ge=0, le=65535, description="Port to listen on")
    debug: bool = Field(default=False, description="Log everything")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level that is logged"
    )
    analytics_url: str | None = Field(
        None, description="Where logs are shipped, for example http://analytics-service:8003; none without it"
    )
    drain_seconds: float = Field(
        0, ge=0, le=300, description="How long to serve on after SIGTERM while not ready any more"
    )
    max_body_bytes: int = Field(MIB, ge=1, description="Largest request body in bytes")
    body_idle_seconds: float = Field(
        30.0, gt=0, le=3600, description="How long a client may pause while it sends a body"
    )
    max_header_bytes: int = Field(65536, ge=1024, description="Largest request header in bytes")
    max_header_count: int = Field(100, ge=10, description="Most header fields in a request")
    header_seconds: float = Field(10.0, gt=0, le=300, description="How long a client may take to send a header")
    max_connections: int = Field(10_000, ge=1, description="Connections of clients, at most")
    websocket_message_bytes: int = Field(MIB, ge=1, description="Largest message in a WebSocket in bytes")

    @classmethod
    def load(cls) -> Self:
        """Read the settings, or end the process with exit code 2 and a line for each thing that is wrong."""
        try:
            settings = cls()
        except ValidationError as error:
            refuse([f"{_variable(cls, str(e['loc'][0]))}: {e['msg']}" for e in error.errors()])
        if unknown := unknown_names(cls):
            refuse([f"{name}: no such setting; see --help for the list, or remove it" for name in unknown])
        return settings

    @property
    def certificate_files(self) -> tuple[Path, Path] | None:
        """Chain and key (PEM) where TLS is spoken."""
        return None

    @property
    def effective_log_level(self) -> str:
        return "DEBUG" if self.debug else self.log_level


class StateSettings(BaseSettings):
    """For a service that keeps state: a database by URL, files by URL, both on its own disk unless told otherwise."""

    model_config = CONFIG

    data_dir: Path = Field(Path("data"), description="Folder for state on the service's own disk")
    database_url: SecretStr | None = Field(
        None, description="sqlite:///file or postgresql://user:password@host/name; SQLite under DATA_DIR without it"
    )

    @field_validator("database_url")
    @classmethod
    def _known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not re.match(r"(sqlite:///|postgres(ql)?://)", url.get_secret_value()):
            raise ValueError("expected sqlite:///file or postgresql://user:password@host/name")
        return url

    def sqlite_path(self, name: str) -> Path:
        """Return the file of the default database."""
        return self.data_dir / f"{name}.sqlite3"


def _host_alone(host: str) -> str:
    if not re.fullmatch(r"[\w.-]*|\[[0-9a-fA-F:.]+\]", host):
        raise ValueError(
            "expected a host alone, as influxdb, 10.0.0.7 or [fd00::7]; the port has a variable of its own"
        )
    return host


Host = Annotated[str, AfterValidator(_host_alone)]


class InfluxSettings(BaseSettings):
    """How to reach InfluxDB 2; without INFLUXDB_HOST the embedded store is used."""

    model_config = CONFIG

    influxdb_host: Host | None = Field(None, description="Host of InfluxDB; without it the embedded store is used")
    influxdb_port: int = Field(8086, ge=1, le=65535, description="Port of InfluxDB")
    influxdb_token: SecretStr | None = Field(None, description="Token that may read and write the bucket")
    influxdb_org: str = Field("opsbuddy", description="Organization")
    influxdb_database: str = Field("opsbuddy", description="Bucket")

    @property
    def influxdb_url(self) -> str | None:
        return f"http://{self.influxdb_host}:{self.influxdb_port}" if self.influxdb_host else None


def unknown_names(settings: type[BaseSettings]) -> list[str]:
    """Return the OPSBUDDY_* names in the environment that no setting reads: most likely misspelt."""
    known = {_variable(settings, name) for name in settings.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith("OPSBUDDY_") and name.upper() not in known)


def describe(settings: type[BaseSettings]) -> str:
    """Return one line for each environment variable: name, default, meaning."""
    lines = []
    for name, info in settings.model_fields.items():
        default = "" if info.default in (None, "") else f" [{info.default}]"
        lines.append(f"  {_variable(settings, name):<28} {info.description or ''}{default}")
    return "\n".join(lines)


def _variable(settings: type[BaseSettings], field: str) -> str:
    info = settings.model_fields.get(field)
    alias = info.validation_alias if info else None
    return (alias if isinstance(alias, str) else field).upper()


def refuse(problems: list[str]) -> NoReturn:
    """End the process with exit code 2 and a line for each thing that is wrong."""
    sys.stderr.write("The settings cannot be used:\n" + "".join(f"  {problem}\n" for problem in problems))
    raise SystemExit(2)
