"""Aggregates in SQL. Points that were removed for their age live on as roll-ups of an hour, which count here as the points they came from."""

from opsbuddy_timeseries_service.models.query import Aggregate

FUNCTIONS: dict[Aggregate, str] = {
    "mean": "sum(total) / sum(number)",
    "min": "min(low)",
    "max": "max(high)",
    "sum": "sum(total)",
    "count": "CAST(sum(number) AS REAL)",
    "first": "first, min(begins)",  # SQLite takes the bare column from the row of the minimum
    "last": "last, max(ends)",
}
_WHOSE = "series IN (SELECT value FROM json_each(:series)) AND column = :column"
NUMBERS = f"{_WHOSE} AND time >= :start AND time < :end AND typeof(value) <> 'blob'"
PARTS = (
    "SELECT time AS begins, time AS ends, 1 AS number, value AS total, value AS low, value AS high, value AS first, value AS last "  # noqa: S608 - fixed parts, bound values
    f"FROM points WHERE {NUMBERS}"
)
ROLLED = f"SELECT time, ends, number, total, low, high, first, last FROM rollups WHERE {_WHOSE} AND time >= :start AND time < :end"  # noqa: S608 - likewise
GROWTH = "CASE WHEN before IS NULL THEN 0.0 WHEN value >= before THEN value - before ELSE max(value, 0.0) END"
_SAMPLES = (
    f"SELECT series, time, value, 0 AS rolled FROM points WHERE {_WHOSE} "  # noqa: S608 - likewise
    "AND time >= min(:since, :start) AND time < :end AND typeof(value) <> 'blob'"
)
_LAST_OF_ROLLUPS = (
    f"SELECT series, ends, last, 1 FROM rollups WHERE {_WHOSE} AND time >= min(:since, :start) AND time < :end"  # noqa: S608 - likewise
)


def _increase(samples: str, more: str = "") -> str:
    return (
        "SELECT bucket, sum(growth) FROM ("  # noqa: S608 - likewise
        f"SELECT time / :every * :every AS bucket, {GROWTH} AS growth FROM ("
        f"SELECT time, value, rolled, lag(value) OVER (PARTITION BY series ORDER BY time) AS before FROM ({samples})"
        f") WHERE time >= :start AND rolled = 0{more}) GROUP BY bucket ORDER BY bucket LIMIT :limit"
    )


INCREASE = {
    False: _increase(_SAMPLES),
    True: _increase(
        f"{_SAMPLES} UNION ALL {_LAST_OF_ROLLUPS}",
        f" UNION ALL SELECT time / :every * :every, increase FROM rollups WHERE {_WHOSE} AND time >= :start AND time < :end",  # noqa: S608 - likewise
    ),
}
