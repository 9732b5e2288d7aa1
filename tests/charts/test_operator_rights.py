"""The rights that the chart gives the operator are those that it uses: each request it can make, seen over a cluster in memory."""

from collections import defaultdict

import kopf
import pytest
import yaml

from opsbuddy_operator.cluster.kinds import KINDS, WATCHED
from opsbuddy_operator.engine import Engine
from opsbuddy_operator.handlers import watch
from opsbuddy_operator.manifests import role
from opsbuddy_operator.models import SERVICE_LABEL, Key, Subject
from opsbuddy_operator.reconcile import audit
from opsbuddy_operator.settings import OperatorSettings
from tests.charts import helm
from tests.charts.effects import rendered
from tests.charts.helm import OPERATOR
from tests.charts.values import CHARTS
from tests.support.fake_cluster import FakeCluster

INPUTS = sorted((CHARTS.parent / "tests/data/operator/input").glob("*.yaml"))
VERBS = {
    "get": ("", {"get"}),
    "list": ("", {"list"}),
    "apply": ("", {"create", "patch"}),  # the API server asks for create too, where the object is new
    "patch": ("", {"patch"}),
    "status": ("/status", {"patch"}),
    "delete": ("", {"delete"}),
    "create": ("", {"create"}),
    "replace": ("", {"update"}),
}
"""What a request of the operator's Api needs: a subresource, and verbs on it."""

Rights = dict[tuple[str, str], set[str]]
"""Verbs by API group and resource."""


class NoGateways:
    async def serves(self, scheme: str, address: str, port: int) -> str | None:
        raise AssertionError(f"there is none at {scheme}://{address}:{port}")


class World:
    """The operator's parts over a cluster in memory, which remembers each request."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.engine = Engine(OperatorSettings(leader_election=False), self.cluster, NoGateways())

    def put(self, obj):
        live = self.cluster.put(obj)
        self.engine.store.put(live)
        return live

    async def live(self, resource) -> None:
        """Make what the resource asks for, and then remove what it asks for no more: a second object of each kind."""
        resource["metadata"]["namespace"] = "t"
        key = Key(Subject.SERVICE, "t", self.put(resource)["metadata"]["name"])
        reconcile = self.engine._workers._reconcilers[Subject.SERVICE]
        for _ in range(2):  # the first status says that nothing is known yet
            await reconcile(key)
        for live in list(self.engine.store.labelled(key.namespace, key.name)):
            self.put(renamed(live, f"{key.name}-before"))
        await reconcile(key)


def renamed(obj, name):
    return {**obj, "metadata": {**obj["metadata"], "name": name}}


async def requested() -> Rights:
    """Return what the requests need that the operator makes by its own client."""
    world = World()
    for path in INPUTS:
        await world.live(yaml.safe_load(path.read_text()))
    for kind in WATCHED:  # no watch told of these
        metadata = {"name": "untold", "namespace": "t", "labels": {SERVICE_LABEL: "web"}}
        world.cluster.put({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": {}})
    await world.engine._audit.run()
    await world.engine._optional.look()
    await world.engine._lease._try()
    await world.engine._lease.release()
    rights: Rights = defaultdict(set)
    for verb, where in world.cluster.requests:
        kind, (part, verbs) = KINDS[where.api_version, where.kind], VERBS[verb]
        rights[kind.group, kind.plural + part] |= verbs
    return rights


def watched() -> Rights:
    """Return what kopf needs for the handlers that are registered."""
    registry = kopf.OperatorRegistry()
    watch.register(registry)
    handlers = registry._watching.get_all_handlers()
    return {(each.selector.group, each.selector.any_name): {"list", "watch"} for each in handlers}


def given_away() -> Rights:
    """Return what the operator grants to pods; the API server lets nobody give what he has not."""
    return rights_of(rule for rules in role.RIGHTS.values() for rule in rules)


def rights_of(rules) -> Rights:
    found: Rights = defaultdict(set)
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource] |= set(rule["verbs"])
    return found


def merged(*all_rights: Rights) -> Rights:
    found: Rights = defaultdict(set)
    for rights in all_rights:
        for what, verbs in rights.items():
            found[what] |= verbs
    return dict(found)


def granted(objects) -> Rights:
    return merged(*(rights_of(obj["rules"]) for kind in ("ClusterRole", "Role") for obj in helm.of_kind(objects, kind)))


@pytest.fixture
async def used(monkeypatch) -> Rights:
    monkeypatch.setattr(audit, "LAG", 0)
    return merged(await requested(), watched(), given_away())


def test_all_that_the_operator_can_ask_for_is_asked_for_here(used):
    """Else the comparison below would be with less than it does."""
    assert {(kind.group, kind.plural) for kind in KINDS.values()} <= used.keys()


@pytest.mark.charts
@pytest.mark.parametrize("given", [{}, {"watchNamespaces": ["t"]}], ids=["everywhere", "one namespace"])
def test_the_operator_may_do_what_it_does_and_nothing_else(used, given):
    rights = granted(rendered(OPERATOR, given))
    missing = {what: verbs for what in used if (verbs := used[what] - rights.get(what, set()))}
    needless = {what: verbs for what in rights if (verbs := rights[what] - used.get(what, set()))}
    assert missing == {}, "the operator would be refused"
    assert needless == {}, "nothing in the operator does this"


@pytest.mark.charts
def test_the_lease_is_the_one_that_the_operator_holds():
    role = helm.one(rendered(OPERATOR), "Role", "opsbuddy-operator-lease")
    (names,) = [rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule]
    assert names == [OperatorSettings.model_fields["lease_name"].default]
