"""Endpoints that are known from the start: the demo and tests."""

import asyncio
from collections.abc import Callable, Mapping

from pydantic import TypeAdapter

from opsbuddy_gateway.models import Address


class StaticEndpoints:
    """Never changes. A service that is not listed has no endpoint."""

    def __init__(self, endpoints: Mapping[str, tuple[Address, ...]]) -> None:
        self._endpoints = endpoints

    @property
    def ready(self) -> bool:
        return True

    def addresses(self, service: str, port: int) -> tuple[Address, ...]:  # noqa: ARG002 - the list says the port
        return self._endpoints.get(service, ())

    async def run(self, changed: Callable[[], None]) -> None:
        changed()
        await asyncio.Event().wait()


def parse_endpoints(text: str) -> dict[str, tuple[Address, ...]]:
    """Read `{"service": ["host:port"]}` or `service=host:port,host:port;…`; raises ValueError that names the wrong part."""
    if text.lstrip().startswith("{"):
        listed = TypeAdapter(dict[str, list[str]]).validate_json(text)
        return {service: tuple(map(parse_address, items)) for service, items in listed.items()}
    endpoints: dict[str, tuple[Address, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        service, found, items = part.partition("=")
        if not found or not service:
            raise ValueError(f"{part} names no service; write service=host:port,host:port")
        endpoints[service.strip()] = tuple(parse_address(item.strip()) for item in items.split(",") if item.strip())
    return endpoints


def parse_address(text: str) -> Address:
    """Read `host:port` or `[IPv6]:port`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the range of ports
        raise ValueError(f"{text} is no endpoint; write host:port")
    return Address(host.strip("[]"), int(port))
