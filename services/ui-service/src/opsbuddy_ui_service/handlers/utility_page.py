"""The utility page: commands, configurations, the system; and the page of one configuration."""

import asyncio
from collections.abc import Awaitable, Callable
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
from opsbuddy_ui_service.searches import utility as utility_search
from opsbuddy_ui_service.searches.utility import Search
from opsbuddy_ui_service.views import utility as utility_view
from opsbuddy_ui_service.views.utility import Configs

SERVICE = "utility-service"
Shown = dict[str, Any]
CONFIGS = "/api/utils/configs"


def router(monitor: Monitor, rendering: Rendering, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)
    look = Look(gateway)

    @routes.get("/utility")
    async def read_utility(request: Request) -> Response:
        parts = await asyncio.gather(look.commands(request), look.configs(request), look.system(request))
        shown = {name: part for each in parts for name, part in each.items()}
        return html(request, rendering.page(request, "utility", monitor.view(), **shown))

    @routes.get("/utility/configs/{config_id}")
    async def read_config(config_id: str, request: Request) -> Response:
        shown = await look.config(config_id, request)
        status = HTTPStatus.NOT_FOUND if shown["missing"] else HTTPStatus.OK
        return html(request, rendering.page(request, "utility", monitor.view(), "config.html", **shown), status)

    def panel(path: str, template: str, seen: Callable[[Request], Awaitable[Shown]]) -> None:
        async def read_panel(request: Request) -> Response:
            return html(request, rendering.fragment(template, view=monitor.view(), **await seen(request)))

        routes.add_api_route(f"/panels/utility/{path}", read_panel, methods=["GET"])

    panel("commands", "_utility_commands.html", look.commands)
    panel("configs", "_utility_configs.html", look.configs)
    panel("system", "_utility_system.html", look.system)
    panel("configs/{config_id}", "_config.html", lambda request: look.config(request.path_params["config_id"], request))
    return routes


class Look:
    """Asks the utility service for what the pages show."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway

    async def commands(self, request: Request) -> Shown:
        """Return what may be run."""
        search = _search(request)
        answer = await attempt(SERVICE, self._ask("/api/utils/system/commands", request))
        trouble = answer if isinstance(answer, Trouble) else None
        commands = None if isinstance(answer, Trouble) else utility_view.commands(answer, search.template)
        return {"search": search, "commands": commands, "commands_trouble": trouble}

    async def configs(self, request: Request) -> Shown:
        """Return the configurations that the address asks for; nothing when that cannot be asked."""
        search, found, trouble = _search(request), None, None
        answer = await attempt(SERVICE, self._found(search, request))
        if isinstance(answer, Trouble):
            trouble = answer
        else:
            search, found = answer
        command = f"curl -X POST {str(request.base_url).rstrip('/')}/api/configs -d name=test -d category=system -d value=true"
        return {"search": search, "configs": found, "configs_trouble": trouble, "command": command}

    async def system(self, request: Request) -> Shown:
        """Return the figures of the system."""
        answer = await attempt(SERVICE, self._ask("/api/utils/system/info", request))
        if isinstance(answer, Trouble):
            return {"system": None, "system_trouble": answer}
        return {"system": utility_view.system(answer), "system_trouble": None}

    async def config(self, config_id: str, request: Request) -> Shown:
        """Return one configuration with its history, or why there is none."""
        shown: Shown = {"config_id": config_id, "config": None, "history": (), "missing": "", "trouble": None}
        answer = await attempt(SERVICE, self._config(config_id, request))
        if isinstance(answer, Trouble):
            return shown | {"trouble": answer}
        return shown | answer

    async def _config(self, config_id: str, request: Request) -> Shown:
        path = f"{CONFIGS}/{quote(config_id, safe='')}"
        try:
            entry, versions = await asyncio.gather(self._ask(path, request), self._ask(f"{path}/versions", request))
        except RefusedError as error:
            if error.answered not in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise
            return {"missing": error.detail}
        return {"config": utility_view.config(entry), "history": utility_view.history(versions, entry["id"])}

    async def _found(self, search: Search, request: Request) -> tuple[Search, Configs | None]:
        try:
            answer = await self._ask(f"{CONFIGS}?{search.question()}", request)
        except RefusedError as error:
            if not error.errors:
                raise
            return search.refused({each.field.rpartition(".")[2]: each.reason for each in error.errors}), None
        return search, utility_view.configs(answer, search)

    async def _ask(self, path: str, request: Request) -> Any:
        return await self._gateway.fetch("GET", path, headers=credentials(request))


def _search(request: Request) -> Search:
    return utility_search.read(request.query_params.multi_items())
