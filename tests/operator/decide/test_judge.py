from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from opsbuddy_core.resource import OpsBuddyServiceStatus, Reason
from opsbuddy_core.routes import RoutingTable
from opsbuddy_operator.decide.routing import table
from opsbuddy_operator.decide.verdict import is_told, judge
from opsbuddy_operator.models import Gateway, Observed, Ref, ref
from tests.operator.objects import (
    NAMESPACE,
    NOW,
    applied,
    changed,
    child,
    condition,
    deployment_status,
    pod,
    resource,
    settled,
    with_child,
    with_status,
)

LATER = NOW + timedelta(minutes=5)
DB = Ref("v1", "Secret", NAMESPACE, "db")
CRASHING = pod(containerStatuses=[{"name": "web", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}])
CANARY = {"image": {"repository": "x", "tag": "2"}, "weight": 10}
AUTOSCALED = {
    "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpu": {}},
    "resources": {"requests": {"cpu": "100m"}},
}


def rolling(**status: Any) -> Observed:
    """Two pods are wanted; the Deployment's status is that of a finished rollout but for what is given."""
    before = settled(resource(replicas=2))
    return replace(before, children=applied(before, **status).children)


def progress(reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Progressing", "status": "False", "reason": reason}]}


def with_gateways(*serves: str | None, **more: Any) -> Observed:
    before = settled(resource())
    return replace(
        changed(before, env=[]), gateways=tuple(Gateway(f"gateway-{n}", each) for n, each in enumerate(serves)), **more
    )


def in_conflict() -> Observed:
    return replace(settled(resource()), route_conflict="older")


def autoscaler(status: str, since: str) -> Observed:
    before = settled(resource(**AUTOSCALED), replicas=2, updatedReplicas=2, availableReplicas=2)
    hpa = dict(child(before, "HorizontalPodAutoscaler"))
    hpa["status"] = {
        "conditions": [
            {"type": "ScalingActive", "status": status, "lastTransitionTime": since, "message": "no metrics returned"}
        ]
    }
    return with_child(before, hpa)


def scaling_up() -> Observed:
    """The autoscaler has just asked for four pods instead of two; two of them are there."""
    before = settled(resource(**AUTOSCALED))
    deployment = child(before, "Deployment")
    status = deployment_status(2, availableReplicas=2)
    return with_child(before, {**deployment, "spec": {**deployment["spec"], "replicas": 4}, "status": status})


def refused(kind: str, words: str, **spec: Any) -> Observed:
    before = changed(settled(resource(storage={"size": "1Gi"})), **spec)
    return replace(before, failures={ref(child(before, kind)): words})


def unbound(words: str, **storage: Any) -> Observed:
    whole = {"size": "1Gi", "storageClass": "slow", **storage}
    before = settled(
        resource(storage={name: value for name, value in whole.items() if value}), readyReplicas=0, availableReplicas=0
    )
    claim = {**child(before, "PersistentVolumeClaim"), "status": {"phase": "Pending"}}
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    return replace(with_child(before, claim), pods=(pod(conditions=[unschedulable]),))


def leaving(kind: str, **metadata: Any) -> Observed:
    before = settled(resource(storage={"size": "1Gi"}))
    live = child(before, kind)
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return with_child(before, {**live, "metadata": {**live["metadata"], **going}})


SENTENCES: dict[str, tuple[Callable[[], Observed], dict[str, str], list[str]]] = {
    "a service that runs and is routed is ready": (
        lambda: settled(resource()),
        {"Ready": "True/AllReady", "Available": "True/AllReady", "Progressing": "False/RolledOut", "RoutesProgrammed": "True/Programmed",
         "Stalled": "False/NotStalled", "Suspended": "False/NotSuspended"},
        ["1 of 1 pods are ready"],
    ),
    "a new resource is not known yet": (
        lambda: Observed(resource()),
        {"Ready": "Unknown/Reconciling", "Available": "False/Reconciling", "Progressing": "True/RollingOut"},
        [],
    ),
    "an object that is still to be written is progress": (
        lambda: changed(settled(resource()), networkPolicy={}),
        {"Ready": "False/RollingOut", "Progressing": "True/RollingOut", "Available": "True/AllReady"},
        ["NetworkPolicy web"],
    ),
    "without a Deployment there is progress to be made": (
        lambda: replace(settled(resource()), taken={Ref("apps/v1", "Deployment", NAMESPACE, "web"): {}}, children=applied(settled(resource())).children[:-1]),
        {"Available": "False/Reconciling", "Progressing": "True/RollingOut"},
        ["Deployment does not exist yet"],
    ),
    "a Deployment that the controller has not seen is progress": (
        lambda: rolling(observedGeneration=0),
        {"Ready": "False/RollingOut", "Progressing": "True/RollingOut"},
        ["2 of 2 pods have the newest version"],
    ),
    "a rollout with old pods left is progress though enough pods are ready": (
        lambda: rolling(updatedReplicas=1, replicas=3, conditions=[]),
        {"Ready": "False/RollingOut", "Progressing": "True/RollingOut", "Available": "True/AllReady"},
        ["1 of 2 pods have the newest version"],
    ),
    "pods that are too many are on their way out": (
        lambda: rolling(replicas=3, updatedReplicas=3),
        {"Ready": "False/RollingOut", "Progressing": "True/RollingOut", "Available": "True/AllReady"},
        [],
    ),
    "a rollout whose new pod crashes says so before its deadline": (
        lambda: replace(rolling(updatedReplicas=1, replicas=3, conditions=[]), pods=(CRASHING,)),
        {"Ready": "False/PodFailing", "Progressing": "True/PodFailing", "Available": "True/AllReady"},
        ["exit code 1"],
    ),
    "a rollout that hangs is failed and says why": (
        lambda: replace(rolling(updatedReplicas=1, replicas=3, **progress("ProgressDeadlineExceeded")), pods=(CRASHING,)),
        {"Ready": "False/ProgressDeadlineExceeded", "Progressing": "False/ProgressDeadlineExceeded", "Available": "True/AllReady"},
        ["exit code 1", "1 of 2"],
    ),
    "a rollout that hangs without words sends one to the pods": (
        lambda: rolling(updatedReplicas=1, replicas=3, **progress("ProgressDeadlineExceeded")),
        {"Progressing": "False/ProgressDeadlineExceeded"},
        ["see its pods"],
    ),
    "too few ready pods is not available": (
        lambda: rolling(availableReplicas=1),
        {"Ready": "False/PodsNotReady", "Available": "False/PodsNotReady", "Progressing": "False/RolledOut"},
        ["1 of 2 pods are ready"],
    ),
    "too few ready pods says what the newest waits for": (
        lambda: replace(rolling(availableReplicas=1), pods=(pod(),)),
        {"Ready": "False/PodsNotReady"},
        ["pod web-1 is being started"],
    ),
    "too few ready pods because one crashes has its words": (
        lambda: replace(rolling(availableReplicas=1), pods=(CRASHING,)),
        {"Ready": "False/PodFailing", "Available": "False/PodFailing"},
        ["exit code 1"],
    ),
    "pods that the API server refuses have its words": (
        lambda: rolling(availableReplicas=0, conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}]),
        {"Ready": "False/PodFailing"},
        ["exceeded quota: small"],
    ),
    "no pods asked for is ready": (
        lambda: settled(resource(replicas=0)),
        {"Ready": "True/ScaledToZero", "Available": "True/ScaledToZero", "Progressing": "False/RolledOut"},
        ["replicas is 0"],
    ),
    "no pods asked for and never routed is ready": (
        lambda: replace(settled(resource(replicas=0)), table=None, table_hash=None),
        {"Ready": "True/ScaledToZero", "RoutesProgrammed": "True/ScaledToZero"},
        [],
    ),
    "more pods on their way by the autoscaler's will is no rollout": (
        scaling_up,
        {"Ready": "True/AllReady", "Available": "True/AllReady", "Progressing": "False/RolledOut"},
        [],
    ),
    "a service without a route needs no gateway": (
        lambda: replace(settled(resource(route=None)), has_gateway=False, table=None, gateways=()),
        {"Ready": "True/AllReady", "RoutesProgrammed": "True/NoRoute"},
        [],
    ),
    "a gateway is not routed itself": (
        lambda: settled(resource(role="Gateway", route=None)),
        {"Ready": "True/AllReady", "RoutesProgrammed": "True/NoRoute"},
        [],
    ),
    "a route without a gateway says how to get one": (
        lambda: replace(settled(resource()), has_gateway=False),
        {"Ready": "False/NoGateway", "RoutesProgrammed": "False/NoGateway"},
        ["role Gateway", NAMESPACE],
    ),
    "a route that is not in the table waits for a pod": (
        lambda: replace(settled(resource()), table=None),
        {"Ready": "False/WaitingForEndpoint", "RoutesProgrammed": "False/WaitingForEndpoint"},
        ["/api/web"],
    ),
    "a new prefix is not programmed before the table has it": (
        lambda: changed(settled(resource()), route={"prefix": "/api/new"}),
        {"RoutesProgrammed": "False/WaitingForEndpoint"},
        ["/api/new"],
    ),
    "a new policy is not programmed before the table has it": (
        lambda: changed(settled(resource()), route={"prefix": "/api/web", "timeout": "1s"}),
        {"RoutesProgrammed": "False/WaitingForEndpoint"},
        ["/api/web"],
    ),
    "a route that another resource has names it": (
        in_conflict,
        {"Ready": "False/RouteConflict", "RoutesProgrammed": "False/RouteConflict"},
        ["older", "route.prefix", "route.weight"],
    ),
    "a gateway that has not taken the table over is named": (
        lambda: with_gateways("another", None),
        {"RoutesProgrammed": "False/WaitingForGateway"},
        ["gateway-0, gateway-1"],
    ),
    "no ready gateway serves nothing": (
        with_gateways,
        {"RoutesProgrammed": "False/WaitingForGateway"},
        ["no gateway pod is ready"],
    ),
    "a table that changed for another service leaves a programmed route programmed": (
        lambda: replace(settled(resource()), gateways=(Gateway("gateway-1", "before"),)),
        {"Ready": "True/AllReady", "RoutesProgrammed": "True/Programmed"},
        [],
    ),
    "a taken name says whose object it is and what to do": (
        lambda: replace(settled(resource()), taken={Ref("apps/v1", "Deployment", NAMESPACE, "web"): {}}),
        {"Ready": "False/NameTaken", "Stalled": "True/NameTaken"},
        ["Deployment web", "not ours"],
    ),
    "a missing reference is named while the pods run on": (
        lambda: replace(settled(resource(secrets=[{"name": "db"}])), references={DB: None}),
        {"Ready": "False/ReferenceMissing", "Stalled": "True/ReferenceMissing", "Available": "True/AllReady"},
        ["Secret db", "create it"],
    ),
    "a missing optional reference is no fault": (
        lambda: replace(settled(resource(envFrom=[{"secretRef": {"name": "db", "optional": True}}])), references={DB: None}),
        {"Stalled": "False/NotStalled"},
        [],
    ),
    "a smaller disk says what it is and what to set": (
        lambda: changed(settled(resource(storage={"size": "1Gi"})), storage={"size": "512Mi"}),
        {"Ready": "False/StorageImmutable", "Stalled": "True/StorageImmutable", "Available": "True/AllReady"},
        ["storage.size 512Mi", "1Gi or more"],
    ),
    "another storage class says that it cannot change": (
        lambda: changed(settled(resource(storage={"size": "1Gi", "storageClass": "fast"})), storage={"size": "1Gi", "storageClass": "slow"}),
        {"Stalled": "True/StorageImmutable"},
        ["storage.storageClass slow", "fast"],
    ),
    "a disk that cannot grow has the API server's words": (
        lambda: refused("PersistentVolumeClaim", "only dynamically provisioned pvc can be resized", storage={"size": "2Gi"}),
        {"Ready": "False/StorageImmutable", "Stalled": "True/StorageImmutable"},
        ["2Gi", "only dynamically provisioned pvc can be resized"],
    ),
    "a refused object has the API server's words": (
        lambda: refused("Service", "spec.ports[0]: Invalid value"),
        {"Ready": "False/ApiRefused", "Stalled": "True/ApiRefused"},
        ["Service web", "spec.ports[0]: Invalid value"],
    ),
    "a field that is not supported yet is named while the rest runs": (
        lambda: settled(resource(canary={"image": {"repository": "x", "tag": "2"}, "weight": 10})),
        {"Ready": "False/UnsupportedField", "Stalled": "True/UnsupportedField", "Available": "True/AllReady"},
        ["canary", "remove it"],
    ),
    "several faults are told together": (
        lambda: replace(settled(resource(canary=CANARY, secrets=[{"name": "db"}])), references={DB: None}),
        {"Stalled": "True/ReferenceMissing"},
        ["Secret db", "canary"],
    ),
    "an autoscaler without metrics for long is told": (
        lambda: autoscaler("False", "2026-01-02T03:02:00Z"),
        {"Ready": "False/AutoscalerInactive", "Stalled": "True/AutoscalerInactive"},
        ["no metrics returned", "metrics server"],
    ),
    "an autoscaler that works is no fault": (
        lambda: autoscaler("True", "2026-01-02T03:02:00Z"),
        {"Ready": "True/AllReady"},
        [],
    ),
    "a table that cannot be written is told of a service that waits for its route": (
        lambda: replace(settled(resource()), table=RoutingTable(), table_fault=(Reason.NAME_TAKEN, "ConfigMap x is not ours")),
        {"Ready": "False/NameTaken", "RoutesProgrammed": "False/NameTaken", "Stalled": "False/NotStalled"},
        ["ConfigMap x is not ours"],
    ),
    "a table that cannot be written changes nothing for a service that is routed": (
        lambda: replace(settled(resource()), table_fault=(Reason.ROUTES_TOO_LARGE, "too many")),
        {"Ready": "True/AllReady", "RoutesProgrammed": "True/Programmed"},
        [],
    ),
    "a gateway whose table cannot be written is stalled": (
        lambda: replace(settled(resource(role="Gateway", route=None)), table_fault=(Reason.API_REFUSED, "ConfigMap x: quota")),
        {"Ready": "False/ApiRefused", "Stalled": "True/ApiRefused"},
        ["ConfigMap x: quota"],
    ),
    "a claim that the API server does not let shrink is told with its words": (
        lambda: refused("PersistentVolumeClaim", "may not be less"),
        {"Stalled": "True/StorageImmutable"},
        ["the claim web cannot be changed: may not be less"],
    ),
    "an API that the cluster lacks is named and the rest runs": (
        lambda: replace(settled(resource(serviceMonitor={})), absent={"ServiceMonitor": "no API x"}),
        {"Stalled": "True/ApiMissing", "Available": "True/AllReady", "Progressing": "False/RolledOut"},
        ["serviceMonitor", "no API x"],
    ),
    "an autoscaler that has nothing to measure is told at once": (
        lambda: settled(resource(autoscaling=AUTOSCALED["autoscaling"], resources={"requests": {"cpu": "0m"}, "limits": {"cpu": 1}})),
        {"Stalled": "True/AutoscalerInactive"},
        ["resources.requests.cpu", "0m"],
    ),
    "a limit alone is the request that an autoscaler measures by": (
        lambda: settled(resource(autoscaling=AUTOSCALED["autoscaling"], resources={"limits": {"cpu": 1}}), replicas=2, updatedReplicas=2, availableReplicas=2),
        {"Stalled": "False/NotStalled"},
        [],
    ),
    "a reference that may not be read is not called missing": (
        lambda: replace(settled(resource(secrets=[{"name": "db"}])), references={DB: None}, failures={DB: "forbidden"}),
        {"Stalled": "True/ApiRefused"},
        ["forbidden"],
    ),
    "a key that is not in a Secret is named": (
        lambda: replace(settled(resource(secrets=[{"name": "db"}])), references={DB: "x"}, lacking={DB: frozenset({"a", "b"})}),
        {"Ready": "False/ReferenceMissing", "Stalled": "True/ReferenceMissing"},
        ["Secret db", "has no key a and b"],
    ),
    "a change that would end the only pod for one that cannot start is on its way": (
        lambda: replace(changed(settled(resource(storage={"size": "1Gi"})), envFrom=[{"secretRef": {"name": "db"}}]), references={DB: None}),
        {"Stalled": "True/ReferenceMissing", "Available": "True/AllReady", "Progressing": "True/RollingOut"},
        ["Deployment web, when what it refers to is there"],
    ),
    "a claim without a volume is told with its class": (
        lambda: unbound("PersistentVolumeClaim is not bound"),
        {"Ready": "False/PodFailing"},
        ["PersistentVolumeClaim is not bound", "claim web", "storage class slow exists"],
    ),
    "of a claim without a class the default one is told": (
        lambda: unbound("PersistentVolumeClaim is not bound", storageClass=None),
        {"Ready": "False/PodFailing"},
        ["the cluster has a default storage class"],
    ),
    "what fails for another reason is not put on the claim": (
        lambda: unbound("too little memory"),
        {"Ready": "False/PodFailing", "Stalled": "False/NotStalled"},
        ["fits on no node: too little memory"],
    ),
    "an object that finalizers of others keep from going is told with them": (
        lambda: leaving("Deployment", finalizers=["example.com/hold"]),
        {"Ready": "False/Reconciling", "Progressing": "True/RollingOut"},
        ["Deployment web, when the present one is gone", "its finalizers hold up: example.com/hold"],
    ),
    "a claim that is deleted under a running pod is told": (
        lambda: leaving("PersistentVolumeClaim", finalizers=["kubernetes.io/pvc-protection"]),
        {"Ready": "False/RollingOut", "Available": "True/AllReady"},
        ["PersistentVolumeClaim web, when the present one is gone", "kubernetes.io/pvc-protection"],
    ),
    "what is suspended before it was made says what it waits for": (
        lambda: Observed(resource(suspend=True, route=None)),
        {"Ready": "False/Suspended", "Available": "False/Suspended", "Progressing": "False/Suspended", "Suspended": "True/Suspended"},
        ["There is no Deployment, and none is made while suspend is true"],
    ),
    "a route that is changed while it is suspended waits for that": (
        lambda: changed(settled(resource()), suspend=True, route={"prefix": "/api/other"}),
        {"Ready": "False/Suspended", "RoutesProgrammed": "False/Suspended", "Available": "True/AllReady"},
        ["/api/other is routed as the spec says when suspend is false"],
    ),
    "a suspended service says so and stays as ready as it is": (
        lambda: changed(settled(resource()), suspend=True),
        {"Ready": "True/Suspended", "Suspended": "True/Suspended", "Progressing": "False/RolledOut"},
        ["set suspend to false"],
    ),
    "a spec that cannot be read names the field and leaves the other conditions": (
        lambda: changed(settled(resource()), port="many"),
        {"Ready": "False/InvalidSpec", "Stalled": "True/InvalidSpec", "Available": "True/AllReady"},
        ["spec.port"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_verdict(sentence):
    build, expected, words = SENTENCES[sentence]
    status = judge(build(), NOW).status
    OpsBuddyServiceStatus.model_validate(status)
    found = {each["type"]: f"{each['status']}/{each['reason']}" for each in status["conditions"]}
    assert expected.items() <= found.items()
    ready = condition(status, "Ready")["message"]
    told = " ".join(each["message"] for each in status["conditions"])
    assert all(word in (ready if "Ready" in expected else told) for word in words), ready


def test_the_time_of_a_condition_moves_only_when_its_status_does():
    before = settled(resource(replicas=2))
    worse = with_child(before, {**child(before, "Deployment"), "status": deployment_status(2, availableReplicas=1)})
    later = judge(worse, LATER).status
    assert condition(later, "Available")["lastTransitionTime"] == "2026-01-02T03:09:05Z"
    assert condition(later, "Progressing")["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    same = judge(
        replace(worse, resource=with_status(worse.resource, later), pods=(CRASHING,)), LATER + timedelta(hours=1)
    ).status
    assert condition(same, "Available")["reason"] == "PodFailing"
    assert condition(same, "Available")["lastTransitionTime"] == "2026-01-02T03:09:05Z"


def test_judging_again_changes_nothing_and_tells_nothing():
    before = settled(resource())
    again = judge(before, LATER)
    assert again.status == before.resource["status"]
    assert again.events == ()
    assert again.look_again is None


def test_a_new_generation_is_seen_in_the_status_and_in_each_condition_that_was_judged():
    status = judge(changed(settled(resource()), suspend=True), LATER).status
    assert status["observedGeneration"] == 2
    assert {each["observedGeneration"] for each in status["conditions"]} == {2}
    unread = judge(changed(settled(resource()), port="many"), LATER).status
    assert condition(unread, "Stalled")["observedGeneration"] == 2
    assert condition(unread, "Available")["observedGeneration"] == 1


def test_the_status_shows_counts_selector_address_image_and_routes():
    observed = replace(
        settled(resource(replicas=2, secrets=[{"name": "db"}]), readyReplicas=1), references={DB: "hash"}
    )
    status = judge(replace(observed, children=applied(observed, readyReplicas=1).children), NOW).status
    shown = {name: value for name, value in status.items() if name not in ("conditions", "configHash")}
    assert shown == {
        "observedGeneration": 1, "replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "selector": "opsbuddy.dev/service=web",
        "url": "http://web.t.svc:8001", "image": "example.com/web:1", "routes": ["/api/web"],
    }  # fmt: skip
    assert status["configHash"]


def test_the_address_of_a_service_that_speaks_tls_says_so():
    status = judge(settled(resource(role="Gateway", route=None, protocol="HTTPS")), NOW).status
    assert status["url"] == "https://web.t.svc:8001"


def test_a_known_resource_that_fails_is_false_rather_than_unknown():
    owner = with_status(resource(), judge(Observed(resource()), NOW).status)
    assert condition(judge(Observed(owner), LATER).status, "Ready")["status"] == "False"


def test_what_an_earlier_resource_of_the_name_left_does_not_count():
    before = settled(resource())
    owner = resource()
    owner["metadata"]["uid"] = "another"
    status = judge(replace(before, resource=owner), NOW).status
    assert condition(status, "Ready")["status"] == "Unknown"
    assert condition(status, "Available")["reason"] == "Reconciling"
    assert "Service web" in condition(status, "Progressing")["message"]


def test_a_message_is_cut_before_the_api_server_refuses_it():
    before = settled(resource())
    status = judge(replace(before, failures={ref(child(before, "Service")): "x" * 100_000}), NOW).status
    assert len(condition(status, "Stalled")["message"]) == 4096
    assert condition(status, "Stalled")["message"].startswith("the API server refused Service web: xxx")


@pytest.mark.parametrize("change", [{"fieldOfANewerVersion": 1}, {"lastTransitionTime": None}])
def test_a_condition_that_cannot_be_read_is_written_anew(change):
    before = settled(resource())
    conditions = [{**each, **change} for each in before.resource["status"]["conditions"]]
    status = judge(replace(before, resource=with_status(before.resource, {"conditions": conditions})), NOW).status
    assert condition(status, "Available")["status"] == "True"


def test_conditions_of_others_in_any_place_make_no_difference():
    status = settled(resource()).resource["status"]
    foreign = {"type": "example.com/Checked", "status": "True"}
    assert is_told(status, {**status, "conditions": [foreign, *reversed(status["conditions"])]})
    assert not is_told(status, {**status, "conditions": status["conditions"][1:]})
    assert not is_told(status, {**status, "replicas": 7})
    assert not is_told(status, None)


def test_conditions_of_others_are_not_read():
    owner = with_status(resource(), {"conditions": [{"type": "Theirs", "status": "True"}]})
    assert "Theirs" not in {each["type"] for each in judge(Observed(owner), NOW).status["conditions"]}


@pytest.mark.parametrize(
    ("observed", "seconds"),
    [
        (lambda: with_gateways("another"), 1.0),
        (lambda: replace(settled(resource()), gateways=(Gateway("gateway-1", "before"),)), 1.0),
        (lambda: autoscaler("False", "2026-01-02T03:03:05Z"), 30.0),
        (lambda: rolling(availableReplicas=1), None),
    ],
    ids=[
        "gateway not there yet",
        "gateway not there yet, route programmed before",
        "autoscaler without metrics",
        "pods tell of themselves",
    ],
)
def test_one_looks_again_only_where_nobody_would_tell(observed, seconds):
    assert judge(observed(), NOW).look_again == seconds


def test_how_long_an_autoscaler_may_be_without_metrics_can_be_set():
    observed = replace(autoscaler("False", "2026-01-02T03:03:05Z"), metrics_patience=59.0)
    assert condition(judge(observed, NOW).status, "Stalled")["reason"] == "AutoscalerInactive"


class TestEvents:
    """Told once, when it begins."""

    def told(self, observed):
        return [(event.type, event.reason) for event in judge(observed, LATER).events]

    def test_a_service_that_becomes_ready(self):
        owner = with_status(resource(), judge(Observed(resource()), NOW).status)
        observed = replace(settled(resource()), resource=owner)
        assert self.told(observed) == [("Normal", "AllReady"), ("Normal", "RolledOut"), ("Normal", "Programmed")]

    def test_a_failure_is_told_once_though_two_conditions_have_it(self):
        observed = replace(rolling(availableReplicas=1, conditions=[]), pods=(CRASHING,))
        assert self.told(observed) == [("Warning", "PodFailing")]
        after = replace(observed, resource=with_status(observed.resource, judge(observed, NOW).status))
        assert self.told(after) == []

    @pytest.mark.parametrize("before", [False, True])
    def test_suspended_and_resumed(self, before):
        observed = changed(settled(resource(suspend=before)), suspend=not before)
        assert self.told(observed) == [("Normal", "Resumed" if before else "Suspended")]

    def test_a_service_that_recovers(self):
        missing = replace(settled(resource(secrets=[{"name": "db"}])), references={DB: None})
        failed = replace(missing, resource=with_status(missing.resource, judge(missing, NOW).status))
        assert self.told(replace(failed, references={DB: None}, pods=())) == []
        mended = replace(failed, references={DB: "hash"})
        mended = replace(mended, children=applied(mended).children)
        assert self.told(mended) == [("Normal", "AllReady"), ("Normal", "RolledOut")]

    def test_a_missing_reference(self):
        observed = replace(settled(resource(secrets=[{"name": "db"}])), references={DB: None})
        assert self.told(observed) == [("Warning", "ReferenceMissing")]


def test_services_that_share_a_prefix_are_programmed_under_the_policies_of_the_oldest():
    older = resource("older", created="2025-01-01T00:00:00Z", route={"prefix": "/api/x", "weight": 1, "timeout": "1s"})
    newer = resource(route={"prefix": "/api/x", "weight": 2})
    both, _ = table([older, newer], {"older", "web"}, None)
    observed = settled(newer, [older])
    assert len(both.routes[0].backends) == 2
    status = judge(replace(observed, table=both), NOW).status
    assert condition(status, "RoutesProgrammed")["reason"] == "Programmed"
    assert status["routes"] == ["/api/x"]


def test_what_of_the_pod_template_cannot_be_taken_over_is_named_and_the_rest_runs():
    """Such as a sidecar whose name was forgotten: it would be missing without a word."""
    sidecars = [{"name": "side", "image": "x"}, {"image": "y"}]
    before = settled(resource(podTemplate={"spec": {"containers": sidecars}}))
    status = judge(before, NOW).status
    stalled = condition(status, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidSpec")
    assert "podTemplate.spec.containers[1]" in stalled["message"]
    assert "containers[0]" not in stalled["message"]
    assert condition(status, "Available")["status"] == "True"
