"""Commands and their audit over HTTP."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from opsbuddy_core.exact_json import refuse
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_utility_service.handlers import bodies, streaming
from opsbuddy_utility_service.handlers.actor import actor
from opsbuddy_utility_service.models.audit import AuditPage, AuditQuery, Verification
from opsbuddy_utility_service.models.commands import CommandList, Reason, Result
from opsbuddy_utility_service.service import requests
from opsbuddy_utility_service.service.audit import AuditService
from opsbuddy_utility_service.service.commands import CommandService
from opsbuddy_utility_service.service.execution import Execution

MAX_SEQUENCE = 2**63 - 1
Name = Annotated[str | None, Parameter(max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="Runs on a page")]
Position = Annotated[str | None, Parameter(max_length=20, description="`next_cursor` of the page before")]

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": {
            "type": "string",
            "maxLength": 4096,
            "example": "ls -la",
            "description": "The words, quoted as for a shell",
        },
        "template": {"type": "string", "example": "df", "description": "Instead of `command`: the id of a template"},
        "params": {"type": "object", "description": "With `template`: parameter to value; JSON text in a form"},
        "timeout": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 86400,
            "example": 30,
            "description": "Seconds; the template's own limit holds where it is shorter",
        },
    },
    "additionalProperties": False,
}
BODY = {"requestBody": {"required": True, "content": {kind: {"schema": _SCHEMA} for kind in bodies.KINDS}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "How it ended; as a stream where the client accepts one",
        "content": {kind: {"schema": {"type": "string"}} for kind in (streaming.SSE, streaming.NDJSON)},
    }
}


def router(commands: CommandService, audit: AuditService) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["commands"], dependencies=KNOWN_PARAMETERS)

    @routes.head("/system/commands", include_in_schema=False)
    @routes.get("/system/commands", summary="The commands that may be run")
    async def read_commands() -> CommandList:
        return await commands.list()

    @routes.post(
        "/system/execute", summary="Run a command", openapi_extra=BODY, responses=ANSWERS, response_model=Result
    )
    async def execute(request: Request) -> Any:
        wanted = await bodies.read(request, requests.from_form, requests.from_json, max_document=requests.MAX_DOCUMENT)
        execution = await commands.start(wanted, actor(request))
        if kind := streaming.wanted(request):
            return streaming.EventStream(execution, kind)
        return await _result(request, execution)

    @routes.head("/system/audit", include_in_schema=False)
    @routes.get("/system/audit", summary="Commands that were run or refused, newest first")
    async def read_audit(
        template: Name = None,
        actor: Name = None,
        reason: Reason | None = None,
        limit: Limit = 100,
        cursor: Position = None,
    ) -> AuditPage:
        for field, value in (("template", template), ("actor", actor)):
            if value and "\0" in value:
                refuse(field, "it has a NUL character")
        return await audit.page(AuditQuery(template, actor, reason, _sequence(cursor), limit))

    @routes.get("/system/audit/verify", summary="Whether the audit is as it was written")
    async def verify() -> Verification:
        return await audit.verify()

    return routes


async def _result(request: Request, execution: Execution) -> Result | Response:
    leaving = asyncio.create_task(streaming.gone(request.receive))
    try:
        await asyncio.wait((execution.result, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        execution.stop("cancelled")
    return await asyncio.shield(execution.result)


def _sequence(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit()) or not 0 < int(cursor) <= MAX_SEQUENCE:
        refuse("cursor", "it is none that a listing gave; start without one")
    return int(cursor)
