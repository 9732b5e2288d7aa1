"""System information over HTTP."""

from fastapi import APIRouter

from opsbuddy_utility_service.models import SystemInfo
from opsbuddy_utility_service.system.reading import SystemReader


def router(reader: SystemReader) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["system"])

    @routes.head("/system/info", include_in_schema=False)
    @routes.get("/system/info", summary="The host, the container, and this service's process")
    async def read_info() -> SystemInfo:
        return await reader.info()

    return routes
