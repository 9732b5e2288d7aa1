"""Every bench by its name."""

from collections.abc import Callable

from tests.bench import decisions, gateway, ingest, log_lines, query, streams, upload
from tests.bench.figures import Figure
from tests.bench.run import Run

BENCHES: dict[str, Callable[[Run], list[Figure]]] = {
    "gateway": gateway.measure,
    "streams": streams.measure,
    "decisions": decisions.measure,
    "log-lines": log_lines.measure,
    "ingest": ingest.measure,
    "query": query.measure,
    "upload": upload.measure,
}
