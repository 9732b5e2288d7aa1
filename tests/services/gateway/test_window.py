import pytest

from opsbuddy_gateway.service.services import STARTING_SECONDS, Condition
from opsbuddy_gateway.service.window import History, Window
from tests.services.gateway.test_breaker import Clock


def test_figures_cover_the_last_five_minutes():
    clock = Clock()
    window = Window(clock)
    for number in range(100):
        window.record(0.010 if number < 90 else 0.5, failed=number < 5)
    figures = window.figures()
    assert (figures["requests"], figures["error_rate"]) == (100, 0.05)
    assert figures["p95_ms"] == pytest.approx(500, rel=0.3)
    clock.now += 301
    assert window.figures() == {"requests": 0, "error_rate": None, "p95_ms": None}
    window.record(0.01, failed=False)
    assert window.figures()["requests"] == 1


def test_the_worst_of_a_minute_stays_and_45_minutes_are_kept():
    clock = Clock()
    clock.now = 60_000.0
    history = History(clock)
    history.mark("ok")
    history.mark("down")
    history.mark("ok")
    clock.now += 120
    history.mark("slow")
    assert history.marks()[-3:] == ["down", "none", "slow"]
    assert len(history.marks()) == 45
    clock.now += 60 * 45
    history.mark("ok")
    assert history.marks() == ["none"] * 44 + ["ok"]


def test_a_service_that_is_only_starting_is_no_outage_in_the_bars():
    clock = Clock()
    condition = Condition(History(clock))
    for _ in range(3):
        condition.found("connection refused")
        assert (condition.state, condition.history.marks()[-1]) == ("unhealthy", "down")
        clock.now += STARTING_SECONDS / 4
    condition.found(None)
    assert (condition.state, set(condition.history.marks())) == ("healthy", {"none", "ok"})
    condition.found("connection refused")
    clock.now += 1
    condition.found(None)
    assert condition.history.marks()[-1] == "down", "after its start it was away"


def test_a_service_that_comes_late_was_an_outage():
    clock = Clock()
    condition = Condition(History(clock))
    condition.found("connection refused")
    clock.now += STARTING_SECONDS + 1
    condition.found(None)
    assert "down" in condition.history.marks()
