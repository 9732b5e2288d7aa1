import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_gateway.models import Address
from opsbuddy_gateway.service.budget import RetryBudget
from opsbuddy_gateway.service.endpoints import Endpoints
from opsbuddy_gateway.service.weights import WeightedCycle
from tests.services.gateway.test_breaker import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def endpoints(clock: Clock, count: int) -> Endpoints:
    made = Endpoints(clock, random.Random(1))  # noqa: S311 - spreads load
    made.replace([Address("10.0.0.1", port) for port in range(1, count + 1)])
    return made


def port(made: Endpoints, *tried: int, policy: str = "RoundRobin") -> int:
    endpoint = made.pick(policy, [entry for entry in made.all if entry.address.port in tried])
    assert endpoint
    return endpoint.address.port


def test_everyone_gets_the_same_share(clock):
    made = endpoints(clock, 3)
    assert Counter(port(made) for _ in range(300)) == {1: 100, 2: 100, 3: 100}


def test_an_endpoint_that_was_tried_is_not_tried_again_while_there_is_another(clock):
    made = endpoints(clock, 2)
    assert {port(made, 1) for _ in range(10)} == {2}
    assert port(made, 1, 2) in (1, 2)


def test_an_endpoint_that_fails_five_times_in_a_row_is_set_aside_and_comes_back(clock):
    made = endpoints(clock, 3)
    bad = made.all[0]
    for _ in range(5):
        made.failed(bad)
    assert made.state(bad) == "set_aside"
    assert {port(made) for _ in range(30)} == {2, 3}
    clock.now += 37
    assert 1 in {port(made) for _ in range(30)}
    made.failed(bad)
    clock.now += 37
    assert made.state(bad) == "set_aside", "the second time lasts longer"
    clock.now += 40
    made.succeeded(bad)
    assert bad.times_aside == 0


def test_an_endpoint_whose_health_check_fails_is_passed_over_unless_most_do(clock):
    made = endpoints(clock, 3)
    one, two, three = made.all
    one.healthy, two.healthy = False, True
    assert {port(made) for _ in range(30)} == {2, 3}
    assert {port(made, policy="LeastRequest") for _ in range(30)} == {2, 3}
    assert port(made, 2, 3) == 1, "it is tried when nothing else is left"
    two.healthy = False
    assert {port(made) for _ in range(30)} == {1, 2, 3}
    three.healthy = False
    assert {port(made) for _ in range(30)} == {1, 2, 3}


def test_at_most_half_are_set_aside(clock):
    for count in (1, 2, 3, 4, 5):
        made = endpoints(clock, count)
        for endpoint in made.all:
            for _ in range(10):
                made.failed(endpoint)
        assert sum(made.state(e) == "set_aside" for e in made.all) == count // 2


def test_what_is_known_of_an_endpoint_survives_a_change_of_the_others(clock):
    made = endpoints(clock, 2)
    made.all[0].in_flight = 3
    assert made.replace([Address("10.0.0.1", 1), Address("10.0.0.9", 1)]) == (True, True)
    assert made.all[0].in_flight == 3
    assert made.replace([Address("10.0.0.1", 1)]) == (True, False)
    assert made.replace([Address("10.0.0.1", 1)]) == (False, False)


def test_least_request_prefers_the_idle_one(clock):
    made = endpoints(clock, 2)
    made.all[0].in_flight = 5
    assert {port(made, policy="LeastRequest") for _ in range(20)} == {2}


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20), min_size=1))
def test_turns_follow_the_weights_exactly(weights):
    cycle = WeightedCycle(weights)
    total = sum(weights.values()) or len(weights)
    expected = {k: v for k, v in weights.items() if v} or dict.fromkeys(weights, 1)
    assert Counter(next(cycle.turn()) for _ in range(total * 3)) == {k: v * 3 for k, v in expected.items()}


def test_retries_are_a_fifth_of_the_requests_at_most(clock):
    budget = RetryBudget(clock)
    while budget.take():
        pass
    granted = 0
    for _ in range(1000):
        budget.request()
        granted += budget.take()
    assert granted == pytest.approx(200, abs=2)
    clock.now += 5
    assert sum(budget.take() for _ in range(20)) == 5, "a trickle stays when nothing else comes"


def test_never_more_than_half_are_set_aside_even_when_the_others_leave(clock):
    made = endpoints(clock, 4)
    for endpoint in made.all[:2]:
        for _ in range(5):
            made.failed(endpoint)
    assert [made.state(entry) for entry in made.all].count("set_aside") == 2
    made.replace([entry.address for entry in made.all[:2]])
    assert [made.state(entry) for entry in made.all].count("set_aside") == 1
