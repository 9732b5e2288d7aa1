from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsbuddy_gateway.models import Address


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What goes to a service: raw bytes, as they came. `body` is read only once a connection stands."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: AsyncIterator[bytes] | None


class UpstreamAnswer(Protocol):
    """The head of an answer; its body is still to come."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises UpstreamFailureError when it is cut."""
        ...

    def close(self) -> None:
        """Give the connection back, or cut it when the exchange is not complete. Never waits."""
        ...


class UpstreamClient(Protocol):
    """Sends requests to endpoints over pooled connections."""

    async def send(self, address: Address, request: UpstreamRequest, *, fresh: bool) -> UpstreamAnswer:
        """Return the answer's head; `fresh`: over a new connection. Raises UpstreamFailureError. The caller sets the deadline."""
        ...
