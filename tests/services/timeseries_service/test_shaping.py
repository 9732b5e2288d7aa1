"""Buckets in the shape that was asked for: right for every number that there is."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_timeseries_service.service import shaping
from tests.services.timeseries_service.conftest import Service, point

NUMBERS = st.lists(st.none() | st.floats(allow_nan=False), max_size=30)


@given(NUMBERS, st.integers(2, 12))
def test_a_moving_average_is_the_mean_of_its_window(values: list[float | None], window: int) -> None:
    for place, found in enumerate(shaping.moving_average([*values], window)):
        there = [value for value in values[max(0, place - window + 1) : place + 1] if value is not None]
        if there and all(map(math.isfinite, there)):
            assert found == float(sum(map(Fraction, there)) / len(there))
        else:
            assert found is None


@pytest.mark.timeout(60)  # adding up each window anew would take minutes
def test_a_long_moving_average_takes_no_longer_than_a_short_one() -> None:
    found = shaping.moving_average([float(number) for number in range(100_000)], 100_000)
    assert (found[0], found[-1]) == (0, 49_999.5)


@pytest.mark.parametrize("shape", [{"transform": "moving_average", "window": 2}, {"top": 1}])
async def test_numbers_near_the_largest_one_have_a_mean(service: Service, shape: dict[str, object]) -> None:
    stamps = ("2026-11-01T00:00:00Z", "2026-11-01T00:01:00Z")
    await service.write(*(point(1.7e308, timestamp=stamp) for stamp in stamps))
    query = {"start": stamps[0], "end": "2026-11-01T00:02:00Z", "aggregate": "max", "every": "1m"}
    assert await service.values(**query, **shape) == [1.7e308, 1.7e308]
