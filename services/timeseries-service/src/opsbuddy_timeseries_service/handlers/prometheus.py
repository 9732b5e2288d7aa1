"""Prometheus' query API, for Grafana and whoever else speaks it: its parameters, its answers, its errors."""

import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response

from opsbuddy_core import timestamps
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.web import problems
from opsbuddy_timeseries_service.promql.errors import BadQueryError, PromError
from opsbuddy_timeseries_service.promql.lexer import PART, duration
from opsbuddy_timeseries_service.promql.parser import parse
from opsbuddy_timeseries_service.service.prometheus import PrometheusReading

API = "2.45.0"  # the release whose API this is a part of, for clients that choose by it
FARTHEST = 4_000_000_000_000  # milliseconds: 2096
PREFIX = "/api/v1"
RETRIED = frozenset({503, 504})
FORM = "application/x-www-form-urlencoded"
MAX_MATCHES = 100
ERROR = {
    "type": "object",
    "required": ["status", "errorType", "error"],
    "properties": {name: {"type": "string"} for name in ("status", "errorType", "error")},
}
KINDS = {
    400: "bad_data",
    404: "not_found",
    405: "bad_data",
    413: "bad_data",
    422: "execution",
    503: "unavailable",
    504: "timeout",
}
WRITE = "/write"  # remote write is no part of the query API
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": said, "content": {"application/json": {"schema": ERROR}}}
    for status, said in (
        (400, "It cannot be read, or is not supported"),
        (422, "It is too much, or ambiguous"),
        (503, "It took too long, or the store cannot be used at the moment"),
    )
}
NONE_KEPT: dict[str, tuple[str, Any]] = {
    "/metadata": ("Types and help of metrics, of which none are kept", {}),
    "/rules": ("Rules, of which there are none here", {"groups": []}),
    "/alerts": ("Alerts of rules, of which there are none here", {"alerts": []}),
}
Work = Callable[["Parameters"], Awaitable[Any]]


