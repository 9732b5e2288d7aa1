"""Puts the gateway together: what it knows, whom it asks, its own pages, and the data path before them."""

import socket
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from starlette.types import ASGIApp

from opsbuddy_core import tracing
from opsbuddy_core.health import Check, Health
from opsbuddy_core.web.app import create_app
from opsbuddy_core.web.problems import Reasons
from opsbuddy_gateway.access import access_control
from opsbuddy_gateway.background import Background, Job
from opsbuddy_gateway.handlers.access import Access
from opsbuddy_gateway.handlers.control import checking, name_prefixes
from opsbuddy_gateway.handlers.dispatch import Dispatcher
from opsbuddy_gateway.handlers.exchange import Accounts
from opsbuddy_gateway.handlers.failures import word
from opsbuddy_gateway.handlers.gate import Gate
from opsbuddy_gateway.handlers.proxy import Proxy
from opsbuddy_gateway.handlers.tracing import TracedAccounts
from opsbuddy_gateway.handlers.websocket import WebSockets
from opsbuddy_gateway.models import REASON_HEADER
from opsbuddy_gateway.service.catalogue import Catalogue
from opsbuddy_gateway.service.checks import Checks
from opsbuddy_gateway.service.figures import Figures, points
from opsbuddy_gateway.service.keyring import Followed
from opsbuddy_gateway.service.metrics import TRAFFIC, watch_connections
from opsbuddy_gateway.service.policies import Policies
from opsbuddy_gateway.service.services import Services
from opsbuddy_gateway.service.table import Table
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.sources import endpoint_source, table_source
from opsbuddy_gateway.storage.documents import HttpDocuments
from opsbuddy_gateway.storage.endpoints import EndpointSource
from opsbuddy_gateway.storage.probe import HttpProbe
from opsbuddy_gateway.storage.series import HttpSeriesStore
from opsbuddy_gateway.storage.upstream import UpstreamClient
from opsbuddy_gateway.storage.upstream_pool import PooledUpstream
from opsbuddy_gateway.storage.upstream_traced import TracedConnector, TracedUpstream
from opsbuddy_gateway.storage.upstream_websocket import SocketConnector, WebSocketsConnector

CONTROL_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """What the gateway knows: the table in force, and for it the services, their endpoints, and who may ask. `keys`: sources to follow, by name."""

    table: Table
    services: Services
    endpoints: EndpointSource
    policies: Policies
    access: Access
    keys: dict[str, Followed]


@dataclass(frozen=True, slots=True)
class Clients:
    """What the gateway asks others with."""

    upstream: PooledUpstream
    probe: HttpProbe
    documents: HttpDocuments
    series: HttpSeriesStore | None


def build(settings: GatewaySettings) -> tuple[ASGIApp, Health]:
    """Return the application and its health: healthy when it serves a table, whatever the services behind it do."""
    known, clients = _known(settings), _clients(settings)
    health = _health(settings, known)
    checks = Checks(known.services, clients.probe, settings.checks)
    opened = (clients.upstream, clients.probe, clients.documents, clients.series)
    background = Background([client for client in opened if client])
    control = _control(settings, known, health, checks, background)
    catalogue = Catalogue(control.openapi, is_openapi, known.policies.required, clients.documents)
    control.openapi = catalogue.document  # type: ignore[method-assign]
    known.table.followers.append(lambda _: catalogue.table_changed())
    background.jobs = _jobs(settings, known, clients, checks, catalogue)
    proxy, websockets = _data_path(settings, known, clients)
    return Dispatcher(known.table, known.access, proxy, websockets, control), health


def is_openapi(document: dict[str, Any]) -> None:
    """Raise ValueError (pydantic's ValidationError) for what is no OpenAPI document."""
    OpenAPI.model_validate(document)


def _known(settings: GatewaySettings) -> Known:
    endpoints = endpoint_source(settings)
    policies, access, keys = access_control(settings, settings.trusted)
    services = Services(endpoints, policies.asked)
    table = Table(settings.effective_routes_from, [services.follow, policies.follow])
    return Known(table, services, endpoints, policies, access, keys)


def _clients(settings: GatewaySettings) -> Clients:
    upstream = PooledUpstream(
        settings.upstream_connections, settings.connect_timeout_seconds, settings.upstream_idle_seconds
    )
    watch_connections(lambda: upstream.open, lambda: upstream.idle)
    seconds = settings.check_timeout_seconds
    series = HttpSeriesStore(settings.timeseries_url) if settings.timeseries_url else None
    return Clients(upstream, HttpProbe(seconds), HttpDocuments(seconds), series)


def _data_path(settings: GatewaySettings, known: Known, clients: Clients) -> tuple[Proxy, WebSockets]:
    """Return what handles requests on routes; with spans around it where traces are sent, and as if there were none otherwise."""
    accounts, gate = Accounts(), Gate(settings)
    upstream: UpstreamClient = clients.upstream
    sockets: SocketConnector = WebSocketsConnector(settings.connect_timeout_seconds, settings.websocket_message_bytes)
    if spans := tracing.of_process(settings.service_name):
        accounts, upstream, sockets = (
            TracedAccounts(spans),
            TracedUpstream(upstream, spans),
            TracedConnector(sockets, spans),
        )
    return (
        Proxy(settings, gate, known.services, upstream, accounts),
        WebSockets(settings, gate, known.services, sockets, accounts),
    )


def _health(settings: GatewaySettings, known: Known) -> Health:
    async def routes_are_known() -> None:
        if known.table.current is None:
            raise LookupError

    async def endpoints_are_known() -> None:
        if not known.endpoints.ready:
            raise LookupError

    checks = Check("routes", routes_are_known), Check("endpoints", endpoints_are_known)
    return Health(settings.title, "opsbuddy-gateway", checks)


def _control(
    settings: GatewaySettings, known: Known, health: Health, checks: Checks, background: Background
) -> FastAPI:
    """Return the pages of the gateway's own."""

    async def status() -> dict[str, Any]:
        return {
            "routes": known.table.as_dict(),
            "services": [*(service.as_dict() for service in known.services), *checks.others()],
        }

    limited = settings.model_copy(update={"max_body_bytes": CONTROL_BODY_BYTES})
    control = create_app(limited, health, [checking(checks, known.table)], lifespan=background.lifespan, status=status)
    control.state.reasons = Reasons(REASON_HEADER, word)
    name_prefixes(control, known.table)
    return control


def _jobs(
    settings: GatewaySettings, known: Known, clients: Clients, checks: Checks, catalogue: Catalogue
) -> dict[str, Job]:
    jobs: dict[str, Job] = {
        "routes": lambda: table_source(settings).run(known.table.offer),
        "endpoints": lambda: known.endpoints.run(known.services.refresh),
        "checks": lambda: checks.run(settings.check_seconds),
        **{name: source.run for name, source in known.keys.items()},
    }
    if every := settings.openapi_seconds:
        jobs["openapi"] = lambda: catalogue.run(known.table, known.services, every)
    if clients.series:
        origin = socket.gethostname()
        taken = partial(points, origin=origin, services=known.services, ended=TRAFFIC.ended)
        jobs["figures"] = Figures(taken, clients.series, settings.figures_seconds).run
    return jobs
