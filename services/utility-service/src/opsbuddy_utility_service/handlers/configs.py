"""Configurations over HTTP."""

import unicodedata
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi import Query as Parameter

from opsbuddy_core.exact_json import refuse
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_utility_service.handlers import bodies, conditions
from opsbuddy_utility_service.handlers.actor import actor
from opsbuddy_utility_service.models.configs import (
    Config,
    ConfigEntry,
    ConfigPage,
    Cursor,
    Given,
    ImportReport,
    Query,
    VersionEntry,
    VersionList,
)
from opsbuddy_utility_service.service import members
from opsbuddy_utility_service.service.configs import ConfigService

YAML = "application/yaml"
Category = Annotated[str | None, Parameter(max_length=128, description="Exactly this category")]
Text = Annotated[
    str | None, Parameter(max_length=128, description="In name, category, description or tags, in any case")
]
Tags = Annotated[
    list[str], Parameter(max_length=20, description="Has this tag; may be there several times, all must hold")
]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="Configurations on a page")]
Position = Annotated[str | None, Parameter(max_length=4000, description="`next_cursor` of the page before")]
Trash = Annotated[bool, Parameter(description="What is in the trash instead of what is in use")]
Purge = Annotated[bool, Parameter(description="Remove it for good, from the trash too")]
IfMatch = Annotated[list[str] | None, Header(description="Only if its ETag is one of these")]
IfNoneMatch = Annotated[list[str] | None, Header(description="Only if its ETag is none of these")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Version")]

_FIELDS = {
    "name": {"type": "string", "maxLength": 128, "example": "retention"},
    "category": {"type": "string", "maxLength": 128, "example": "system"},
    "value": {"description": "Any JSON value; in a form: JSON where it reads as JSON, text otherwise", "example": True},
    "description": {"type": "string", "maxLength": 2000, "default": ""},
    "tags": {
        "description": "A list of texts; in a form also separated by commas",
        "example": ["production"],
        "anyOf": [{"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 20}, {"type": "string"}],
    },
    "secret": {"type": "boolean", "description": "Kept sealed, never shown. A secret stays one"},
    "literal": {
        "type": "boolean",
        "description": "The value of a secret is meant as it is, also if it looks like a mask",
    },
}


def _body(required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": _FIELDS, "required": required}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in bodies.KINDS}}}


WHOLE = _body(["name", "category", "value"])
SOME = _body([])
_EXCHANGED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "configs": {
            "type": "array",
            "items": {"type": "object", "properties": _FIELDS, "required": ["name", "category"]},
            "minItems": 1,
            "maxItems": 1000,
        }
    },
    "required": ["configs"],
}
IMPORT = {"requestBody": {"required": True, "content": {YAML: {"schema": _EXCHANGED}}}}
EXPORT: dict[int | str, dict[str, Any]] = {
    200: {"content": {YAML: {"schema": {"type": "object", "properties": {"configs": {"type": "array"}}}}}}
}
SHOWN: dict[str, Any] = {"response_model": ConfigEntry, "response_model_exclude_unset": True}


def router(configs: ConfigService) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["configurations"], dependencies=KNOWN_PARAMETERS)
    _add_collection(routes, configs)
    _add_exchange(routes, configs)
    _add_single(routes, configs)
    _add_history(routes, configs)
    return routes


def _add_collection(routes: APIRouter, configs: ConfigService) -> None:
    @routes.post(
        "/configs", status_code=HTTPStatus.CREATED, summary="Create a configuration", openapi_extra=WHOLE, **SHOWN
    )
    async def create(request: Request, response: Response) -> Any:
        config = await configs.create(await _given(request), actor(request).name)
        response.headers["location"] = f"/configs/{config.id}"
        return _shown(config, response)

    @routes.head("/configs", include_in_schema=False)
    @routes.get("/configs", summary="List configurations by category and name", response_model_exclude_unset=True)
    async def read_configs(
        category: Category = None,
        q: Text = None,
        tag: Tags = [],  # noqa: B006 - a parameter of the URL: FastAPI copies it
        trash: Trash = False,  # noqa: FBT002 - likewise
        limit: Limit = 100,
        cursor: Position = None,
    ) -> ConfigPage:
        query = _query(category, q, tag, Cursor.read(cursor) if cursor else None, trash=trash, limit=limit)
        page, following = await configs.search(query)
        entries = [ConfigEntry.of(config) for config in page]
        return ConfigPage(configs=entries, next_cursor=following.write() if following else None)


def _add_exchange(routes: APIRouter, configs: ConfigService) -> None:
    @routes.get(
        "/configs/export",
        summary="Configurations as YAML; secrets without their values",
        response_class=Response,
        responses=EXPORT,
    )
    async def export(category: Category = None, q: Text = None, tag: Tags = []) -> Response:  # noqa: B006 - likewise
        text = await configs.export(_query(category, q, tag, None))
        headers = {"content-disposition": 'attachment; filename="configs.yaml"'}
        return Response(text, media_type=YAML, headers=headers)

    @routes.post(
        "/configs/import", summary="Create and change configurations by YAML, all or none", openapi_extra=IMPORT
    )
    async def take_in(request: Request, dry_run: bool = False) -> ImportReport:  # noqa: FBT001, FBT002 - a parameter of the URL
        return await configs.take_in(await request.body(), actor(request).name, dry_run=dry_run)


def _add_single(routes: APIRouter, configs: ConfigService) -> None:
    @routes.head("/configs/{config_id:uuid}", include_in_schema=False)
    @routes.get("/configs/{config_id:uuid}", summary="One configuration", **SHOWN)
    async def read_config(config_id: UUID, response: Response, if_none_match: IfNoneMatch = None) -> Any:
        config = await configs.find(str(config_id))
        if conditions.known(if_none_match, config):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": config.etag})
        return _shown(config, response)

    @routes.put("/configs/{config_id:uuid}", summary="Set a configuration as a whole", openapi_extra=WHOLE, **SHOWN)
    async def replace(config_id: UUID, request: Request, response: Response, if_match: IfMatch = None) -> Any:
        expected = conditions.expected(if_match)
        given = await _given(request)
        config = await configs.change(str(config_id), given, actor(request).name, whole=True, expected=expected)
        return _shown(config, response)

    @routes.patch("/configs/{config_id:uuid}", summary="Set the members that are sent", openapi_extra=SOME, **SHOWN)
    async def change(config_id: UUID, request: Request, response: Response, if_match: IfMatch = None) -> Any:
        expected = conditions.expected(if_match)
        given = await _given(request)
        config = await configs.change(str(config_id), given, actor(request).name, whole=False, expected=expected)
        return _shown(config, response)

    @routes.delete(
        "/configs/{config_id:uuid}", status_code=HTTPStatus.NO_CONTENT, summary="Move a configuration to the trash"
    )
    async def delete(
        config_id: UUID,
        if_match: IfMatch = None,
        purge: Purge = False,  # noqa: FBT002 - likewise
    ) -> None:
        await configs.delete(str(config_id), purge=purge, expected=conditions.expected(if_match))

    @routes.post("/configs/{config_id:uuid}/restore", summary="Take a configuration out of the trash", **SHOWN)
    async def restore(config_id: UUID, response: Response) -> Any:
        return _shown(await configs.restore(str(config_id)), response)


def _add_history(routes: APIRouter, configs: ConfigService) -> None:
    @routes.get(
        "/configs/{config_id:uuid}/versions", summary="Its versions, newest first", response_model_exclude_unset=True
    )
    async def read_versions(config_id: UUID) -> VersionList:
        return VersionList(versions=[VersionEntry.of(version) for version in await configs.history(str(config_id))])

    @routes.get("/configs/{config_id:uuid}/versions/{number}", summary="One version", response_model_exclude_unset=True)
    async def read_version(config_id: UUID, number: Number) -> VersionEntry:
        return VersionEntry.of(await configs.version(str(config_id), number))

    @routes.post("/configs/{config_id:uuid}/versions/{number}/restore", summary="Roll back to a version", **SHOWN)
    async def roll_back(
        config_id: UUID, number: Number, request: Request, response: Response, if_match: IfMatch = None
    ) -> Any:
        expected = conditions.expected(if_match)
        config = await configs.roll_back(str(config_id), number, actor(request).name, expected)
        return _shown(config, response)


def _shown(config: Config, response: Response) -> ConfigEntry:
    response.headers["etag"] = config.etag
    return ConfigEntry.of(config)


async def _given(request: Request) -> Given:
    return await bodies.read(request, members.from_form, members.from_json, max_document=members.MAX_DOCUMENT)


def _query(
    category: str | None,
    text: str | None,
    tags: list[str],
    cursor: Cursor | None,
    *,
    trash: bool = False,
    limit: int = 100,
) -> Query:
    for field, value in (("category", category), ("q", text)):
        if value and "\0" in value:
            refuse(field, "it has a NUL character")
    if not all(map(str.isprintable, tags)):
        refuse("tag", "it has characters that no tag has")
    tags = [_composed(tag) for tag in tags]
    return Query(category and _composed(category), text and _composed(text), tuple(tags), trash, limit, cursor)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # as it is kept
