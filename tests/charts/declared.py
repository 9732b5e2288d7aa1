"""What there is in the /metrics of the processes: each metric with its labels, and the values of those labels that are known beforehand."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, Metric
from prometheus_client.metrics import MetricWrapperBase

from opsbuddy_analytics_service.models.reasons import CODES
from opsbuddy_analytics_service.service import metrics as of_analytics
from opsbuddy_core import shipping
from opsbuddy_core.web import context, refusal
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service import metrics as of_gateway
from opsbuddy_operator import metrics as of_operator
from opsbuddy_timeseries_service import metrics as of_timeseries

MODULES = (context, refusal, shipping, of_gateway, of_operator, of_analytics, of_timeseries)

Declared = dict[str, dict[str, set[str]]]


def declared() -> Declared:
    of_gateway.watch_connections(lambda: 0, lambda: 0)
    found: Declared = {}
    for module in MODULES:
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                for name in REGISTRY._get_names(metric):
                    if (
                        name != metric._name or metric._type == "gauge"
                    ):  # as /metrics has them: with _total, _bucket, _count
                        found[name] = {label: set() for label in metric._labelnames}
                _note(found, metric.collect())
    _note(found, _collected())
    found["opsbuddy_rejected_total"]["reason"] |= CODES
    return found


def _collected() -> Iterable[Metric]:
    """What is made at the time of the scrape, with everything in it that can be."""
    traffic = of_gateway.Traffic()
    for reason in Reason:
        for status in (0, 200, 404, 503):
            traffic.count("/api", "files", status, reason)
    traffic.latency["files"] = of_gateway.Latency()
    return [*traffic.collect(), *of_operator.Live(lambda: 1, lambda: [{}]).collect()]


def _note(found: Declared, families: Iterable[Metric]) -> None:
    for family in families:
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
