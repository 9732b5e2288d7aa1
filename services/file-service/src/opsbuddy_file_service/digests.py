"""Digests that travel with contents (RFC 9530): checked while the bytes pass by."""

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping

from opsbuddy_core.errors import FieldError, MalformedError

ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
FIELDS = ("content-digest", "repr-digest")
MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):(?:;[^,]*)?\s*")


def field_value(sha256: str) -> str:
    """Return the field for a SHA-256 in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def announced(headers: Mapping[str, str]) -> dict[str, dict[str, bytes]]:
    """Return the digests that a message or a part has announced, by field and algorithm; MalformedError names a field that cannot be checked."""
    lines = [(name.lower(), value) for name, value in headers.items()]  # a field may have several lines
    given = {field: ", ".join(value for name, value in lines if name == field) for field in FIELDS}
    return {field: _members(field, given[field]) for field in FIELDS if any(name == field for name, _ in lines)}


async def checked(chunks: AsyncIterator[bytes], expected: dict[str, dict[str, bytes]]) -> AsyncIterator[bytes]:
    """Pass the bytes on; MalformedError at their end when they are not what was announced."""
    running = {name: ALGORITHMS[name]() for members in expected.values() for name in members}
    async for chunk in chunks:
        for digest in running.values():
            digest.update(chunk)
        yield chunk
    for field, members in expected.items():
        for algorithm, value in members.items():
            if running[algorithm].digest() != value:
                raise _refused(field, f"the {algorithm} of what arrived is another; send it again")


def _members(field: str, value: str) -> dict[str, bytes]:
    found = {}
    for member in value.split(","):
        match = MEMBER.fullmatch(member)
        if not match:
            raise _refused(field, "it cannot be read; expected sha-256=:<base64>:")
        if match[1] not in ALGORITHMS:
            continue
        try:
            found[match[1]] = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            raise _refused(field, f"the value of {match[1]} is no base64") from None
    if not found:
        raise _refused(field, f"it has none of the algorithms that are checked here: {', '.join(ALGORITHMS)}")
    return found


def _refused(field: str, reason: str) -> MalformedError:
    return MalformedError(f"{field}: {reason}. Nothing was stored.", errors=[FieldError(field, reason, "digest")])
