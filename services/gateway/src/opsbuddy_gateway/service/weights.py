from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class WeightedCycle(Generic[T]):
    """Spreads turns by weight, evenly over time (smooth weighted round robin). Weight 0 gets no turn while another has one."""

    def __init__(self, weights: Mapping[T, int]) -> None:
        self._weights = {item: weight for item, weight in weights.items() if weight} or dict.fromkeys(weights, 1)
        self._total = sum(self._weights.values())
        self._current = dict.fromkeys(self._weights, 0)
        self._only = tuple(self._weights) if len(self._weights) == 1 else None

    def turn(self) -> Iterator[T]:
        """Return the item whose turn it is, then the others in case it cannot be used."""
        return iter(self._only) if self._only else self._turns()

    def _turns(self) -> Iterator[T]:
        for item, weight in self._weights.items():
            self._current[item] += weight
        chosen = max(self._current, key=lambda item: self._current[item])
        self._current[chosen] -= self._total
        yield chosen
        yield from sorted(self._weights.keys() - {chosen}, key=lambda item: -self._current[item])
