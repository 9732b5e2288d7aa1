import asyncio

import pytest

from opsbuddy_core.routes import CONFIG_MAP, HASH_ANNOTATION, KEY, RoutingTable, digest
from opsbuddy_operator.cluster import kinds
from opsbuddy_operator.cluster.api import RefusedError
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.models import Key, Subject, ref
from opsbuddy_operator.reconcile import routes as module
from opsbuddy_operator.reconcile.routes import Routes
from tests.support.fake_cluster import FakeCluster

TABLE = kinds.CONFIG_MAP.ref("t", CONFIG_MAP)
ROUTES = Key(Subject.ROUTES, "t")


class Gateways:
    """Says which table a gateway serves, by its address."""

    def __init__(self) -> None:
        self.serves_at: dict[str, str | None] = {}
        self.asked: list[str] = []
        self.schemes: set[str] = set()

    async def serves(self, scheme: str, address: str, port: int) -> str | None:
        assert port == 8000
        self.schemes.add(scheme)
        self.asked.append(address)
        return self.serves_at.get(address)


class World:
    def __init__(self) -> None:
        self.cluster, self.store, self.gateways = FakeCluster(), Store(), Gateways()
        self.told: list[Key] = []
        self.routes = Routes(self.cluster, self.store, self.gateways, self.told.append)

    def service(self, name: str, **spec):
        spec = {"image": {"repository": "x", "tag": "1"}, "port": 8001} | spec
        metadata = {"name": name, "namespace": "t"}
        self.store.put(
            self.cluster.put(
                {"apiVersion": "opsbuddy.dev/v1alpha1", "kind": "OpsBuddyService", "metadata": metadata, "spec": spec}
            )
        )

    def routed(self, name: str):
        self.service(name, route={"prefix": f"/api/{name}"})

    def gateway(self, **spec):
        self.service("gateway", role="Gateway", port=8000, **spec)

    def pod(self, service: str, address: str = "10.0.0.1", ready: str = "True"):
        metadata = {"name": f"{service}-{address}", "namespace": "t", "labels": {"opsbuddy.dev/service": service}}
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": ready}]}
        self.store.put(self.cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}))

    def gone(self, kind: str, name: str):
        (where,) = [where for where in self.cluster.objects if (where.kind, where.name) == (kind, name)]
        self.store.remove(self.cluster.objects.pop(where))

    def table(self) -> list[str]:
        return [route.prefix for route in RoutingTable.parse(self.cluster.objects[TABLE]["data"][KEY]).routes]

    def hash(self) -> str:
        return self.cluster.objects[TABLE]["metadata"]["annotations"][HASH_ANNOTATION]

    def seen(self, name: str):
        return self.routes.seen_by(self.store.service("t", name))


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("spec", [None, [], "x", {"role": "Gateway"}], ids=["none", "a list", "a text", "no port"])
async def test_a_resource_from_before_the_crd_asked_for_a_spec_stops_no_route(world, spec):
    world.gateway()
    world.routed("a")
    world.pod("a")
    world.pod("odd", "10.0.0.2")
    odd = {"apiVersion": "opsbuddy.dev/v1alpha1", "kind": "OpsBuddyService"}
    odd |= {"metadata": {"name": "odd", "namespace": "t"}} | ({"spec": spec} if spec is not None else {})
    world.store.put(world.cluster.put(odd))
    await world.routes(ROUTES)
    assert world.table() == ["/api/a"]


async def test_without_a_gateway_there_is_no_table(world):
    world.routed("a")
    world.pod("a")
    assert await world.routes(ROUTES) is None
    assert world.cluster.writes == []
    assert world.seen("a")["has_gateway"] is False


async def test_the_table_holds_what_has_been_ready_and_its_hash(world):
    world.gateway()
    world.routed("a")
    world.routed("b")
    world.pod("a")
    world.pod("b", ready="False")
    await world.routes(ROUTES)
    assert world.table() == ["/api/a"]
    assert world.hash() == digest(world.cluster.objects[TABLE]["data"][KEY])
    world.pod("a", ready="False")
    await world.routes(ROUTES)
    assert world.table() == ["/api/a"], "the last good route stays while its service restarts"


