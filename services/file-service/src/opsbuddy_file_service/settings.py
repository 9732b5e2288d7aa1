from pydantic import Field, field_validator

from opsbuddy_core.settings import MIB, Settings, StateSettings

FORM_BYTES = MIB  # for what a form has around the file: tags, metadata, part headers
SCHEMES = ("file", "s3", "s3a", "memory")


class FileSettings(Settings, StateSettings):
    """Settings of the file service."""

    service_name: str = Field(
        "file-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs and routes"
    )
    title: str = Field("File Service", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8001, ge=0, le=65535, description="Port to listen on")
    object_store_url: str | None = Field(
        None,
        description="Where files are kept: file:///folder or s3://bucket/prefix; a folder under DATA_DIR without it",
    )
    max_file_bytes: int = Field(100 * MIB, ge=1, description="Largest file in bytes")
    max_uploads: int = Field(32, ge=1, description="Uploads that may be under way at once in this process")
    upload_idle_seconds: float = Field(60, gt=0, description="How long an upload may send nothing")
    orphan_seconds: float = Field(
        3600,
        ge=3600,  # longer than an upload may take: its content is there before its record
        description="Age from which content without a record, left by a crash, is removed",
    )
    sweep_seconds: float = Field(900, gt=0, description="How often to look for such content")

    @field_validator("object_store_url")
    @classmethod
    def _scheme(cls, url: str | None) -> str | None:
        if url is not None and url.partition("://")[0] not in SCHEMES:
            raise ValueError("expected file:///folder or s3://bucket/prefix")
        return url

    @property
    def store_url(self) -> str:
        """Where files are kept, as a URL."""
        return self.object_store_url or (self.data_dir / "files").absolute().as_uri()

    @property
    def largest_body(self) -> int:
        return max(self.max_body_bytes, self.max_file_bytes + FORM_BYTES)
