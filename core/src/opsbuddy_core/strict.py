"""Models of JSON objects that strangers send."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MOST_MEMBERS = 100


class Strict(BaseModel):
    """An object without members that nobody knows. One of very many is refused as a whole: to name each would take all the time and memory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _few(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > MOST_MEMBERS:
            reason = "has {there} members; there are {known}"
            raise PydanticCustomError(
                "too_many_members", reason, {"there": len(value), "known": ", ".join(cls.model_fields)}
            )
        return value
