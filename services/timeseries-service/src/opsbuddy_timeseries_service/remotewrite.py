"""Prometheus remote write 1.0: a snappy block with a protobuf message of series and samples.

The name of the metric is the measurement, the field is `value`.

WriteRequest: timeseries = 1; TimeSeries: labels = 1, samples = 2, histograms = 4; Label: name = 1, value = 2; Sample: value = 1 (double),
timestamp = 2 (int64, milliseconds). Whatever else there is (exemplars, metadata) is passed over.
"""

import math
import struct

import cramjam
from pydantic import ValidationError

from opsbuddy_core import timestamps
from opsbuddy_core.errors import MalformedError, TooLargeError
from opsbuddy_timeseries_service.intake import Intake, count, reasons
from opsbuddy_timeseries_service.models.points import Point, PointError
from opsbuddy_timeseries_service.models.values import STALE
from opsbuddy_timeseries_service.protobuf import WireError, fields, signed

FIELD = "value"
NAME = "__name__"
STALE_BITS = bytes.fromhex("020000000000f07f")
MILLISECOND = timestamps.UNITS["ms"]
_DOUBLE = struct.Struct("<d")


def unpacked(raw: bytes, limit: int) -> bytes:
    """Return the message. Raises TooLargeError before more than `limit` bytes are unpacked, MalformedError for no snappy block."""
    try:
        length = cramjam.snappy.decompress_raw_len(raw)
        if length > limit:
            raise TooLargeError(
                f"The body has {length} bytes once it is unpacked; at most {limit} are taken here.", limit=limit
            )
        return bytes(cramjam.snappy.decompress_raw(raw))
    except cramjam.DecompressionError as error:
        raise MalformedError("The body is no block of snappy.") from error


def from_remote_write(message: bytes) -> Intake:
    """Read a WriteRequest. Positions are those of the samples in the message, from 0. Raises MalformedError."""
    intake = Intake()
    position = 0
    try:
        for number, content in fields(memoryview(message)):
            if number == 1:
                position = _series(intake, _message(content), position)
                count(position)
    except (WireError, UnicodeDecodeError) as error:
        raise MalformedError(f"The body is no message of remote write 1.0: {error}.") from error
    return intake


def _series(intake: Intake, data: memoryview, position: int) -> int:
    labels: list[tuple[str, str]] = []
    samples: list[tuple[float, int]] = []
    histograms = 0
    for number, content in fields(data):
        if number == 1:
            labels.append(_label(_message(content)))
        elif number == 2:  # noqa: PLR2004 - samples
            samples.append(_sample(_message(content)))
        elif number == 4:  # noqa: PLR2004 - histograms
            histograms += 1
    tags = {name: value for name, value in labels if value and name != NAME}
    measurement = dict(labels).get(NAME, "")
    wrong = _wrong(labels) or _invalid(measurement, tags)
    now = timestamps.now()
    for at, (value, milliseconds) in enumerate(samples, position):
        errors = wrong or _time(milliseconds, now)
        if errors:
            intake.errors.extend(PointError(field, reason, code, at) for field, reason, code in errors)
            continue
        point = Point.model_construct(
            measurement=measurement, tags=tags, fields={FIELD: value}, timestamp=milliseconds * MILLISECOND
        )
        intake.points.append(point)
        intake.positions.append(at)
    position += len(samples)
    said = "is a native histogram, which is not kept here; let the sender expose classic buckets"
    intake.errors.extend(
        PointError("histograms", said, "unsupported", at) for at in range(position, position + histograms)
    )
    return position + histograms


Reason = tuple[str, str, str]


def _wrong(labels: list[tuple[str, str]]) -> list[Reason]:
    names = [name for name, _ in labels]
    if NAME not in names:
        return [("labels", f"lack {NAME}, the name of the metric", "missing")]
    if len(set(names)) < len(names):
        return [("labels", "have a name twice", "duplicate")]
    return []


def _invalid(measurement: str, tags: dict[str, str]) -> list[Reason]:
    try:
        Point(measurement=measurement, tags=tags, fields={FIELD: 0.0})
    except ValidationError as error:
        return [
            (each.field.replace("measurement", NAME).replace("tags", "labels"), each.reason, each.code)
            for each in reasons(0, error)
        ]
    return []


def _time(milliseconds: int, now: int) -> list[Reason]:
    try:
        timestamps.bounded(milliseconds * MILLISECOND, now)
    except ValueError as error:
        return [("timestamp", str(error), "value_error")]
    return []


def _label(data: memoryview) -> tuple[str, str]:
    name = value = ""
    for number, content in fields(data):
        if number == 1:
            name = str(_message(content), "utf-8")
        elif number == 2:  # noqa: PLR2004 - value
            value = str(_message(content), "utf-8")
    return name, value


def _sample(data: memoryview) -> tuple[float, int]:
    value, milliseconds = 0.0, 0
    for number, content in fields(data):
        if number == 1:
            value = _double(_message(content))
        elif number == 2:  # noqa: PLR2004 - timestamp
            if not isinstance(content, int):
                raise WireError("a timestamp is no number")
            milliseconds = signed(content)
    return value, milliseconds


def _double(content: memoryview) -> float:
    if len(content) != _DOUBLE.size:
        raise WireError("a value is no double")
    if content == STALE_BITS:
        return STALE
    value: float = _DOUBLE.unpack(content)[0]
    return math.nan if math.isnan(value) else value


def _message(content: int | memoryview) -> memoryview:
    if isinstance(content, int):
        raise WireError("a number stands where a message belongs")
    return content
