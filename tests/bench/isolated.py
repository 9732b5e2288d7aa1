"""One bench in a process of its own: it may pin itself to a core, and what it holds in memory is its own."""

import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.bench.machine import Meanwhile
from tests.bench.registry import measuring
from tests.bench.report import Report
from tests.bench.run import Run


def report(name: str, seconds: float, folder: Path) -> Report:
    """Run the bench of this name; what it stores lies under the folder and is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_report, name, seconds, folder).result()


def _report(name: str, seconds: float, parent: Path) -> Report:
    begun, meanwhile = time.monotonic(), Meanwhile()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        figures = measuring(name)(Run(seconds, Path(folder)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Report(figures, round(peak, 1), round(meanwhile.others(), 3), round(time.monotonic() - begun, 1))
