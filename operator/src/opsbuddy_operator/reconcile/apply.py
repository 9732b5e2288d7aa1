"""Does to the children what was decided. One that fails does not stop the others."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import orjson

from opsbuddy_core.logs import get_logger
from opsbuddy_operator.cluster.api import Api, ConflictError, RefusedError, TerminatingError
from opsbuddy_operator.cluster.store import Store, uid_of
from opsbuddy_operator.models import HANDOVER_MANAGER, Decision, Object, Ref, ref

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
log = get_logger("reconcile")


@dataclass(slots=True)
class Refusal:
    """What the API server refused; the same thing is not asked for again before `until`."""

    wish: str  # what was asked for, as a hash
    words: str
    times: int
    until: float


class Applier:
    """Writes children, remembers what was refused, and gives the store what the API server answered."""

    def __init__(self, api: Api, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._store, self._clock = api, store, clock
        self._refusals: dict[Ref, Refusal] = {}

    async def run(self, decision: Decision, present: Mapping[Ref, str]) -> dict[Ref, str]:
        """Carry out a decision; returns what was refused. `present` are the children that exist and are ours, with their uids.

        With the uid no object is written to that took the place of the one that was seen. Raises UnavailableError, ConflictError and
        TerminatingError: the whole has to wait.
        """
        failures: dict[Ref, str] = {}
        for manifest in decision.handover:
            send = partial(self._api.apply, manager=HANDOVER_MANAGER)
            await self._try(_of(manifest, present), failures, send)
        for patch in decision.repair:
            await self._try(patch, failures, self._api.patch)
        unprepared = set(failures)
        for manifest in decision.apply:
            if (where := ref(manifest)) in unprepared:
                continue  # without the hand-over this would set the replicas to 1, and without the repair it is refused, too
            if where.kind == "Deployment" and any(failed.kind == "ConfigMap" for failed in failures):
                continue  # its pods would start with the settings before these, and run on with them when these are there
            force = where in present  # what came up meanwhile under a name of ours is a stranger: ConflictError
            await self._try(_of(manifest, present), failures, partial(self._api.apply, force=force))
        for where in decision.delete:
            await self._delete(where, failures)
        return failures

    def forget(self, namespace: str, name: str) -> None:
        """Forget what was refused for a resource that is gone; its children bear its name."""
        for where in [where for where in self._refusals if (where.namespace, where.name) == (namespace, name)]:
            del self._refusals[where]

    def next_attempt(self, failures: Collection[Ref]) -> float | None:
        """Return in how many seconds the first of these may be tried again."""
        waits = [self._refusals[where].until - self._clock() for where in failures if where in self._refusals]
        return max(0.1, min(waits)) if waits else None

    async def _try(self, body: Object, failures: dict[Ref, str], send: Callable[[Object], Awaitable[Object]]) -> None:
        where, wish = ref(body), hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
        if self._waits(where, wish, failures):
            return
        try:
            answer = await send(body)
        except (ConflictError, TerminatingError):
            raise
        except RefusedError as error:
            self._remember(where, wish, str(error), failures)
            return
        self._refusals.pop(where, None)
        self._store.put(answer)
        log.info("Applied", operation="apply", kind=where.kind, namespace=where.namespace, name=where.name)

    async def _delete(self, where: Ref, failures: dict[Ref, str]) -> None:
        live = self._store.get(where)
        if live is None or self._waits(where, wish := f"no {uid_of(live)}", failures):
            return
        try:
            await self._api.delete(where, uid_of(live))
        except (ConflictError, TerminatingError):
            raise
        except RefusedError as error:
            self._remember(where, wish, f"it is to be deleted, but {error}", failures)
            return
        self._refusals.pop(where, None)
        log.info("Deleted", operation="delete", kind=where.kind, namespace=where.namespace, name=where.name)

    def _waits(self, where: Ref, wish: str, failures: dict[Ref, str]) -> bool:
        """Tell whether this very thing was refused, and is not to be asked for again yet."""
        known = self._refusals.get(where)
        if known is None or known.wish != wish or self._clock() >= known.until:
            return False
        failures[where] = known.words
        return True

    def _remember(self, where: Ref, wish: str, words: str, failures: dict[Ref, str]) -> None:
        failures[where] = words
        known = self._refusals.get(where)
        times = known.times + 1 if known and known.wish == wish else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 3.0 ** (times - 1))
        self._refusals[where] = Refusal(wish, words, times, self._clock() + pause)
        log.warning(
            "Refused", operation="apply", kind=where.kind, namespace=where.namespace, name=where.name, reason=words
        )


def _of(manifest: Object, present: Mapping[Ref, str]) -> Object:
    if (uid := present.get(ref(manifest))) is None:
        return manifest
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
