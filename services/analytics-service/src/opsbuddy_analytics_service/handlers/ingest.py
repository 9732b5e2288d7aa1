"""Where logs come in."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import StringConstraints

from opsbuddy_analytics_service.models import IngestResult, LogEntry, SingleResult
from opsbuddy_analytics_service.service import intake
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_core.errors import OpsBuddyError, UnsupportedTypeError
from opsbuddy_core.web import bodies
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS

LINES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-lines",
    }
)
SMALL = 64 * 1024
ENTRY = LogEntry.model_json_schema()  # whole: the framework knows no model that a route does not read by itself
EXAMPLE = LogEntry.model_config["json_schema_extra"]["example"]  # type: ignore[index]
JSON = frozenset({"", "application/json"})
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        description="Names this request: the same one again stores nothing twice; the same key with another body is refused"
    ),
]
DryRun = Annotated[bool, Query(description="Judge the logs and store none")]


def router(service: Analytics, limit: int) -> APIRouter:
    """Return the routes; bodies have at most `limit` bytes."""
    routes = APIRouter(tags=["ingestion"], dependencies=KNOWN_PARAMETERS)

    @routes.post(
        "/logs",
        summary="Store a batch of logs",
        openapi_extra=_bodies(),
        responses={207: {"model": IngestResult, "description": "Some were stored"}},
    )
    async def ingest(
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,  # noqa: FBT002 - a parameter of the query
    ) -> IngestResult:
        """Valid logs are on disk when this answers; invalid ones are named with their position and stored nowhere; `GET /errors` explains the codes.

        200 when all are valid, 207 when some are, 422 when none is. Send it again after 429 and 503, not after other failures.
        """
        try:
            judge = intake.from_lines if _media(request) in LINES else intake.from_json
            taken = await _judged(judge, await bodies.read(request, limit))
            result = await service.ingest(taken, idempotency_key, dry_run=dry_run)
        except OpsBuddyError as error:
            if "rejected" not in error.extensions:
                service.refused(error)
            raise
        if result.rejected:
            response.status_code = 207
        return result

    @routes.post(
        "/logs/single",
        summary="Store one log",
        status_code=201,
        openapi_extra=_body(),
        responses={200: {"model": SingleResult, "description": "It would be stored: a dry run"}},
    )
    async def ingest_single(
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,  # noqa: FBT002 - a parameter of the query
    ) -> SingleResult:
        try:
            _media(request)
            body = await bodies.read(request, limit)
            result = await service.ingest_one(intake.from_single(body), idempotency_key, body, dry_run=dry_run)
        except OpsBuddyError as error:
            service.refused(error, single=True)
            raise
        if dry_run:
            response.status_code = 200
        return result

    return routes


def _media(request: Request) -> str:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in LINES and media not in JSON:
        raise UnsupportedTypeError(f"{media} is not taken; send application/json or application/x-ndjson.")
    return media


async def _judged(judge: Callable[[bytes], intake.Intake], body: bytes) -> intake.Intake:
    if len(body) > SMALL:  # judging thousands of logs takes a while, in which others are to be answered
        return await asyncio.to_thread(judge, body)
    return judge(body)


def _body() -> dict[str, object]:
    media = {"schema": ENTRY, "example": EXAMPLE}
    return {"requestBody": {"required": True, "content": {"application/json": media}}}


def _bodies() -> dict[str, object]:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {
                                "type": "object",
                                "required": ["logs"],
                                "properties": {"logs": {"type": "array", "items": ENTRY}},
                            },
                            {"type": "array", "items": ENTRY},
                        ]
                    },
                    "example": {"logs": [EXAMPLE]},
                },
                "application/x-ndjson": {"schema": {"type": "string", "description": "One log as JSON a line"}},
            },
        }
    }
