"""Settings of the analytics service."""

import shutil

from pydantic import Field

from opsbuddy_core.settings import MIB, InfluxSettings, Settings, StateSettings


class AnalyticsSettings(Settings, StateSettings, InfluxSettings):
    """Where logs are kept and for how long."""

    service_name: str = Field(
        "analytics-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs, metrics and routes"
    )
    title: str = Field("Analytics Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8003, ge=0, le=65535, description="Port to listen on")
    max_body_bytes: int = Field(16 * MIB, ge=1, description="Largest request body in bytes")
    log_retention_days: float = Field(
        30, gt=0, description="Days after its arrival that a log is kept without InfluxDB"
    )
    journal_keep_hours: float = Field(
        25,
        ge=0,
        description="With InfluxDB: hours of logs that are kept here as well, to answer fast and while InfluxDB is down",
    )
    event_id_days: float = Field(
        7, gt=0, description="Days that the event_id of a log is remembered: a retry within is the same log"
    )
    journal_max_mib: int = Field(
        0, ge=0, description="Largest size of the journal in MiB; 0 is four fifths of the volume that it lies on"
    )
    max_services: int = Field(1000, ge=1, description="Services that may have logs; another name is refused")
    max_tails: int = Field(100, ge=1, description="Live tails at once")

    @property
    def journal_max_bytes(self) -> int:
        if self.journal_max_mib:
            return self.journal_max_mib * MIB
        folder = next(each for each in (self.data_dir, *self.data_dir.absolute().parents) if each.exists())
        return shutil.disk_usage(folder).total * 4 // 5
