"""What InfluxDB refused for good: to look at, and to send again once the reason is gone."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from opsbuddy_analytics_service.models import DeadLetters, Replay
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_core.strict import Strict
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS

Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]


class Chosen(Strict):
    """Which dead letters; all of them without `ids`."""

    ids: list[Id] | None = Field(None, max_length=1000)


def router(service: Analytics) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/dead-letters", tags=["operations"], dependencies=KNOWN_PARAMETERS)

    @routes.get("", summary="Logs that InfluxDB refuses")
    async def read(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> DeadLetters:
        return await service.dead_letters(limit)

    @routes.post("/replay", summary="Send dead letters to InfluxDB again", status_code=202)
    async def replay(chosen: Chosen | None = None) -> Replay:
        return await service.replay(chosen.ids if chosen else None)

    return routes
