from collections.abc import Callable
from typing import Protocol

from opsbuddy_gateway.models import Address


class EndpointSource(Protocol):
    """Knows where the processes of a service listen."""

    @property
    def ready(self) -> bool:
        """Whether the present endpoints have been read once."""
        ...

    def addresses(self, service: str, port: int) -> tuple[Address, ...]:
        """Return the present addresses of a service; `port` is the one in the table. Asking for a service makes it watched."""
        ...

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep up to date until cancelled, and tell about every change."""
        ...
