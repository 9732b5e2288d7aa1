"""What the utility service does with configurations."""

import json
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Any, NoReturn

from opsbuddy_core import exact_json
from opsbuddy_core.errors import NotFoundError
from opsbuddy_core.exact_json import refuse
from opsbuddy_core.logs import get_logger
from opsbuddy_utility_service.models import ConfigEntry, Cursor, Query
from opsbuddy_utility_service.storage import Configs

MAX_NAME = 128
MAX_DESCRIPTION = 2000
MAX_DOCUMENT = 2 * exact_json.MAX_BYTES
MEMBERS = ("name", "category", "value", "description")
SHOWN = ("id", "created_at", "updated_at")  # what a client that sends back what it got has besides; never changed by it
log = get_logger("utility_service")


class ConfigService:
    """Configurations by category and name."""

    def __init__(self, configs: Configs) -> None:
        self._configs = configs

    async def create(self, members: dict[str, Any]) -> ConfigEntry:
        given = _complete(_checked(members))
        now = datetime.now(UTC)
        entry = ConfigEntry(id=str(uuid.uuid4()), created_at=now, updated_at=now, **given)
        await self._configs.add(entry)
        log.info("Configuration created", operation="create", config_id=entry.id, name=entry.name)
        return entry

    async def find(self, entry_id: str) -> ConfigEntry:
        entry = await self._configs.find(_canonical(entry_id))
        if entry is None:
            _missing(entry_id)
        return entry

    async def search(self, query: Query) -> tuple[list[ConfigEntry], Cursor | None]:
        """Return a page and where the next one begins; None: this is the last."""
        found = await self._configs.search(query, query.limit + 1)
        page = found[: query.limit]
        return page, Cursor(page[-1].category, page[-1].name) if len(found) > len(page) else None

    async def change(self, entry_id: str, members: dict[str, Any], *, whole: bool) -> ConfigEntry:
        """Set the members that are given; `whole`: all of them, as for a new entry."""
        given = _checked(members)
        if whole:
            given = _complete(given)
        entry = await self._configs.change(_canonical(entry_id), given | {"updated_at": datetime.now(UTC)})
        if entry is None:
            _missing(entry_id)
        log.info("Configuration changed", operation="update", config_id=entry.id, name=entry.name)
        return entry

    async def delete(self, entry_id: str) -> None:
        if not await self._configs.remove(_canonical(entry_id)):
            _missing(entry_id)
        log.info("Configuration deleted", operation="delete", config_id=entry_id)


def from_json(document: bytes) -> dict[str, Any]:
    """Return the members of a JSON document."""
    members: dict[str, Any] = exact_json.parse_object(
        document, "body", max_bytes=MAX_DOCUMENT, max_depth=exact_json.MAX_DEPTH + 1
    )
    return members


def from_form(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the members of a form; its value is JSON where it reads as JSON, and text otherwise."""
    members: dict[str, Any] = {}
    for name, text in fields:
        if name in members:
            refuse(name, "it is there twice")
        members[name] = _form_value(text) if name == "value" else text
    return members


def _form_value(text: str) -> Any:
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_not_json)
    except RecursionError:
        pass  # JSON, and refused below
    except ValueError:
        return exact_json.checked_text(text, "value")
    return exact_json.parse(text.encode(), "value")


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _checked(members: dict[str, Any]) -> dict[str, Any]:
    for name in members:
        if name not in MEMBERS + SHOWN:
            refuse(name, f"no such member; there are {', '.join(MEMBERS)}")
    given = {name: value for name, value in members.items() if name in MEMBERS}
    for name in ("name", "category"):
        if name in given:
            given[name] = _label(given[name], name)
    if "description" in given:
        given["description"] = _description(given["description"])
    if "value" in given and len(json.dumps(given["value"], ensure_ascii=False).encode()) > exact_json.MAX_BYTES:
        refuse("value", f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
    return given


def _complete(given: dict[str, Any]) -> dict[str, Any]:
    for name in ("name", "category", "value"):
        if name not in given:
            refuse(name, "it is missing")
    return {"description": ""} | given


def _label(value: Any, field: str) -> str:
    if not isinstance(value, str):
        refuse(field, "expected text")
    label = unicodedata.normalize("NFC", value.strip())
    if not 1 <= len(label) <= MAX_NAME or not label.isprintable():
        refuse(field, f"expected 1 to {MAX_NAME} printable characters")
    return label


def _description(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION or "\0" in value:
        refuse("description", f"expected text of at most {MAX_DESCRIPTION} characters without NUL")
    return value


def _canonical(entry_id: str) -> str:
    try:
        return str(uuid.UUID(entry_id))
    except ValueError:
        _missing(entry_id)


def _missing(entry_id: str) -> NoReturn:
    raise NotFoundError(
        f"There is no configuration {entry_id[:64]}; GET /configs lists those that there are."
    ) from None
