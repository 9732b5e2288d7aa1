"""What a change makes of a record: pure."""

import json
from datetime import datetime
from typing import Any

from opsbuddy_core import exact_json
from opsbuddy_core.errors import PreconditionFailedError
from opsbuddy_core.exact_json import refuse
from opsbuddy_file_service.models import FileRecord, StoredFile
from opsbuddy_file_service.names import clean_name, unprintable

Documents = dict[str, dict[str, Any]]
DOCUMENTS = ("tags", "metadata")
MAX_TAG, MAX_TAGS = 256, 256
MAX_CHANGE = 3 * exact_json.MAX_BYTES
FIXED = frozenset(FileRecord.model_fields) - {"filename", *DOCUMENTS}
MOVING = frozenset({"version", "updated_at"})  # what tells an old record from the current one


def document(name: str, text: bytes) -> dict[str, Any]:
    """Return the tags or metadata of a form; nothing but space: none."""
    value: dict[str, Any] = exact_json.parse_object(text, name) if text.strip() else {}
    return checked(name, value)


def read(body: bytes, *, whole: bool) -> dict[str, Any]:
    """Return the members of a change, or raise InvalidRequestError that names one. `whole`: null means nothing there."""
    given: dict[str, Any] = exact_json.parse_object(
        body, "body", max_bytes=MAX_CHANGE, max_depth=exact_json.MAX_DEPTH + 1
    )
    for name, value in given.items():
        if name == "filename":
            if not isinstance(value, str):
                refuse(name, "expected text")
            given[name] = clean_name(value, name)
        elif name in DOCUMENTS:
            if not isinstance(value, dict) and (whole or value is not None):
                refuse(name, "expected a JSON object")
            if value and len(json.dumps(value, ensure_ascii=False).encode()) > exact_json.MAX_BYTES:
                refuse(name, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
        elif name not in FIXED:
            refuse(name[:100], "no such member; filename, tags and metadata can change")
    return given


def replaced(file: StoredFile, given: dict[str, Any], now: datetime) -> StoredFile:
    """Return the record with the name, tags and metadata that were given; tags and metadata that were not are empty."""
    _check_fixed(file, given)
    return next_version(
        file,
        now,
        filename=given.get("filename", file.filename),
        tags=checked("tags", given.get("tags", {})),
        metadata=given.get("metadata", {}),
    )


def patched(file: StoredFile, given: dict[str, Any], now: datetime) -> StoredFile:
    """Return the record after a JSON merge patch (RFC 7396)."""
    _check_fixed(file, given)
    changed: dict[str, Any] = {}
    for name in DOCUMENTS:
        if name in given:
            value = {} if given[name] is None else _merged(getattr(file, name), given[name])
            changed[name] = checked(name, value)
    return next_version(file, now, filename=given.get("filename", file.filename), **changed)


def next_version(file: StoredFile, now: datetime, **members: Any) -> StoredFile:
    """Return the record as it is after a change."""
    return file.model_copy(update={**members, "updated_at": now, "version": file.version + 1})


def checked(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return tags or metadata that can be kept, or raise InvalidRequestError that names them."""
    if len(json.dumps(value, ensure_ascii=False).encode()) > exact_json.MAX_BYTES:
        refuse(name, f"more than the {exact_json.MAX_BYTES} bytes of JSON that are kept")
    if name == "tags":
        _check_tags(value)
    return value


def _check_tags(tags: dict[str, Any]) -> None:
    count = sum(len(value) if isinstance(value, list) else 1 for value in tags.values())
    if count > MAX_TAGS:
        refuse("tags", f"{count} tags; a file has at most {MAX_TAGS}. Put the rest into metadata")
    for name, value in tags.items():
        texts = [name, *(item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))]
        if not name or any(len(text) > MAX_TAG for text in texts):
            refuse("tags", f"names and values have 1 to {MAX_TAG} characters; put longer text into metadata")
        for text in texts:
            if fault := unprintable(text):
                refuse("tags", f"a name or value has {fault}; put such text into metadata")


def _check_fixed(file: StoredFile, given: dict[str, Any]) -> None:
    """A record may be sent back as it was read; what cannot change has to be what it is."""
    current = file.model_dump(mode="json")
    differing = [name for name in given if name in FIXED and given[name] != current[name]]
    if MOVING.intersection(differing):
        raise PreconditionFailedError(
            f"The record that was sent is of another version; the current one is {file.version}. Read it again, then decide."
        )
    if differing:
        refuse(differing[0], "it cannot change; leave it out, or send what it is")


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
