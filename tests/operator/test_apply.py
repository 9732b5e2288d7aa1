from itertools import pairwise

import pytest

from opsbuddy_operator.cluster.api import ConflictError, RefusedError, TerminatingError, UnavailableError
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.models import Decision, ref
from opsbuddy_operator.reconcile.apply import LONGEST_PAUSE, Applier
from tests.support.fake_cluster import FakeCluster


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def obj(kind: str, **spec):
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web", "namespace": "t"}, "spec": spec}


ACCOUNT, SERVICE, DEPLOYMENT = obj("ServiceAccount"), obj("Service", a=1), obj("Deployment", replicas=1)


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def applier(cluster, clock):
    return Applier(cluster, Store(), clock)


def refuse(kind: str):
    return lambda verb, where: RefusedError("no") if where.kind == kind and verb in {"apply", "patch"} else None


async def test_one_refused_child_does_not_stop_the_others(cluster, applier):
    cluster.fault = refuse("Service")
    failures = await applier.run(Decision(apply=(ACCOUNT, SERVICE, DEPLOYMENT)), {})
    assert failures == {ref(SERVICE): "no"}
    assert set(cluster.objects) == {ref(ACCOUNT), ref(DEPLOYMENT)}


async def test_the_same_refused_thing_is_tried_with_growing_pauses_up_to_a_limit(cluster, applier, clock):
    cluster.fault = refuse("Service")
    decision, tried = Decision(apply=(SERVICE,)), []
    for second in range(3600):
        clock.now = float(second)
        before = len(cluster.requests)
        assert await applier.run(decision, {}) == {ref(SERVICE): "no"}
        tried += [second] * (len(cluster.requests) - before)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert len([second for second in tried if second < 300]) < 10


async def test_another_manifest_is_tried_at_once(cluster, applier):
    cluster.fault = refuse("Service")
    await applier.run(Decision(apply=(SERVICE,)), {})
    cluster.fault = lambda *_: None
    assert await applier.run(Decision(apply=(obj("Service", a=2),)), {}) == {}


async def test_without_a_hand_over_the_deployment_is_not_applied(cluster, applier):
    cluster.fault = lambda _, where: RefusedError("no") if where.kind == "Deployment" else None
    failures = await applier.run(Decision(handover=(DEPLOYMENT,), apply=(DEPLOYMENT,)), {ref(DEPLOYMENT): "u"})
    assert failures == {ref(DEPLOYMENT): "no"}
    assert cluster.writes == [("apply", "Deployment", "web")]


async def test_a_refused_repair_is_tried_with_growing_pauses(cluster, applier, clock):
    cluster.put(DEPLOYMENT)
    cluster.fault = refuse("Deployment")
    decision, tried = Decision(repair=(DEPLOYMENT,), apply=(DEPLOYMENT,)), []
    for second in range(300):
        clock.now = float(second)
        before = len(cluster.requests)
        assert await applier.run(decision, {ref(DEPLOYMENT): "u"}) == {ref(DEPLOYMENT): "no"}
        tried += [second] * (len(cluster.requests) - before)
    assert len(tried) < 10


async def test_pods_do_not_start_anew_before_their_settings_are_there(cluster, applier):
    """They would start with those before, and nothing would roll them when the new ones come."""
    settings = obj("ConfigMap")
    cluster.fault = refuse("ConfigMap")
    failures = await applier.run(Decision(apply=(settings, SERVICE, DEPLOYMENT)), {})
    assert failures == {ref(settings): "no"}
    assert set(cluster.objects) == {ref(SERVICE)}


async def test_a_stranger_that_came_up_meanwhile_is_not_overwritten(cluster, applier):
    cluster.put(obj("Service", theirs=True))
    with pytest.raises(ConflictError):
        await applier.run(Decision(apply=(SERVICE,)), {})
    assert cluster.objects[ref(SERVICE)]["spec"] == {"theirs": True}


@pytest.mark.parametrize("error", [UnavailableError("down"), TerminatingError("going")])
async def test_what_concerns_everything_stops_everything(cluster, applier, error):
    cluster.fault = lambda *_: error
    with pytest.raises(type(error)):
        await applier.run(Decision(apply=(ACCOUNT, SERVICE)), {})
    assert len(cluster.requests) == 1


async def test_only_the_object_that_was_seen_is_deleted(cluster, clock):
    store = Store()
    store.put(cluster.put(SERVICE))
    del cluster.objects[ref(SERVICE)]
    other = cluster.put(SERVICE)
    await Applier(cluster, store, clock).run(Decision(delete=(ref(SERVICE),)), {})
    assert cluster.objects[ref(SERVICE)]["metadata"]["uid"] == other["metadata"]["uid"]


async def test_a_deletion_that_is_refused_is_told_and_tried_again_with_growing_pauses(cluster, clock):
    """Such as by a webhook, or for want of a right, that somebody mends later."""
    store = Store()
    store.put(cluster.put(SERVICE))
    applier, decision, tried = Applier(cluster, store, clock), Decision(delete=(ref(SERVICE),)), []
    cluster.fault = lambda verb, _: RefusedError("no") if verb == "delete" else None
    for second in range(3600):
        clock.now = float(second)
        before = len(cluster.requests)
        failures = await applier.run(decision, {})
        assert failures == {ref(SERVICE): "it is to be deleted, but no"}
        assert applier.next_attempt(failures) is not None
        tried += [second] * (len(cluster.requests) - before)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    cluster.fault = lambda *_: None
    clock.now += LONGEST_PAUSE
    assert await applier.run(decision, {}) == {}
    assert ref(SERVICE) not in cluster.objects


async def test_answers_go_into_the_store(cluster, clock):
    store = Store()
    await Applier(cluster, store, clock).run(Decision(apply=(SERVICE,)), {})
    assert store.get(ref(SERVICE)) == cluster.objects[ref(SERVICE)]
