"""Bodies that are a form or a JSON document, whichever the caller likes."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi import Request

from opsbuddy_core.errors import FieldError, TooLargeError, UnsupportedTypeError
from opsbuddy_core.exact_json import refuse
from opsbuddy_core.web.multipart import FormReader, unreadable

T = TypeVar("T")
MAX_FIELDS = 20
TOO_MANY = f"it has more than {MAX_FIELDS} fields"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
KINDS = (URLENCODED, MULTIPART, "application/json")


async def read(
    request: Request,
    from_form: Callable[[list[tuple[str, str]]], T],
    from_json: Callable[[bytes], T],
    *,
    max_document: int,
) -> T:
    """Return what the body says. What is not said to be anything is JSON, and so is what `curl -d` calls a form and begins like JSON."""
    if (coding := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
        raise UnsupportedTypeError(f"Content-Encoding {coding[:40]} is not taken here; send the body as it is.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()  # the application's own limit holds
    if kind and kind not in KINDS:
        reason = f"{kind[:100]} is not taken here; send {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise UnsupportedTypeError(f"{reason}.", errors=[FieldError("content-type", reason, "type")])
    if len(body) > 3 * max_document:  # a form may escape every byte
        raise TooLargeError(f"The body has more than the {3 * max_document} bytes that are taken here.")
    if kind == MULTIPART:
        return from_form(await _multipart(request.headers["content-type"], body))
    if kind == URLENCODED and not body.lstrip().startswith(b"{"):
        return from_form(_urlencoded(body))
    return from_json(body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise unreadable("body", "it is not UTF-8") from None
    except ValueError:
        raise unreadable("body", TOO_MANY) from None


async def _multipart(kind: str, body: bytes) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    async for part in FormReader(kind, _once(body)).parts():
        if part.filename is not None:
            refuse(part.name, "expected text, not a file")
        if len(fields) == MAX_FIELDS:
            raise unreadable("body", TOO_MANY)
        try:
            fields.append((part.name, b"".join([piece async for piece in part.chunks]).decode()))
        except UnicodeDecodeError:
            refuse(part.name, "it is not UTF-8")
    return fields


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
