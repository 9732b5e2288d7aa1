"""How much one client may ask: GCRA, which needs one number for each client and lets a burst through without a window's edge."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

ROUNDING = 1e-9  # seconds; without it a burst could be one request short
V6_CLIENT_BITS = 64  # what one client is given at least; within it, addresses are free of charge


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a client may still ask. Times in seconds; `retry_after` is 0 where the request may pass."""

    allowed: bool
    remaining: int
    full_after: float
    retry_after: float


class RateLimit:
    """`per_second` requests in the long run, `burst` at once, for each of at most `clients` clients; of more, the longest unseen are forgotten."""

    def __init__(self, per_second: int, burst: int, clients: int) -> None:
        self._gap, self._burst, self._clients = 1 / per_second, burst, clients
        self._room = self._gap * burst
        self._due: OrderedDict[str, float] = (
            OrderedDict()
        )  # when the client's bucket is full again, the longest unseen first
        seconds = math.ceil(burst / per_second)
        self.policy = f'"client";q={per_second * seconds};w={seconds}'

    @property
    def remembered(self) -> int:
        return len(self._due)

    def take(self, client: str, now: float) -> Verdict:
        """Count a request. One that is refused costs nothing."""
        due = max(self._due.get(client, now), now) + self._gap
        excess = due - now - self._room
        if excess > ROUNDING:
            return Verdict(allowed=False, remaining=0, full_after=due - self._gap - now, retry_after=excess)
        self._due[client] = due
        self._due.move_to_end(client)
        if len(self._due) > self._clients:
            self._due.popitem(last=False)
        return Verdict(
            allowed=True,
            remaining=int((self._room - (due - now)) / self._gap + 1e-6),
            full_after=due - now,
            retry_after=0.0,
        )


def client_of(address: str) -> str:
    """Return what stands for the client behind an address: an IPv6 client has a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 - the version of the protocol
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network(f"{parsed}/{V6_CLIENT_BITS}", strict=False))
