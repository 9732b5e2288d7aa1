"""Every bench by its name."""

from collections.abc import Callable
from importlib import import_module

from tests.bench.figures import Figure
from tests.bench.run import Run

BENCHES = (
    *("gateway", "streams", "decisions", "log-lines", "ingest", "query"),
    *("logs", "timeseries", "upload", "files", "utility"),
)


def measuring(name: str) -> Callable[[Run], list[Figure]]:
    """Return what a bench does. Only its own module is loaded: what it measures may not be there, and counts as its memory."""
    measure: Callable[[Run], list[Figure]] = import_module(f"tests.bench.{name.replace('-', '_')}").measure
    return measure
