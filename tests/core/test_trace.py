import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsbuddy_core import trace

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_goes_on_with_a_new_span() -> None:
    here = trace.continued("r", TRACEPARENT)
    assert here.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert here.span_id != "b7ad6b7169203331"
    assert trace.continued("r", here.headers()["traceparent"]).trace_id == here.trace_id


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "x",
    ],
)
def test_an_invalid_traceparent_starts_a_new_trace(bad: str | None) -> None:
    here = trace.continued(None, bad)
    assert len(here.trace_id) == 32
    assert here.trace_id != "0" * 32


@given(st.text(max_size=300))
@example("0\n")
def test_no_request_id_can_forge_a_header_or_a_log_line(text: str) -> None:
    kept = trace.continued(text, None).request_id
    assert kept.isascii()
    assert kept.isprintable()
    assert 0 < len(kept) <= 128
