"""The page of the files, and that of one file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from opsbuddy_ui_service.clients.gateway import HttpGateway, RefusedError
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.handlers.relay import credentials
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.searches import files as files_search
from opsbuddy_ui_service.searches.files import Search
from opsbuddy_ui_service.views import files as files_view
from opsbuddy_ui_service.views.files import File, Listing, Preview

SERVICE = "file-service"


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such file, or it is in the trash: in the words of the file service."""

    words: str


def router(monitor: Monitor, rendering: Rendering, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)
    look = Look(gateway)

    @routes.get("/files")
    async def read_files(request: Request) -> Response:
        shown = await look.files(request)
        return html(request, rendering.page(request, "files", monitor.view(), within=files_search.WITHIN, **shown))

    @routes.get("/panels/files")
    async def read_panel(request: Request) -> Response:
        shown = await look.files(request)
        return html(request, rendering.fragment("_files.html", view=monitor.view(), **shown))

    @routes.get("/files/{file_id}")
    async def read_file(file_id: str, request: Request) -> Response:
        shown = await look.file(file_id, request)
        text = rendering.page(request, "files", monitor.view(), "file.html", file_id=file_id, **shown)
        return html(request, text, HTTPStatus.NOT_FOUND if shown["missing"] else HTTPStatus.OK)

    @routes.get("/panels/files/{file_id}")
    async def read_file_panel(file_id: str, request: Request) -> Response:
        shown = await look.file(file_id, request)
        return html(request, rendering.fragment("_file.html", view=monitor.view(), file_id=file_id, **shown))

    return routes


class Look:
    """Asks the file service for what the pages show."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway

    async def files(self, request: Request) -> dict[str, Any]:
        """Return the search of an address and what it finds; nothing for one that cannot be asked."""
        search = files_search.read(request.query_params.multi_items())
        found: Listing | None = None
        trouble: Trouble | None = None
        if not search.wrong:
            answer = await attempt(SERVICE, self._found(search, request))
            if isinstance(answer, Trouble):
                trouble = answer
            else:
                search, found = answer
        command = files_view.command(_origin(request))
        return {"search": search, "found": found, "trouble": trouble, "command": command}

    async def file(self, file_id: str, request: Request) -> dict[str, Any]:
        """Return a file with the beginning of its text, or why there is none."""
        answer = await attempt(SERVICE, self._file(file_id, request))
        file = answer if isinstance(answer, File) else None
        seen: Preview | Trouble | None = None
        if file and file.kind == "text" and file.bytes:
            seen = await attempt(SERVICE, self._preview(file, request))
        return {
            "file": file,
            "trouble": answer if isinstance(answer, Trouble) else None,
            "missing": answer if isinstance(answer, Missing) else None,
            "seen": seen if isinstance(seen, Preview) else None,
            "seen_trouble": seen if isinstance(seen, Trouble) else None,
            "most_image": files_view.MOST_IMAGE,
            "origin": _origin(request),
        }

    async def _found(self, search: Search, request: Request) -> tuple[Search, Listing | None]:
        path = f"/api/files?{files_search.question(search, datetime.now(UTC))}"
        try:
            answer = await self._gateway.fetch("GET", path, headers=credentials(request))
        except RefusedError as error:
            if not error.errors:
                raise
            reasons = {each.field.rpartition(".")[2]: each.reason for each in error.errors}
            return search.refused(reasons), None
        return search, files_view.listing(answer, search)

    async def _file(self, file_id: str, request: Request) -> File | Missing:
        try:
            path = f"/api/files/{quote(file_id, safe='')}"
            return files_view.file_of(await self._gateway.fetch("GET", path, headers=credentials(request)))
        except RefusedError as error:
            if error.answered != HTTPStatus.NOT_FOUND:
                raise
            return Missing(error.detail)

    async def _preview(self, file: File, request: Request) -> Preview:
        beginning = await self._gateway.beginning(file.content, files_view.MOST_TEXT, headers=credentials(request))
        return files_view.preview(file, beginning)


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")
