"""Configurations over HTTP."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from starlette.datastructures import UploadFile

from opsbuddy_core.errors import MalformedError, TooLargeError
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models import ConfigEntry, ConfigPage, Cursor, Query
from opsbuddy_utility_service.service import MAX_DOCUMENT, ConfigService, from_form, from_json

MAX_FIELDS = 20
Category = Annotated[str | None, Parameter(max_length=128, description="Exactly this category")]
Text = Annotated[str | None, Parameter(max_length=128, description="In name, category or description, in any case")]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="Configurations on a page")]
Position = Annotated[str | None, Parameter(max_length=2000, description="`next_cursor` of the page before")]

_FIELDS = {
    "name": {"type": "string", "maxLength": 128, "example": "retention"},
    "category": {"type": "string", "maxLength": 128, "example": "system"},
    "value": {"description": "Any JSON value; in a form: JSON where it reads as JSON, text otherwise", "example": True},
    "description": {"type": "string", "maxLength": 2000, "default": ""},
}


def _body(required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": _FIELDS, "required": required}
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


WHOLE = _body(["name", "category", "value"])
SOME = _body([])


def router(configs: ConfigService) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["configurations"])

    @routes.post("/configs", status_code=HTTPStatus.CREATED, summary="Create a configuration", openapi_extra=WHOLE)
    async def create(request: Request, response: Response) -> ConfigEntry:
        entry = await configs.create(await _members(request))
        response.headers["location"] = f"/configs/{entry.id}"
        return entry

    @routes.head("/configs", include_in_schema=False)
    @routes.get("/configs", summary="List configurations by category and name")
    async def read_configs(
        category: Category = None, q: Text = None, limit: Limit = 100, cursor: Position = None
    ) -> ConfigPage:
        if "\0" in f"{category}{q}":
            refuse("category" if category and "\0" in category else "q", "it has a NUL character")
        query = Query(category, q, limit, Cursor.read(cursor) if cursor else None)
        page, following = await configs.search(query)
        return ConfigPage(configs=page, next_cursor=following.write() if following else None)

    @routes.head("/configs/{config_id}", include_in_schema=False)
    @routes.get("/configs/{config_id}", summary="One configuration")
    async def read_config(config_id: str) -> ConfigEntry:
        return await configs.find(config_id)

    @routes.put("/configs/{config_id}", summary="Set a configuration as a whole", openapi_extra=WHOLE)
    async def replace(config_id: str, request: Request) -> ConfigEntry:
        return await configs.change(config_id, await _members(request), whole=True)

    @routes.patch("/configs/{config_id}", summary="Set the members that are sent", openapi_extra=SOME)
    async def change(config_id: str, request: Request) -> ConfigEntry:
        return await configs.change(config_id, await _members(request), whole=False)

    @routes.delete("/configs/{config_id}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a configuration")
    async def delete(config_id: str) -> None:
        await configs.delete(config_id)

    return routes


async def _members(request: Request) -> dict[str, Any]:
    """Return what a form or a JSON document says."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()  # the application's own limit holds
    if kind == "multipart/form-data":
        return from_form(await _multipart(request))
    if len(body) > 3 * MAX_DOCUMENT:  # a form may escape every byte
        raise TooLargeError(f"The body has more than the {3 * MAX_DOCUMENT} bytes that are taken here.")
    if kind == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
        return from_form(_urlencoded(body))
    return from_json(body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedError(f"The form is not UTF-8, or has more than {MAX_FIELDS} fields.") from error


async def _multipart(request: Request) -> list[tuple[str, str]]:
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_DOCUMENT) as form:
        fields = form.multi_items()
    for name, value in fields:
        if isinstance(value, UploadFile):
            refuse(name, "expected text, not a file")
    return [(name, str(value)) for name, value in fields]
