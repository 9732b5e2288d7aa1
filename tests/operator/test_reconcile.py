import copy

import pytest

from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.cluster.api import ConflictError, RefusedError
from opsbuddy_operator.cluster.kinds import SERVICE
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.models import Key, Ref, Subject, Terms, ref
from opsbuddy_operator.reconcile.references import References
from opsbuddy_operator.reconcile.routes import Routes
from opsbuddy_operator.reconcile.service import LONGEST_LOOK, STRANGER_SECONDS, ServiceReconciler
from tests.support.fake_cluster import FakeCluster

WEB = Key(Subject.SERVICE, "t", "web")
DEPLOYMENT = Ref("apps/v1", "Deployment", "t", "web")


class NoGateways:
    async def serves(self, scheme: str, address: str, port: int) -> str | None:
        raise AssertionError(f"there is none at {scheme}://{address}:{port}")


class World:
    def __init__(self) -> None:
        self.cluster, self.store, self.told = FakeCluster(), Store(), []
        self.references = References(self.cluster, self.told.append, 0)
        routes = Routes(self.cluster, self.store, NoGateways(), self.told.append)
        self.reconcile = ServiceReconciler(self.cluster, self.store, self.references, routes, Terms("test"))

    def resource(self, **spec):
        spec = {"image": {"repository": "x", "tag": "1"}, "port": 8001} | spec
        obj = {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.kind,
            "metadata": {"name": "web", "namespace": "t"},
            "spec": spec,
        }
        live = self.cluster.put(obj)
        self.store.put(live)
        return live

    async def settle(self):
        """Two passes: the first status says that nothing is known yet."""
        await self.reconcile(WEB)
        await self.reconcile(WEB)

    def status(self, kind: str):
        conditions = self.cluster.objects[SERVICE.ref("t", "web")]["status"]["conditions"]
        return next((c["status"], c["reason"]) for c in conditions if c["type"] == kind)


@pytest.fixture
def world():
    return World()


async def test_everything_is_made_once_and_then_nothing_is_written(world):
    world.resource()
    await world.settle()
    assert [kind for verb, kind, _ in world.cluster.writes if verb == "apply"] == [
        "ServiceAccount",
        "Service",
        "Deployment",
    ]
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []
    assert world.cluster.requests == [], "all that it needs to know is in the store"


@pytest.mark.parametrize("spec", [None, [], "x"], ids=["none", "a list", "a text"])
async def test_a_resource_from_before_the_crd_asked_for_a_spec_is_explained(world, spec):
    live = world.resource()
    odd = {name: part for name, part in live.items() if name != "spec"} | ({} if spec is None else {"spec": spec})
    world.store.put(world.cluster.put(odd))
    await world.settle()
    assert world.status("Stalled") == ("True", "InvalidSpec")


async def test_a_condition_that_somebody_adds_costs_no_write(world):
    world.resource()
    await world.settle()
    live = world.cluster.objects[SERVICE.ref("t", "web")]
    foreign = {"type": "example.com/Checked", "status": "True"}
    status = live["status"] | {"conditions": [foreign, *live["status"]["conditions"]]}
    world.store.put(world.cluster.put({**live, "status": status}))
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []


async def test_what_admission_changes_each_time_is_left_so_and_an_edit_is_put_right_all_the_same(world):
    """Such as a policy that lets every image be pulled from a mirror."""
    plain = world.cluster.apply

    async def mirrored(obj, **more):
        await plain(obj, **more)
        if obj["kind"] == "Deployment":
            live = world.cluster.objects[DEPLOYMENT]
            live["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror/x:1"
        return copy.deepcopy(world.cluster.objects[ref(obj)])

    world.cluster.apply = mirrored
    world.resource()
    await world.settle()
    assert world.status("Progressing")[1] == "RollingOut", "not for what is still to be written"
    assert "written" not in str(world.cluster.objects[SERVICE.ref("t", "web")]["status"])
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []
    edited = copy.deepcopy(world.cluster.objects[DEPLOYMENT])
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "x:other"
    world.store.put(world.cluster.put(edited))
    await world.reconcile(WEB)
    assert [kind for verb, kind, _ in world.cluster.writes if verb == "apply"] == ["Deployment"]


async def test_a_stale_store_does_not_make_it_write_twice(world):
    """The watch has told nothing of our own writes yet: what the API server answered is as good."""
    live = world.resource()
    await world.settle()
    assert not world.store.put(live), "the old state comes again"
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []


async def test_an_object_of_ours_that_no_watch_told_of_is_no_stranger(world):
    world.resource()
    await world.settle()
    world.store.remove(world.cluster.objects[DEPLOYMENT])
    world.cluster.put({**world.cluster.objects[DEPLOYMENT]})
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []
    assert world.status("Stalled")[0] == "False"


@pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", "opsbuddy.dev/service"])
async def test_a_label_that_somebody_changes_is_put_back(world, label):
    """The watches select by one of them, and call a child deleted that has lost it."""
    world.resource()
    await world.settle()
    live = world.cluster.objects[DEPLOYMENT]
    edited = world.cluster.put(
        {**live, "metadata": live["metadata"] | {"labels": live["metadata"]["labels"] | {label: "other"}}}
    )
    world.store.remove(edited) if label == "app.kubernetes.io/managed-by" else world.store.put(edited)
    await world.reconcile(WEB)
    assert world.cluster.objects[DEPLOYMENT]["metadata"]["labels"] == live["metadata"]["labels"]
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.requests == []


async def test_what_took_the_place_of_a_child_unseen_is_not_written_to(world):
    world.resource()
    await world.settle()
    del world.cluster.objects[DEPLOYMENT]
    stranger = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "t"}}
    world.cluster.put(stranger | {"spec": {"theirs": True}})
    world.resource(replicas=3)
    with pytest.raises(ConflictError):
        await world.reconcile(WEB)
    assert world.cluster.objects[DEPLOYMENT]["spec"] == {"theirs": True}


