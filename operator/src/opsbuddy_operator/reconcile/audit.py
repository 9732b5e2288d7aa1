"""Compares what the watches told with what there is, and repairs the difference.

A watch can be deaf while it looks alive, and a deletion that falls into a gap between two watches is never told. Only the metadata is listed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from opsbuddy_core.logs import get_logger
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import Api
from opsbuddy_operator.cluster.kinds import WATCHED, Kind
from opsbuddy_operator.cluster.store import Store, version_of
from opsbuddy_operator.models import Ref, ref
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News

LAG = 5.0  # seconds that a watch may be behind
log = get_logger("audit")


@dataclass(frozen=True, slots=True)
class Suspect:
    """An object that is newer than the store has it, or that only the store has: the version that tells."""

    there: int = 0
    known: int = 0


class Audit:
    """`deaf` counts the audits in a row that found something that the watches had not told."""

    def __init__(self, api: Api, store: Store, news: News, namespaces: Namespaces) -> None:
        self._api, self._store, self._news, self._namespaces = api, store, news, namespaces
        self.deaf = 0
        self.complete = False  # the store has held everything once

    async def wait_until_complete(self) -> None:
        """Return when the store holds all that there is; ApiError when that cannot be found out."""
        refused = await self._namespaces.look()
        for kind in WATCHED:
            pause = 0.1
            while suspects := await self._suspects(kind, refused):
                await asyncio.sleep(pause)
                if not self._still(suspects):
                    break
                pause = min(pause * 1.5, 2.0)
        self._namespaces.unread = refused
        self.complete = True

    async def run(self) -> int:
        """Audit once; returns how many objects had to be repaired."""
        refused, repaired = await self._namespaces.look(), 0
        for kind in WATCHED:
            if suspects := await self._suspects(kind, refused):
                await asyncio.sleep(LAG)
            for where in self._still(suspects):
                repaired += await self._repair(kind, where)
        self._namespaces.unread = refused
        self.deaf = self.deaf + 1 if repaired else 0
        return repaired

    async def _suspects(self, kind: Kind, refused: frozenset[str]) -> dict[Ref, Suspect]:
        """Return where the store differs from a list. Most of it is only on its way."""
        there: dict[Ref, int] = {}
        known = {
            ref(obj): version_of(obj)
            for obj in self._store.of_kind(kind)
            if obj["metadata"]["namespace"] not in refused
        }  # before the list: what comes up after it is not in it
        for namespace in self._namespaces.readable(refused):
            there |= {ref(obj): version_of(obj) for obj in await self._api.list(kind, namespace, metadata_only=True)}
        behind = {where: Suspect(there=version) for where, version in there.items() if self._version(where) < version}
        return behind | {where: Suspect(known=version) for where, version in known.items() if where not in there}

    def _still(self, suspects: Mapping[Ref, Suspect]) -> list[Ref]:
        """Return those of which nothing was heard since, not even of the state that was listed: an object may change all the time."""
        return [
            where
            for where, suspect in suspects.items()
            if (self._version(where) < suspect.there if suspect.there else self._version(where) == suspect.known)
        ]

    def _version(self, where: Ref) -> int:
        known = self._store.get(where)
        return version_of(known) if known else 0

    async def _repair(self, kind: Kind, where: Ref) -> bool:
        live, known = await self._api.get(where), self._store.get(where)
        keys = self._news.put(live) if live else self._news.remove(known) if known else frozenset()
        if not keys:
            return False
        metrics.REPAIRS.labels(kind.kind).inc()
        log.warning(
            "No watch told of a change", operation="audit", kind=where.kind, namespace=where.namespace, name=where.name
        )
        self._news.tell(keys)
        return True
