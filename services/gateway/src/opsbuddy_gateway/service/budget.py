from collections.abc import Callable


class RetryBudget:
    """Lets retries be a fifth of the requests at most, with a small reserve: repeating must not multiply an outage."""

    RATIO, RESERVE, PER_SECOND = 0.2, 10.0, 1.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens, self._at = self.RESERVE, clock()

    def request(self) -> None:
        """Count a request that was not a retry."""
        self._tokens = min(self._tokens + self.RATIO, 10 * self.RESERVE)

    def take(self) -> bool:
        """Whether one retry may be made now."""
        now = self._clock()
        if self._tokens < self.RESERVE:
            self._tokens = min(self.RESERVE, self._tokens + (now - self._at) * self.PER_SECOND)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
