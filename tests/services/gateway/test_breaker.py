import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_gateway.service.breaker import Breaker, State, Ticket


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(5, 60.0, clock)


def admitted(breaker: Breaker) -> Ticket:
    ticket = breaker.admit()
    assert ticket is not None
    return ticket


def open_it(breaker: Breaker) -> None:
    for _ in range(5):
        admitted(breaker).failed()
    assert breaker.state is State.OPEN


def test_it_opens_after_five_failures_in_a_row_and_not_before(breaker):
    for _ in range(4):
        admitted(breaker).failed()
    admitted(breaker).succeeded()
    for _ in range(4):
        admitted(breaker).failed()
    assert breaker.state is State.CLOSED
    admitted(breaker).failed()
    assert breaker.state is State.OPEN


def test_while_open_nobody_gets_through_until_the_time_is_over(breaker, clock):
    open_it(breaker)
    clock.now += 59.9
    assert breaker.admit() is None
    assert breaker.retry_after == pytest.approx(0.1)
    clock.now += 0.1
    assert breaker.state is State.HALF_OPEN


def test_exactly_one_request_tries(breaker, clock):
    open_it(breaker)
    clock.now += 60
    probe = admitted(breaker)
    assert breaker.admit() is None
    probe.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.admit()


def test_a_failed_probe_opens_it_for_another_full_time(breaker, clock):
    open_it(breaker)
    clock.now += 60
    admitted(breaker).failed()
    clock.now += 59.9
    assert breaker.admit() is None


def test_a_probe_without_a_verdict_frees_its_place(breaker, clock):
    open_it(breaker)
    clock.now += 60
    admitted(breaker).abandoned()
    assert breaker.state is State.HALF_OPEN
    admitted(breaker).succeeded()
    assert breaker.state is State.CLOSED


def test_the_first_verdict_counts(breaker):
    for _ in range(5):
        ticket = admitted(breaker)
        ticket.succeeded()
        ticket.failed()
    assert breaker.state is State.CLOSED


def test_results_of_requests_from_before_do_not_count_after_a_change(breaker, clock):
    early = [admitted(breaker) for _ in range(3)]
    open_it(breaker)
    clock.now += 60
    probe = admitted(breaker)
    early[0].succeeded()
    assert breaker.state is State.HALF_OPEN
    early[1].abandoned()
    assert breaker.admit() is None, "an old ticket must not free the probe's place"
    probe.succeeded()
    early[2].failed()
    assert breaker.state is State.CLOSED


def test_news_of_the_service_let_a_request_try_at_once(breaker):
    open_it(breaker)
    breaker.hasten()
    admitted(breaker).succeeded()
    assert breaker.state is State.CLOSED


@given(
    st.lists(st.tuples(st.sampled_from(["admit", "ok", "fail", "abandon", "wait"]), st.integers(0, 5)), max_size=200)
)
def test_it_never_locks_itself_for_ever(steps):
    clock = Clock()
    breaker = Breaker(3, 10.0, clock)
    tickets: list[Ticket] = []
    for step, number in steps:
        if step == "admit" and (ticket := breaker.admit()):
            tickets.append(ticket)
        elif step == "wait":
            clock.now += number * 3
        elif tickets and step in ("ok", "fail", "abandon"):
            ticket = tickets.pop(number % len(tickets))
            {"ok": ticket.succeeded, "fail": ticket.failed, "abandon": ticket.abandoned}[step]()
    for ticket in tickets:
        ticket.abandoned()
    clock.now += 10
    admitted(breaker).succeeded()
    assert breaker.state is State.CLOSED


def test_the_time_that_it_stays_open_is_jittered_anew_each_time(clock):
    chances = iter([0.05, 0.0])
    breaker = Breaker(1, 60, clock, lambda: next(chances))
    breaker.admit().failed()
    clock.now += 62.9
    assert breaker.state is State.OPEN
    clock.now += 0.2
    breaker.admit().failed()
    clock.now += 60
    assert breaker.state is State.HALF_OPEN


def test_it_tells_since_when_it_is_open_and_when_it_tries_again(breaker, clock):
    assert breaker.as_dict() == {"failures": 5, "open_seconds": None, "retry_after_seconds": None}
    open_it(breaker)
    clock.now += 20
    assert breaker.as_dict() == {"failures": 5, "open_seconds": 20.0, "retry_after_seconds": 40.0}
    clock.now += 50
    assert breaker.as_dict()["retry_after_seconds"] == 0.0
