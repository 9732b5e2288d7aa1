import contextlib
import math
import time
from itertools import pairwise

import cramjam
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsbuddy_core.errors import MalformedError, TooLargeError
from opsbuddy_core.flux import expression
from opsbuddy_timeseries_service.promql import aggregation, binary, functions
from opsbuddy_timeseries_service.promql.engine import Engine, TooLongError
from opsbuddy_timeseries_service.promql.errors import BadQueryError, PromError
from opsbuddy_timeseries_service.promql.lexer import duration, string
from opsbuddy_timeseries_service.promql.nodes import selectors
from opsbuddy_timeseries_service.promql.parser import MAX_LENGTH, parse
from opsbuddy_timeseries_service.promql.ranges import FUNCTIONS, Window, quantile
from opsbuddy_timeseries_service.promql.values import Samples, Series
from opsbuddy_timeseries_service.remotewrite import from_remote_write, unpacked
from opsbuddy_timeseries_service.service.prometheus import number
from opsbuddy_timeseries_service.service.shaping import filled
from tests.services.timeseries_service import remote

WORDS = [
    "up",
    "rate",
    "(",
    ")",
    "{",
    "}",
    "[5m]",
    "[",
    "]",
    "by",
    "sum",
    "topk",
    ",",
    "=~",
    "=",
    '"a"',
    "+",
    "-",
    "^",
    "1",
    "offset",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join)))
def test_any_text_is_a_query_or_a_bad_one(text: str) -> None:
    with contextlib.suppress(BadQueryError):
        parse(text)


def computed(query: str) -> float:
    return Engine([0], {}).scalar(parse(query))[0]


numbers = st.integers(1, 50).map(str)
sums = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda each: f"({' '.join(each)})"),
)


@given(sums, st.sampled_from([" + ", " - ", " * "]), sums, st.sampled_from([" + ", " - ", " * "]), sums)
def test_arithmetic_has_the_precedence_that_everybody_knows(a: str, first: str, b: str, second: str, c: str) -> None:
    text = a + first + b + second + c
    assert computed(text) == pytest.approx(float(eval(text)))  # noqa: S307 - of numbers made above


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("-2^2", -4),
        ("2^3^2", 512),
        ("-2*3", -6),
        ("7 % 4", 3),
        ("1/0", math.inf),
        ("-1/0", -math.inf),
        ("0x1F", 31),
        ("1 < bool 2", 1),
        ("2e3", 2000),
        ("+.5", 0.5),
    ],
)
def test_numbers(query: str, value: float) -> None:
    assert computed(query) == value


@pytest.mark.parametrize("opened", ["(", "-", "sum(", "sum by (a) (", "abs(", "topk(1, ", "2 ^ ", "up + (", "up and ("])
@pytest.mark.parametrize("times", [45, 110, 190, 1000])
def test_a_query_nested_however_deep_is_read_and_worked_off_or_refused(opened: str, times: int) -> None:
    query = opened * times + "vector(1)" + ")" * times * (opened.count("(") - opened.count(")"))
    try:
        node = parse(query)
    except BadQueryError:
        assert times > 45
    else:
        Engine([0], {}).vector(node)


@pytest.mark.parametrize("piece", ["1", "1.", "1s", "a", "0x1", '"\\"', "1e", "(", "`", "\\", "a[1s]"])
def test_the_longest_odd_query_is_refused_in_a_moment(piece: str) -> None:
    begun = time.process_time()
    with pytest.raises(BadQueryError):
        parse(piece * (MAX_LENGTH // len(piece) - 1) + "é")
    assert time.process_time() - begun < 1, "others wait meanwhile"


@given(st.floats())
def test_a_value_is_written_so_that_it_reads_back(value: float) -> None:
    text = number(value)
    assert "e" not in text.lower() or math.isnan(value)
    assert float(text) == value or math.isnan(value)


def test_durations_and_strings() -> None:
    assert (duration("1h30m"), duration("15ms")) == (5_400_000, 15)
    assert string(r'"a\"b\n\x41é"') == 'a"b\nAé'
    assert string("`a\\n`") == "a\\n"
    with pytest.raises(BadQueryError):
        string(r'"\q"')


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20))
def test_growth_is_never_negative_and_all_of_it_where_samples_reach_both_edges(values: list[float]) -> None:
    times = [1000 * (place + 1) for place in range(len(values))]
    grown = FUNCTIONS["increase"](Window(times, values, times[0] - 1, times[-1]))
    exact = sum(b - a if b >= a else b for a, b in pairwise(values))
    assert grown is not None
    assert grown == pytest.approx(exact, rel=0.01, abs=1e-3)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
