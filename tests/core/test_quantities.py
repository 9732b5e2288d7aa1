from decimal import Decimal

import pytest

from opsbuddy_core.resource.types import quantity, seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", 1024**3),
        ("1024Mi", 1024**3),
        ("100m", Decimal("0.1")),
        (2, 2),
        ("1.5k", 1500),
        ("1E", 10**18),
        ("1e3", 1000),
        ("2E-1", Decimal("0.2")),
        ("5u", Decimal("5e-6")),
    ],
)
def test_quantities_are_numbers(text: int | str, value: Decimal) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "1XB", "-1", "Gi", "1 Gi", "1e3Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600)])
def test_durations_are_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["30", "s", "1d", "-1s", "1.5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)
