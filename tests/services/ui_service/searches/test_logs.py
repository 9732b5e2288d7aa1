from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.logs import TEXTS, Search, read
from opsbuddy_ui_service.searches.time_range import DAY, HOUR, MINUTE, SECOND, moment

NOW = timestamps.parse("2026-11-26T02:14:00Z")


def parameters(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("now", NOW),
        ("15m", NOW - 15 * MINUTE),
        ("-15m", NOW - 15 * MINUTE),
        ("90 s", NOW - 90 * SECOND),
        ("15 min ago", NOW - 15 * MINUTE),
        ("6 hours", NOW - 6 * HOUR),
        ("7d", NOW - 7 * DAY),
        ("2 weeks ago", NOW - 14 * DAY),
        ("02:00", NOW - 14 * MINUTE),
        ("02:00:30.5", NOW - 14 * MINUTE + 30 * SECOND + SECOND // 2),
        ("02:44", NOW + 30 * MINUTE - DAY),  # later than now: yesterday's
        ("2026-11-26 01:14", NOW - HOUR),
        ("2026-11-26T01:14Z", NOW - HOUR),
        ("2026-11-26T02:14:00+01:00", NOW - HOUR),
    ],
)
def test_times_are_read_as_people_type_them(typed: str, meant: int) -> None:
    assert moment(typed, NOW) == meant


@pytest.mark.parametrize(
    "typed", ["soon", "25:00", "12:61", "2026-13-01 00:00", "1970-01-01 00:00", "999999d", "-", "15"]
)
def test_what_is_no_time_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        moment(typed, NOW)
    assert read({"start": typed}, NOW).wrong["start"]


@pytest.mark.parametrize("typed", ["25:61", "24:00", "12:61:00", "03:04:75"])
def test_a_time_that_no_clock_shows_is_said_with_how_far_a_clock_goes(typed: str) -> None:
    reason = "is no time of a day: hours go from 00 to 23, minutes and seconds from 00 to 59"
    assert read({"start": typed, "end": typed}, NOW).wrong == {"start": reason, "end": reason}


def test_without_a_time_it_is_the_last_hour() -> None:
    search = read({}, NOW)
    assert (search.first, search.last, search.wrong) == (NOW - HOUR, NOW, {})
    assert search.question() == {"start": "2026-11-26T01:14:00.000Z", "end": "2026-11-26T02:14:00.000Z"}


def test_a_search_that_ends_before_it_begins_is_named_at_its_end() -> None:
    assert read({"start": "now", "end": "1h"}, NOW).wrong == {"end": "ends before it begins"}


def test_levels_and_lengths_that_cannot_be_are_named_at_their_field() -> None:
    assert set(read({"level": "LOUD", "text": "x" * 1001}, NOW).wrong) == {"level", "text"}


def test_another_filter_begins_anew_and_the_next_page_keeps_the_range() -> None:
    search = read({"service": "a", "start": "-15m", "cursor": "abc"}, NOW)
    assert parameters(search.address(level="ERROR")) == {"service": "a", "start": "-15m", "level": "ERROR"}
    assert parameters(search.older("def")) == {
        "service": "a",
        "start": "2026-11-26T01:59:00.000Z",
        "end": "2026-11-26T02:14:00.000Z",
        "cursor": "def",
    }
    assert parameters(search.shared) == parameters(search.older("abc"))


def test_around_a_log_is_a_quarter_of_an_hour_on_either_side() -> None:
    search = read({"service": "a", "around": "2026-11-26T01:00:00.123456789Z", "event": "e"}, NOW)
    assert search.last - search.first == 30 * MINUTE
    assert parameters(search.shared) == {"service": "a", "around": "2026-11-26T01:00:00.123456789Z", "event": "e"}
    assert read({"around": "yesterday"}, NOW).wrong["around"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(TEXTS), st.text(max_size=40)))
def test_any_address_is_read_and_leads_to_itself(typed: dict[str, str]) -> None:
    search = read(typed, NOW)
    assert search.first < search.last or search.wrong
    again = Search(**{name: text.strip() for name, text in typed.items()})
    assert parameters(
        again.address(**{name: getattr(again, name) for name in ("cursor", "around", "event", "tail")})
    ) == {name: text.strip() for name, text in typed.items() if text.strip()}
