from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core.health import HealthReport, ServiceInfo
from opsbuddy_ui_service.models.status import GatewayStatus, Observation, ServiceStatus
from opsbuddy_ui_service.views.platform import Surroundings, look
from opsbuddy_ui_service.views.state import State, View
from tests.support.fake_gateway import SERVICES, down, service, slow

NOW = datetime(2026, 3, 1, 3, 13, 42, tzinfo=UTC)
AROUND = Surroundings(tuple(SERVICES), stale_after=7, namespace="payments")
HEALTHY = HealthReport(
    status="healthy", service=ServiceInfo(name="API Gateway", version="1", uptime=1), database="none", timestamp="now"
)


def seen(*changed: dict[str, Any], age: float = 1, failure: str | None = None, without: str = "") -> Observation:
    """Return what is known when all services are healthy but for those that changed; `age` in seconds."""
    services = {name: service(name) for name in SERVICES if name != without} | {
        entry["name"]: entry for entry in changed
    }
    return Observation(
        started=NOW - timedelta(hours=1),
        asked=NOW,
        heard=NOW - timedelta(seconds=age),
        failure=failure,
        status=GatewayStatus.model_validate({"services": list(services.values())}),
        health=HEALTHY,
        gateway=ServiceStatus(name="gateway", state="healthy", since=NOW - timedelta(hours=1)),
        own=ServiceStatus(name="ui-service", state="healthy", since=NOW - timedelta(hours=1)),
    )


def sentence(view: View) -> str:
    return "".join(view.sentence())


def at(clock: str) -> str:
    return f"2026-03-01T{clock}:00Z"


@pytest.mark.parametrize(
    ("changed", "said", "tone"),
    [
        ([], "All six services are healthy.", "ok"),
        ([down("file-service", since=at("03:04"))], "file-service is down since 03:04 UTC.", "bad"),
        (
            [down("file-service", since=at("03:04")), slow("analytics-service")],
            "file-service is down since 03:04 UTC, and analytics-service is slow.",
            "bad",
        ),
        (
            [down("file-service", since=at("03:04")), down("utility-service", since=at("02:50"))],
            "file-service and utility-service are down since 02:50 UTC.",
            "bad",
        ),
        ([down(name, since=at("03:00")) for name in SERVICES], "Four of 6 services are down since 03:00 UTC.", "bad"),
        ([slow("analytics-service", minutes=16)], "analytics-service is slow since 02:58 UTC.", "warn"),
        (
            [service("timeseries-service", state="unknown", since=at("02:57"))],
            "timeseries-service has not been heard from since 02:57 UTC.",
            "stale",
        ),
        (
            [service("influxdb", state="unhealthy", endpoints=[], since=at("02:57"))],
            "influxdb is down since 02:57 UTC.",
            "bad",
        ),
    ],
)
def test_one_sentence_says_what_is_wrong_and_since_when(changed: list[dict[str, Any]], said: str, tone: str) -> None:
    view = look(seen(*changed), NOW, AROUND)
    assert (sentence(view), view.tone) == (said, tone)


@pytest.mark.parametrize(
    ("changed", "state", "headline", "reason"),
    [
        (
            down("file-service"),
            State.DOWN,
            "has no ready pod",
            (
                "Not ready: 10.244.1.1:8001 (its health check fails) and 10.244.2.1:8001 (its health check fails). "
                "The gateway holds requests back from it: its circuit breaker is open."
            ),
        ),
        (
            down("file-service", endpoints=[], breaker="closed"),
            State.DOWN,
            "has no pod",
            "There is no pod that could answer.",
        ),
        (
            down("file-service", breaker="closed", reason="takes no connection"),
            State.DOWN,
            "has no ready pod",
            "10.244.1.1:8001 and 10.244.2.1:8001: takes no connection.",
        ),
        (
            service(
                "file-service",
                endpoints=[
                    {"address": "a:1", "state": "healthy"},
                    {"address": "b:1", "state": "set_aside"},
                ],
            ),
            State.DEGRADED,
            "has 1 of 2 pods ready",
            "Not ready: b:1 (set aside after failed requests).",
        ),
        (
            service("file-service", error_rate=0.12, requests=1340),
            State.DEGRADED,
            "fails 12 % of its requests",
            "Of the last 1,340 through the gateway.",
        ),
        (
            slow("file-service"),
            State.SLOW,
            "answers in 1.4 s (p95)",
            "Of the last 1,840 requests through the gateway.",
        ),
        (
            slow("file-service", p95_ms=None, requests=0),
            State.SLOW,
            "answers slowly",
            "Its health check took longer than 1.0 s in 15 of the last 45 minutes.",
        ),
        (
            slow("file-service", minutes=1, p95_ms=12),
            State.SLOW,
            "answers slowly",
            "Its health check took longer than 1.0 s in this minute.",
        ),
        (
            service("file-service", state="unknown"),
            State.NOT_HEARD,
            "has not been heard from",
            "The gateway has not had an answer to a health check yet.",
        ),
    ],
)
def test_each_trouble_has_its_reason(changed: dict[str, Any], state: State, headline: str, reason: str) -> None:
    row = look(seen(changed), NOW, AROUND).find("file-service")
    assert row
    assert (row.state, row.headline, row.reason) == (state, headline, reason)


def test_a_few_failed_requests_of_very_few_are_no_trouble() -> None:
    row = look(seen(service("file-service", error_rate=0.5, requests=4)), NOW, AROUND).find("file-service")
    assert row
    assert row.state is State.HEALTHY


