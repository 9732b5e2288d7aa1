"""What Prometheus sees of the operator."""

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from opsbuddy_operator.models import Object

FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

RECONCILES = Histogram(
    "opsbuddy_operator_reconcile_seconds",
    "Time to bring one subject to its desired state",
    ("subject", "result"),
    buckets=FAST,
)
WAITS = Histogram(
    "opsbuddy_operator_queue_wait_seconds", "Time from the reason for work to its start", ("subject",), buckets=FAST
)
RETRIES = Counter("opsbuddy_operator_retries_total", "Work that failed and was put back", ("subject",))
API_REQUESTS = Counter("opsbuddy_operator_api_requests_total", "Requests to the API server", ("verb", "kind"))
API_FAILURES = Counter(
    "opsbuddy_operator_api_failures_total",
    "Requests to the API server that failed, by status",
    ("verb", "kind", "status"),
)
LEADER = Gauge("opsbuddy_operator_leader", "1 while this replica leads")
REPAIRS = Counter("opsbuddy_operator_watch_repairs_total", "Objects whose change no watch reported", ("kind",))


class Live(Collector):
    """Read at the time of the scrape: the depth of the queue, and how many resources are how ready."""

    def __init__(self, depth: Callable[[], int], resources: Callable[[], Iterable[Object]]) -> None:
        self._depth, self._resources = depth, resources

    @override
    def collect(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily("opsbuddy_operator_queue_depth", "Keys that wait for a worker")
        depth.add_metric([], self._depth())
        yield depth
        ready = GaugeMetricFamily(
            "opsbuddy_operator_resources", "Resources by the status of their Ready condition", labels=["ready"]
        )
        for status, count in counts(self._resources()).items():
            ready.add_metric([status], count)
        yield ready


def counts(resources: Iterable[Object]) -> dict[str, int]:
    """Return how many resources are Ready True, False and Unknown."""
    found = {"True": 0, "False": 0, "Unknown": 0}
    for resource in resources:
        conditions = (resource.get("status") or {}).get("conditions") or ()
        found[next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")] += 1
    return found
