import re

from pydantic import Field, field_validator

from opsbuddy_core.settings import MIB, Settings, StateSettings

FORM_BYTES = MIB  # for what a form has around the file: tags, metadata, part headers
PATTERN = re.compile(r"\*/\*|[\w.+-]+/(\*|[\w.+-]+)", re.ASCII)
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
    type_limits: str = Field(
        "", description="Largest file by type, for example image/*=10485760,text/html=0; 0: not taken at all"
    )
    max_total_bytes: int | None = Field(
        None, ge=1, description="Most bytes of all files together, the trash included; no limit without it"
    )
    trash_days: float = Field(
        30, ge=0, le=36500, description="How long deleted files stay in the trash; 0: they are gone at once"
    )
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

    @field_validator("type_limits")
    @classmethod
    def _types(cls, text: str) -> str:
        _parsed(text)
        return text

    @property
    def limit_of_type(self) -> dict[str, int]:
        """Bytes by pattern: `text/plain`, `text/*`, `*/*`."""
        return _parsed(self.type_limits)

    @property
    def store_url(self) -> str:
        """Where files are kept, as a URL."""
        return self.object_store_url or (self.data_dir / "files").absolute().as_uri()

    @property
    def largest_body(self) -> int:
        return max(self.max_body_bytes, self.max_file_bytes + FORM_BYTES)


def _parsed(text: str) -> dict[str, int]:
    limits = {}
    for entry in filter(str.strip, text.split(",")):
        pattern, _, size = (part.strip() for part in entry.partition("="))
        if not PATTERN.fullmatch(pattern) or not size.isascii() or not size.isdigit():
            raise ValueError(f"{entry.strip()[:100]}: expected type/subtype=bytes or type/*=bytes")
        limits[pattern.lower()] = int(size)
    return limits
