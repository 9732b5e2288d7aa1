import asyncio

import pytest
from prometheus_client import REGISTRY

from opsbuddy_operator.cluster.api import ForbiddenError
from opsbuddy_operator.cluster.kinds import CONFIG_MAP
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.models import Key, Subject, ref
from opsbuddy_operator.queue import Queue
from opsbuddy_operator.reconcile import audit as module
from opsbuddy_operator.reconcile.audit import Audit
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News
from tests.support.fake_cluster import FakeCluster

WEB = Key(Subject.SERVICE, "t", "web")


class NoRoutes:
    def pause(self, _: str) -> float:
        return 0.0


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(module, "LAG", 0)
    cluster, store, queue = FakeCluster(), Store(), Queue()
    return cluster, store, queue, Audit(cluster, store, News(store, queue, NoRoutes()), Namespaces(cluster, ()))


def child(**data):
    labels = {"opsbuddy.dev/service": "web", "app.kubernetes.io/managed-by": "opsbuddy-operator"}
    metadata = {"name": "web", "namespace": "t", "labels": labels}
    return {"apiVersion": "v1", "kind": CONFIG_MAP.kind, "metadata": metadata, "data": data}


async def test_nothing_is_repaired_where_the_watches_told_everything(parts):
    cluster, store, queue, audit = parts
    store.put(cluster.put(child()))
    assert await audit.run() == 0
    assert not queue.schedule.ready[0]
    assert audit.deaf == 0


async def test_a_deletion_that_nobody_told_of_is_found(parts):
    cluster, store, queue, audit = parts
    live = cluster.put(child())
    store.put(live)
    del cluster.objects[ref(live)]
    repaired = {"name": "opsbuddy_operator_watch_repairs_total", "labels": {"kind": "ConfigMap"}}
    before = REGISTRY.get_sample_value(**repaired) or 0
    assert await audit.run() == 1
    assert REGISTRY.get_sample_value(**repaired) == before + 1
    assert store.get(ref(live)) is None
    assert list(queue.schedule.ready[0]) == [WEB]


async def test_a_change_and_a_new_object_that_nobody_told_of_are_found(parts):
    cluster, store, queue, audit = parts
    store.put(cluster.put(child(a="1")))
    live = cluster.put(child(a="2"))
    assert await audit.run() == 1
    assert store.get(ref(live))["data"] == {"a": "2"}
    assert list(queue.schedule.ready[0]) == [WEB]


async def test_audits_in_a_row_that_find_something_are_counted(parts):
    cluster, _, _, audit = parts
    for number in range(3):
        cluster.put(child(a=str(number)))
        await audit.run()
    assert audit.deaf == 3
    await audit.run()
    assert audit.deaf == 0


async def test_a_watch_that_is_only_a_little_behind_is_not_deaf(parts):
    cluster, store, _, audit = parts
    live = cluster.put(child())
    listed = cluster.list

    async def then_told(*args, **more):
        answer = await listed(*args, **more)
        store.put(live)
        return answer

    cluster.list = then_told
    assert await audit.run() == 0


async def test_it_is_complete_when_the_store_holds_what_there_is(parts):
    cluster, store, _, audit = parts
    live = cluster.put(child())
    waiting = asyncio.create_task(audit.wait_until_complete())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not audit.complete
    store.put(live)
    await asyncio.wait_for(waiting, 5)
    assert audit.complete


def ever_newer(cluster, store):
    """What is listed is told a moment later, but by then there is a newer state again."""
    listed = cluster.list

    async def then_told_and_changed(*args, **more):
        answer = await listed(*args, **more)
        for live in answer:
            asyncio.get_running_loop().call_soon(store.put, live)
        if answer:
            cluster.put(child(a=answer[0]["metadata"]["resourceVersion"]))
        return answer

    cluster.list = then_told_and_changed


async def test_a_watch_that_follows_an_object_that_changes_all_the_time_is_not_deaf(parts):
    cluster, store, _, audit = parts
    cluster.put(child())
    ever_newer(cluster, store)
    for _ in range(4):
        assert await audit.run() == 0
    assert audit.deaf == 0


async def test_it_becomes_complete_while_objects_change_all_the_time(parts):
    cluster, store, _, audit = parts
    cluster.put(child())
    ever_newer(cluster, store)
    await asyncio.wait_for(audit.wait_until_complete(), 5)
    assert audit.complete


def gone(name: str):
    """With a namespace go the rights in it."""
    return lambda _, where: ForbiddenError(f"{name} is forbidden") if where.namespace == name else None


async def test_a_namespace_that_may_not_be_read_keeps_no_other_from_being_known(monkeypatch):
    monkeypatch.setattr(module, "LAG", 0)
    cluster, store, queue = FakeCluster(), Store(), Queue()
    namespaces = Namespaces(cluster, ("gone", "t"))
    audit = Audit(cluster, store, News(store, queue, NoRoutes()), namespaces)
    store.put(cluster.put(child()))
    left = child()
    left["metadata"]["namespace"] = "gone"
    store.put(cluster.put(left))
    cluster.fault = gone("gone")
    await asyncio.wait_for(audit.wait_until_complete(), 5)
    assert namespaces.unread == {"gone"}
    assert await audit.run() == 0
    cluster.fault = lambda *_: None
    cluster.put(left)
    assert await audit.run() == 1, "what happened there meanwhile is looked up before anything is decided there"
    assert namespaces.unread == frozenset()


@pytest.mark.parametrize("names", [(), ("t",)], ids=["all of the cluster", "the only one"])
async def test_where_nothing_may_be_read_that_is_told(names):
    cluster = FakeCluster()
    cluster.fault = lambda *_: ForbiddenError("no")
    with pytest.raises(ForbiddenError):
        await Namespaces(cluster, names).look()
