import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_core import documents, timestamps
from opsbuddy_core.errors import MalformedError

NOW = timestamps.instant("2026-11-25T00:00:00Z")


@given(st.integers(timestamps.EARLIEST, NOW))
def test_what_is_rendered_is_read_as_the_same_instant(nanoseconds: int) -> None:
    assert timestamps.parse(timestamps.render(nanoseconds), NOW) == nanoseconds


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is no time: expected"),
        ("now", "is no time: expected"),
        ("2026-13-01T00:00:00Z", "is no time: month"),
        ("2026-01-01", "is no time: expected"),
        ("2026-01-01T00:00:61Z", "is no time: second"),
        ("2026-01-01T24:00:00Z", "is no time: hour"),
        ("2026-01-01T00:00:00+24:00", "has an offset that there is not"),
        ("٢٠٢٦-01-01T00:00:00Z", "is no time: expected"),
        ("1" * 21, "is no time: expected"),
        (True, "is no time: expected"),
        (None, "is no time: expected"),
        ([], "is no time: expected"),
        (float("nan"), "is no number"),
        ("5", "lies before 1973"),
        (5, "lies before 1973"),
        (0, "lies before 1973"),
        (-1, "lies before 1973"),
        (-1795744154.5, "lies before 1973"),
        (float("-inf"), "lies before 1973"),
        ("1979-12-31T23:59:59Z", "lies before 1980"),
        ("0001-01-01T00:00:00Z", "lies before 1980 \\(0001-01-01T"),
        ("2026-11-27T00:00:00Z", "lies more than a day in the future"),
        (float("inf"), "lies more than a day in the future"),
        (1e300, "lies more than a day in the future"),
        pytest.param(10**400, "lies more than a day in the future", id="beyond any float"),
    ],
)
def test_what_is_no_time_or_lies_out_of_reach_has_a_reason_that_goes_with_the_fields_name(
    value: object, reason: str
) -> None:
    with pytest.raises(timestamps.TimestampError, match=f"^{reason}"):
        timestamps.parse(value, NOW)


@pytest.mark.parametrize("raw", [b"{", b"", b"[" * 100_000, b'{"a": ' * 5000, b"[" * 5000 + b"}" * 5000])
def test_what_is_no_json_is_malformed_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        documents.loads(raw)


def test_one_odd_character_spoils_itself_alone() -> None:
    assert documents.loads(b'{"a": "x\xffy", "b": "\\ud83d", "c": ["\\ud83d\\ude00"]}') == {
        "a": "x\ufffdy",
        "b": "\ufffd",
        "c": ["😀"],
    }


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (b"[" * 5000 + b"]" * 5000, "nested"),
        (b'{"]\\"[": ' * 5000 + b"1" + b"}" * 5000, "nested"),
        (b"1" * 5000, "infinity"),
        (b"-" + b"1" * 5000, "infinity"),
    ],
    ids=["lists", "objects", "digits", "negative digits"],
)
def test_one_value_out_of_all_bounds_leaves_its_neighbours_readable(value: bytes, refusal: str) -> None:
    first, odd, last = documents.loads(b'["a]", %b, {"b": [1]}]' % value)
    assert (first, last) == ("a]", {"b": [1]})
    with pytest.raises(ValueError, match=refusal):
        documents.check(odd, 64)


@pytest.mark.parametrize(
    "tail", [b'"' + b'\\"' * 500_000, b'"\\' * 300_000, b"[" * 500_000, b"[" * 600_000 + b"]" * 600_000]
)
def test_a_large_document_that_is_none_is_refused_in_a_moment(tail: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(MalformedError):
        documents.loads(b"[" * 5000 + b"]" * 5000 + tail)
    assert time.process_time() - begun < 3, "others wait meanwhile"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_document_that_passes_the_check_can_be_written(value: object) -> None:
    try:
        documents.check(value, 8)
    except ValueError:
        return
    assert documents.loads(documents.dumps(value).encode()) == value
