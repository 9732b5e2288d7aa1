"""Records of files over HTTP: listing, reading, changing, the trash."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_file_service.handlers import schemas
from opsbuddy_file_service.handlers.body import document
from opsbuddy_file_service.handlers.listing import Listing
from opsbuddy_file_service.handlers.preconditions import Preconditions
from opsbuddy_file_service.models import FilePage, FileRecord, StoredFile
from opsbuddy_file_service.service.changes import MAX_CHANGE
from opsbuddy_file_service.service.files import FileService

MOST_PURGED = 1000
Purge = Annotated[bool, Query(description="Remove for good, from the trash too")]


class Purged(BaseModel):
    """What emptying the trash has done."""

    purged: int = Field(description="Files that were removed for good")
    left: int = Field(description="Files that are still in the trash; ask again")


def router(files: FileService, idle_seconds: float) -> APIRouter:
    """Return the routes. HEAD is answered wherever GET is."""
    routes = APIRouter(tags=["files"], dependencies=KNOWN_PARAMETERS)

    @routes.head("/files", include_in_schema=False)
    @routes.get("/files", summary="List files")
    async def read_files(listing: Annotated[Listing, Query()]) -> FilePage:
        page, following = await files.search(listing.query())
        return FilePage(files=list(page), next_cursor=following.write() if following else None)

    @routes.delete("/files", summary="Empty the trash", dependencies=[Depends(_trash)])
    async def empty_trash() -> Purged:
        purged, left = await files.empty_trash(MOST_PURGED)
        return Purged(purged=purged, left=left)

    @routes.head("/files/{file_id}", include_in_schema=False)
    @routes.get("/files/{file_id}", summary="What is known of a file", responses=schemas.NOT_MODIFIED)
    async def read_file(file_id: str, response: Response, conditions: Preconditions) -> FileRecord:
        file = await files.find(file_id)
        if conditions.not_modified(file.tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": file.tag})  # type: ignore[return-value] # FastAPI sends it as it is
        return tagged(response, file)

    @routes.patch("/files/{file_id}", summary="Merge name, tags and metadata", openapi_extra=schemas.CHANGE)
    async def change(file_id: str, request: Request, response: Response, conditions: Preconditions) -> FileRecord:
        body = await document(request, idle_seconds, MAX_CHANGE)
        return tagged(response, await files.change(file_id, body, conditions, whole=False))

    @routes.delete("/files/{file_id}", status_code=HTTPStatus.NO_CONTENT, summary="Move a file to the trash")
    async def delete(file_id: str, conditions: Preconditions, purge: Purge = False) -> None:  # noqa: FBT002 - a query parameter
        await files.delete(file_id, conditions, purge=purge)

    @routes.post("/files/{file_id}/restore", summary="Take a file out of the trash")
    async def restore(file_id: str, response: Response, conditions: Preconditions) -> FileRecord:
        return tagged(response, await files.restore(file_id, conditions))

    return routes


def _trash(trash: Annotated[Literal["true"], Query(description="Only the trash can be emptied")]) -> str:
    return trash


def tagged(response: Response, file: StoredFile) -> StoredFile:
    """Put the entity tag of the record on its answer."""
    response.headers["etag"] = file.tag
    return file
