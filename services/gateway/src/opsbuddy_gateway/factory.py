"""Puts the gateway together."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from starlette.types import ASGIApp

from opsbuddy_core.health import Check, Health
from opsbuddy_core.logs import get_logger
from opsbuddy_core.web.app import create_app
from opsbuddy_gateway.access import access_control
from opsbuddy_gateway.handlers.control import checking, name_prefixes
from opsbuddy_gateway.handlers.dispatch import Dispatcher
from opsbuddy_gateway.handlers.gate import Gate
from opsbuddy_gateway.handlers.proxy import Proxy
from opsbuddy_gateway.handlers.websocket import WebSockets
from opsbuddy_gateway.service.catalogue import Catalogue
from opsbuddy_gateway.service.checks import Checks
from opsbuddy_gateway.service.metrics import watch_connections
from opsbuddy_gateway.service.routing import Snapshot
from opsbuddy_gateway.service.services import Services
from opsbuddy_gateway.service.table import Table
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.documents import HttpDocuments
from opsbuddy_gateway.storage.endpoints import EndpointSource
from opsbuddy_gateway.storage.endpoints_dns import DnsEndpoints
from opsbuddy_gateway.storage.endpoints_static import StaticEndpoints
from opsbuddy_gateway.storage.probe import HttpProbe
from opsbuddy_gateway.storage.routes import TableSource
from opsbuddy_gateway.storage.routes_file import FileTable
from opsbuddy_gateway.storage.upstream_pool import PooledUpstream
from opsbuddy_gateway.storage.upstream_websocket import WebSocketsConnector

log = get_logger("gateway")
CONTROL_BODY_BYTES = 64 * 1024
LONGEST_PAUSE = 30.0


def build(settings: GatewaySettings) -> tuple[ASGIApp, Health]:
    """Return the application and its health: healthy when it serves a table, whatever the services behind it do."""
    endpoints = endpoint_source(settings)
    services = Services(endpoints)
    policies, access, keys = access_control(settings, settings.trusted)

    def followed(snapshot: Snapshot) -> None:
        services.follow(snapshot)
        policies.follow(snapshot)
        catalogue.table_changed()

    table = Table(settings.effective_routes_from, followed)
    upstream = PooledUpstream(
        settings.upstream_connections, settings.connect_timeout_seconds, settings.upstream_idle_seconds
    )
    watch_connections(lambda: upstream.open, lambda: upstream.idle)
    probe = HttpProbe(settings.check_timeout_seconds)
    documents = HttpDocuments(settings.check_timeout_seconds)
    checks = Checks(services, probe, settings.checks)

    async def routes_are_known() -> None:
        if table.current is None:
            raise LookupError

    async def endpoints_are_known() -> None:
        if not endpoints.ready:
            raise LookupError

    async def status() -> dict[str, Any]:
        return {"routes": table.as_dict(), "services": [*(s.as_dict() for s in services), *checks.others()]}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(upstream)
            await stack.enter_async_context(probe)
            await stack.enter_async_context(documents)
            tasks = [
                supervised("routes", lambda: table_source(settings).run(table.offer)),
                supervised("endpoints", lambda: endpoints.run(services.refresh)),
                supervised("checks", lambda: checks.run(settings.check_seconds)),
                *(supervised(name, source.run) for name, source in keys.items()),
            ]
            if every := settings.openapi_seconds:
                tasks.append(supervised("openapi", lambda: catalogue.run(table, services, every)))
            stack.push_async_callback(_ended, tasks)
            yield

    health = Health(
        settings.title,
        "opsbuddy-gateway",
        (Check("routes", routes_are_known), Check("endpoints", endpoints_are_known)),
    )
    control_settings = settings.model_copy(update={"max_body_bytes": CONTROL_BODY_BYTES})
    control = create_app(control_settings, health, [checking(checks)], lifespan=lifespan, status=status)
    name_prefixes(control, table)
    catalogue = Catalogue(control.openapi, is_openapi, policies.required, documents)
    control.openapi = catalogue.document  # type: ignore[method-assign]
    gate = Gate(settings)
    sockets = WebSocketsConnector(settings.connect_timeout_seconds, settings.websocket_message_bytes)
    websockets = WebSockets(settings, gate, services, sockets)
    return Dispatcher(table, access, Proxy(settings, gate, services, upstream), websockets, control), health


def endpoint_source(settings: GatewaySettings) -> EndpointSource:
    """Return the source that the settings name."""
    match settings.effective_endpoints_from:
        case "static":
            return StaticEndpoints(settings.endpoints)
        case "dns":
            return DnsEndpoints(settings.dns_refresh_seconds)
        case "kubernetes":
            from opsbuddy_gateway.storage.endpoints_kubernetes import KubernetesEndpoints  # noqa: PLC0415 - 46 MB that only a cluster needs

            return KubernetesEndpoints(settings.namespace, settings.kubeconfig)


def table_source(settings: GatewaySettings) -> TableSource:
    """Return the source that the settings name; the file stands behind the API of Kubernetes."""
    file = FileTable(settings.effective_routes_file, settings.routes_poll_seconds)
    if settings.effective_routes_from == "file":
        return file
    from opsbuddy_gateway.storage.routes_kubernetes import KubernetesTable  # noqa: PLC0415 - likewise

    return KubernetesTable(settings.namespace, settings.kubeconfig, fallback=file)


def is_openapi(document: dict[str, Any]) -> None:
    """Raise ValueError (pydantic's ValidationError) for what is no OpenAPI document."""
    OpenAPI.model_validate(document)


def supervised(name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """Keep a task of the background running: a fault in it must not silently freeze what the gateway knows."""

    async def forever() -> None:
        pause = 1.0
        while True:
            try:
                await run()
            except Exception:
                log.exception("A background task failed and starts again", operation=name, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    return asyncio.create_task(forever(), name=name)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
