"""What the services say of themselves, kept for the gateway's one `/openapi.json`: asked for in the background, the last good answer stays."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.service.openapi import METHODS, Document, moved, under, unique_ids
from opsbuddy_gateway.service.routing import Route, Snapshot, backend_key
from opsbuddy_gateway.service.services import Service, Services
from opsbuddy_gateway.service.table import Table
from opsbuddy_gateway.storage.documents import Documents, NoDocumentError

log = get_logger("openapi")
AGAIN_SECONDS = 5.0
CREDENTIALS: dict[str, tuple[str, Document]] = {
    "JWT": ("gateway.jwt", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    "APIKey": ("gateway.apiKey", {"type": "apiKey", "in": "header", "name": "X-API-Key"}),
}


@dataclass(slots=True)
class Entry:
    """One service's part as far as it is known, and what is wrong now."""

    part: Document | None = None
    problem: str | None = None


class Catalogue:
    """The merged document, always there: at first of the gateway alone."""

    def __init__(
        self,
        own: Callable[[], Document],
        check: Callable[[Document], None],
        required: Callable[[Route], tuple[str, ...]],
        documents: Documents,
    ) -> None:
        """`check` raises ValueError for what is no OpenAPI; `required` names the credentials that a route asks for."""
        self._own, self._check, self._required, self._documents = own, check, required, documents
        self._entries: dict[str, Entry] = {}
        self._changed = asyncio.Event()
        self._merged: Document | None = None

    def document(self) -> Document:
        return self._own() if self._merged is None else self._merged

    def table_changed(self) -> None:
        self._changed.set()

    async def run(self, table: Table, services: Services, every: float) -> None:
        """Ask all services now, again after `every` seconds, sooner while one has no answer, and at once for a new table."""
        while True:
            self._changed.clear()
            snapshot = table.current
            if snapshot is not None:
                await self.refresh(snapshot, services)
            pause = min(AGAIN_SECONDS, every) if self._incomplete(snapshot) else every
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def refresh(self, snapshot: Snapshot, services: Services) -> None:
        """Ask the services of a table, and merge what is known of them."""
        keys = {backend_key(b.service, b.port) for route in snapshot.table.routes for b in route.backends}
        self._entries = {key: entry for key, entry in self._entries.items() if key in keys}
        asked = [(key, service) for key in sorted(keys) if (service := services.get(key))]
        await asyncio.gather(*(self._ask(key, service) for key, service in asked))
        self._merged = await asyncio.to_thread(self._merge, snapshot, dict(self._entries))

    def _incomplete(self, snapshot: Snapshot | None) -> bool:
        return snapshot is None or any(entry.problem for entry in self._entries.values())

    async def _ask(self, key: str, service: Service) -> None:
        entry = self._entries.setdefault(key, Entry())
        before = entry.problem
        try:
            document = await self._documents.fetch([endpoint.address for endpoint in service.endpoints.all])
            entry.part = await asyncio.to_thread(self._part, document, service.name)
            entry.problem = None
        except NoDocumentError as error:
            entry.problem = str(error)
        if entry.problem != before and entry.problem:
            log.info(
                "A service does not describe itself", operation="openapi", target=service.name, reason=entry.problem
            )

    def _part(self, document: Document, service: str) -> Document:
        try:
            self._check(document)
            return moved(document, service)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            reason = str(error) if str(error).startswith("its document") else "its document is no valid OpenAPI"
            raise NoDocumentError(reason) from error

    def _merge(self, snapshot: Snapshot, entries: dict[str, Entry]) -> Document:
        own = self._own()
        paths, components = dict(own["paths"]), {kind: dict(v) for kind, v in own.get("components", {}).items()}
        tags, lines = [{"name": "gateway", "description": "The gateway itself"}], []
        for path, item in paths.items():
            paths[path] = {method: {**operation, "tags": ["gateway"]} for method, operation in item.items()}
        for route in snapshot.routes.values():
            names = []
            for backend in route.spec.backends:
                entry = entries.get(backend_key(backend.service, backend.port), Entry())
                names.append(_named(backend.service, entry))
                if entry.part is None:
                    continue
                added = under(entry.part["paths"], route.prefix, route.rewrite, route.methods)
                self._secured(added, route, components)
                paths |= {path: item for path, item in added.items() if path not in paths}
                for kind, named in entry.part["components"].items():
                    components.setdefault(kind, {}).update(named)
                if all(tag["name"] != backend.service for tag in tags):
                    tags.append({"name": backend.service, "description": _about(entry.part["info"])})
            lines.append(f"- `{route.prefix}`: {', '.join(names)}")
        info = {
            **own["info"],
            "description": "All services of the platform, at the paths of this gateway.\n\n" + "\n".join(lines),
        }
        return {
            **own,
            "openapi": "3.1.0",
            "info": info,
            "paths": unique_ids(paths),
            "components": components,
            "tags": tags,
        }

    def _secured(self, paths: Document, route: Route, components: dict[str, Any]) -> None:
        """Say which credentials the gateway asks for; its answer comes before the service's own check."""
        accepted = [CREDENTIALS[kind] for kind in self._required(route)]
        if not accepted:
            return
        components.setdefault("securitySchemes", {}).update(dict(accepted))
        security: list[dict[str, list[str]]] = [{name: []} for name, _ in accepted]
        for path, item in paths.items():
            paths[path] = {
                key: {**value, "security": security} if key in METHODS else value for key, value in item.items()
            }


def _named(service: str, entry: Entry) -> str:
    if not entry.problem:
        return service
    if entry.part is None:
        return f"{service} (not shown: {entry.problem})"
    return f"{service} (not reachable now, shown as it was: {entry.problem})"


def _about(info: Document) -> str:
    title, description = str(info.get("title", "")), str(info.get("description") or "")
    return f"{title}. {description}" if description else title
