"""System information over HTTP."""

from fastapi import APIRouter, Response

from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_utility_service.models.system import SystemInfo
from opsbuddy_utility_service.system.reading import SystemReader


def router(reader: SystemReader) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["system"], dependencies=KNOWN_PARAMETERS)

    @routes.head("/system/info", include_in_schema=False)
    @routes.get(
        "/system/info", summary="The host, the container, and this service's process", response_model=SystemInfo
    )
    async def read_info() -> Response:
        return Response(await reader.info(), media_type="application/json")

    return routes
