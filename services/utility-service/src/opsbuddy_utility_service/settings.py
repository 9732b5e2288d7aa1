from pydantic import Field

from opsbuddy_core.settings import Settings, StateSettings


class UtilitySettings(Settings, StateSettings):
    """Settings of the utility service."""

    service_name: str = Field(
        "utility-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs and routes"
    )
    title: str = Field("Utility Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8002, ge=0, le=65535, description="Port to listen on")
