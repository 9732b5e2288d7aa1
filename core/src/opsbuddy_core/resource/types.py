"""Building blocks of the resource's models: naming, quantities, durations, and fields that Kubernetes itself defines."""

import re
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

RULES = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"
PRESERVE = "x-kubernetes-preserve-unknown-fields"


class ResourceModel(BaseModel):
    """Part of the resource: camelCase outside, unknown fields refused.

    The API server prunes unknown fields, so one that arrives here means a CRD newer than this operator.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


def rule(expression: str, message: str, **more: str) -> dict[str, str]:
    """Return one CEL rule of the CRD; the message says what is wrong and what to do."""
    return {"rule": expression, "message": message, **more}


def rules(*entries: dict[str, str]) -> ConfigDict:
    """Attach CEL rules to a model."""
    return ConfigDict(json_schema_extra={RULES: cast("Any", list(entries))})


_SUFFIX = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)} | {
    unit: Decimal(base) ** power
    for base, units in ((1000, ("k", "M", "G", "T", "P", "E")), (1024, ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")))
    for power, unit in enumerate(units, start=1)
}
_UNIT = r"(\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}


def quantity(value: int | str) -> Decimal:
    """Return a quantity as a number of its base unit (bytes, cores), so that `1Gi` equals `1024Mi`."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(?:[eE]([-+]?[0-9]{1,2})|([a-zA-Z]*))", str(value))
    if not match or (match[3] or "") not in _SUFFIX:
        raise ValueError(f"{value!r} is no quantity; write a number with an optional unit, such as 100m, 512Mi or 2")
    return Decimal(match[1]) * (Decimal(10) ** int(match[2]) if match[2] else _SUFFIX[match[3]])


def is_quantity(value: int | str) -> bool:
    """Tell whether this is a quantity."""
    try:
        quantity(value)
    except ValueError:
        return False
    return True


def _a_quantity(value: int | str) -> int | str:
    quantity(value)
    return value


def _more_than_nothing(value: int | str) -> int | str:
    if not quantity(value):
        raise ValueError(f"{value!r} is nothing; write a quantity of at least 1")
    return value


Quantity = Annotated[
    int | str,
    AfterValidator(_a_quantity),
    WithJsonSchema({**_INT_OR_STRING, "pattern": f"^[0-9]+{_UNIT}", "maxLength": 24, "minimum": 0}),
]
"""A Kubernetes quantity, `100m`, `512Mi`, `2`."""

Size = Annotated[
    int | str,
    AfterValidator(_more_than_nothing),
    WithJsonSchema({**_INT_OR_STRING, "pattern": f"^[1-9][0-9]*{_UNIT}", "maxLength": 24, "minimum": 1}),
]
"""A quantity of bytes that is not nothing."""

IntOrString = Annotated[int | str, WithJsonSchema(_INT_OR_STRING)]

Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(ms|s|m|h)$", max_length=9)]
"""A length of time, `500ms`, `30s`, `5m`, `1h`."""

ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]

Kubernetes = Annotated[dict[str, Any], WithJsonSchema({"type": "object", PRESERVE: True})]
"""An object that Kubernetes defines and checks; passed on as it is."""

Port = Annotated[int, Field(ge=1, le=65535)]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: str) -> float:
    """Return a duration in seconds."""
    match = re.fullmatch(r"([0-9]+)(ms|s|m|h)", value)
    if not match:
        raise ValueError(f"{value!r} is no duration; write a whole number with ms, s, m or h, such as 30s")
    return int(match[1]) * _SECONDS[match[2]]
