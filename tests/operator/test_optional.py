import pytest

from opsbuddy_operator.cluster.api import AbsentError, ForbiddenError
from opsbuddy_operator.cluster.kinds import SERVICE, SERVICE_MONITOR
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.models import Key, Subject, Terms, ref
from opsbuddy_operator.queue import Queue
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News
from opsbuddy_operator.reconcile.optional import OptionalKinds
from opsbuddy_operator.reconcile.references import References
from opsbuddy_operator.reconcile.routes import Routes
from opsbuddy_operator.reconcile.service import ServiceReconciler
from tests.operator.test_reconcile import NoGateways
from tests.support.fake_cluster import FakeCluster

WEB = Key(Subject.SERVICE, "t", "web")
MONITOR = SERVICE_MONITOR.ref("t", "web")


class World:
    def __init__(self) -> None:
        self.cluster, self.store, self.queue = FakeCluster(), Store(), Queue()
        routes = Routes(self.cluster, self.store, NoGateways(), self.queue.add)
        self.optional = OptionalKinds(
            self.cluster, self.store, News(self.store, self.queue, routes), Namespaces(self.cluster, ())
        )
        references = References(self.cluster, self.queue.add, 0)
        self.reconcile = ServiceReconciler(
            self.cluster, self.store, references, routes, Terms("test", self.optional.absent)
        )
        self.resource(serviceMonitor={})
        self.api(AbsentError("no such API"))

    def resource(self, **spec):
        spec = {"image": {"repository": "x", "tag": "1"}, "port": 8001} | spec
        metadata = {"name": "web", "namespace": "t"}
        self.store.put(
            self.cluster.put(
                {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": metadata, "spec": spec}
            )
        )

    def api(self, error=None):
        self.cluster.fault = lambda _, where: error if where.kind == SERVICE_MONITOR.kind else None

    async def look(self):
        await self.optional.look()
        return list(self.queue.schedule.ready[0])

    async def settle(self):
        self.queue.schedule.ready[0].clear()
        await self.reconcile(WEB)
        await self.reconcile(WEB)

    def stalled(self):
        conditions = self.cluster.objects[SERVICE.ref("t", "web")]["status"]["conditions"]
        return next((c["reason"], c["message"]) for c in conditions if c["type"] == "Stalled")


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("error", "words"), [(AbsentError("404"), "monitoring.coreos.com/v1"), (ForbiddenError("may not"), "may not")]
)
async def test_an_api_that_cannot_be_had_is_told_and_not_asked_for_again_and_again(world, error, words):
    world.api(error)
    await world.look()
    await world.settle()
    reason, message = world.stalled()
    assert reason == "ApiMissing"
    assert words in message
    assert {where.kind for _, where in world.cluster.requests if where.kind == "Deployment"}
    assert [verb for verb, where in world.cluster.requests if where.kind == SERVICE_MONITOR.kind] == ["list"]


async def test_once_the_api_is_there_the_object_is_made_without_a_touch(world):
    await world.look()
    await world.settle()
    world.api()
    assert await world.look() == [WEB]
    await world.settle()
    assert world.stalled()[0] == "NotStalled"
    assert world.cluster.objects[MONITOR]["spec"]["endpoints"][0]["path"] == "/metrics"
    assert await world.look() == [], "what is known is no news"


async def test_what_somebody_edits_or_deletes_is_put_right_after_a_look(world):
    world.api()
    await world.look()
    await world.settle()
    made = world.cluster.objects[MONITOR]
    world.cluster.put({**made, "spec": {**made["spec"], "endpoints": []}})
    assert await world.look() == [WEB]
    await world.settle()
    assert world.cluster.objects[MONITOR]["spec"] == made["spec"]
    del world.cluster.objects[MONITOR]
    assert await world.look() == [WEB]
    await world.settle()
    assert MONITOR in world.cluster.objects


async def test_what_an_earlier_run_made_is_removed_with_its_field(world):
    world.api()
    await world.look()
    await world.settle()
    made = world.cluster.objects[MONITOR]
    world.store.remove(made)  # as after a restart
    world.cluster.put(made)
    world.resource()
    assert await world.look() == [WEB]
    await world.settle()
    assert ref(made) not in world.cluster.objects
