"""Bodies that are a form or a JSON document, whichever the caller likes."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from opsbuddy_core.errors import FieldError, MalformedError, TooLargeError, UnsupportedTypeError
from opsbuddy_core.exact_json import refuse

T = TypeVar("T")
MAX_FIELDS = 20
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
    if kind == MULTIPART:
        return from_form(await _multipart(request, max_document))
    if len(body) > 3 * max_document:  # a form may escape every byte
        raise TooLargeError(f"The body has more than the {3 * max_document} bytes that are taken here.")
    if kind == URLENCODED and not body.lstrip().startswith(b"{"):
        return from_form(_urlencoded(body))
    return from_json(body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise _unreadable("it is not UTF-8") from None
    except ValueError:
        raise _unreadable(f"it has more than {MAX_FIELDS} fields") from None


async def _multipart(request: Request, max_document: int) -> list[tuple[str, str]]:
    try:
        async with request.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=max_document) as form:
            fields = form.multi_items()
    except HTTPException as error:
        raise _unreadable(error.detail.rstrip(".")) from None
    boundary = parse_options_header(request.headers["content-type"])[1][b"boundary"]
    if b"--%b--" % boundary not in await request.body():  # the framework takes what came before the cut for all
        raise _unreadable("it ends before its last boundary")
    for name, value in fields:
        if isinstance(value, UploadFile):
            refuse(name, "expected text, not a file")
    return [(name, str(value)) for name, value in fields]


def _unreadable(reason: str) -> MalformedError:
    return MalformedError(f"The form cannot be read: {reason}.", errors=[FieldError("body", reason, "malformed")])
