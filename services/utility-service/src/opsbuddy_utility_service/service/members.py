"""Reads what a caller sent of a configuration: a form, a JSON document, or an entry of an import."""

import json
import re
import unicodedata
from typing import Any, NoReturn

from opsbuddy_core import bidi, exact_json
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Given

MAX_NAME = 128
MAX_DESCRIPTION = 2000
MAX_TAGS, MAX_TAG = 20, 64
MAX_DOCUMENT = 2 * exact_json.MAX_BYTES
MEMBERS = ("name", "category", "value", "description", "tags", "secret", "literal")
SHOWN = (
    "id",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
)  # what a client that sends back what it got has besides; never changed by it
TURNING = re.compile(f"[{bidi.MARKS}]")
WORDS = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False, "yes": True, "no": False}


def from_json(document: bytes) -> Given:
    """Return what a JSON document says. Raises InvalidRequestError that names the member."""
    members: dict[str, Any] = exact_json.parse_object(
        document, "body", max_bytes=MAX_DOCUMENT, max_depth=exact_json.MAX_DEPTH + 1
    )
    return given(members)


def from_form(fields: list[tuple[str, str]]) -> Given:
    """Return what a form says; its value is JSON where it reads as JSON, and text otherwise."""
    members: dict[str, Any] = {}
    for name, text in fields:
        if name in members and name != "tags":
            refuse(name, "it is there twice")
        if name == "value":
            members[name] = _form_value(text)
        elif name == "tags":
            members.setdefault(name, []).extend(_form_tags(text))
        elif name in ("secret", "literal"):
            members[name] = WORDS.get(text.strip().casefold(), text)
        else:
            members[name] = text
    return given(members)


def given(members: dict[str, Any], place: str = "") -> Given:
    """Return the checked members; `place` stands before the names of those that cannot be used."""
    for name in members:
        if name not in MEMBERS + SHOWN:
            refuse(place + name, f"no such member; there are {', '.join(MEMBERS)}")
    return Given(
        name=_label(members["name"], f"{place}name") if "name" in members else None,
        category=_label(members["category"], f"{place}category") if "category" in members else None,
        value=_value(members["value"], f"{place}value") if "value" in members else None,
        description=_description(members["description"], f"{place}description") if "description" in members else None,
        tags=_tags(members["tags"], f"{place}tags") if "tags" in members else None,
        secret=_flag(members["secret"], f"{place}secret") if "secret" in members else None,
        literal=_flag(members.get("literal", False), f"{place}literal"),
    )


def _form_value(text: str) -> Any:
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_not_json)
    except RecursionError:
        pass  # JSON, and refused below
    except ValueError:
        return exact_json.checked_text(text, "value")
    return exact_json.parse(text.encode(), "value")


def _form_tags(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        found = exact_json.parse(text.encode("utf-8", "surrogatepass"), "tags")
        return found if isinstance(found, list) else [found]
    return [tag for tag in text.split(",") if tag.strip()]


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _value(value: Any, field: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text.encode()) > exact_json.MAX_BYTES:
        refuse(field, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
    return text


def _label(value: Any, field: str, most: int = MAX_NAME) -> str:
    if not isinstance(value, str):
        refuse(field, "expected text")
    label = unicodedata.normalize("NFC", value.strip())
    if not 1 <= len(label) <= most or not label.isprintable():
        refuse(field, f"expected 1 to {most} printable characters")
    return label


def _description(value: Any, field: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION or "\0" in value or TURNING.search(value):
        refuse(field, f"expected text of at most {MAX_DESCRIPTION} characters, without NUL and marks of direction")
    return exact_json.checked_text(value, field)


def _tags(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        refuse(field, 'expected a list of texts, for example ["production"]')
    if len(value) > MAX_TAGS:
        refuse(field, f"{len(value)} tags; at most {MAX_TAGS} are kept")
    return tuple(sorted({_label(tag, f"{field}[{place}]", MAX_TAG) for place, tag in enumerate(value)}))


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        refuse(field, "expected true or false")
    return value