class Parameters:
    """Of the query string and of a form, which goes first. Raises BadQueryError for what cannot be read."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        found = [value for key, value in self._pairs if key == name]
        if len(found) > MAX_MATCHES:
            raise BadQueryError(
                f'invalid parameter "{name}": it stands {len(found)} times, at most {MAX_MATCHES} are taken'
            )
        return found

    def text(self, name: str) -> str:
        found = self.all(name)
        if not found or not found[0].strip():
            raise BadQueryError(f'invalid parameter "{name}": it is missing or empty')
        return found[0]

    def time(self, name: str, default: int | None = None) -> int:
        """Return milliseconds: of seconds with a fraction, or of RFC 3339."""
        found = self.all(name)
        if (not found or not found[0]) and default is not None:
            return default
        text = self.text(name)
        try:
            seconds = _seconds(text)
        except ValueError:
            try:
                return timestamps.instant(text) // timestamps.UNITS["ms"]
            except ValueError:
                reason = f'cannot parse "{text[:40]}" to a valid timestamp'
                raise BadQueryError(f'invalid parameter "{name}": {reason}') from None
        if not math.isfinite(seconds) or seconds * 1000 > FARTHEST:
            raise BadQueryError(f'invalid parameter "{name}": {text[:40]} is out of range')
        return max(-FARTHEST, round(seconds * 1000))  # clients without a start send that of the year 1

    def step(self) -> int:
        """Return milliseconds: of seconds with a fraction, or of a duration such as 15s."""
        text = self.text("step")
        if text[-1].isalpha() and "".join(match[0] for match in PART.finditer(text)) == text:
            return duration(text)
        try:
            seconds = _seconds(text)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or not 0 < seconds * 1000 <= FARTHEST:
            raise BadQueryError(f'invalid parameter "step": cannot parse "{text[:40]}" to a duration larger than zero')
        return max(1, round(seconds * 1000))

    def limited(self, found: list[Any]) -> list[Any]:
        """Return as much as `limit` allows; 0 is no limit."""
        text = next(iter(self.all("limit")), "0")
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - far more than there can be
            raise BadQueryError(f'invalid parameter "limit": "{text[:40]}" is no whole number')
        return found[: int(text)] if int(text) else found


def router(service: PrometheusReading) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=PREFIX, tags=["prometheus"], responses=ERRORS)

    async def query(given: Parameters) -> Any:
        now = timestamps.now() // timestamps.UNITS["ms"]
        return await service.query(given.text("query"), given.time("time", now))

    async def query_range(given: Parameters) -> Any:
        return await service.query_range(given.text("query"), given.time("start"), given.time("end"), given.step())

    async def exemplars(given: Parameters) -> Any:
        parse(given.text("query"))
        return []

    async def series(given: Parameters) -> Any:
        return given.limited(await service.series(given.all("match[]"), *_range(given)))

    async def labels(given: Parameters) -> Any:
        return given.limited(await service.labels(given.all("match[]"), *_range(given)))

    _add(routes, "/query", query, "A query at one instant", ("query", "time"))
    _add(routes, "/query_range", query_range, "A query at every step of a range", ("query", "start", "end", "step"))
    _add(routes, "/query_exemplars", exemplars, "Exemplars, of which none are kept", ("query", "start", "end"))
    _add(routes, "/series", series, "Labels of series", ("match[]", "start", "end", "limit"))
    _add(routes, "/labels", labels, "Names of labels", ("match[]", "start", "end", "limit"))

    @routes.get(
        "/label/{name}/values",
        summary="Values of a label",
        openapi_extra=_parameters("match[]", "start", "end", "limit"),
    )
    async def label_values(name: str, request: Request) -> Response:
        async def values(given: Parameters) -> Any:
            return given.limited(await service.label_values(name, given.all("match[]"), *_range(given)))

        return await _answer(request, values)

    for path, (summary, nothing) in NONE_KEPT.items():
        routes.get(path, summary=summary, operation_id=path.removeprefix("/"))(_constant(nothing))

    @routes.get("/status/buildinfo", summary="The release of Prometheus whose API this is a part of")
    async def build() -> dict[str, Any]:
        names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return {"status": "success", "data": {"version": API} | dict.fromkeys(names, "")}

    return routes


def _add(routes: APIRouter, path: str, work: Work, summary: str, names: tuple[str, ...]) -> None:
    async def handle(request: Request) -> Response:
        return await _answer(request, work)

    name = path.removeprefix("/")
    routes.get(path, summary=summary, operation_id=name, openapi_extra=_parameters(*names))(handle)
    schema = {"type": "object", "properties": {each: {"type": "string"} for each in names}}
    form = {"requestBody": {"content": {FORM: {"schema": schema}}}}
    routes.post(path, summary=summary, operation_id=f"{name}_form", openapi_extra=form)(handle)


def _constant(data: Any) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def handle() -> dict[str, Any]:
        return {"status": "success", "data": data}

    return handle


def _parameters(*names: str) -> dict[str, Any]:
    many = {"type": "array", "items": {"type": "string"}}
    one = {"type": "string"}
    found = [{"name": name, "in": "query", "schema": many if name == "match[]" else one} for name in names]
    return {"parameters": found}


def _seconds(text: str) -> float:
    """Return a number as it is written, where Python would read more than anybody writes. Raises ValueError."""
    if "_" in text or not text.isascii():
        raise ValueError("no number")
    return float(text)


def _range(given: Parameters) -> tuple[int, int]:
    return given.time("start", 0), given.time("end", FARTHEST)


async def _answer(request: Request, work: Work) -> Response:
    pairs = list(request.query_params.multi_items())
    try:
        if (
            request.method == "POST"
            and request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
        ):
            pairs = _form(await request.body()) + pairs
        return _json({"status": "success", "data": await work(Parameters(pairs))}, 200)
    except PromError as error:
        return _error(error.kind, str(error), error.status)


def failure(error: OpsBuddyError, path: str, headers: dict[str, str]) -> Response:
    """Return a failure as clients of Prometheus read it."""
    if path == PREFIX + WRITE:
        return problems.response(error, path, headers)
    status = int(error.status)
    if status in RETRIED:
        headers = headers | {"retry-after": "1"} | problems.retry_after(error)
    return _error(KINDS.get(status, "internal"), error.detail, 503 if status in RETRIED else status, headers)


def _error(kind: str, said: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return _json({"status": "error", "errorType": kind, "error": said}, status, headers)


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise BadQueryError("the form cannot be read") from None


def _json(document: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status, headers, "application/json")
