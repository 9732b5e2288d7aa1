"""The circuit breaker of a service. Pure: the clock is given, nothing waits, one event loop is the only user."""

from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    """Whether requests go through, none does, or one tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """CLOSED until `failures` in a row, OPEN for `open_seconds`, then HALF_OPEN: exactly one request tries whether the service is back.

    `jitter`: by which part of itself the time becomes longer, so that several gateways do not all try in the same moment.
    """

    def __init__(
        self, failures: int, open_seconds: float, clock: Callable[[], float], jitter: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.failures, self.open_seconds = failures, open_seconds
        self._clock, self._jitter = clock, jitter
        self._longer = 1.0
        self._state = State.CLOSED
        self._in_a_row = 0
        self._opened = 0.0
        self._probing = False
        self.generation = 0

    @property
    def state(self) -> State:
        if self._state is State.OPEN and self._clock() >= self._opened + self._seconds:
            return State.HALF_OPEN
        return self._state

    @property
    def _seconds(self) -> float:
        return self.open_seconds * self._longer

    @property
    def retry_after(self) -> float:
        """Seconds until a request has a chance again."""
        return max(0.0, self._opened + self._seconds - self._clock()) if self._state is State.OPEN else 1.0

    def as_dict(self) -> dict[str, float | int | None]:
        """Return what `/status` shows besides the state: after how many failures it opens, since how many seconds it is open, when it tries again."""
        shut = self._state is not State.CLOSED
        return {
            "failures": self.failures,
            "open_seconds": round(self._clock() - self._opened, 1) if shut else None,
            "retry_after_seconds": round(self.retry_after, 1) if self._state is State.OPEN else None,
        }

    def hasten(self) -> None:
        """Let the next request try at once: there is news of the service, a new process of it or a passed health check."""
        if self._state is State.OPEN:
            self._opened = self._clock() - self._seconds

    def admit(self) -> "Ticket | None":
        """Return a ticket for one request, or None when it is refused."""
        if self._state is State.CLOSED:
            return Ticket(self, self.generation)
        state = self.state
        if state is State.OPEN or self._probing:
            return None
        if self._state is State.OPEN:
            self._move(State.HALF_OPEN)
        self._probing = True
        return Ticket(self, self.generation)

    def settle(self, generation: int, *, success: bool | None) -> None:
        """Take a ticket's result; None says nothing about the service. Results from before the last change of state are too old to count."""
        if generation != self.generation:
            return
        if self._state is State.HALF_OPEN:
            self._probing = False
            if success is not None:
                self._move(State.CLOSED if success else State.OPEN)
        elif success:
            self._in_a_row = 0
        elif success is False:
            self._in_a_row += 1
            if self._in_a_row >= self.failures:
                self._move(State.OPEN)

    def _move(self, state: State) -> None:
        self._state = state
        self._in_a_row = 0
        self._probing = False
        self.generation += 1
        if state is State.OPEN:
            self._opened, self._longer = self._clock(), 1 + self._jitter()


class Ticket:
    """One admitted request. The first verdict counts, so that `abandoned` can always come last."""

    __slots__ = ("_breaker", "_generation", "_settled")

    def __init__(self, breaker: Breaker, generation: int) -> None:
        self._breaker, self._generation, self._settled = breaker, generation, False

    def succeeded(self) -> None:
        self._settle(success=True)

    def failed(self) -> None:
        self._settle(success=False)

    def abandoned(self) -> None:
        """The request ended without saying anything about the service: its client left, or it was refused here."""
        self._settle(success=None)

    def _settle(self, *, success: bool | None) -> None:
        if not self._settled:
            self._settled = True
            self._breaker.settle(self._generation, success=success)
