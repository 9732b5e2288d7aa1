import asyncio

import pytest

from opsbuddy_operator import lease as module
from opsbuddy_operator.cluster.api import UnavailableError
from opsbuddy_operator.cluster.kinds import LEASE
from opsbuddy_operator.lease import DEADLINE, TERM, Lease
from tests.support.fake_cluster import FakeCluster
from tests.support.wait import eventually

WHERE = LEASE.ref("t", "opsbuddy-operator")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def lease(cluster: FakeCluster, clock: Clock, name: str) -> Lease:
    return Lease(cluster, WHERE, name, clock)


async def test_the_first_leads_and_the_second_waits(cluster, clock):
    first, second = lease(cluster, clock, "a"), lease(cluster, clock, "b")
    await first._try()
    await second._try()
    assert (first.leads(), second.leads()) == (True, False)
    assert cluster.objects[WHERE]["spec"]["holderIdentity"] == "a"


async def test_two_never_lead_at_the_same_time(cluster, clock):
    first, second = lease(cluster, clock, "a"), lease(cluster, clock, "b")
    await first._try()
    await second._try()
    while not second.leads():
        assert clock.now < 1100
        clock.now += 1
        await second._try()
        assert not (first.leads() and second.leads())
    assert clock.now - 1000 > TERM > DEADLINE
    assert cluster.objects[WHERE]["spec"]["leaseTransitions"] == 1


async def test_a_renewed_lease_is_never_taken(cluster, clock):
    first, second = lease(cluster, clock, "a"), lease(cluster, clock, "b")
    for _ in range(30):
        await first._try()
        await second._try()
        clock.now += 2
        assert not second.leads()
        assert first.leads()


async def test_what_was_let_go_is_taken_at_once(cluster, clock):
    first, second = lease(cluster, clock, "a"), lease(cluster, clock, "b")
    await first._try()
    await second._try()
    await first.release()
    await second._try()
    assert (first.leads(), second.leads()) == (False, True)


async def test_of_two_who_grab_a_free_lease_one_gets_it(cluster, clock):
    gone = lease(cluster, clock, "gone")
    await gone._try()
    await gone.release()
    rivals = [lease(cluster, clock, name) for name in "abc"]
    seen = await cluster.get(WHERE)
    for rival in rivals:
        rival._held = seen  # all of them saw it free
        await rival._try()
    assert [rival.leads() for rival in rivals].count(True) == 1


async def test_a_leader_that_lost_the_lease_stops_at_the_next_try(cluster, clock):
    first = lease(cluster, clock, "a")
    await first._try()
    cluster.put({**cluster.objects[WHERE], "spec": {"holderIdentity": "b", "leaseDurationSeconds": 15}})
    await first._try()
    assert not first.leads()


async def test_an_edit_of_the_lease_by_somebody_else_ends_no_leadership(cluster, clock):
    first = lease(cluster, clock, "a")
    await first._try()
    cluster.put({**cluster.objects[WHERE], "metadata": cluster.objects[WHERE]["metadata"] | {"labels": {"a": "b"}}})
    clock.now += 2
    await first._try()
    assert first._renewed == clock.now


async def test_a_renewal_whose_answer_was_lost_ends_no_leadership(cluster, clock):
    first = lease(cluster, clock, "a")
    await first._try()
    replace = cluster.replace

    async def without_an_answer(obj):
        await replace(obj)
        raise UnavailableError("the answer was lost")

    cluster.replace = without_an_answer
    with pytest.raises(UnavailableError):
        await first._try()
    cluster.replace = replace
    clock.now += 2
    await first._try()
    assert first._renewed == clock.now


async def test_without_an_api_server_a_leader_stops_by_itself_before_the_term_ends(cluster, clock):
    first = lease(cluster, clock, "a")
    await first._try()
    cluster.fault = lambda *_: UnavailableError("down")
    clock.now += DEADLINE - 0.1
    assert first.leads()
    clock.now += 0.2
    assert not first.leads()


async def test_gain_and_loss_are_told_once(cluster, clock, monkeypatch):
    monkeypatch.setattr(module, "RETRY", 0.001)
    told: list[str] = []

    async def said(words: list[str]):
        return told == words

    first = lease(cluster, clock, "a")
    task = asyncio.create_task(first.run(lambda: told.append("gained"), lambda: told.append("lost")))
    await eventually(lambda: said(["gained"]), every=0.001)
    cluster.fault = lambda *_: UnavailableError("down")
    clock.now += DEADLINE + 1
    await eventually(lambda: said(["gained", "lost"]), every=0.001)
    cluster.fault = lambda *_: None
    await eventually(lambda: said(["gained", "lost", "gained"]), every=0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
