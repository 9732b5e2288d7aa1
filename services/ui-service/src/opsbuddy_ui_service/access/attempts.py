"""How often one client may try to sign in. What does not hold counts; what holds is forgiven."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = 10
EVERY = 30.0  # seconds until one more
CLIENTS = 1000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Attempts:
    """A bucket for each client, of the newest `CLIENTS` of them: of more, the longest unseen are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> float:
        """Count an attempt. Returns 0 when it may be made, or the seconds after which one may be."""
        now = self._clock()
        bucket = self._buckets.pop(client, None) or _Bucket(AT_ONCE, now)
        bucket.left, bucket.at = min(AT_ONCE, bucket.left + (now - bucket.at) / EVERY), now
        self._buckets[client] = bucket
        while len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return (1 - bucket.left) * EVERY
        bucket.left -= 1
        return 0.0

    def forgive(self, client: str) -> None:
        """Give back an attempt that said nothing of the credential."""
        if bucket := self._buckets.get(client):
            bucket.left = min(AT_ONCE, bucket.left + 1)

    def forget(self, client: str) -> None:
        """Start anew: the client was let in."""
        self._buckets.pop(client, None)
