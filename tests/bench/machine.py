"""What the figures were taken on, and what else it did meanwhile."""

import os
import platform
import resource
import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("uvicorn", "uvloop", "httptools", "aiohttp", "pydantic", "structlog", "orjson", "obstore")


def description() -> dict[str, Any]:
    """Return the machine and the versions."""
    return {
        "cpu": _cpu(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "haproxy": _haproxy(),
        "nginx": _nginx(),
        "packages": {name: version(name) for name in PACKAGES},
    }


class Meanwhile:
    """What other programs take of the machine from now on, while this process and those that it starts are measured."""

    def __init__(self) -> None:
        self._begun, self._busy, self._own = time.monotonic(), _busy(), _own()

    def others(self) -> float:
        """Return their share of all processors; what this process started has to have ended."""
        passed = (time.monotonic() - self._begun) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - self._busy - (_own() - self._own)) / passed)


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "steal", 0.0))


def _own() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _haproxy() -> str | None:
    if not shutil.which("haproxy"):
        return None
    answer = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return answer.split()[2]


def _nginx() -> str | None:
    if not shutil.which("nginx"):
        return None
    answer = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return answer.strip().rpartition("/")[2]
