"""The day that the demo is filled with: whole, the same for the same seed, and what the services take."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from demo.day import configs, files, logs, metrics
from demo.day.story import FAULT, NEW, Story, today
from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.service.intake import judge

lines_of = cache(logs.day)
points_of = cache(lambda story: list(metrics.day(story)))
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


@pytest.fixture(params=[7, 2026], scope="module")
def story(request: pytest.FixtureRequest) -> Story:
    return today(NOW, request.param)


@pytest.mark.process  # two whole days take seconds
def test_the_same_seed_and_the_same_end_give_the_same_day() -> None:
    story, again = today(NOW, 7), today(NOW + timedelta(seconds=20), 7)
    assert lines_of(story) == logs.day(again)
    assert points_of(story) == list(metrics.day(again))
    assert lines_of(story) != lines_of(today(NOW, 2026))


def test_every_line_is_a_log_of_that_day_with_an_identity_of_its_own(story: Story) -> None:
    lines = lines_of(story)
    verdicts = [judge(line) for line in lines]
    assert [verdict for verdict in verdicts if not isinstance(verdict, NewLog)] == []
    stamps = [datetime.fromisoformat(line["timestamp"]) for line in lines]
    assert stamps == sorted(stamps)
    assert story.begin <= stamps[0]
    assert stamps[-1] < story.end
    assert len({line["event_id"] for line in lines}) == len(lines) > 5000


def test_the_incident_is_where_most_errors_are_and_its_reason_is_in_the_lines(story: Story) -> None:
    errors = [line for line in lines_of(story) if line["level"] == "ERROR"]
    within = [line for line in errors if story.down(datetime.fromisoformat(line["timestamp"]))]
    assert len(within) > 0.6 * len(errors)
    assert {line["service"] for line in within} >= {"file-service", "gateway", "checkout", "operator"}
    assert any(FAULT in line["message"] for line in within)
    stored = [line for line in lines_of(story) if line["logger"] == "upload"]
    assert not [line for line in stored if story.down(datetime.fromisoformat(line["timestamp"]))]


def test_metrics_tell_the_same_story(story: Story) -> None:
    lines = [line.split(" ") for line in points_of(story)]
    assert len(lines) > 10_000
    begin, end = (int(at.timestamp()) * 10**9 for at in (story.begin, story.end))
    assert all(begin <= int(stamp) < end for _, _, stamp in lines)
    of_files = [
        (fields, datetime.fromtimestamp(int(stamp) / 1e9, UTC))
        for series, fields, stamp in lines
        if series == "http,service=file-service"
    ]
    requests = [int(fields.split(",")[0].removeprefix("requests=").removesuffix("i")) for fields, _ in of_files]
    assert all(before <= after for before, after in pairwise(requests))
    assert all(("p95_ms" in fields) != story.down(at) for fields, at in of_files)


def test_files_and_configurations_are_evidence_of_it(story: Story) -> None:
    stored = {file.name: file for file in files.day(story, lines_of(story))}
    assert FAULT in stored[f"file-service-{NEW}-startup.log"].content.decode()
    assert stored["errors-by-minute.png"].content.startswith(b"\x89PNG")
    assert str(story.waiting) in stored[f"{story.outage:%Y-%m-%d}-file-service.md"].content.decode()
    names = [config["name"] for config in configs.CONFIGS]
    assert len(names) > len(set(names)), "one of them has a history"
    assert any(config.get("secret") for config in configs.CONFIGS)
