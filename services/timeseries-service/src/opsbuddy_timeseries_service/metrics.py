"""What this service counts."""

from prometheus_client import Counter

POINTS = Counter("opsbuddy_timeseries_points_total", "Points that were sent, by what became of them", ["outcome"])
REASONS = Counter("opsbuddy_timeseries_rejections_total", "Reasons for which points were refused", ["reason"])
