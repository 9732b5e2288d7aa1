"""One bench in a process of its own: it may pin itself to a core, and what it holds in memory is its own."""

import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.machine import load_average
from tests.bench.registry import BENCHES
from tests.bench.report import Report
from tests.bench.run import Run


def report(name: str, seconds: float, folder: Path) -> Report:
    """Run the bench of this name; what it stores lies under the folder and is gone afterwards."""
    begun, before = time.monotonic(), load_average()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        figures, peak = pool.submit(_measured, name, seconds, folder).result()
    return Report(figures, peak, round(time.monotonic() - begun, 1), (before, load_average()))


def _measured(name: str, seconds: float, parent: Path) -> tuple[list[Figure], float]:
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        figures = BENCHES[name](Run(seconds, Path(folder)))
    return figures, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
