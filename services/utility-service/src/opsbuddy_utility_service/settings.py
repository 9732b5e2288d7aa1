from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from opsbuddy_core import fernet_keys
from opsbuddy_core.settings import Settings, StateSettings
from opsbuddy_utility_service.storage import templates


class UtilitySettings(Settings, StateSettings):
    """Settings of the utility service."""

    service_name: str = Field(
        "utility-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs and routes"
    )
    title: str = Field("Utility Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8002, ge=0, le=65535, description="Port to listen on")
    command_templates: Path | None = Field(
        None, description="YAML file, or folder of YAML files, with own commands beside the built-in ones"
    )
    command_isolation: Literal["landlock", "seccomp", "rlimits"] = Field(
        "rlimits", description="Least isolation of commands; where it cannot be had, none is run"
    )
    command_concurrency: int = Field(8, ge=1, le=256, description="Commands that run at once, at most")
    command_roles_required: bool = Field(
        default=False,
        description="Run commands that name roles only for callers whom the gateway verified; without it, who it lets in unasked may too",
    )
    secret_keys: SecretStr | None = Field(
        None,
        description="Keys for secret configurations (Fernet), separated by commas; the first one seals, all of them open",
    )
    secret_keys_file: Path | None = Field(None, description="File with such keys, one a line")

    @field_validator("secret_keys")
    @classmethod
    def _keys(cls, given: SecretStr | None) -> SecretStr | None:
        if given:
            fernet_keys.parse(given.get_secret_value())
        return given

    @field_validator("secret_keys_file")
    @classmethod
    def _key_file(cls, file: Path | None) -> Path | None:
        try:
            if file:
                fernet_keys.parse(file.read_text())
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from error
        return file

    @field_validator("command_templates")
    @classmethod
    def _usable(cls, path: Path | None) -> Path | None:
        try:
            if path:
                templates.load(path)
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from error
        return path
