"""`/docs` without a CDN: Swagger UI from this package, so that it opens where nothing reaches the internet."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse

from opsbuddy_core.errors import NotFoundError

STATIC = Path(__file__).parent / "static"
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.svg": "image/svg+xml"}


def router(openapi_url: str = "openapi.json") -> APIRouter:
    """Return the page and its files; relative addresses, so that it works behind a prefix too."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def read_docs(request: Request) -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=openapi_url,
            title=f"{request.app.title} - API",
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="docs/favicon.svg",
        )

    @routes.get("/docs/{name}")
    async def read_file(name: str) -> FileResponse:
        if name not in FILES:
            raise NotFoundError(f"There is no {name} here.")
        return FileResponse(STATIC / name, media_type=FILES[name], headers={"cache-control": "public, max-age=86400"})

    return routes
