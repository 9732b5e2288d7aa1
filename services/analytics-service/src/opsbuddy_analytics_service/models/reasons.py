"""Why a log or a request is refused: one table for answers, for `GET /errors`, for the metric `opsbuddy_rejected_total` and for the documentation.

A code of an item means that this item was stored nowhere and that sending it again unchanged is useless. A code of a request holds for all of it.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reason:
    """`scope`: an item of a batch, or the whole request with this `status`. `retry`: whether the same bytes may be taken later."""

    code: str
    scope: Literal["item", "request"]
    status: int
    retry: bool
    meaning: str


REASONS = (
    Reason("missing", "item", 422, False, "A field that every log has is not there"),
    Reason("unknown_field", "item", 422, False, "A field that no log has; data is the place for anything else"),
    Reason("wrong_type", "item", 422, False, "The value has another type than the field"),
    Reason(
        "empty",
        "item",
        422,
        False,
        "The text is empty, or a name of nothing but white space and characters that show nothing",
    ),
    Reason("too_long", "item", 422, False, "The text has more characters than the field takes"),
    Reason(
        "bad_characters",
        "item",
        422,
        False,
        "A name holds control characters or marks of direction, or a service a backslash",
    ),
    Reason("level_unknown", "item", 422, False, "None of DEBUG, INFO, WARNING, ERROR, CRITICAL, WARN, FATAL"),
    Reason("timestamp_unreadable", "item", 422, False, "Neither RFC 3339 nor an epoch number"),
    Reason("timestamp_too_old", "item", 422, False, "Lies before 1980: a wrong clock, or a wrong unit of an epoch"),
    Reason("timestamp_ahead", "item", 422, False, "Lies more than a day ahead: a wrong clock, or a wrong unit"),
    Reason("data_invalid", "item", 422, False, "No JSON object, or with numbers that JSON cannot say"),
    Reason("data_too_deep", "item", 422, False, "data is nested deeper than 16 levels"),
    Reason("data_too_large", "item", 422, False, "data has more than 65,536 characters as JSON"),
    Reason(
        "too_many_services", "item", 422, False, "As many services as MAX_SERVICES have logs, and this is another one"
    ),
    Reason("not_an_object", "item", 422, False, "The item is no JSON object"),
    Reason("not_json", "item", 422, False, "The line is no JSON"),
    Reason("not_a_list", "request", 422, False, "The body is neither a list of logs nor an object with one in logs"),
    Reason("malformed", "request", 400, False, "The body is no JSON, or no gzip"),
    Reason("too_many_logs", "request", 413, False, "More than 50,000 logs in one request"),
    Reason("too_large", "request", 413, False, "More bytes than MAX_BODY_BYTES, before or after unpacking"),
    Reason("unsupported_type", "request", 415, False, "Another type or encoding than JSON, NDJSON, gzip"),
    Reason("key_reused", "request", 422, False, "This Idempotency-Key came with another body before"),
    Reason("journal_busy", "request", 503, True, "More is being written than the disk takes at the moment"),
    Reason("journal_full", "request", 503, True, "The journal has its largest size: InfluxDB has to take logs first"),
    Reason("disk_full", "request", 507, True, "The volume is full"),
)
CODES = frozenset(each.code for each in REASONS)

_OF_PYDANTIC = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_too_short": "empty",
    "string_too_long": "too_long",
    "string_pattern_mismatch": "bad_characters",
    "literal_error": "level_unknown",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "string_type": "wrong_type",
}


def code(kind: str) -> str:
    """Return our code for what pydantic calls an error; our own ones stay."""
    return kind if kind in CODES else _OF_PYDANTIC.get(kind, "wrong_type")