def test_a_service_that_the_gateway_does_not_know_is_shown_as_not_heard() -> None:
    row = look(seen(without="file-service"), NOW, AROUND).find("file-service")
    assert row
    assert (row.state, row.headline) == (State.NOT_HEARD, "is not known to the gateway")


def test_what_needs_attention_comes_oldest_first() -> None:
    view = look(seen(down("file-service", since=at("03:04")), slow("analytics-service", minutes=16)), NOW, AROUND)
    assert [row.name for row in view.attention] == ["analytics-service", "file-service"]


def test_old_is_not_live() -> None:
    fresh, old = look(seen(age=7), NOW, AROUND), look(seen(age=7.1, failure="Connection refused."), NOW, AROUND)
    assert (fresh.live, old.live) == (True, False)
    assert {row.state for row in old.rows if row.name != "ui-service"} == {State.NOT_HEARD}
    assert {row.p95 for row in old.rows} == {"\N{EN DASH}"}
    assert sentence(old) == "The gateway has not been heard from since 03:13 UTC."


def test_a_pod_that_was_not_checked_yet_is_no_trouble() -> None:
    pods = [{"address": "a:1", "state": "healthy"}, {"address": "b:1", "state": "unknown"}]
    row = look(seen(service("file-service", endpoints=pods)), NOW, AROUND).find("file-service")
    assert row
    assert (row.state, row.pods) == (State.HEALTHY, "1 / 2")


def test_this_process_knows_that_it_answers_without_the_gateway() -> None:
    row = look(seen(service("ui-service", state="unhealthy"), age=60), NOW, AROUND).find("ui-service")
    assert row
    assert row.state is State.HEALTHY


def test_without_the_gateway_it_is_the_only_trouble_and_says_what_to_do() -> None:
    [row] = look(seen(age=600, failure="The gateway cannot be reached: connection refused."), NOW, AROUND).attention
    assert (row.name, row.since) == ("gateway", NOW - timedelta(minutes=10))
    assert row.reason == "The gateway cannot be reached: connection refused."
    assert row.command == "kubectl -n payments logs deploy/gateway --tail=50"


def test_bars_move_on_without_data_while_nothing_is_heard() -> None:
    row = look(seen(age=150), NOW, AROUND).find("file-service")
    assert row
    assert row.bars == ("ok",) * 42 + ("none",) * 3


def test_before_the_first_answer_the_page_counts_from_its_start() -> None:
    view = look(Observation(started=NOW - timedelta(minutes=2)), NOW, AROUND)
    assert sentence(view) == "The gateway has not been heard from since 03:11 UTC."
    assert [row.name for row in view.rows] == ["gateway", *SERVICES, "ui-service"]


states = st.builds(
    ServiceStatus,
    name=st.sampled_from(["gateway", *SERVICES, "ui-service", "influxdb", "x"]),
    state=st.sampled_from(["healthy", "unhealthy", "unknown"]),
    since=st.none() | st.datetimes(datetime(2026, 1, 1), NOW.replace(tzinfo=None), timezones=st.just(UTC)),  # noqa: DTZ001
    error_rate=st.none() | st.floats(0, 1),
    p95_ms=st.none() | st.floats(0, 1e6),
    requests=st.none() | st.integers(0, 10**9),
    history=st.lists(st.sampled_from(["ok", "slow", "down", "none"]), max_size=60).map(tuple),
)


@given(st.lists(states, max_size=8, unique_by=lambda s: s.name), st.floats(0, 10_000))
def test_whatever_the_gateway_says_the_page_never_calls_well_what_is_not(
    services: list[ServiceStatus], age: float
) -> None:
    known = seen(age=age)
    view = look(
        Observation(known.started, NOW, known.heard, None, GatewayStatus(services=tuple(services)), own=known.own),
        NOW,
        AROUND,
    )
    names = [row.name for row in view.rows]
    assert len(names) == len(set(names))
    assert {"gateway", *SERVICES, "ui-service"} <= set(names)
    well = all(row.state is State.HEALTHY for row in view.rows)
    assert (sentence(view).startswith("All ")) == well == (view.tone == "ok") == (not view.attention)
    assert all(len(row.bars) == 45 for row in view.rows)
    assert sentence(view).endswith(".")
    for status in services:
        row = view.find(status.name)
        assert row
        own = not view.live and status.name == "ui-service"  # that it answers, it knows itself
        assert view.live or own or row.state is State.NOT_HEARD
        assert row.state is not State.HEALTHY or own or status.state == "healthy"
        assert row.state is State.HEALTHY or row.reason


@pytest.mark.parametrize(
    ("changed", "command"),
    [
        (service("file-service", state="unhealthy", endpoints=[]), "kubectl -n payments describe obs file-service"),
        (service("file-service", state="unknown", endpoints=[]), "kubectl -n payments describe obs file-service"),
        (down("file-service"), "kubectl -n payments logs deploy/file-service --tail=50"),
        (service("file-service"), "kubectl -n payments logs deploy/file-service --tail=50"),
        (service("gateway", state="unhealthy", endpoints=[]), "kubectl -n payments logs deploy/gateway --tail=50"),
    ],
)
def test_a_service_without_a_pod_has_no_log_so_its_resource_is_looked_at(changed: dict[str, Any], command: str) -> None:
    row = look(seen(changed), NOW, AROUND).find(changed["name"])
    assert row
    assert row.command == command


def test_outside_of_a_cluster_no_command_of_a_cluster_is_shown() -> None:
    around = Surroundings(tuple(SERVICES), stale_after=7)
    for observed in (seen(down("file-service")), seen(age=60, failure="refused")):
        assert {row.command for row in look(observed, NOW, around).rows} == {""}
