import pytest

from opsbuddy_core.web.accept import preferred, takes_by_name

JSON, TEXT, METRICS, EVENTS = "application/json", "text/plain", "application/openmetrics-text", "text/event-stream"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("", JSON, id="nothing said"),
        pytest.param("*/*", JSON, id="curl"),
        pytest.param("application/json, text/plain, */*", JSON, id="axios"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON, id="a browser"),
        pytest.param(PROMETHEUS, METRICS, id="Prometheus"),
        pytest.param("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT, id="an old Prometheus"),
        pytest.param("text/plain", TEXT, id="one kind"),
        pytest.param("Text/*", TEXT, id="a kind of kinds"),
        pytest.param("application/json;q=0.2, text/plain;q=0.7", TEXT, id="weighed"),
        pytest.param("application/json, text/plain;q=0.1", JSON, id="weighed the other way"),
        pytest.param("text/plain;q=0, */*", JSON, id="excluded"),
        pytest.param("image/png", JSON, id="none of those"),
        pytest.param(";q=,,q=nan;q=x, text/plain;q=7", TEXT, id="no list of kinds"),
    ],
)
def test_the_kind_that_a_client_likes_best_is_answered_and_the_first_of_equals(accept: str, kind: str) -> None:
    assert preferred(accept, JSON, TEXT, METRICS) == kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/event-stream", EVENTS),
        ("application/json, Text/Event-Stream;q=0.1", EVENTS),
        ("text/event-stream;q=0, application/json", None),
        ("*/*", None),
        ("", None),
    ],
)
def test_a_stream_is_for_those_who_name_it(accept: str, kind: str | None) -> None:
    assert takes_by_name(accept, EVENTS) == kind
