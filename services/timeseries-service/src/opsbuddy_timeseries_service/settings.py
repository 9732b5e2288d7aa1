"""Settings of the timeseries service."""

from pydantic import Field

from opsbuddy_core.settings import MIB, InfluxSettings, Settings, StateSettings


class TimeseriesSettings(Settings, StateSettings, InfluxSettings):
    """Where points are kept and for how long."""

    service_name: str = Field(
        "timeseries-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs, metrics and routes"
    )
    title: str = Field("Timeseries Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8004, ge=0, le=65535, description="Port to listen on")
    max_body_bytes: int = Field(16 * MIB, ge=1, description="Largest request body in bytes")
    point_retention_days: float = Field(
        30,
        gt=0,
        description="Age in days up to which a point is kept without InfluxDB; with it the bucket's own rule holds",
    )
    rollup_retention_days: float = Field(
        365,
        gt=0,
        description="Age in days up to which the hourly roll-ups of removed points are kept without InfluxDB",
    )
    points_max_bytes: int = Field(
        768 * MIB,
        ge=0,
        description="Size in bytes that points and roll-ups may take without InfluxDB; the oldest points go first. 0: no limit",
    )
