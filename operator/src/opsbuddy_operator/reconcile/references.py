"""Secrets and ConfigMaps that resources name. The operator may only `get` them by name (no list, no watch), so it reads each again now and then.

Only a hash of the data is kept; the content is neither logged nor stored.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field

import orjson

from opsbuddy_core.logs import get_logger
from opsbuddy_operator.cluster.api import Api, ApiError, RefusedError
from opsbuddy_operator.models import Key, Object, Ref

READS_PER_SECOND = 20.0
NEVER = float("-inf")
log = get_logger("references")


@dataclass(slots=True)
class Known:
    """What was read last, and who wants to know of a change."""

    digest: str | None = None
    keys: frozenset[str] = frozenset()
    version: str | None = None
    refusal: str | None = None  # why it may not be read, in the API server's words
    read: float = NEVER
    users: set[Key] = field(default_factory=set)


class References:
    """Hashes of referenced objects, at most `period` seconds old while not too many are in use."""

    def __init__(
        self, api: Api, changed: Callable[[Key], None], period: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._changed, self._period, self._clock = api, changed, period, clock
        self._known: dict[Ref, Known] = {}
        self._used: dict[Key, frozenset[Ref]] = {}

    async def digests(self, key: Key, wanted: Collection[Ref]) -> tuple[Mapping[Ref, str | None], Mapping[Ref, str]]:
        """Return the hash of each object's data, None where it does not exist, and in whose case the API server refuses to show it, in its words.

        From now on a change of one of them brings the key back.
        """
        self._use(key, frozenset(wanted))
        stale = [where for where in wanted if self._clock() - self._known[where].read > self._period]
        for failure in await asyncio.gather(*(self._read(where) for where in stale), return_exceptions=True):
            if failure is not None:
                raise failure
        refused = {where: words for where in wanted if (words := self._known[where].refusal)}
        return {where: self._known[where].digest for where in wanted}, refused

    def lacking(self, wanted: Mapping[Ref, frozenset[str]]) -> Mapping[Ref, frozenset[str]]:
        """Return which of these keys are not in objects that exist and may be read; `digests` was asked for them before."""
        known = {where: self._known[where] for where in wanted}
        there = {where for where, each in known.items() if each.digest is not None and each.refusal is None}
        return {where: missing for where in there if (missing := wanted[where] - known[where].keys)}

    def forget(self, key: Key) -> None:
        """Stop to look for a resource that is gone."""
        self._use(key, frozenset())

    async def watch(self) -> None:
        """Read again for ever what is in use, and bring back the keys that use what changed."""
        while True:
            begun = self._clock()
            for where in list(self._known):
                if where in self._known and self._clock() - self._known[where].read > self._period / 2:
                    await self._look(where)
                    await asyncio.sleep(1 / READS_PER_SECOND)
            await asyncio.sleep(max(0.05, self._period - (self._clock() - begun)))

    async def _look(self, where: Ref) -> None:
        try:
            await self._read(where)
        except ApiError as error:
            log.warning("A reference could not be read", operation="read", **asdict(where), reason=str(error))

    async def _read(self, where: Ref) -> None:
        """Read one; whoever does, all who use it are brought back when it changed, and when it may be read or not any more."""
        try:
            obj, refusal = await self._api.get(where), None
        except RefusedError as error:
            obj, refusal = None, str(error)
        if (known := self._known.get(where)) is None:
            return
        first, before = known.read == NEVER, (known.digest, known.refusal)
        if refusal is None:
            version = obj["metadata"]["resourceVersion"] if obj else None
            if version is None or version != known.version:
                known.digest, known.keys = (digest(obj), _keys(obj)) if obj else (None, frozenset())
            known.version = version
        elif refusal != known.refusal:
            log.warning("A reference may not be read", operation="read", **asdict(where), reason=refusal)
        known.refusal, known.read = refusal, self._clock()
        if not first and (known.digest, known.refusal) != before:
            for key in sorted(known.users):
                self._changed(key)

    def _use(self, key: Key, wanted: frozenset[Ref]) -> None:
        before = self._used.pop(key, frozenset())
        if wanted:
            self._used[key] = wanted
        for where in wanted - before:
            self._known.setdefault(where, Known()).users.add(key)
        for where in before - wanted:
            self._known[where].users.discard(key)
            if not self._known[where].users:
                del self._known[where]


def _keys(obj: Object) -> frozenset[str]:
    return frozenset(key for part in ("data", "binaryData") for key in obj.get(part) or {})


def digest(obj: Object) -> str:
    """Return a hash of the data of a Secret or ConfigMap; labels and the like do not count."""
    data = {part: obj.get(part) or {} for part in ("data", "binaryData")}
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()