async def test_a_routing_table_that_is_refused_keeps_no_service_from_running(world):
    world.resource(role="Gateway")
    world.cluster.fault = lambda verb, where: (
        RefusedError("quota exceeded") if (verb, where.name) == ("apply", CONFIG_MAP) else None
    )
    await world.settle()
    assert DEPLOYMENT in world.cluster.objects
    assert world.status("Stalled") == ("True", "ApiRefused")


async def test_a_stranger_is_told_and_looked_at_again(world):
    world.resource()
    world.cluster.put(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "t"}, "spec": {}}
    )
    assert await world.reconcile(WEB) == STRANGER_SECONDS
    assert world.status("Stalled") == ("True", "NameTaken")
    assert world.cluster.objects[DEPLOYMENT]["spec"] == {}


async def test_a_refusal_is_told_and_tried_again_later(world):
    world.resource()
    world.cluster.fault = lambda verb, where: (
        RefusedError("quota exceeded") if (verb, where.kind) == ("apply", "Service") else None
    )
    look_again = await world.reconcile(WEB)
    assert world.status("Stalled") == ("True", "ApiRefused")
    assert 0 < look_again <= 5
    assert DEPLOYMENT in world.cluster.objects
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("ConfigMap", {"envFrom": [{"configMapRef": {"name": "db"}}]}),
        ("Secret", {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "K"}}}]}),
        ("ConfigMap", {"podTemplate": {"spec": {"volumes": [{"name": "v", "configMap": {"name": "db"}}]}}}),
    ],
    ids=["environment", "variable", "volume"],
)
async def test_a_change_of_what_is_referenced_rolls_the_pods_and_nothing_else_does(world, kind, source):
    async def template():
        await world.settle()
        return world.cluster.objects[DEPLOYMENT]["spec"]["template"]

    named = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "db", "namespace": "t"}, "data": {"K": "MQ=="}}
    world.cluster.put(named)
    world.resource(**source)
    first = await template()
    other = "Secret" if kind == "ConfigMap" else "ConfigMap"
    world.cluster.put(named | {"kind": other})
    world.cluster.put({**named, "metadata": named["metadata"] | {"name": "another"}})
    world.cluster.put({**named, "metadata": named["metadata"] | {"labels": {"a": "b"}, "annotations": {"c": "d"}}})
    assert await template() == first
    world.cluster.put(named | {"data": {"K": "Mg=="}})
    second = await template()
    assert second != first
    assert second["spec"] == first["spec"]
    world.cluster.put(named | {"binaryData": {"L": "AA=="}})
    assert await template() not in (first, second)


