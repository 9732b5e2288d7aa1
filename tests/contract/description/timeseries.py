"""Metrics: written as points, read in buckets."""

import time
from typing import Any

from tests.contract.description.installation import Installation, unique
from tests.support.wait import eventually


async def points_are_written_and_read_in_buckets(at: Installation) -> None:
    name, minute = unique("cpu").replace("-", "_"), int(time.time() // 60 - 5) * 60
    lines = "\n".join(f"{name},host=web-1 value={value} {minute + value}" for value in (1, 2, 3))
    sent = await at.gateway.post(
        "/api/timeseries/api/v2/write",
        params={"bucket": "opsbuddy", "org": "opsbuddy", "precision": "s"},
        content=lines,
    )
    assert sent.status_code == 204, sent.text
    query: dict[str, Any] = {"measurement": name, "field": "value", "start": minute, "end": minute + 60}

    async def there() -> bool:
        answer = await at.gateway.post("/api/timeseries/query", json=query | {"every": "60s", "aggregate": "mean"})
        assert answer.status_code == 200, answer.text
        return [series["tags"] for series in answer.json()["series"]] == [{"host": "web-1"}]

    await eventually(there, within=20, what="the points come back as one bucket")
