"""The small API of the UI: what the services offer, under the UI's own address, through the gateway."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

import orjson
from fastapi import APIRouter, Request

from opsbuddy_core.errors import FieldError, InvalidRequestError, MalformedError, NotFoundError
from opsbuddy_ui_service.clients.gateway import CREDENTIALS, HttpGateway
from opsbuddy_ui_service.handlers.bodies import whole
from opsbuddy_ui_service.handlers.relay import Onward, Relay, onward

Service = Literal["files", "utils", "analytics", "timeseries"]
MAX_LOG = 512 * 1024
MAX_FIELDS = 20
JSON = {"content-type": "application/json"}
LOG = {
    "type": "object",
    "required": ["timestamp", "level", "logger", "message", "service"],
    "properties": {
        name: {"type": "string"} for name in ("timestamp", "level", "logger", "message", "service", "operation")
    }
    | {"data": {"description": "A JSON object; in a form as text"}},
}
CONFIG = {
    "type": "object",
    "required": ["name", "category", "value"],
    "properties": {
        "name": {"type": "string"},
        "category": {"type": "string"},
        "value": {"description": "Any JSON value; in a form: JSON where it reads as JSON, text otherwise"},
        "description": {"type": "string"},
    },
}
COMMAND = {
    "type": "object",
    "required": ["command"],
    "properties": {
        "command": {"type": "string", "description": "The words of a command that a template allows"},
        "timeout": {"type": "number", "description": "Seconds"},
    },
}
FILE = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "tags": {"type": "string", "description": "A JSON object"},
        "metadata": {"type": "string", "description": "A JSON object"},
    },
}


def router(gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    for part in (_files, _utility, _analytics, _services):
        routes.include_router(part(gateway))
    return routes


def _files(gateway: HttpGateway) -> APIRouter:
    routes = APIRouter(prefix="/files", tags=["files"])

    @routes.get("", summary="List files")
    async def read_files(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/files"))

    @routes.post("/upload", summary="Store a file", openapi_extra=_takes(FILE, "multipart/form-data"))
    async def upload(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/files/upload"))

    @routes.get("/{file_id}", summary="What is known of a file")
    async def read_file(file_id: str, request: Request) -> Relay:
        return Relay(gateway, onward(request, f"/api/files/{quote(file_id, safe='')}"))

    @routes.get("/{file_id}/download", summary="Its content")
    async def download(file_id: str, request: Request) -> Relay:
        return Relay(gateway, onward(request, f"/api/files/{quote(file_id, safe='')}/download"))

    @routes.delete("/{file_id}", summary="Delete a file", status_code=HTTPStatus.NO_CONTENT)
    async def delete(file_id: str, request: Request) -> Relay:
        return Relay(gateway, onward(request, f"/api/files/{quote(file_id, safe='')}"))

    return routes


def _utility(gateway: HttpGateway) -> APIRouter:
    routes = APIRouter(tags=["utility"])

    @routes.get("/configs", summary="List configurations")
    async def read_configs(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/utils/configs"))

    kinds = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")

    @routes.post("/configs", summary="Create a configuration", openapi_extra=_takes(CONFIG, *kinds))
    async def create_config(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/utils/configs"))

    @routes.get("/system/info", summary="The host, the container, and the utility service's process")
    async def read_system_info(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/utils/system/info"))

    @routes.post(
        "/system/execute", summary="Run a command that a template allows", openapi_extra=_takes(COMMAND, *kinds)
    )
    async def execute(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/utils/system/execute"))

    return routes


def _analytics(gateway: HttpGateway) -> APIRouter:
    routes = APIRouter(prefix="/analytics", tags=["analytics"])

    @routes.get("/logs", summary="Find logs; the parameters are the members of the analytics service's query")
    async def read_logs(request: Request) -> Relay:
        query = orjson.dumps(dict(request.query_params))
        return Relay(gateway, Onward("POST", "/api/analytics/logs/query", _accepting(request), query))

    kinds = ("application/x-www-form-urlencoded", "application/json")

    @routes.post("/logs", summary="Store one log", openapi_extra=_takes(LOG, *kinds), status_code=HTTPStatus.CREATED)
    async def create_log(request: Request) -> Relay:
        body = await whole(request, MAX_LOG)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            body = orjson.dumps(log_of_form(body))
        return Relay(gateway, Onward("POST", "/api/analytics/logs/single", _accepting(request), body))

    @routes.get("/metrics", summary="Logs by service")
    async def read_metrics(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/analytics/metrics"))

    @routes.get("/stats", summary="The last 24 hours")
    async def read_stats(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/analytics/stats"))

    return routes


def _services(gateway: HttpGateway) -> APIRouter:
    """Everything else that the services offer, under the same addresses as at the gateway: the pages ask here, their own origin."""
    routes = APIRouter(include_in_schema=False)

    async def relay(service: Service, rest: str, request: Request) -> Relay:  # noqa: ARG001 - the framework checks it
        if any(part in {".", ".."} for part in rest.split("/")):
            raise NotFoundError(f"There is nothing at {rest}.")
        path = request.scope["raw_path"].decode("ascii")  # as it was sent: a name may have an encoded slash in it
        return Relay(gateway, onward(request, path))

    routes.add_api_route("/{service}/{rest:path}", relay, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    return routes


def log_of_form(body: bytes) -> dict[str, Any]:
    """Return the members of a log from the fields of a form; blank ones are left out, `data` is JSON text."""
    try:
        fields = parse_qsl(body.decode(), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedError(f"The form is not UTF-8, or has more than {MAX_FIELDS} fields.") from error
    log: dict[str, Any] = dict(fields)
    if "data" in log:
        try:
            log["data"] = orjson.loads(log["data"])
        except orjson.JSONDecodeError as error:
            reason = "expected a JSON object"
            raise InvalidRequestError(
                'data cannot be read; write a JSON object such as {"file": "a.txt"}.',
                errors=[FieldError("data", reason)],
            ) from error
    return log


def _accepting(request: Request) -> Mapping[str, str]:
    kept = ("accept", "accept-encoding", "idempotency-key", *CREDENTIALS)
    return JSON | {name: request.headers[name] for name in kept if name in request.headers}


def _takes(schema: dict[str, Any], *kinds: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
