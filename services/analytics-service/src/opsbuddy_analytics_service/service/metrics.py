"""What this service counts."""

from prometheus_client import Counter, Gauge

LOGS = Counter("opsbuddy_analytics_logs_total", "Logs that were sent, by what became of them", ["outcome"])
for _outcome in ("stored", "duplicates", "rejected"):
    LOGS.labels(_outcome)  # there from the start, at 0
REJECTED = Counter("opsbuddy_rejected_total", "Reasons for which logs were refused; GET /errors explains", ["reason"])
FORWARDED = Counter("opsbuddy_analytics_forwarded_total", "Logs that InfluxDB took over")
DEAD = Counter("opsbuddy_analytics_dead_letters_total", "Logs that InfluxDB refused for good; the journal keeps them")
FORWARD_FAILURES = Counter(
    "opsbuddy_analytics_forward_failures_total", "Attempts to forward that failed and are repeated"
)
OWN_DROPPED = Counter(
    "opsbuddy_analytics_own_logs_dropped_total", "This process's own log records that could not be kept"
)
TAILS = Gauge("opsbuddy_analytics_tails", "Live tails that are open")
GAPS = Counter("opsbuddy_analytics_tail_gaps_total", "Gaps that were shown to live tails")
