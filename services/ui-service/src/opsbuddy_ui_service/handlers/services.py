"""The state of all services as JSON, and a check of one of them at once."""

import time
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from opsbuddy_core.errors import NotFoundError
from opsbuddy_core.health import Health
from opsbuddy_ui_service.clients.gateway import Gateway, RefusedError
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.models.status import Endpoint
from opsbuddy_ui_service.views.state import Row, State, View

STATUS: dict[State, Literal["healthy", "unhealthy", "unknown"]] = {State.DOWN: "unhealthy", State.NOT_HEARD: "unknown"}


class Service(BaseModel):
    """One service. `status` says whether it answers, `state` how well; figures as on the page, an en dash where there is none."""

    name: str
    status: Literal["healthy", "unhealthy", "unknown"]
    state: State
    since: datetime | None
    headline: str
    reason: str
    port: int | None
    prefix: str | None
    endpoints: tuple[Endpoint, ...]
    breaker: str | None
    pods: str
    p95: str
    errors: str
    requests: str


class ServicesStatus(BaseModel):
    """The line of truth and every service. `heard`: when the gateway answered last; `live` is false when that is too long ago."""

    summary: str
    live: bool
    heard: datetime | None
    timestamp: datetime
    services: list[Service]


class CheckResult(BaseModel):
    """What one check found. `answer` is what was answered, as it came."""

    service: str
    state: State
    word: str
    checked: datetime
    duration_ms: float
    answer: dict[str, Any]


def router(monitor: Monitor, gateway: Gateway, health: Health) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/services", tags=["services"])

    @routes.get("/status", summary="The state of all services")
    async def read_status() -> ServicesStatus:
        return _status(monitor.view())

    @routes.post("/check", summary="Check all services now")
    async def check_all() -> ServicesStatus:
        return _status(await monitor.ask())

    @routes.post("/{name}/check", summary="Check one service now")
    async def check_one(name: str) -> CheckResult:
        if monitor.view().find(name) is None:
            names = ", ".join(row.name for row in monitor.view().rows)
            raise NotFoundError(f"There is no service {name}; there are {names}.")
        begun = time.perf_counter()
        answer = await _answer(name, gateway, health)
        duration = (time.perf_counter() - begun) * 1000
        view = await monitor.ask()
        row = view.find(name)
        state = row.state if row else State.NOT_HEARD
        return CheckResult(
            service=name, state=state, word=state.word, checked=view.at, duration_ms=round(duration, 1), answer=answer
        )

    return routes


async def _answer(name: str, gateway: Gateway, health: Health) -> dict[str, Any]:
    if name == "ui-service":
        return (await health.report()).model_dump()
    if name == "gateway":
        return (await gateway.health()).model_dump()
    try:
        return {**await gateway.check(name)}
    except RefusedError as error:
        return {"error": error.detail}


def _status(view: View) -> ServicesStatus:
    return ServicesStatus(
        summary="".join(view.sentence()),
        live=view.live,
        heard=view.heard,
        timestamp=view.at,
        services=[_service(row) for row in view.rows],
    )


def _service(row: Row) -> Service:
    return Service(
        name=row.name,
        status=STATUS.get(row.state, "healthy"),
        state=row.state,
        since=row.since,
        headline=row.headline,
        reason=row.reason,
        port=row.port,
        prefix=row.prefix,
        endpoints=row.endpoints,
        breaker=row.breaker,
        pods=row.pods,
        p95=row.p95,
        errors=row.errors,
        requests=row.requests,
    )
