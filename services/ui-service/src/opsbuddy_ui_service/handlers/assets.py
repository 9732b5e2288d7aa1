"""Serves the files that pages load; forever where the address names the content."""

from fastapi import APIRouter, Request, Response

from opsbuddy_core.errors import NotFoundError
from opsbuddy_ui_service.rendering.assets import Assets

FOREVER = "public, max-age=31536000, immutable"


def router(assets: Assets) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/assets/{digest}/{name:path}")
    async def read_asset(digest: str, name: str, request: Request) -> Response:
        asset = assets.files.get(name)
        if asset is None:
            raise NotFoundError(f"There is no {name} among the files of the pages.")
        # a page of another release, still open or served by another replica, gets today's file, but does not keep it
        headers = {"cache-control": FOREVER if digest == assets.digest else "no-cache", "vary": "accept-encoding"}
        if asset.pressed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.pressed, headers=headers | {"content-encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.body, headers=headers, media_type=asset.media_type)

    return routes
