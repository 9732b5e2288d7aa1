"""Renders failures as RFC 9457 problem documents. Nothing of an unexpected exception is shown; the log has it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from opsbuddy_core.errors import FieldError, InvalidRequestError, MalformedError, OpsBuddyError, UnsupportedTypeError
from opsbuddy_core.logs import get_logger
from opsbuddy_core.web.heads import possible

log = get_logger("http")
UNREADABLE = "There was an error parsing the body"  # the framework's words for what its JSON reader gave up on
MEDIA_TYPE = "application/problem+json"
SHOWN = 100  # of what is wrong with one request
REASON = "opsbuddy.reason"
"""Where the scope of a request carries the word for its failure."""
WORDS = {  # what pydantic says of these shows an expression, or how it reads them
    "string_pattern_mismatch": "has characters that are not taken here, or another form than the description says",
    "string_unicode": "is no text that UTF-8 can write",
    "model_attributes_type": "expected a JSON object",
    "model_type": "expected a JSON object",
}
Form = Callable[[OpsBuddyError, str, dict[str, str]], Response]
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def slugs() -> dict[int, type[OpsBuddyError]]:
    """Return the error class for each status; the most general one where several share it."""
    found: dict[int, type[OpsBuddyError]] = {}
    stack = list(OpsBuddyError.__subclasses__())
    while stack:
        cls = stack.pop(0)
        found.setdefault(int(cls.status), cls)
        stack.extend(cls.__subclasses__())
    return found


def document(error: OpsBuddyError, instance: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    members: dict[str, Any] = {
        "type": error.type,
        "title": error.title,
        "status": int(error.status),
        "detail": error.detail,
        "instance": instance,
    }
    if error.errors:
        members["errors"] = [entry.as_dict() for entry in error.errors]
    return members | error.extensions


@dataclass(frozen=True, slots=True)
class Reasons:
    """How a deployable names its failures, each in one word: `word` returns that of a failure, and counts it; the answer has it in the field `header` too."""

    header: str
    word: Callable[[OpsBuddyError], str]


def answer(error: OpsBuddyError, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """Return the HTTP answer for the failure of this request, with its reason in one word where the deployable has such words."""
    state, path = scope["app"].state, scope["path"]
    reasons: Reasons | None = state.reasons
    own = {} if reasons is None else {reasons.header: name(error, reasons, scope)}
    form: Form = next((form for prefix, form in state.forms.items() if path.startswith(prefix)), response)
    return form(error, path, {**own, **(headers or {})})


def name(error: OpsBuddyError, reasons: Reasons, scope: Scope) -> str:
    """Return the word of this request's failure: one for the document, the header, and the access log, which takes it from the scope."""
    if REASON not in scope:
        scope[REASON] = reasons.word(error)
    error.extensions["reason"] = scope[REASON]
    return str(scope[REASON])


def response(error: OpsBuddyError, instance: str, headers: dict[str, str] | None = None) -> Response:
    """Return the HTTP answer for a failure."""
    headers = {**retry_after(error), **(headers or {})}
    body = orjson.dumps(document(error, instance), default=str)
    return Response(body, int(error.status), headers, MEDIA_TYPE)


def retry_after(error: OpsBuddyError) -> dict[str, str]:
    """Return the field that says when to come again, where there is one: in whole seconds, never too early."""
    return {} if error.retry_after is None else {"retry-after": str(max(1, math.ceil(error.retry_after)))}


def install(app: FastAPI) -> None:
    """Register the handlers: expected errors, validation, the framework's own, and everything else.

    `app.state.reasons`: how failures are named. `app.state.forms`: what failures look like below a path where another product's API is spoken.
    """
    app.state.reasons = None
    app.state.forms = {}
    app.add_exception_handler(OpsBuddyError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(Exception, _unexpected)


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, OpsBuddyError)  # noqa: S101 - registered for this class alone
    return answer(error, request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - likewise
    found = error.errors()
    broken = next((each for each in found if each["type"] == "json_invalid"), None)
    if broken is not None:
        return answer(_no_json(f"{broken['ctx']['error']} at character {broken['loc'][-1]}", request), request.scope)
    entries = field_errors(found[:SHOWN])
    names = ", ".join(dict.fromkeys(entry.field for entry in entries))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    detail = (
        f"{len(found)} field{'s' if len(found) > 1 else ''} cannot be used: {names}{more}. See errors for the reasons."
    )
    return answer(InvalidRequestError(detail, errors=entries), request.scope)


def _no_json(why: str, request: Request) -> OpsBuddyError:
    if (coding := request.headers.get("content-encoding", "identity")) != "identity":
        return UnsupportedTypeError(f"Content-Encoding {coding[:40]} is not taken here; send the body as it is.")
    entry = FieldError("body", f"no valid JSON: {why}", "json_invalid")
    return MalformedError("The body is no valid JSON; send one JSON document.", errors=[entry])


async def of_framework(request: Request, error: Exception) -> Response:
    """Answer what no route takes, or what one cannot read, as a problem document."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    if error.detail == UNREADABLE:
        return answer(_no_json("not UTF-8, or nested too deep", request), request.scope)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail and error.detail != phrase else _guidance(error.status_code, request)
    known = slugs().get(error.status_code)
    if known is None:
        known = type(
            "Problem",
            (OpsBuddyError,),
            {"slug": phrase.lower().replace(" ", "-"), "title": phrase, "status": error.status_code},
        )
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": ", ".join(_allowed(request))}
    return answer(known(detail), request.scope, headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("A request failed unexpectedly", operation="request", path=request.url.path, exc_info=error)
    return answer(unexpected(), request.scope)


def unexpected() -> OpsBuddyError:
    """Return what is told of a failure that nobody foresaw."""
    return OpsBuddyError("Something went wrong inside; the log has it under the request id of this answer.")


def _allowed(request: Request) -> list[str]:
    """Return the methods of the path: of all routes, where the framework knows those of the first one alone."""
    routes = request.app.router.routes
    found = {method for method in METHODS if possible(routes, request.scope, method)}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _guidance(status: int, request: Request) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.url.path}; /docs lists what there is."
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible on {request.url.path}; /docs lists what is."
    return HTTPStatus(status).description or HTTPStatus(status).phrase


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Turn pydantic's errors into ours: the field without the part of the request that it was in, never the value."""
    entries = []
    for error in errors:
        location = [str(part) for part in error["loc"]]
        if len(location) > 1 and location[0] in {"body", "query", "path", "header", "cookie"}:
            location = location[1:]
        reason = WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
        entries.append(FieldError(".".join(location), reason, error["type"]))
    return entries
