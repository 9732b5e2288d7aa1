"""Health is tried for real, and told once when it changes."""

import pytest

from opsbuddy_core import health
from opsbuddy_core.health import Check, Health


async def test_a_check_that_keeps_failing_is_one_line_until_it_passes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    works, said = False, []
    for level in ("warning", "info"):
        monkeypatch.setattr(health.log, level, lambda words, **_: said.append(words))

    async def probe() -> None:
        if not works:
            raise LookupError

    tried = Health("test", "opsbuddy-core", (Check("store", probe),))
    for _ in range(3):
        assert await tried.not_ready() == "store: failed (LookupError)"
        assert (await tried.report()).status == "unhealthy"
    works = True
    assert await tried.not_ready() is None
    assert said == ["A health check failed", "A health check passes again"]
