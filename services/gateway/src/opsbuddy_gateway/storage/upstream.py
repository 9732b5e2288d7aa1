from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from opsbuddy_gateway.models import Address


class UpstreamRequest(NamedTuple):
    """What goes to a service: raw bytes, as they came. `body` is read only once a connection stands."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: AsyncIterator[bytes] | None


class UpstreamAnswer(Protocol):
    """The head of an answer; its body is still to come."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Names are lower case."""
        ...

    async def read(self) -> bytes:
        """Return what there is of the body, waiting for it where there is nothing; empty at its end. Raises UpstreamFailureError when it is cut."""
        ...

    @property
    def taken(self) -> bool:
        """Whether nothing more will come: the body is complete and has been read."""
        ...

    def whole(self) -> bytes | None:
        """Return the body, or what has not been read of it, if all of it is there; None while more is to come."""
        ...

    def close(self) -> None:
        """Give the connection back, or cut it when the exchange is not complete. Never waits."""
        ...


class UpstreamClient(Protocol):
    """Sends requests to endpoints over pooled connections."""

    async def send(self, address: Address, request: UpstreamRequest, *, fresh: bool) -> UpstreamAnswer:
        """Return the answer's head; `fresh`: over a new connection. Raises UpstreamFailureError. The caller sets the deadline, and cancels."""
        ...
