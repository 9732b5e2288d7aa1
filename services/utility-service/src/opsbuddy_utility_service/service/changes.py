"""What a configuration becomes by what a caller sent. Pure: no clock, no database."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Config, ConfigVersion, Given

MASK = re.compile(r"\*+|[•●∙·.…#_-]{2,}|[xX]{3,}|.*(\*{3}|•{3}|●{3}).*", re.DOTALL)
WORDS_OF_MASKS = {"[not shown]", "not shown", "hidden", "redacted", "masked", "secret", "null", "none", "undefined"}
BRACKETS = " []<>(){}"
SET_ANEW = "leave `value` out to keep it, or send `literal`: true with it if it is meant"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes it, when, and how values are sealed: by entry id and JSON text."""

    name: str
    at: datetime
    seal: Callable[[str, str], str]


def created(config_id: str, given: Given, author: Author, place: str = "") -> Config:
    """Return a new configuration. Raises InvalidRequestError that names what is missing."""
    for name in ("name", "category", "value"):
        if getattr(given, name) is None:
            refuse(place + name, "it is missing")
    secret = bool(given.secret)
    value = given.value or "null"
    if secret:
        _refuse_mask(given, f"{place}value")
        value = author.seal(config_id, value)
    return Config(
        id=config_id,
        category=given.category or "",
        name=given.name or "",
        value=value,
        description=given.description or "",
        secret=secret,
        tags=given.tags or (),
        version=1,
        actor=author.name,
        created_at=author.at,
        updated_at=author.at,
    )


def changed(current: Config, given: Given, author: Author, *, whole: bool, place: str = "") -> Config:
    """Return the configuration with what is given; `whole`: what is not given is as in a new one, but a secret stays one and keeps its value."""
    if whole:
        for name in ("name", "category", *(() if current.secret else ("value",))):
            if getattr(given, name) is None:
                refuse(place + name, "it is missing")
        given = replace(given, description=given.description or "", tags=given.tags or ())
    if current.secret and given.secret is False:
        refuse(f"{place}secret", "a secret stays one: its value would be shown; delete it and create another entry")
    secret = current.secret or bool(given.secret)
    members: dict[str, Any] = {
        name: getattr(given, name)
        for name in ("name", "category", "description", "tags")
        if getattr(given, name) is not None
    }
    return _next(
        current, replace(current, **members, secret=secret, value=_value(current, given, author, place)), author
    )


def restored(current: Config, version: ConfigVersion, author: Author) -> Config:
    """Return the configuration as it was in that version."""
    return _next(
        current,
        replace(
            current,
            category=version.category,
            name=version.name,
            value=version.value,
            description=version.description,
            secret=version.secret,
            tags=version.tags,
        ),
        author,
    )


def _value(current: Config, given: Given, author: Author, place: str) -> str:
    secret = current.secret or bool(given.secret)
    if not secret:
        return current.value if given.value is None else given.value
    if given.value is not None:
        _refuse_mask(given, f"{place}value")
        return author.seal(current.id, given.value)
    return current.value if current.secret else author.seal(current.id, current.value)


def _next(current: Config, wanted: Config, author: Author) -> Config:
    if wanted == current:
        return current
    return replace(
        wanted, version=current.version + 1, actor=author.name, updated_at=max(author.at, current.updated_at)
    )


def _refuse_mask(given: Given, field: str) -> None:
    """Refuse what somebody was shown in place of the secret and sends back."""
    value = json.loads(given.value or "null")
    if given.literal:
        return
    if value is None:
        refuse(field, f"null is no secret; {SET_ANEW}")
    if any(map(_is_mask, _texts(value))):
        refuse(field, f"it looks like what is shown in place of a secret; {SET_ANEW}")


def _is_mask(text: str) -> bool:
    bare = text.strip()
    return not bare or bool(MASK.fullmatch(bare)) or bare.strip(BRACKETS).casefold() in WORDS_OF_MASKS


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    return []
