"""Leader election by a Lease, so that of several replicas one writes.

The client's own election trusts wall clocks of local time, has no time limit on a renewal and never lets go of the Lease: after a
clean shutdown the next replica would wait for the whole term.
"""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from opsbuddy_core.logs import get_logger
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import AbsentError, Api, ApiError, ConflictError
from opsbuddy_operator.cluster.kinds import LEASE
from opsbuddy_operator.models import Object, Ref

TERM = 15.0  # a Lease that was not renewed for so long is free
DEADLINE = 10.0  # without a renewal for so long, the leader stops by itself
RETRY = 2.0
log = get_logger("lease")


class Lease:
    """Tries to hold the Lease for as long as `run` runs. `leads` is only true while nobody else can believe to lead."""

    def __init__(self, api: Api, where: Ref, identity: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._where, self._identity, self._clock = api, where, identity, clock
        self._renewed = float("-inf")
        self._seen: tuple[str, float] = (
            "",
            float("-inf"),
        )  # resource version of another's Lease, and when it was first seen
        self._held: Object | None = None

    def leads(self) -> bool:
        return self._clock() - self._renewed < DEADLINE

    async def run(self, gained: Callable[[], None], lost: Callable[[], None]) -> None:
        """Try for ever; say when it was gained and lost."""
        leading = False
        while True:
            try:
                async with asyncio.timeout(
                    max(0.5, DEADLINE - (self._clock() - self._renewed)) if leading else DEADLINE
                ):
                    await self._try()
            except (ApiError, TimeoutError) as error:
                log.warning(
                    "The Lease could not be taken or renewed",
                    operation="lease",
                    reason=str(error) or type(error).__name__,
                )
            if self.leads() != leading:
                leading = not leading
                log.info(
                    "This replica leads" if leading else "This replica leads no more",
                    operation="lease",
                    identity=self._identity,
                )
                metrics.LEADER.set(leading)
                (gained if leading else lost)()
            await asyncio.sleep(RETRY * random.uniform(0.9, 1.1))  # noqa: S311 - spreads requests, guards nothing

    async def release(self) -> None:
        """Let go, so that another replica need not wait for the end of the term."""
        held, self._held, leads = self._held, None, self.leads()
        self._renewed = float("-inf")
        metrics.LEADER.set(0)
        if held is None or not leads:
            return
        try:
            await self._api.replace({**held, "spec": {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}})
        except ApiError as error:
            log.warning("The Lease could not be released", operation="lease", reason=str(error))

    async def _try(self) -> None:
        begun = self._clock()
        known, self._held = (
            self._held,
            None,
        )  # after whatever goes wrong it is read anew: a renewal without an answer may have been one
        held = known or await self._api.get(self._where)
        if held is not None and not self._mine(held) and not self._free(held):
            self._renewed = float("-inf")
            return
        try:
            self._held = await self._take(held)
            self._renewed = begun  # not its end: whoever reads the Lease counts from when it was written
        except (ConflictError, AbsentError):  # another replica was quicker, or somebody edited or deleted it
            if known is None:
                self._renewed = float("-inf")
            else:
                await self._try()  # it may be ours as before

    async def _take(self, held: Object | None) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": int(TERM), "renewTime": now}
        if held is None:
            metadata = {"name": self._where.name, "namespace": self._where.namespace}
            spec |= {"acquireTime": now, "leaseTransitions": 0}
            return await self._api.create(
                {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
            )
        before = held.get("spec") or {}
        if not self._mine(held):
            spec |= {"acquireTime": now, "leaseTransitions": int(before.get("leaseTransitions") or 0) + 1}
        return await self._api.replace({**held, "spec": {**before, **spec}})

    def _mine(self, held: Object) -> bool:
        return bool((held.get("spec") or {}).get("holderIdentity") == self._identity)

    def _free(self, held: Object) -> bool:
        """Whether its holder let go, or has not renewed it for a term by our own clock: clocks of machines differ."""
        spec = held.get("spec") or {}
        if not spec.get("holderIdentity"):
            return True
        version = held["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, self._clock())
        return self._clock() - self._seen[1] > float(spec.get("leaseDurationSeconds") or TERM)
