"""Points as they are written, and what becomes of them."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError
from opsbuddy_timeseries_service.models.values import (
    MAX_TAGS,
    TIME_EXAMPLE,
    FieldValue,
    Instant,
    Key,
    Measurement,
    TagText,
)

MAX_ITEMS = 50_000
MAX_FIELDS = 256


class Point(BaseModel):
    """Values of one series at one instant. A point of the same series, field and timestamp takes the place of the one before."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "example": {
                "measurement": "cpu",
                "tags": {"host": "node-1"},
                "fields": {"usage": 0.42},
                "timestamp": TIME_EXAMPLE,
            }
        },
    )

    measurement: Measurement
    tags: dict[Key, TagText] = Field(default_factory=dict, max_length=MAX_TAGS)
    fields: dict[Key, FieldValue] = Field(
        min_length=1,
        max_length=MAX_FIELDS,
        description="Numbers (kept as 64-bit floats), truth values (1 and 0) or texts",
    )
    timestamp: Instant = Field(
        default_factory=timestamps.now, description="RFC 3339, or an epoch number in s, ms, us or ns; now without it"
    )


@dataclass(frozen=True, slots=True)
class PointError(FieldError):
    """A thing that is wrong with the point at a position of a batch."""

    index: int = 0


class ItemError(BaseModel):
    """Why one point of a batch was not stored."""

    index: int
    field: str
    reason: str
    code: str


class WriteResult(BaseModel):
    """What became of a batch; accepted points are on disk."""

    accepted: int
    rejected: int
    errors: list[ItemError] = []


def conflict(kind: str) -> str:
    """Return why a value of another kind is refused."""
    return f"has the wrong type: this field of the measurement is a {kind} already"
