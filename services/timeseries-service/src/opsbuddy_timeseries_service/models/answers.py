"""Series as they are answered."""

from pydantic import BaseModel, Field

from opsbuddy_timeseries_service.models.query import Aggregate


class Series(BaseModel):
    """One series of an answer, as two columns of one length."""

    tags: dict[str, str]
    timestamps: list[str] = Field(description="Times of the points, or starts of the buckets, in order")
    values: list[float | str | None] = Field(
        description="Null: the bucket is empty, or the number is none that JSON has"
    )


class SeriesAnswer(BaseModel):
    """What was asked for. `truncated`: there are more points than `limit`, these are the first in time; ask again from just after the last timestamp."""

    measurement: str
    field: str
    start: str
    end: str
    aggregate: Aggregate | None
    every: str | None
    truncated: bool
    series: list[Series]


class MeasurementList(BaseModel):
    """Names of all measurements."""

    measurements: list[str]


class SeriesInfo(BaseModel):
    """A series that exists."""

    measurement: str
    tags: dict[str, str]
    fields: list[str]


class SeriesList(BaseModel):
    """Series in order; `truncated` when there are more."""

    series: list[SeriesInfo]
    truncated: bool
