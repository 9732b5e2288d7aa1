"""What this service counts."""

from prometheus_client import Counter

POINTS = Counter("opsbuddy_timeseries_points_total", "Points that were sent, by what became of them", ["outcome"])
for _outcome in ("stored", "rejected"):
    POINTS.labels(_outcome)  # there from the start, at 0: of a counter that begins at 1 Prometheus sees no growth
REASONS = Counter("opsbuddy_timeseries_rejections_total", "Reasons for which points were refused", ["reason"])
