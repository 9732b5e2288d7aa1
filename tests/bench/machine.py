"""What the figures were taken on, and what else it did meanwhile."""

import os
import platform
import shutil
import subprocess
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
        "packages": {name: version(name) for name in PACKAGES},
    }


def load_average() -> float:
    """Return how many processes wanted a processor over the last minute, on average."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _haproxy() -> str | None:
    if not shutil.which("haproxy"):
        return None
    answer = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return answer.split()[2]
