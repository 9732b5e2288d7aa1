"""The page of docs/reference about the HTTP interfaces, from the OpenAPI documents of the services themselves."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from opsbuddy_analytics_service import factory as analytics
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_file_service import factory as files
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_timeseries_service import factory as timeseries
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from opsbuddy_ui_service import factory as ui
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_utility_service import factory as utility
from opsbuddy_utility_service.settings import UtilitySettings
from tests.documents.reference import GENERATED, table

SERVICES: dict[str, Callable[[Path], FastAPI]] = {
    "file-service": lambda data: files.build(FileSettings(data_dir=data, _env_file=None))[0],
    "utility-service": lambda data: utility.build(UtilitySettings(data_dir=data, _env_file=None))[0],
    "analytics-service": lambda data: analytics.build(AnalyticsSettings(data_dir=data, _env_file=None))[0],
    "timeseries-service": lambda data: timeseries.build(TimeseriesSettings(data_dir=data, _env_file=None))[0],
    "ui-service": lambda data: ui.build(UiSettings(data_dir=data, _env_file=None))[0],
}
EVERYWHERE = ("/health", "/status")
INTRODUCTION = """# HTTP interfaces

What each service answers at its own port; through the gateway it is below the prefix of the service's route. A name in bold has to be there. Every
failure is a problem document (`application/problem+json`). All services have `GET /health`, `/health/live`, `/health/ready`, `/status` and,
for Prometheus, `/metrics` besides. Types, bounds and answers are in each service's `/openapi.json`, and for people at `/docs`.
"""


def http() -> str:
    """Return the page: for each service a table of its operations."""
    parts = [GENERATED, INTRODUCTION]
    with tempfile.TemporaryDirectory() as folder:
        for name, build in SERVICES.items():
            document = build(Path(folder) / name).openapi()
            parts += [f"## {name}\n", table(("request", "what it does", "takes"), _operations(document)), ""]
    return "\n".join(parts)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, methods in document["paths"].items():
        if path.startswith(EVERYWHERE) or (
            path == "/metrics" and methods["get"]["summary"] == "Metrics for Prometheus"
        ):
            continue
        for method, operation in methods.items():
            takes = [*_parameters(operation), *_body(document, operation)]
            yield f"`{method.upper()} {path}`", operation["summary"], ", ".join(takes)


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        if each["in"] != "path":
            yield _name(each["name"], required=each.get("required", False))


def _body(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    """Yield the members of the body as the first kind of content has them, or that kind where it has none."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content.get("schema", {}))
        members = schema.get("properties", {})
        if members:
            yield from (_name(name, required=name in schema.get("required", ())) for name in members)
        else:
            yield kind
        return


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
        return found
    return schema


def _name(name: str, *, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"
