"""What this service counts."""

from prometheus_client import Counter, Gauge

LOGS = Counter("opsbuddy_analytics_logs_total", "Logs that were sent, by what became of them", ["outcome"])
for _outcome in ("stored", "duplicates", "rejected"):
    LOGS.labels(_outcome)  # there from the start, at 0
JOURNAL_BYTES = Gauge("opsbuddy_analytics_journal_bytes", "Size of the journal, every ten seconds")
JOURNAL_LIMIT = Gauge(
    "opsbuddy_analytics_journal_limit_bytes", "Its largest size, at which logs are refused; 0 for none"
)
JOURNAL_WAITING = Gauge("opsbuddy_analytics_journal_waiting", "Logs that wait to be forwarded to InfluxDB")
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
