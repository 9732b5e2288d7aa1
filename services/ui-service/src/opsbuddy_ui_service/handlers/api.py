"""The small API of the UI: what the services offer, under the UI's own address, through the gateway."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
from fastapi import APIRouter, Request

from opsbuddy_core.errors import (
    FieldError,
    InvalidRequestError,
    MalformedError,
    NotFoundError,
    UnsupportedTypeError,
)
from opsbuddy_ui_service.clients.gateway import CREDENTIALS, HttpGateway
from opsbuddy_ui_service.handlers.bodies import whole
from opsbuddy_ui_service.handlers.relay import Onward, Relay, onward

SERVICES = ("files", "utils", "analytics", "timeseries")
MAX_LOG = 512 * 1024
MAX_FIELDS = 20
JSON = {"content-type": "application/json"}
FORM = "application/x-www-form-urlencoded"
KINDS = (FORM, JSON["content-type"])
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
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


def routers(gateway: HttpGateway) -> list[APIRouter]:
    """Return the routes; those for everything else are the last, because of two that fit the first is taken."""
    return [part(gateway) for part in (_files, _utility, _analytics, _services)]


def _files(gateway: HttpGateway) -> APIRouter:
    routes = APIRouter(prefix="/api/files", tags=["files"])

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
    routes = APIRouter(prefix="/api", tags=["utility"])

    @routes.get("/configs", summary="List configurations")
    async def read_configs(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/utils/configs"))

    kinds = (*KINDS, "multipart/form-data")

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
    routes = APIRouter(prefix="/api/analytics", tags=["analytics"])

    @routes.get("/logs", summary="Find logs; the parameters are the members of the analytics service's query")
    async def read_logs(request: Request) -> Relay:
        query = orjson.dumps(_once(request.query_params.multi_items()))
        return Relay(gateway, Onward("POST", "/api/analytics/logs/query", _accepting(request), query))

    @routes.post("/logs", summary="Store one log", openapi_extra=_takes(LOG, *KINDS), status_code=HTTPStatus.CREATED)
    async def create_log(request: Request) -> Relay:
        return Relay(gateway, Onward("POST", "/api/analytics/logs/single", _accepting(request), await _log(request)))

    @routes.get("/metrics", summary="Logs by service")
    async def read_metrics(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/analytics/metrics"))

    @routes.get("/stats", summary="The last 24 hours")
    async def read_stats(request: Request) -> Relay:
        return Relay(gateway, onward(request, "/api/analytics/stats"))

    return routes


def _services(gateway: HttpGateway) -> APIRouter:
    """Everything else that the services offer, under the same addresses as at the gateway: the pages ask here, their own origin."""
    routes = APIRouter(prefix="/api", include_in_schema=False)

    async def relay(rest: str, request: Request) -> Relay:
        if any(part in {".", ".."} for part in rest.split("/")):
            raise NotFoundError(f"There is nothing at {rest}.")
        path = request.scope["raw_path"].decode("ascii")  # as it was sent: a name may have an encoded slash in it
        return Relay(gateway, onward(request, path))

    for service in SERVICES:
        routes.add_api_route(f"/{service}/{{rest:path}}", relay, methods=METHODS)
    return routes


async def _log(request: Request) -> bytes:
    """Return the log of a request as JSON. A form that begins like JSON is JSON: `curl -d` sends it so."""
    body = await whole(request, MAX_LOG)
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind not in KINDS or request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedTypeError(f"A log is sent as {' or as '.join(KINDS)}, without a Content-Encoding.")
    return orjson.dumps(log_of_form(body)) if kind == FORM and not body.lstrip().startswith(b"{") else body


def log_of_form(body: bytes) -> dict[str, Any]:
    """Return the members of a log from the fields of a form; blank ones are left out, `data` is JSON text."""
    try:
        fields = parse_qsl(body.decode(), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedError(f"The form is not UTF-8, or has more than {MAX_FIELDS} fields.") from error
    log: dict[str, Any] = dict(_once(fields))
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


def _once(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values by their names, of which each may be there once: of two, neither is meant more than the other."""
    names = [name for name, _ in fields]
    if repeated := list(dict.fromkeys(name for name in names if names.count(name) > 1)):
        errors = [FieldError(name, "it is there more than once") for name in repeated]
        raise InvalidRequestError(f"{', '.join(repeated)[:200]}: send each once.", errors=errors)
    return dict(fields)


def _accepting(request: Request) -> Mapping[str, str]:
    kept = ("accept", "accept-encoding", "idempotency-key", *CREDENTIALS)
    return JSON | {name: request.headers[name] for name in kept if name in request.headers}


def _takes(schema: dict[str, Any], *kinds: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
