"""The endpoints of one service: whose turn it is, and which are set aside because they fail."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opsbuddy_gateway.models import Address

FAILURES = 5
BASE_SECONDS = 30.0
LONGEST_SECONDS = 300.0
JITTER = 0.2


@dataclass(slots=True, eq=False)
class Endpoint:
    """One address and what is known about it. `healthy`: the last active check's verdict, None before the first."""

    address: Address
    in_flight: int = 0
    in_a_row: int = 0
    times_aside: int = 0
    aside_until: float = 0.0
    healthy: bool | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(self.address)  # for the log: made once, not for every line


class Endpoints:
    """Gives out endpoints by turn or by least load. Pure: clock and chance are given."""

    def __init__(self, clock: Callable[[], float], chance: random.Random) -> None:
        self._clock, self._chance = clock, chance
        self._all: tuple[Endpoint, ...] = ()
        self._turn = 0

    @property
    def all(self) -> tuple[Endpoint, ...]:
        return self._all

    def replace(self, addresses: Sequence[Address]) -> tuple[bool, bool]:
        """Take the present addresses; those that stay keep what is known about them. Returns whether anything changed, and whether some are new."""
        known = {endpoint.address: endpoint for endpoint in self._all}
        if known.keys() == set(addresses):
            return False, False
        self._all = tuple(known.get(address) or Endpoint(address) for address in sorted(set(addresses), key=str))
        self._return_some()
        return True, not set(addresses) <= known.keys()

    def _return_some(self) -> None:
        """Take those back that would be back first while more than half are set aside, as can be when others have left."""
        now = self._clock()
        aside = sorted((e for e in self._all if e.aside_until > now), key=lambda e: e.aside_until)
        for endpoint in aside[: max(0, len(aside) - len(self._all) // 2)]:
            endpoint.aside_until = now

    def pick(self, policy: Literal["RoundRobin", "LeastRequest"], tried: Collection[Endpoint] = ()) -> Endpoint | None:
        """Return the endpoint for a request, or None when there is none; one that was tried already only when no other is left.

        One whose health check failed is passed over: it may be frozen, and each request would wait for as long as its route allows. Not
        where most fail: then it is rather something behind all of them.
        """
        if not self._all:
            return None
        now = self._clock()
        self._turn += 1
        usable = [e for e in self._all if e.aside_until <= now and e not in tried]
        usable = usable or [e for e in self._all if e not in tried] or list(self._all)
        well = [e for e in usable if e.healthy is not False]
        if 0 < len(well) < len(usable) and 2 * sum(e.healthy is False for e in self._all) <= len(self._all):
            usable = well
        if policy == "LeastRequest" and len(usable) > 1:
            one, two = self._chance.sample(usable, 2)
            return one if one.in_flight <= two.in_flight else two
        return usable[self._turn % len(usable)]

    def succeeded(self, endpoint: Endpoint) -> None:
        endpoint.in_a_row = 0
        endpoint.times_aside = 0

    def failed(self, endpoint: Endpoint) -> None:
        """Count a failure; after several in a row set the endpoint aside, each time longer, unless half of all are aside already."""
        endpoint.in_a_row += 1
        now = self._clock()
        if endpoint.in_a_row < FAILURES or endpoint.aside_until > now:
            return
        aside = sum(e.aside_until > now for e in self._all)
        if aside + 1 > len(self._all) // 2:
            return
        endpoint.times_aside += 1
        seconds = min(BASE_SECONDS * endpoint.times_aside, LONGEST_SECONDS)
        endpoint.aside_until = now + seconds * (1 + self._chance.uniform(0, JITTER))
        endpoint.in_a_row = FAILURES - 1  # one more failure after its return is enough

    def state(self, endpoint: Endpoint) -> Literal["healthy", "set_aside", "unhealthy", "unknown"]:
        if endpoint.aside_until > self._clock():
            return "set_aside"
        if endpoint.healthy is None:
            return "unknown"
        return "healthy" if endpoint.healthy else "unhealthy"
