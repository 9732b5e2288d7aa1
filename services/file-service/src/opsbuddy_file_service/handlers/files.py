"""The file service over HTTP."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from starlette.responses import StreamingResponse

from opsbuddy_core.exact_json import refuse
from opsbuddy_file_service.handlers import schemas
from opsbuddy_file_service.handlers.body import incoming, small
from opsbuddy_file_service.handlers.multipart import FormReader
from opsbuddy_file_service.models import Cursor, FilePage, FileRecord, Query, Sort, StoredFile
from opsbuddy_file_service.names import attachment
from opsbuddy_file_service.service import MAX_CHANGE, FileService

Tags = Annotated[
    list[str], Parameter(alias="tag", max_length=10, description="`name=value`, or `name` for any value; all must hold")
]
Kind = Annotated[str | None, Parameter(alias="type", max_length=255, description="`text/plain`, or `image/*`")]
Name = Annotated[str | None, Parameter(max_length=255, description="A part of the file name, in any case")]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="Files on a page")]
Position = Annotated[str | None, Parameter(max_length=2000, description="`next_cursor` of the page before")]


def router(files: FileService, idle_seconds: float) -> APIRouter:
    """Return the routes. HEAD is answered wherever GET is."""
    routes = APIRouter(tags=["files"])

    @routes.post("/files/upload", status_code=HTTPStatus.CREATED, summary="Store a file", openapi_extra=schemas.UPLOAD)
    async def upload(request: Request, response: Response) -> FileRecord:
        async with incoming(request, idle_seconds) as body:
            file = await files.upload(FormReader(request.headers.get("content-type"), body).parts())
        response.headers["location"] = f"/files/{file.id}"
        return file

    @routes.head("/files", include_in_schema=False)
    @routes.get("/files", summary="List files")
    async def read_files(
        tag: Tags = [],  # noqa: B006 - FastAPI copies it
        kind: Kind = None,
        name: Name = None,
        sort: Sort = Sort.CREATED_DOWN,
        limit: Limit = 100,
        cursor: Position = None,
    ) -> FilePage:
        position = Cursor.read(cursor, sort) if cursor else None
        query = Query(sort, limit, position, _tags(tag), _text("type", kind), _text("name", name))
        page, following = await files.search(query)
        return FilePage(files=list(page), next_cursor=following.write() if following else None)

    @routes.head("/files/{file_id}", include_in_schema=False)
    @routes.get("/files/{file_id}", summary="What is known of a file")
    async def read_file(file_id: str) -> FileRecord:
        return await files.find(file_id)

    @routes.get(
        "/files/{file_id}/download", response_class=StreamingResponse, summary="Its content", responses=schemas.CONTENT
    )
    async def download(file_id: str) -> StreamingResponse:
        file, content = await files.open(file_id)
        return StreamingResponse(content, headers=_content_headers(file))

    @routes.head("/files/{file_id}/download", include_in_schema=False)
    async def read_content_headers(file_id: str) -> Response:
        return Response(headers=_content_headers(await files.find(file_id)))

    @routes.put("/files/{file_id}", summary="Set tags and metadata as a whole", openapi_extra=schemas.CHANGE)
    async def replace(file_id: str, request: Request) -> FileRecord:
        return await files.change(file_id, await small(request, idle_seconds, MAX_CHANGE), whole=True)

    @routes.patch("/files/{file_id}", summary="Set the members that are sent", openapi_extra=schemas.CHANGE)
    async def change(file_id: str, request: Request) -> FileRecord:
        return await files.change(file_id, await small(request, idle_seconds, MAX_CHANGE), whole=False)

    @routes.delete("/files/{file_id}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a file")
    async def delete(file_id: str) -> None:
        await files.delete(file_id)

    return routes


def _content_headers(file: StoredFile) -> dict[str, str]:
    return {
        "content-type": file.content_type,
        "content-length": str(file.size),
        "content-disposition": attachment(file.filename),
        "etag": f'"{file.sha256}"',
        "accept-ranges": "none",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",  # should a browser show it all the same
    }


def _tags(tags: list[str]) -> tuple[tuple[str, str | None], ...]:
    split = [(_text("tag", tag) or "").partition("=") for tag in tags]
    return tuple((name, value if equals else None) for name, equals, value in split)


def _text(field: str, text: str | None) -> str | None:
    if text and "\0" in text:
        refuse(field, "it has a NUL character")
    return text