async def test_it_is_written_only_when_it_differs(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    for _ in range(3):
        await world.routes(ROUTES)
    assert world.cluster.writes == [("apply", "ConfigMap", CONFIG_MAP)]
    again = World()
    again.cluster, again.store = world.cluster, world.store
    await Routes(again.cluster, again.store, again.gateways, again.told.append)(ROUTES)
    assert len(world.cluster.writes) == 1, "a restart writes nothing"


async def test_a_deleted_service_leaves_at_once(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    world.gone("OpsBuddyService", "a")
    await world.routes(ROUTES)
    assert world.table() == []


async def test_gateways_are_asked_until_all_serve_the_table_and_then_no_more(world):
    world.gateway()
    world.routed("a")
    world.pod("a", "10.0.0.9")
    world.pod("gateway", "10.0.0.1")
    world.pod("gateway", "10.0.0.2")
    pauses = [await world.routes(ROUTES) for _ in range(9)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, 15.0)
    world.gateways.serves_at = {"10.0.0.1": world.hash()}
    assert await world.routes(ROUTES) == 15.0
    assert sorted(str(g.serves) for g in world.seen("a")["gateways"]) == sorted(["None", world.hash()])
    world.gateways.asked.clear()
    world.gateways.serves_at["10.0.0.2"] = world.hash()
    assert await world.routes(ROUTES) is None
    assert world.gateways.asked == ["10.0.0.2"], "who serves it need not be asked again"
    world.gateways.asked.clear()
    await world.routes(ROUTES)
    assert world.gateways.asked == []


@pytest.mark.parametrize(("protocol", "scheme"), [({}, "http"), ({"protocol": "HTTPS"}, "https")])
async def test_a_gateway_is_asked_in_the_protocol_that_it_speaks(world, protocol, scheme):
    world.service("gateway", role="Gateway", port=8000, **protocol)
    world.routed("a")
    world.pod("a", "10.0.0.9")
    world.pod("gateway")
    await world.routes(ROUTES)
    assert world.gateways.schemes == {scheme}


async def test_a_new_table_is_asked_for_at_a_quick_pace_again(world):
    world.gateway()
    world.routed("a")
    world.pod("a", "10.0.0.9")
    world.pod("gateway")
    for _ in range(9):
        await world.routes(ROUTES)
    world.routed("b")
    world.pod("b", "10.0.0.8")
    assert await world.routes(ROUTES) == 1.0


async def test_those_whom_a_change_concerns_are_brought_back_and_nobody_else(world):
    world.gateway()
    for name in "ab":
        world.service(name, route={"prefix": f"/api/{name}"})
        world.pod(name, f"10.0.0.{ord(name)}")
    world.pod("gateway")
    await world.routes(ROUTES)
    world.gateways.serves_at = {"10.0.0.1": world.hash()}
    await world.routes(ROUTES)
    for name in ("a", "b", "gateway"):
        live = world.cluster.objects[kinds.SERVICE.ref("t", name)]
        condition = {"type": "RoutesProgrammed", "status": "True"}
        world.store.put(world.cluster.put({**live, "status": {"conditions": [condition]}}))
    world.told.clear()
    world.service("a", route={"prefix": "/api/other"})
    await world.routes(ROUTES)
    assert {key.name for key in world.told} == {"a"}
    world.told.clear()
    world.pod("gateway", ready="False")
    await world.routes(ROUTES)
    assert {key.name for key in world.told} == {"a", "b", "gateway"}, "the last gateway went"


async def test_a_table_of_somebody_else_is_left_alone_and_told(world):
    world.gateway()
    world.routed("a")
    foreign = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "namespace": "t"},
        "data": {"a": "b"},
    }
    world.cluster.put(foreign)
    for _ in range(3):
        assert await world.routes(ROUTES) == module.STRANGER_SECONDS
    assert world.cluster.objects[TABLE]["data"] == {"a": "b"}
    for name in ("gateway", "a"):
        assert world.seen(name)["table_fault"][0] == "NameTaken"
    del world.cluster.objects[TABLE]
    await world.routes(ROUTES)
    assert world.table() == []
    assert world.seen("a")["table_fault"] is None


