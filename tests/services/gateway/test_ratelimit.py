"""How much one client may ask: the count itself, without a gateway around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_gateway.service.headers import client_address, parse_networks
from opsbuddy_gateway.service.ratelimit import RateLimit, client_of


def test_a_burst_passes_and_then_the_sustained_rate():
    limit = RateLimit(10, 5, 100)
    verdicts = [limit.take("a", 0.0) for _ in range(6)]
    assert [(v.allowed, v.remaining) for v in verdicts] == [*((True, n) for n in (4, 3, 2, 1, 0)), (False, 0)]
    assert verdicts[-1].retry_after == pytest.approx(0.1)
    assert limit.take("a", 0.1).allowed
    assert not limit.take("a", 0.1).allowed


def test_a_client_that_waited_has_its_whole_burst_again():
    limit = RateLimit(10, 5, 100)
    for _ in range(5):
        limit.take("a", 0.0)
    assert limit.take("a", 0.6).remaining == 4


def test_clients_do_not_use_up_each_other():
    limit = RateLimit(1, 1, 100)
    assert limit.take("a", 0.0).allowed
    assert limit.take("b", 0.0).allowed
    assert not limit.take("a", 0.0).allowed


@given(st.integers(1, 1000), st.integers(1, 1000), st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_never_more_than_burst_and_rate_together(rate: int, burst: int, pauses: list[float]):
    limit, now, passed = RateLimit(rate, burst, 10), 1000.0, 0
    for pause in pauses:
        now += pause
        passed += limit.take("a", now).allowed
    assert passed <= burst + (now - 1000.0) * rate + 1e-3


def test_memory_is_bounded_and_the_longest_unseen_client_is_forgotten():
    limit = RateLimit(1, 1, 3)
    for name in ("a", "b", "c", "d"):
        limit.take(name, 0.0)
    assert limit.remembered == 3
    assert limit.take("a", 0.0).allowed
    assert not limit.take("d", 0.0).allowed


@pytest.mark.parametrize(
    ("rate", "burst", "policy"),
    [(5, 10, '"client";q=10;w=2'), (100, 100, '"client";q=100;w=1'), (100, 5, '"client";q=100;w=1')],
)
def test_the_policy_says_the_sustained_rate(rate: int, burst: int, policy: str):
    assert RateLimit(rate, burst, 10).policy == policy


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_client_has_its_whole_network(address: str, client: str):
    assert client_of(address) == client


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("10.0.0.1", b"1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6:1, 1.1.1.1:50000, 10.0.0.2:80", "1.1.1.1"),
        ("10.0.0.1", b"[2001:db8::1]:50000", "2001:db8::1"),
        ("10.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", b"unknown:1", "10.0.0.1"),
        ("10.0.0.1", b"[", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("9.9.9.9", b"1.1.1.1", "9.9.9.9"),
    ],
)
def test_what_a_client_writes_of_itself_does_not_make_it_another(peer: str, chain: bytes | None, client: str):
    assert client_address(peer, chain, parse_networks("10.0.0.0/8")) == client
