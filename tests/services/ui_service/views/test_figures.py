import pytest

from opsbuddy_ui_service.views.figures import duration, enumeration, in_words, milliseconds, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "\N{EN DASH}"), (0.2, "< 1 ms"), (4.4, "4 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (12_340, "12.3 s")],
)
def test_durations_read_as_people_say_them(value: float | None, text: str) -> None:
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (0.00001, "< 0.1 %"),
        (0.003, "0.3 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.42, "42 %"),
        (0.999, "> 99 %"),
        (1, "100 %"),
    ],
)
def test_a_few_errors_are_never_none_and_most_are_never_all(share: float, text: str) -> None:
    assert percent(share) == text


def test_names_and_numbers_read_as_in_a_sentence() -> None:
    assert enumeration(["a"]) == "a"
    assert enumeration(["a", "b", "c"]) == "a, b and c"
    assert (in_words(6), in_words(13)) == ("six", "13")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (40.9, "40 s"), (120, "2 min"), (3600 * 3.4, "3 h 24 min"), (86400 * 2 + 3600 * 4, "2 d 4 h")],
)
def test_lengths_of_time_are_told_in_whole_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