async def test_a_table_that_is_refused_is_told_and_stops_no_service(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    world.cluster.fault = lambda verb, _: RefusedError("quota exceeded") if verb == "apply" else None
    await world.routes.ensure("t")
    reason, words = world.seen("a")["table_fault"]
    assert (reason, "quota exceeded" in words, CONFIG_MAP in words) == ("ApiRefused", True, True)
    for _ in range(3):
        assert 0 < await world.routes(ROUTES) <= 5
    assert len(world.cluster.writes) == 1, "the same is not tried again at once"
    world.cluster.fault = lambda *_: None
    world.routed("b")
    world.pod("b", "10.0.0.2")
    await world.routes(ROUTES)
    assert world.table() == ["/api/a", "/api/b"]
    assert world.seen("a")["table_fault"] is None


async def test_a_refusal_holds_while_the_table_is_tried_again(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    seen = []

    def refused(verb, _):
        if verb != "apply":
            return None
        seen.append(world.seen("a")["table_fault"])
        return RefusedError("quota exceeded")

    world.cluster.fault = refused
    await world.routes.ensure("t")
    world.routed("b")  # another table, which is tried at once
    world.pod("b", "10.0.0.2")
    await world.routes(ROUTES)
    assert [fault and fault[0] for fault in seen] == [None, "ApiRefused"]


async def test_a_table_whose_labels_somebody_changed_is_still_ours(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    live = world.cluster.objects[TABLE]
    labels = live["metadata"]["labels"] | {"app.kubernetes.io/managed-by": "Helm"}
    world.store.remove(world.cluster.put({**live, "metadata": live["metadata"] | {"labels": labels}}))
    await world.routes(ROUTES)
    assert world.cluster.objects[TABLE]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "opsbuddy-operator"
    assert world.seen("a")["table_fault"] is None


async def test_a_table_that_is_deleted_comes_back_with_the_routes_of_services_that_restart(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    world.pod("a", ready="False")
    world.gone("ConfigMap", CONFIG_MAP)
    await world.routes(ROUTES)
    assert world.table() == ["/api/a"]


async def test_a_table_that_is_too_large_is_told_and_the_last_one_stays(world, monkeypatch):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    monkeypatch.setattr(module, "LIMIT", len(world.cluster.objects[TABLE]["data"][KEY]) + 10)
    world.routed("b")
    world.pod("b", "10.0.0.2")
    for _ in range(3):
        await world.routes(ROUTES)
    assert world.table() == ["/api/a"]
    assert world.seen("b")["table_fault"][0] == "RoutesTooLarge"
    assert world.seen("b")["table_hash"] == world.hash()


async def test_a_suspended_gateway_keeps_its_table(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    world.gateway(suspend=True)
    world.routed("b")
    world.pod("b", "10.0.0.2")
    await world.routes(ROUTES)
    assert world.table() == ["/api/a"]


async def test_a_table_without_a_gateway_is_removed(world):
    world.gateway()
    await world.routes(ROUTES)
    world.service("gateway", port=8000)
    await world.routes(ROUTES)
    assert TABLE not in world.cluster.objects


async def test_the_table_belongs_to_all_gateways(world):
    world.gateway()
    world.service("gateway-2", role="Gateway", port=8000)
    await world.routes(ROUTES)
    owners = world.cluster.objects[TABLE]["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["gateway", "gateway-2"]
    assert not any(owner["controller"] for owner in owners)


async def test_an_owner_that_somebody_adds_to_the_table_costs_no_write(world):
    world.gateway()
    await world.routes(ROUTES)
    live = world.cluster.objects[TABLE]
    other = {"apiVersion": "example.com/v1", "kind": "Platform", "name": "x", "uid": "other"}
    owners = [*live["metadata"]["ownerReferences"], other]
    world.store.put(world.cluster.put({**live, "metadata": live["metadata"] | {"ownerReferences": owners}}))
    world.cluster.requests.clear()
    await world.routes(ROUTES)
    assert world.cluster.writes == []


async def test_many_who_need_it_known_cause_one_look(world):
    world.gateway()
    world.pod("gateway")
    await asyncio.gather(*(world.routes.ensure("t") for _ in range(20)))
    assert world.gateways.asked == ["10.0.0.1"]
    assert len(world.cluster.writes) == 1


async def test_a_namespace_without_resources_is_forgotten(world):
    world.gateway()
    await world.routes(ROUTES)
    world.gone("OpsBuddyService", "gateway")
    assert await world.routes(ROUTES) is None
    assert not world.routes._known
    assert not world.routes._locks


def test_passes_that_are_slow_are_made_less_often(world):
    assert world.routes.pause("t") == module.DEBOUNCE
    world.routes._known["t"] = module.Routing(cost=0.3)
    assert world.routes.pause("t") == pytest.approx(2.7)
    world.routes._known["t"] = module.Routing(cost=60)
    assert world.routes.pause("t") == module.LONGEST_DEBOUNCE


async def test_a_table_that_was_edited_is_put_right(world):
    world.gateway()
    world.routed("a")
    world.pod("a")
    await world.routes(ROUTES)
    right = world.cluster.objects[TABLE]["data"]
    world.store.put(world.cluster.put({**world.cluster.objects[TABLE], "data": {KEY: "nonsense"}}))
    await world.routes(ROUTES)
    assert world.cluster.objects[TABLE]["data"] == right
    assert ref(world.cluster.objects[TABLE]) == TABLE
