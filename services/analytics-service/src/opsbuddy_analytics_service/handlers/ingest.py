"""Where logs come in."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import StringConstraints

from opsbuddy_analytics_service import intake
from opsbuddy_analytics_service.models import IngestResult, LogEntry, SingleResult
from opsbuddy_analytics_service.service import Analytics
from opsbuddy_core.errors import UnsupportedTypeError
from opsbuddy_core.web import bodies

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
JSON = frozenset({"", "application/json"})
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        description="Gives logs without event_id one of this key and their position: the same request again stores nothing twice"
    ),
]


def router(service: Analytics, limit: int) -> APIRouter:
    """Return the routes; bodies have at most `limit` bytes."""
    routes = APIRouter(tags=["ingestion"])

    @routes.post(
        "/logs",
        summary="Store a batch of logs",
        openapi_extra=_bodies(),
        responses={207: {"model": IngestResult, "description": "Some were stored"}},
    )
    async def ingest(request: Request, response: Response, idempotency_key: IdempotencyKey = None) -> IngestResult:
        """Valid logs are on disk when this answers; invalid ones are named with their position and stored nowhere.

        200 when all are valid, 207 when some are, 422 when none is. Send it again after 429 and 503, not after other failures.
        """
        result = await service.ingest(await _read(request, limit, idempotency_key))
        if result.rejected:
            response.status_code = 207
        return result

    @routes.post("/logs/single", summary="Store one log", status_code=201)
    async def ingest_single(entry: LogEntry) -> SingleResult:
        return await service.ingest_one(entry)

    return routes


async def _read(request: Request, limit: int, key: str | None) -> intake.Intake:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in LINES and media not in JSON:
        raise UnsupportedTypeError(f"{media} is not taken; send application/json or application/x-ndjson.")
    judge, body = intake.from_lines if media in LINES else intake.from_json, await bodies.read(request, limit)
    if len(body) > SMALL:  # judging thousands of logs takes a while, in which others are to be answered
        return await asyncio.to_thread(judge, body, key)
    return judge(body, key)


def _bodies() -> dict[str, object]:
    entry = {"$ref": "#/components/schemas/LogEntry"}
    example = LogEntry.model_config["json_schema_extra"]["example"]  # type: ignore[index]
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
                                "properties": {"logs": {"type": "array", "items": entry}},
                            },
                            {"type": "array", "items": entry},
                        ]
                    },
                    "example": {"logs": [example]},
                },
                "application/x-ndjson": {"schema": {"type": "string", "description": "One log as JSON a line"}},
            },
        }
    }
