"""Where points come in."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from opsbuddy_core.errors import FieldError, InvalidRequestError, MalformedError, UnsupportedTypeError
from opsbuddy_core.web import bodies
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_timeseries_service import intake
from opsbuddy_timeseries_service.models.points import Point, PointError, WriteResult
from opsbuddy_timeseries_service.service.writing import Writing

SMALL = 64 * 1024
JSON = frozenset({"", "application/json"})
UNITS = ("ns", "us", "ms", "s")
Precision = Annotated[
    str,
    Query(
        description="Unit of the timestamps of line protocol; JSON tells it by itself",
        json_schema_extra={"enum": [*UNITS]},
    ),
]


def router(service: Writing, limit: int) -> APIRouter:
    """Return the routes; bodies have at most `limit` bytes."""
    routes = APIRouter(tags=["ingestion"])

    @routes.post(
        "/write",
        summary="Store points",
        dependencies=KNOWN_PARAMETERS,
        openapi_extra=_bodies(),
        responses={207: {"model": WriteResult, "description": "Some were stored"}},
    )
    async def write(request: Request, response: Response, precision: Precision = "ns") -> WriteResult:
        """Valid points are on disk when this answers; invalid ones are named with their position and stored nowhere.

        200 when all are valid, 207 when some are, 422 when none is. Send it again after 429 and 503, not after other failures.
        """
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in JSON and media != "text/plain":
            raise UnsupportedTypeError(f"{media} is not taken; send application/json, or line protocol as text/plain.")
        _check(precision)
        raw = await bodies.read(request, limit)
        read = intake.from_json if media in JSON else partial(intake.from_lines, precision=precision)
        result = await service.write(await _judged(read, raw))
        if result.rejected:
            response.status_code = 207
        return result

    @routes.post(
        "/api/v2/write",
        summary="Store points as InfluxDB's clients and Telegraf send them",
        status_code=204,
        openapi_extra={"requestBody": {"required": True, "content": {"text/plain": _LINES}}},
    )
    async def write_lines(
        request: Request,
        precision: Precision = "ns",
        org: Annotated[str | None, Query(description="Taken, and without meaning here")] = None,
        bucket: Annotated[str | None, Query(description="Taken, and without meaning here")] = None,
    ) -> None:
        """204 when all lines are on disk. 422 names the lines that were refused; the others are stored, so do not send them again."""
        del org, bucket
        _check(precision)
        result = await service.write(
            await _judged(partial(intake.from_lines, precision=precision), await bodies.read(request, limit))
        )
        if result.rejected:
            raise InvalidRequestError(
                f"{result.accepted} points were stored, {result.rejected} lines were refused. See errors for the reasons.",
                errors=[PointError(each.field, each.reason, each.code, each.index) for each in result.errors],
                accepted=result.accepted,
                rejected=result.rejected,
            )

    return routes


def _check(precision: str) -> None:
    if precision not in UNITS:
        reason = f"is none of {', '.join(UNITS)}"
        raise MalformedError(f"The precision {reason}.", errors=[FieldError("precision", reason, "enum")])


async def _judged(read: Callable[[bytes], intake.Intake], raw: bytes) -> intake.Intake:
    """Judging thousands of points takes a while, in which others are to be answered."""
    return await asyncio.to_thread(read, raw) if len(raw) > SMALL else read(raw)


_LINES = {"schema": {"type": "string"}, "example": "cpu,host=node-1 usage=0.42 1769860800000000000"}


def _bodies() -> dict[str, object]:
    points = {"type": "array", "items": Point.model_json_schema()}
    example = Point.model_config["json_schema_extra"]["example"]  # type: ignore[index]
    schema = {"anyOf": [{"type": "object", "required": ["points"], "properties": {"points": points}}, points]}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": {"points": [example]}}, "text/plain": _LINES},
        }
    }
