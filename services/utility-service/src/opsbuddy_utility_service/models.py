"""What the utility service speaks of: configurations, and the system that it runs on. Sizes are bytes, times are seconds."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from opsbuddy_core import exact_json
from opsbuddy_core.exact_json import refuse


class ConfigEntry(BaseModel):
    """A configuration: any JSON value under a name that is unique in its category."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "6f1f2a52-6d1c-4b0f-9d58-0d2f4f1f7c11",
                "name": "retention",
                "category": "system",
                "value": {"days": 30},
                "description": "How long logs are kept",
                "created_at": "2026-01-01T12:00:00.000000Z",
                "updated_at": "2026-01-01T12:00:00.000000Z",
            }
        }
    )

    id: str
    name: str
    category: str
    value: Any
    description: str = ""
    created_at: datetime
    updated_at: datetime


class ConfigPage(BaseModel):
    """Some of the configurations that match, by category and name."""

    configs: list[ConfigEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` to get those that follow; null: there are none")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last entry of a page; category and name are unique together."""

    category: str
    name: str

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Return what `write` wrote, or raise InvalidRequestError."""
        try:
            category, name = exact_json.parse(base64.b64decode(text, altchars=b"-_", validate=True), "cursor")
            return cls(str(category), str(name))
        except (ValueError, TypeError):
            refuse("cursor", "it is none that a listing gave; start without one")

    def write(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.category, self.name]).encode()).decode()


@dataclass(frozen=True, slots=True)
class Query:
    """Which configurations: of a category, with `text` in name, category or description; how many, after which."""

    category: str | None = None
    text: str | None = None
    limit: int = 100
    cursor: Cursor | None = None


class Cpu(BaseModel):
    """Processors of the host. `percent` since the reading before."""

    count: int | None
    percent: float
    load_average: tuple[float, float, float]


class Memory(BaseModel):
    """Memory of the host. `available` can be had without swapping."""

    total: int
    available: int
    used: int
    percent: float
    swap_total: int
    swap_used: int


class Disk(BaseModel):
    """A mounted file system."""

    mountpoint: str
    device: str
    fstype: str
    total: int
    used: int
    free: int
    percent: float


class Network(BaseModel):
    """Traffic of all interfaces since the start."""

    bytes_sent: int
    bytes_received: int
    errors: int
    dropped: int


class Process(BaseModel):
    """A running process. `memory` is resident."""

    pid: int
    name: str
    memory: int
    cpu_seconds: float
    threads: int


class Platform(BaseModel):
    """The machine and what runs on it."""

    hostname: str
    system: str
    release: str
    machine: str
    python: str
    booted_at: datetime


class Host(BaseModel):
    """The host, not the container. A figure that cannot be read is null; `unavailable` says why."""

    platform: Platform | None
    cpu: Cpu | None
    memory: Memory | None
    disks: list[Disk] | None
    network: Network | None
    processes: list[Process] | None = Field(description="The ten with the most memory, of those this service can see")


class ContainerMemory(BaseModel):
    """`limit` null: there is none. `cache` can be taken back at any time and is not in `used`."""

    limit: int | None
    used: int
    cache: int
    percent: float | None


class ContainerCpu(BaseModel):
    """`limit` in processors, null: there is none. `throttled_seconds`: how long it was held back."""

    limit: float | None
    used_seconds: float
    throttled_seconds: float


class ContainerPids(BaseModel):
    """Processes and threads; `limit` null: there is none."""

    limit: int | None
    used: int


class Container(BaseModel):
    """The control group of this service's pod, as version 1 or 2 of the interface shows it."""

    cgroup_version: int | None
    memory: ContainerMemory | None
    cpu: ContainerCpu | None
    pids: ContainerPids | None


class Unavailable(BaseModel):
    """A part that could not be read, and why."""

    part: str
    reason: str


class SystemInfo(BaseModel):
    """The system at one moment, at most two seconds old."""

    measured_at: datetime
    host: Host
    container: Container
    service: Process | None = Field(description="The process of this service")
    unavailable: list[Unavailable]
