"""Limits and use of this service's own control group, in version 1 or 2 of the interface."""

from collections.abc import Iterable
from pathlib import Path

from opsbuddy_utility_service.models.system import ContainerCpu, ContainerMemory, ContainerPids

NO_LIMIT = 2**60  # version 1 says "none" by a number near 2**63


class ControlGroup:
    """Reads below `root`, where `membership` says that this process is. FileNotFoundError: the kernel shows no such figure here."""

    def __init__(self, root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> None:
        self._root, self._membership = root, membership

    @property
    def unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    @property
    def version(self) -> int | None:
        if self.unified:
            return 2
        return 1 if (self._root / "memory").exists() else None

    def memory(self) -> ContainerMemory:
        folders = self._folders("memory")
        figures = _figures(folders[0] / "memory.stat")
        if self.unified:
            limit_name, use_name = "memory.max", "memory.current"
            cache = figures["file"] - figures["shmem"]  # shared memory is counted as file, and cannot be taken back
        else:
            limit_name, use_name = "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = figures["total_cache"] - figures.get("total_shmem", 0)
        limit = _least(_size(folder / limit_name) for folder in folders)
        used = max(0, int(_word(folders[0] / use_name)) - cache)
        percent = round(used * 100 / limit, 1) if limit else None
        return ContainerMemory(limit=None if limit is None else int(limit), used=used, cache=cache, percent=percent)

    def cpu(self) -> ContainerCpu:
        folders = self._folders("cpu")
        figures = _figures(folders[0] / "cpu.stat")
        if self.unified:
            used, throttled = figures["usage_usec"] / 1e6, figures.get("throttled_usec", 0) / 1e6
            limit = _least(_share(folder / "cpu.max") for folder in folders)
        else:
            used = int(_word(self._folders("cpuacct")[0] / "cpuacct.usage")) / 1e9
            throttled = figures.get("throttled_time", 0) / 1e9
            limit = _least(_quota(folder) for folder in folders)
        return ContainerCpu(limit=limit, used_seconds=used, throttled_seconds=throttled)

    def pids(self) -> ContainerPids:
        folders = self._folders("pids")
        limit = _least(_size(folder / "pids.max") for folder in folders)
        return ContainerPids(limit=None if limit is None else int(limit), used=int(_word(folders[0] / "pids.current")))

    def _folders(self, controller: str) -> list[Path]:
        """Return the folder of this process and those above it, whose limits hold as well."""
        base = self._root if self.unified else self._root / controller
        if not base.is_dir():
            raise FileNotFoundError
        folder = base / self._path(controller).lstrip("/")
        if ".." in folder.parts or not folder.is_dir():  # the path is the host's, the tree here is the container's own
            folder = base
        return [folder, *(above for above in folder.parents if above.is_relative_to(base))]

    def _path(self, controller: str) -> str:
        for line in self._membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") or (self.unified and not controllers):
                return path
        return "/"


def _word(path: Path) -> str:
    return path.read_text().split()[0]


def _figures(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) > 1}


def _least(limits: Iterable[float | None]) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _size(path: Path) -> int | None:
    if not path.exists():  # the topmost group has no limit
        return None
    word = _word(path)
    return None if word == "max" or int(word) >= NO_LIMIT else int(word)


def _share(path: Path) -> float | None:
    if not path.exists():
        return None
    quota, period = path.read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _quota(folder: Path) -> float | None:
    if not (folder / "cpu.cfs_quota_us").exists():
        return None
    quota, period = int(_word(folder / "cpu.cfs_quota_us")), int(_word(folder / "cpu.cfs_period_us"))
    return None if quota < 0 else quota / period
