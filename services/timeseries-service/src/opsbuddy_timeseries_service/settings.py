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