@example([0.0, -115631.0, -115631.0], 0.05)
def test_a_quantile_lies_within_the_values(values: list[float], fraction: float) -> None:
    assert min(values) <= quantile(fraction, values) <= max(values)


@given(st.lists(st.floats(), min_size=1, max_size=8), st.floats(), st.floats())
@example([1.7e308, -1.7e308, 1.7e308], 1e-300, 0.5)
@example([1e200, -1e200], math.inf, -1.0)
def test_every_function_and_operator_has_a_result_for_all_numbers_there_are(
    values: list[float], one: float, other: float
) -> None:
    window = Window([1000 * place for place in range(len(values))], values, -1, 1000 * len(values))
    for function in FUNCTIONS.values():
        assert isinstance(function(window), float | None)
    for aggregate in aggregation.FUNCTIONS.values():
        assert isinstance(float(aggregate(values)), float)
    for mapped in functions.MATH.values():
        assert all(isinstance(float(mapped(value)), float) for value in values)
    for operator in binary.ARITHMETIC.values():
        assert all(isinstance(operator(value, one), float) for value in values)
    for value in values:
        assert isinstance(float(functions.rounded(value, one)), float)
        assert isinstance(functions.clamped(value, one, other), float)
    assert isinstance(quantile(one, values), float)
    buckets = [Series({"le": str(each)}, [value]) for each, value in zip([one, other, math.inf], values, strict=False)]
    for found in functions.histogram_quantile([0.5], buckets):
        assert isinstance(found.row[0], float | None)


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), max_size=20))
def test_filling_changes_no_value_that_is_there(values: list[float | None]) -> None:
    for fill in ("null", "previous", "linear", "zero"):
        result = filled([*values], fill, None)  # type: ignore[arg-type]
        assert [b for a, b in zip(values, result, strict=True) if a is not None] == [a for a in values if a is not None]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_problem(raw: bytes) -> None:
    for read in (from_remote_write, lambda raw: unpacked(raw, 1000)):
        with contextlib.suppress(MalformedError, TooLargeError):
            read(raw)


@given(st.lists(st.tuples(st.integers(1_600_000_000_000, 1_700_000_000_000), st.floats(allow_nan=False)), max_size=5))
def test_samples_come_out_as_they_were_sent(samples: list[tuple[int, float]]) -> None:
    packed = bytes(cramjam.snappy.compress_raw(remote.message(({"__name__": "m", "a": "b"}, [*samples]))))
    intake = from_remote_write(unpacked(packed, 10_000))
    assert [(each.timestamp // 10**6, each.fields["value"]) for each in intake.points] == samples
    assert all(each.tags == {"a": "b"} for each in intake.points)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("a/b", r"/^(?s:a\/b)$/"),
        (r"a\/b", r"/^(?s:a\/b)$/"),
        ("\\\\/", "/^(?s:\\\\\\\\\\/)$/".replace("\\\\\\\\", "\\\\")),
        ("a\nb", r"/^(?s:a\nb)$/"),
    ],
)
def test_an_expression_cannot_leave_its_literal(pattern: str, literal: str) -> None:
    assert expression(pattern) == literal


def test_a_query_gives_up_at_its_deadline() -> None:
    with pytest.raises(TooLongError) as caught:
        Engine([0], {}, deadline=time.monotonic() - 1).vector(parse("vector(1)"))
    assert (caught.value.kind, caught.value.status) == ("timeout", 503)


def test_long_windows_give_up_at_the_deadline_too() -> None:
    node = parse("quantile_over_time(0.5, up[1h])")
    times = [*range(30_000)]
    samples = Samples({}, times, [float(each * 7919 % 10_007) for each in times])
    with pytest.raises(TooLongError):
        Engine([30_000] * 5000, {selectors(node)[0]: [samples]}, deadline=time.monotonic() + 0.2).vector(node)


def test_more_series_and_steps_than_fit_are_refused() -> None:
    node = parse("up")
    samples = [Samples({"i": str(i)}, [0], [1.0]) for i in range(300)]
    with pytest.raises(PromError, match="too many"):
        Engine([*range(10_000)], {selectors(node)[0]: samples}).vector(node)
