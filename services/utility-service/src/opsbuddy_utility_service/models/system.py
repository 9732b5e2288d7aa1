"""The system that the service runs on. Sizes are bytes, times are seconds."""

from datetime import datetime

from pydantic import BaseModel, Field


class Cpu(BaseModel):
    """Processors of the host. `percent` since the reading before, of the last tenth of a second where that is more than 10 s ago."""

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
