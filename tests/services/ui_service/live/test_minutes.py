from datetime import UTC, datetime, timedelta

from opsbuddy_ui_service.live.minutes import SLOW_MS, Minutes

NOW = datetime(2026, 3, 1, 3, 13, 42, tzinfo=UTC)


def test_a_minute_shows_the_worst_that_happened_in_it() -> None:
    minutes = Minutes()
    minutes.record(NOW, 4, healthy=True)
    minutes.record(NOW, SLOW_MS + 1, healthy=True)
    minutes.record(NOW, 4, healthy=True)
    assert minutes.bars(NOW)[-1] == "slow"
    minutes.record(NOW, 4, healthy=False)
    assert minutes.bars(NOW)[-1] == "down"


def test_what_was_not_answered_is_no_data_and_old_minutes_go() -> None:
    minutes = Minutes()
    minutes.record(NOW, 4, healthy=True)
    later = NOW + timedelta(minutes=2)
    minutes.record(later, None, healthy=False)
    assert minutes.bars(later)[-3:] == ("ok", "none", "none")
    assert minutes.bars(NOW + timedelta(minutes=45)) == ("none",) * 45


def test_p95_is_that_of_the_newest_calls() -> None:
    minutes = Minutes()
    assert minutes.p95_ms is None
    for duration in range(1, 101):
        minutes.record(NOW, duration, healthy=True)
    assert minutes.p95_ms == 95
