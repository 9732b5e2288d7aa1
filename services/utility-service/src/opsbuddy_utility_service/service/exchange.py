"""Configurations as YAML, out and in."""

import json
from typing import Any

from opsbuddy_core import exact_json
from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Config, Given
from opsbuddy_utility_service.service import members, plain_yaml

MAX_IMPORT = 1024 * 1024
MAX_ENTRIES = 1000


def export(configs: list[Config]) -> str:
    """Return the YAML. Secrets are without their value; an import of it keeps the one that is there."""
    entries = [
        {
            "category": config.category,
            "name": config.name,
            **({"secret": True} if config.secret else {"value": json.loads(config.value)}),
            **({"description": config.description} if config.description else {}),
            **({"tags": list(config.tags)} if config.tags else {}),
        }
        for config in configs
    ]
    return plain_yaml.dump({"configs": entries})


def read(document: bytes) -> list[Given]:
    """Return the entries of an import. Raises InvalidRequestError that names all that cannot be used."""
    entries = _entries(document)
    found, problems, names = [], list[FieldError](), set[tuple[str | None, str | None]]()
    for index, entry in enumerate(entries):
        try:
            found.append(_entry(entry, f"configs[{index}]."))
            if (key := (found[-1].category, found[-1].name)) in names:
                refuse(f"configs[{index}].name", "this category and name are there twice")
            names.add(key)
        except InvalidRequestError as error:
            problems += error.errors
    if problems:
        raise invalid(problems)
    return found


def invalid(problems: list[FieldError]) -> InvalidRequestError:
    """Return the refusal of a whole import."""
    return InvalidRequestError(
        f"Nothing was imported: {len(problems)} of the members cannot be used. See errors for the reasons.",
        errors=problems[:100],
    )


def _entries(document: bytes) -> list[Any]:
    if len(document) > MAX_IMPORT:
        refuse("body", f"more than the {MAX_IMPORT} bytes that are taken")
    try:
        content = plain_yaml.load(document.decode(), "configs")
    except UnicodeDecodeError:
        refuse("body", "not UTF-8")
    entries = content.get("configs") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries or len(entries) > MAX_ENTRIES:
        refuse("configs", f"expected a list of 1 to {MAX_ENTRIES} configurations")
    return entries


def _entry(entry: Any, place: str) -> Given:
    if not isinstance(entry, dict):
        refuse(place.rstrip("."), "expected name, category and value")
    if "value" in entry:
        entry = entry | {"value": exact_json.parse(json.dumps(entry["value"]).encode(), f"{place}value")}
    given = members.given(entry, place)
    for name in ("category", "name"):
        if getattr(given, name) is None:
            refuse(place + name, "it is missing")
    return given
