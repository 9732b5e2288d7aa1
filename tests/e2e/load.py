"""Requests that never pause, from a pod of the namespace, and what came of them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.contract.cluster import Cluster
from tests.e2e.resources import pod
from tests.support.wait import eventually

SCRIPT = Path(__file__).with_name("loader.py").read_text()


Request = tuple[str, str, dict[str, str] | None]
"""Method, path, and the form that is sent."""


@dataclass(frozen=True, slots=True)
class Load:
    """A pod that asks."""

    cluster: Cluster
    name: str

    async def outcomes(self) -> dict[str, int]:
        """Return how often each request, written as `GET /path 200`, ended how."""
        last = (await self.cluster.log(self.name)).strip()
        assert last.startswith("{"), f"the pod that makes the load says: {last!r}"
        return json.loads(last)

    async def goes_on(self, least: int = 40) -> None:
        """Wait until so many further requests have had their answer."""
        begun = sum((await self.outcomes()).values())

        async def asked() -> bool:
            return sum((await self.outcomes()).values()) >= begun + least

        await eventually(asked, within=30, every=0.3, what=f"{least} further requests")

    @asynccontextmanager
    async def never(self, outcome: str) -> AsyncIterator[None]:
        """See to it that no request ends so from now on until the block has ended, and that there were requests in that time."""
        await self.goes_on()  # what ended before is counted by then
        before = (await self.outcomes()).get(outcome, 0)
        yield
        await self.goes_on()
        assert (await self.outcomes()).get(outcome, 0) == before, f"{outcome}, where it must not be"

    async def answered(self, outcome: str, least: int = 1) -> None:
        async def seen() -> bool:
            return (await self.outcomes()).get(outcome, 0) >= least

        await eventually(seen, within=30, every=0.3, what=f"{outcome}, of {await self.outcomes()}")


@asynccontextmanager
async def load(
    cluster: Cluster,
    *requests: Request,
    at: str = "http://gateway:8000",
    workers: int = 3,
    pause: float = 0.02,
    keep_alive: bool = True,
    name: str = "load",
) -> AsyncIterator[Load]:
    """Ask from now on, and end after the last of the block's changes has had requests too."""
    order = {"base": at, "requests": requests, "workers": workers, "pause": pause, "keep_alive": keep_alive}
    await cluster.create("pods", pod(name, ["python", "-c", SCRIPT, json.dumps(order)]))
    running = Load(cluster, name)

    async def begun() -> bool:
        return sum((await running.outcomes()).values()) > 0

    await eventually(begun, within=40, every=0.3, what="the first request of the load")
    yield running
    await running.goes_on()


def failed(outcomes: dict[str, int], expected: Sequence[str] = ("200", "201")) -> dict[str, int]:
    """Return those that did not end as expected."""
    return {outcome: count for outcome, count in outcomes.items() if outcome.split(" ")[2] not in expected}
