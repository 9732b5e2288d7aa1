"""Contents of files over HTTP: form, raw body, download."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request, Response

from opsbuddy_core.errors import FieldError, MalformedError, UnsupportedTypeError
from opsbuddy_core.web.multipart import FormReader
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_file_service import digests, ranges
from opsbuddy_file_service.handlers import schemas
from opsbuddy_file_service.handlers.body import document, incoming, media_type
from opsbuddy_file_service.handlers.download import Download
from opsbuddy_file_service.handlers.preconditions import Preconditions
from opsbuddy_file_service.handlers.records import tagged
from opsbuddy_file_service.models import FileRecord, StoredFile
from opsbuddy_file_service.ranges import Selection
from opsbuddy_file_service.service.changes import MAX_CHANGE
from opsbuddy_file_service.service.files import ID, FileService

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def router(files: FileService, idle_seconds: float) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["files"], dependencies=KNOWN_PARAMETERS)

    @routes.post("/files/upload", status_code=HTTPStatus.CREATED, summary="Store a file", openapi_extra=schemas.UPLOAD)
    async def upload(request: Request, response: Response) -> FileRecord:
        async with incoming(request, idle_seconds) as body:
            checked = digests.checked(body, digests.announced(request.headers))
            file = await files.upload(FormReader(request.headers.get("content-type"), checked).parts())
        response.headers["location"] = f"/files/{file.id}"
        return tagged(response, file)

    @routes.put(
        "/files/{file_id}",
        summary="Store a body under a name, or replace a record or its content",
        openapi_extra=schemas.PUT,
        responses=schemas.PUT_ANSWERS,
    )
    async def put(file_id: str, request: Request, response: Response, conditions: Preconditions) -> FileRecord:
        kind = media_type(request)
        if kind == "application/json" and ID.fullmatch(file_id):
            body = await document(request, idle_seconds, MAX_CHANGE)
            return tagged(response, await files.change(file_id, body, conditions, whole=True))
        async with incoming(request, idle_seconds) as pieces:
            _refuse_unfit(request, kind)
            checked = digests.checked(pieces, digests.announced(request.headers))
            file, made = await files.put(file_id, checked, request.headers.get("content-type"), conditions)
        if made:
            response.status_code = HTTPStatus.CREATED
            response.headers["location"] = f"/files/{file.id}"
        return tagged(response, file)

    @routes.get("/files/{file_id}/download", response_class=Response, summary="Its content", responses=schemas.CONTENT)
    async def download(
        file_id: str,
        conditions: Preconditions,
        wanted: Annotated[str | None, Header(alias="range", description="Bytes, for example `bytes=0-99`")] = None,
        if_range: Annotated[str | None, Header(description="Ranges only of the content with this ETag")] = None,
    ) -> Response:
        def select(file: StoredFile) -> Selection:
            if conditions.not_modified(file.content_tag):
                return Selection(())
            holds = if_range is None or if_range.strip() == file.content_tag
            try:
                return ranges.select(wanted if holds else None, file.size)
            except ranges.UnsatisfiableError:
                raise _unsatisfiable(file.size) from None

        return Download(*await files.open(file_id, select)).response()

    @routes.head("/files/{file_id}/download", include_in_schema=False)
    async def read_content_headers(file_id: str, conditions: Preconditions) -> Response:
        file = await files.find(file_id)
        unchanged = conditions.not_modified(file.content_tag)
        return Download(file, Selection(() if unchanged else (ranges.Span(0, file.size),)), []).response()

    return routes


def _refuse_unfit(request: Request, kind: str) -> None:
    if kind in FORMS:
        raise UnsupportedTypeError(
            f"{kind} is a form, and PUT takes the bytes of a file (curl -T) or, for an id, a record as application/json. "
            "Forms go to POST /files/upload."
        )
    if "content-range" in request.headers:
        raise MalformedError(
            "A part of a file cannot be put; send the whole.",
            errors=[FieldError("content-range", "PUT takes whole files")],
        )


def _unsatisfiable(size: int) -> HTTPException:
    return HTTPException(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"None of these ranges lies in the {size} bytes of the file.",
        {"content-range": f"bytes */{size}"},
    )