async def test_a_key_that_a_secret_loses_rolls_no_pod_and_is_told_until_it_is_back(world):
    """New pods would not start, and with a disk the running one would end for them."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "t"}}
    world.cluster.put(secret | {"data": {"K": "MQ=="}})
    world.resource(env=[{"name": "K", "valueFrom": {"secretKeyRef": {"name": "db", "key": "K"}}}])
    await world.settle()
    before = world.cluster.objects[DEPLOYMENT]["spec"]["template"]
    world.cluster.put(secret | {"data": {"L": "MQ=="}})
    await world.settle()
    assert world.status("Stalled") == ("True", "ReferenceMissing")
    assert world.cluster.objects[DEPLOYMENT]["spec"]["template"] == before
    world.cluster.put(secret | {"data": {"K": "Mg=="}})
    await world.settle()
    assert world.status("Stalled")[0] == "False"
    assert world.cluster.objects[DEPLOYMENT]["spec"]["template"] != before


async def test_settings_that_are_refused_roll_no_pod_until_they_are_there(world):
    """The pods would start with those before, and nothing would roll them when the new ones come."""
    world.resource(config={"environment": {"A": "1"}})
    await world.settle()
    before = world.cluster.objects[DEPLOYMENT]["spec"]["template"]
    world.cluster.fault = lambda verb, where: (
        RefusedError("no") if (verb, where.kind) == ("apply", "ConfigMap") else None
    )
    live = world.cluster.objects[SERVICE.ref("t", "web")]
    world.store.put(world.cluster.put(live | {"spec": live["spec"] | {"config": {"environment": {"A": "2"}}}}))
    await world.settle()
    assert world.status("Stalled") == ("True", "ApiRefused")
    assert world.cluster.objects[DEPLOYMENT]["spec"]["template"] == before


async def test_an_autoscaler_of_somebody_else_is_named_and_not_fought(world):
    world.resource(replicas=2)
    await world.settle()
    scaler = {"manager": "kube-controller-manager", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    live = copy.deepcopy(world.cluster.objects[DEPLOYMENT])
    live["spec"]["replicas"] = 5
    live["metadata"]["managedFields"] = [scaler | {"operation": "Update"}]
    world.store.put(world.cluster.put(live))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    theirs = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "theirs", "namespace": "t"},
    }
    put = world.cluster.put(theirs | {"spec": {"scaleTargetRef": target}})
    await world.settle()
    assert world.status("Stalled") == ("True", "ForeignAutoscaler")
    assert world.cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 5
    world.cluster.requests.clear()
    assert await world.reconcile(WEB) == STRANGER_SECONDS
    assert world.cluster.writes == []
    del world.cluster.objects[ref(put)]
    await world.settle()
    assert world.status("Stalled")[0] == "False"
    assert world.cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 2


async def test_a_resource_that_is_gone_or_going_is_let_go(world):
    live = world.resource(secrets=[{"name": "db"}])
    await world.reconcile(WEB)
    world.cluster.requests.clear()
    world.store.put(
        world.cluster.put({**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    )
    assert await world.reconcile(WEB) is None
    assert world.cluster.requests == []
    assert not world.references._known
    assert not world.reconcile._deviations


async def test_a_resource_deleted_meanwhile_is_no_failure(world):
    live = world.resource()

    def vanish(verb, _):
        if verb == "status":
            world.cluster.objects.pop(SERVICE.ref("t", "web"), None)

    world.cluster.fault = vanish
    await world.reconcile(WEB)
    assert SERVICE.ref("t", live["metadata"]["name"]) not in world.cluster.objects


async def test_events_are_recorded_once_for_each_change(world):
    world.resource(secrets=[{"name": "db"}])
    for _ in range(3):
        await world.reconcile(WEB)
    told = [obj["reason"] for where, obj in world.cluster.objects.items() if where.kind == "Event"]
    assert told.count("ReferenceMissing") == 1


async def test_an_event_keeps_to_the_limit_of_bytes(world):
    world.resource()
    world.cluster.fault = lambda verb, where: (
        RefusedError("…" * 2000) if (verb, where.kind) == ("apply", "Service") else None
    )
    await world.reconcile(WEB)
    notes = [obj["note"] for where, obj in world.cluster.objects.items() if where.kind == "Event"]
    assert notes
    assert all(1000 < len(note.encode()) <= 1024 for note in notes)


async def test_that_an_event_cannot_be_recorded_stops_nothing(world):
    world.resource(secrets=[{"name": "db"}])
    world.cluster.fault = lambda verb, _: RefusedError("no") if verb == "create" else None
    await world.reconcile(WEB)
    assert world.status("Stalled") == ("True", "ReferenceMissing")


async def test_what_stays_as_it_is_is_looked_at_less_and_less_often(world):
    world.resource(
        route={"prefix": "/api/web"}, autoscaling={"maxReplicas": 2, "cpu": {}}, resources={"requests": {"cpu": "1"}}
    )
    pauses = [await world.reconcile(WEB) for _ in range(12)]
    waits = [pause for pause in pauses[1:] if pause is not None]
    assert waits == sorted(waits)
    assert all(pause <= LONGEST_LOOK for pause in waits)


async def test_the_routing_table_is_no_child_of_the_gateway(world):
    world.resource(role="Gateway")
    await world.settle()
    assert any(where.name == CONFIG_MAP for where in world.cluster.objects)
    world.cluster.requests.clear()
    await world.reconcile(WEB)
    assert world.cluster.writes == []


async def test_a_change_that_falls_into_a_status_write_is_not_lost(world):
    live = world.resource()
    changed = {}

    def change(verb, _):
        if verb == "status" and not changed:
            metadata = live["metadata"] | {"generation": 2}
            changed.update(world.cluster.put({**live, "metadata": metadata, "spec": live["spec"] | {"replicas": 3}}))

    world.cluster.fault = change
    await world.reconcile(WEB)
    assert world.store.put(changed), "what the watch tells of it is news"
    await world.reconcile(WEB)
    assert world.cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 3
