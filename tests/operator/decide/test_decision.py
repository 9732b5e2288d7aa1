import copy
from dataclasses import replace

import pytest

from opsbuddy_core.resource.pod import Storage
from opsbuddy_operator.decide import claim
from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.desired import desired
from opsbuddy_operator.decide.ownership import is_leaving, is_ours
from opsbuddy_operator.manifests.persistent_volume_claim import SIZE_ANNOTATION
from opsbuddy_operator.models import FIELD_MANAGER, Decision, Observed, Ref, ref
from tests.operator.objects import NAMESPACE, alive, applied, changed, child, managed, resource, with_child

AUTOSCALING = {"minReplicas": 2, "maxReplicas": 4, "cpu": {}}
CPU = {"requests": {"cpu": "100m"}}


def kinds(objects):
    return [obj["kind"] if isinstance(obj, dict) else obj.kind for obj in objects]


def test_a_new_resource_gets_everything_in_an_order_that_works():
    full = resource(
        role="Gateway", route=None, autoscaling=AUTOSCALING, resources=CPU, config={"environment": {"A": "b"}}, disruptionBudget={"maxUnavailable": 1},
        networkPolicy={}, ingress={"host": "x.example.com"},
    )  # fmt: skip
    assert kinds(decide(Observed(full)).apply) == [
        "ServiceAccount", "ConfigMap", "Role", "RoleBinding", "NetworkPolicy", "Service", "Deployment", "PodDisruptionBudget",
        "HorizontalPodAutoscaler", "Ingress",
    ]  # fmt: skip


def test_what_is_as_it_should_be_is_not_written_again():
    observed = applied(Observed(resource(storage={"size": "1Gi"})))
    assert decide(observed) == Decision()


def test_labels_and_annotations_of_the_resource_reach_no_child():
    owner = resource()
    observed = applied(Observed(owner))
    owner["metadata"] |= {
        "labels": {"app.kubernetes.io/instance": "shop"},
        "annotations": {"argocd.argoproj.io/tracking-id": "shop"},
    }
    assert decide(observed) == Decision()
    assert "shop" not in str(desired(observed))


def test_a_hand_edit_is_put_right_and_nothing_else_is_touched():
    observed = applied(Observed(resource()))
    service = child(observed, "Service")
    edited = {**service, "spec": {**service["spec"], "selector": {"app": "other"}}}
    assert kinds(decide(with_child(observed, edited)).apply) == ["Service"]


def test_an_image_from_before_a_tag_or_digest_was_asked_for_asks_for_nothing():
    assert decide(Observed(resource(image={"repository": "example.com/web"}))) == Decision()


def test_a_spec_that_cannot_be_read_asks_for_nothing():
    assert desired(Observed(resource(port="many"))) == ()


@pytest.mark.parametrize("spec", [{"suspend": True}, {"port": "many"}], ids=["suspended", "unreadable"])
def test_hands_are_kept_off(spec):
    observed = applied(Observed(resource(networkPolicy={})))
    assert (
        decide(changed(observed, **{"networkPolicy": None, "image": {"repository": "x", "tag": "2"}, **spec}))
        == Decision()
    )


def test_nothing_is_made_for_a_resource_that_is_being_deleted():
    owner = resource()
    owner["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert decide(Observed(owner)) == Decision()


def test_what_the_spec_no_longer_asks_for_is_deleted_but_never_a_claim():
    observed = applied(Observed(resource(storage={"size": "1Gi"}, networkPolicy={}, config={"files": {"a": "b"}})))
    decision = decide(changed(observed, storage=None, networkPolicy=None, config=None))
    assert kinds(decision.delete) == ["NetworkPolicy", "ConfigMap"] or kinds(decision.delete) == [
        "ConfigMap",
        "NetworkPolicy",
    ]


def test_a_claim_of_another_name_that_is_ours_is_not_deleted_either():
    observed = applied(Observed(resource(storage={"size": "1Gi", "onDelete": "Delete"})))
    claim = child(observed, "PersistentVolumeClaim")
    renamed = {**claim, "metadata": {**claim["metadata"], "name": "web-before"}}
    assert decide(replace(observed, children=(*observed.children, renamed))).delete == ()


def test_each_object_of_a_feature_goes_with_it():
    whole = {
        "config": {"environment": {"A": "b"}}, "disruptionBudget": {"maxUnavailable": 1}, "networkPolicy": {}, "serviceMonitor": {},
        "ingress": {"host": "x.example.com"},
        "autoscaling": AUTOSCALING, "resources": CPU, "role": "Gateway", "route": None,
    }  # fmt: skip
    plain = dict.fromkeys(set(whole) - {"resources", "role"}) | {"role": "Service"}
    gone = kinds(decide(changed(applied(Observed(resource(**whole))), **plain)).delete)
    assert sorted(gone) == sorted(
        {obj["kind"] for obj in desired(Observed(resource(**whole)))} - {"ServiceAccount", "Service", "Deployment"}
    )


DB = Ref("v1", "Secret", "t", "db")


@pytest.mark.parametrize(
    ("spec", "missing", "written"),
    [
        ({}, {"references": {DB: None}}, []),
        ({}, {"references": {DB: "x"}, "lacking": {DB: frozenset({"K"})}}, []),
        ({}, {"references": {DB: "x"}}, ["Deployment"]),
        ({"replicas": 0}, {"references": {DB: None}}, ["Deployment"]),
    ],
    ids=["no Secret", "no key", "all there", "it is to end"],
)
def test_the_only_pod_of_a_service_with_a_disk_does_not_end_for_one_that_cannot_start(spec, missing, written):
    """Elsewhere the pods of before serve until those of now do."""
    before = applied(Observed(resource(storage={"size": "1Gi"})))
    after = changed(before, env=[{"name": "K", "valueFrom": {"secretKeyRef": {"name": "db", "key": "K"}}}], **spec)
    assert kinds(decide(replace(after, **missing)).apply) == written


def orphaned(**metadata):
    """Return what is observed with a policy that has no owner and is not asked for any more."""
    observed = applied(Observed(resource(networkPolicy={})))
    policy = child(observed, "NetworkPolicy")
    kept = {name: value for name, value in policy["metadata"].items() if name != "ownerReferences"}
    return changed(with_child(observed, {**policy, "metadata": {**kept, **metadata}}), networkPolicy=None)


@pytest.mark.parametrize("copied", [{"name": "web-copy"}, {"annotations": {}}], ids=["of another name", "written anew"])
def test_an_object_that_only_carries_our_labels_is_not_deleted(copied):
    assert decide(orphaned(**copied)).delete == ()


def test_what_an_orphaning_deletion_left_goes_when_nobody_asks_for_it():
    """An autoscaler that stays would fight for the replicas."""
    assert kinds(decide(orphaned()).delete) == ["NetworkPolicy"]


TAKEN = {
    "Service": {"Ingress"},
    "Deployment": {"HorizontalPodAutoscaler"},
    "ServiceAccount": {"Deployment", "HorizontalPodAutoscaler", "RoleBinding"},
    "Role": {"RoleBinding"},
    "ConfigMap": {"Deployment", "HorizontalPodAutoscaler"},
    "PersistentVolumeClaim": {"Deployment", "HorizontalPodAutoscaler"},
}


@pytest.mark.parametrize("kind", TAKEN)
def test_a_taken_name_is_left_alone_and_so_is_what_would_rest_on_it(kind):
    owner = resource(
        role="Gateway",
        route=None,
        autoscaling=AUTOSCALING,
        resources=CPU,
        config={},
        storage={"size": "1Gi"},
        ingress={"host": "x.example.com"},
    )
    everything = {obj["kind"]: obj for obj in desired(Observed(owner))}
    decision = decide(Observed(owner, taken={ref(everything[kind]): {}}))
    assert set(everything) - set(kinds(decision.apply)) == {kind} | TAKEN[kind]


def test_a_deployment_whose_replicas_we_own_is_handed_over_before_the_autoscaler_gets_it():
    observed = applied(Observed(resource(replicas=3, resources=CPU)))
    deployment = managed(child(observed, "Deployment"), {"f:spec": {"f:replicas": {}}})
    decision = decide(changed(with_child(observed, deployment), replicas=None, autoscaling=AUTOSCALING))
    assert decision.handover == (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {"replicas": 3},
        },
    )
    assert "replicas" not in next(obj for obj in decision.apply if obj["kind"] == "Deployment")["spec"]


def test_zero_is_not_handed_over_because_it_switches_an_autoscaler_off():
    observed = applied(Observed(resource(replicas=0, resources=CPU)))
    deployment = managed(child(observed, "Deployment"), {"f:spec": {"f:replicas": {}}})
    decision = decide(changed(with_child(observed, deployment), replicas=None, autoscaling=AUTOSCALING))
    assert decision.handover[0]["spec"] == {"replicas": 2}


def test_what_somebody_scaled_to_zero_is_given_back_to_the_autoscaler():
    observed = applied(Observed(resource(autoscaling=AUTOSCALING, resources=CPU)))
    live = child(observed, "Deployment")
    decision = decide(with_child(observed, {**live, "spec": {**live["spec"], "replicas": 0}}))
    assert [obj["spec"] for obj in decision.handover] == [{"replicas": 2}]
    assert decision.apply == ()


def test_a_rollout_that_somebody_paused_goes_on():
    observed = applied(Observed(resource()))
    live = child(observed, "Deployment")
    assert kinds(decide(with_child(observed, {**live, "spec": {**live["spec"], "paused": True}})).apply) == [
        "Deployment"
    ]


def test_replicas_that_the_autoscaler_owns_are_not_handed_over_again():
    observed = applied(Observed(resource(autoscaling=AUTOSCALING, resources=CPU)))
    deployment = managed(
        child(observed, "Deployment"), {"f:spec": {"f:replicas": {}}}, "kube-controller-manager", "Update"
    )
    decision = decide(changed(with_child(observed, deployment), image={"repository": "x", "tag": "2"}))
    assert decision.handover == ()
    assert kinds(decision.apply) == ["Deployment"]


def test_requests_alone_run_the_fewest_pods_without_an_autoscaler():
    spec = {"autoscaling": {"minReplicas": 0, "maxReplicas": 4, "requests": {"targetConcurrency": 5}}}
    deployment = next(obj for obj in desired(Observed(resource(**spec))) if obj["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert "HorizontalPodAutoscaler" not in kinds(desired(Observed(resource(**spec))))


class TestConfiguration:
    """A change of it rolls the pods; nothing else does."""

    DB = Ref("v1", "Secret", NAMESPACE, "db")

    def template(self, observed):
        return next(obj for obj in desired(observed) if obj["kind"] == "Deployment")["spec"]["template"]

    @pytest.mark.parametrize("value", ["hash 2", None])
    def test_a_referenced_secret_that_changes_rolls_the_pods_unless_it_is_gone(self, value):
        observed = applied(Observed(resource(secrets=[{"name": "db"}]), references={self.DB: "hash 1"}))
        later = replace(observed, references={self.DB: value})
        assert (self.template(later) != self.template(observed)) == (value is not None)

    def test_a_secret_that_comes_back_unchanged_rolls_nothing(self):
        observed = applied(Observed(resource(secrets=[{"name": "db"}]), references={self.DB: "hash 1"}))
        assert decide(replace(observed, references={self.DB: "hash 1"})) == Decision()

    def test_a_secret_that_comes_at_last_rolls_the_pods_that_wait_for_it(self):
        observed = applied(Observed(resource(secrets=[{"name": "db"}]), references={self.DB: None}))
        assert self.template(replace(observed, references={self.DB: "hash 1"})) != self.template(observed)

    def test_a_secret_that_the_pods_read_again_themselves_rolls_nothing(self):
        files = {"name": "db", "mountPath": "/etc/db", "onChange": "Keep"}
        observed = applied(Observed(resource(secrets=[files]), references={self.DB: "hash 1"}))
        assert decide(replace(observed, references={self.DB: "hash 2"})) == Decision()
        variable = {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}
        both = applied(Observed(resource(secrets=[files], env=[variable]), references={self.DB: "hash 1"}))
        assert kinds(decide(replace(both, references={self.DB: "hash 2"})).apply) == ["Deployment"], (
            "a variable is read once, at the start"
        )

    def test_configuration_of_the_spec_rolls_the_pods(self):
        observed = applied(Observed(resource(config={"environment": {"A": "1"}})))
        later = changed(observed, config={"environment": {"A": "2"}})
        assert kinds(decide(later).apply) == ["ConfigMap", "Deployment"]

    def test_the_order_of_references_makes_no_difference(self):
        other = Ref("v1", "ConfigMap", NAMESPACE, "app")
        spec = {"secrets": [{"name": "db"}], "envFrom": [{"configMapRef": {"name": "app"}}]}
        one = Observed(resource(**spec), references={self.DB: "1", other: "2"})
        assert self.template(one) == self.template(replace(one, references={other: "2", self.DB: "1"}))


class TestClaim:
    """The claim may grow; it never shrinks, and data never go by leaving something out."""

    def claim(self, observed):
        return next((obj for obj in decide(observed).apply if obj["kind"] == "PersistentVolumeClaim"), None)

    def grown(self, observed, size):
        claim = child(observed, "PersistentVolumeClaim")
        return with_child(observed, {**claim, "spec": {**claim["spec"], "resources": {"requests": {"storage": size}}}})

    def start(self, **storage):
        return applied(Observed(resource(storage={"size": "1Gi", "storageClass": "fast", **storage})))

    def test_the_same_size_in_another_unit_is_no_growth(self):
        assert self.claim(changed(self.start(), storage={"size": "1024Mi", "storageClass": "fast"})) is None

    def test_it_grows(self):
        written = self.claim(changed(self.start(), storage={"size": "2Gi"}))
        assert written["spec"]["resources"]["requests"]["storage"] == "2Gi"
        assert written["spec"]["storageClassName"] == "fast"

    def test_what_somebody_wrote_in_the_place_of_the_size_that_was_asked_for_does_not_count(self):
        observed = self.start()
        live = child(observed, "PersistentVolumeClaim")
        annotations = {**live["metadata"]["annotations"], SIZE_ANNOTATION: "a lot"}
        edited = with_child(observed, {**live, "metadata": {**live["metadata"], "annotations": annotations}})
        written = self.claim(edited)
        assert written["metadata"]["annotations"][SIZE_ANNOTATION] == "1Gi"
        assert written["spec"]["resources"]["requests"]["storage"] == "1Gi"

    def test_it_does_not_shrink(self):
        assert self.claim(changed(self.start(), storage={"size": "512Mi", "storageClass": "fast"})) is None

    def test_a_growth_that_never_came_about_can_be_taken_back(self):
        observed = self.start(size="2Gi")
        live = child(observed, "PersistentVolumeClaim")
        waiting = with_child(observed, {**live, "status": {"capacity": {"storage": "1Gi"}}})
        back = changed(waiting, storage={"size": "1Gi"})
        assert self.claim(back)["spec"]["resources"]["requests"]["storage"] == "1Gi"
        assert self.claim(back)["metadata"]["annotations"]["opsbuddy.dev/storage-size"] == "1Gi"
        assert claim.fault(Storage(size="1Gi"), child(waiting, "PersistentVolumeClaim")) is None
        assert self.claim(changed(waiting, storage={"size": "512Mi"})) is None
        done = with_child(observed, {**live, "status": {"capacity": {"storage": "2Gi"}}})
        assert self.claim(changed(done, storage={"size": "1Gi"})) is None

    def test_a_growth_by_hand_is_not_taken_back_though_it_has_yet_to_come_about(self):
        grown = self.grown(self.start(), "3Gi")
        live = {**child(grown, "PersistentVolumeClaim"), "status": {"capacity": {"storage": "512Mi"}}}
        assert self.claim(changed(with_child(grown, live), storage={"size": "512Mi"})) is None

    def test_grown_by_hand_it_is_left_alone(self):
        assert decide(self.grown(self.start(), "3Gi")) == Decision()
        assert self.claim(changed(self.grown(self.start(), "3Gi"), storage={"size": "512Mi"})) is None

    def test_what_the_spec_asks_for_is_noted_even_where_the_hand_was_faster(self):
        written = self.claim(changed(self.grown(self.start(), "3Gi"), storage={"size": "2Gi"}))
        assert written["metadata"]["annotations"]["opsbuddy.dev/storage-size"] == "2Gi"
        assert written["spec"]["resources"]["requests"]["storage"] == "3Gi"

    def test_a_class_that_differs_is_not_sent(self):
        assert self.claim(changed(self.start(), storage={"size": "1Gi", "storageClass": "slow"})) is None

    def test_without_storage_it_stays_and_is_not_written(self):
        assert self.claim(changed(self.start(), storage=None)) is None

    def test_without_storage_it_loses_the_owner_that_would_take_it_along(self):
        released = self.claim(changed(self.start(onDelete="Delete"), storage=None))
        assert "ownerReferences" not in released["metadata"]
        assert released["spec"]["resources"]["requests"]["storage"] == "1Gi"

    def test_a_retained_one_is_taken_up_by_the_next_resource_of_the_name(self):
        before = self.start()
        owner = resource(storage={"size": "1Gi"})
        owner["metadata"]["uid"] = "another"
        observed = Observed(owner, children=(child(before, "PersistentVolumeClaim"),))
        assert "PersistentVolumeClaim" not in kinds(decide(observed).apply)
        assert is_ours(observed.children[0], owner)


class TestOwnership:
    """What is ours, what is somebody's, and what goes on its own."""

    def service(self, **metadata):
        live = alive(next(obj for obj in desired(Observed(resource())) if obj["kind"] == "Service"))
        return {**live, "metadata": {**live["metadata"], **metadata}}

    def test_what_the_resource_owns_is_ours_even_without_labels(self):
        assert is_ours(self.service(labels={}), resource())

    def test_what_an_orphaning_deletion_left_is_ours(self):
        assert is_ours(self.service(ownerReferences=[]), resource())

    def test_what_has_only_our_name_is_not(self):
        assert not is_ours(self.service(ownerReferences=[], labels={}), resource())

    def test_what_somebody_else_controls_is_not_though_labelled(self):
        assert not is_ours(
            self.service(ownerReferences=[{"kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}]),
            resource(),
        )

    def test_what_belongs_to_an_earlier_resource_of_the_name_goes_first(self):
        owner = resource()
        owner["metadata"]["uid"] = "another"
        assert is_ours(self.service(), owner)
        assert is_leaving(self.service(), owner)
        assert "Service" not in kinds(decide(Observed(owner, children=(self.service(),))).apply)


class TestPorts:
    """Server-side apply keys ports by number: an entry of ours goes by itself, a foreign one of our name does not."""

    def other(self, observed, kind, fields, manager="kubectl-edit"):
        return with_child(observed, managed(child(observed, kind), fields, manager, "Update"))

    def edited(self, kind, port, manager="kubectl-edit"):
        """Somebody changed the number of our port by hand."""
        observed = applied(Observed(resource()))
        live = child(observed, kind)
        if kind == "Service":
            spec = {**live["spec"], "ports": [{**live["spec"]["ports"][0], "port": port}]}
            fields = {"f:spec": {"f:ports": {f'k:{{"port":{port},"protocol":"TCP"}}': {"f:port": {}}}}}
            return self.other(with_child(observed, {**live, "spec": spec}), kind, fields, manager)
        pod = live["spec"]["template"]["spec"]
        ports = [{**pod["containers"][0]["ports"][0], "containerPort": port}]
        template = {
            **live["spec"]["template"],
            "spec": {**pod, "containers": [{**pod["containers"][0], "ports": ports}]},
        }
        entry = {f'k:{{"containerPort":{port},"protocol":"TCP"}}': {"f:containerPort": {}}}
        fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:ports": entry}}}}}}
        return self.other(with_child(observed, {**live, "spec": {**live["spec"], "template": template}}), kind, fields)

    def test_a_change_of_the_port_needs_no_repair_when_the_entry_is_ours(self):
        decision = decide(changed(applied(Observed(resource())), port=9001))
        assert decision.repair == ()
        assert kinds(decision.apply) == ["Service", "Deployment"]

    def test_an_entry_from_an_earlier_repair_counts_as_foreign(self):
        """It was written by a patch, not applied: server-side apply leaves it."""
        assert decide(self.edited("Service", 9999, FIELD_MANAGER)).repair != ()

    def test_a_foreign_entry_of_our_name_in_the_service_is_replaced(self):
        (patch,) = decide(self.edited("Service", 9999)).repair
        assert patch["spec"]["ports"][0] == {"$patch": "delete", "port": 9999}
        assert [entry["port"] for entry in patch["spec"]["ports"][1:]] == [8001]

    def test_a_foreign_entry_without_a_name_in_the_service_is_replaced(self):
        """The API server takes no second port beside it."""
        observed = self.edited("Service", 9999)
        live = child(observed, "Service")
        del live["spec"]["ports"][0]["name"]
        (patch,) = decide(observed).repair
        assert patch["spec"]["ports"][0] == {"$patch": "delete", "port": 9999}

    def test_a_foreign_entry_of_our_name_in_the_container_is_replaced(self):
        (patch,) = decide(self.edited("Deployment", 9999)).repair
        (container,) = patch["spec"]["template"]["spec"]["containers"]
        assert container["name"] == "web"
        assert container["ports"][0] == {"$patch": "delete", "containerPort": 9999}
        assert [entry["containerPort"] for entry in container["ports"][1:]] == [8001]

    def test_a_foreign_entry_of_another_name_stays(self):
        observed = applied(Observed(resource()))
        live = child(observed, "Service")
        ports = [*live["spec"]["ports"], {"name": "metrics", "port": 9, "protocol": "TCP"}]
        fields = {"f:spec": {"f:ports": {'k:{"port":9,"protocol":"TCP"}': {}}}}
        edited = self.other(with_child(observed, {**live, "spec": {**live["spec"], "ports": ports}}), "Service", fields)
        assert decide(edited) == Decision()


class TestAlternatives:
    """Of some fields only one may be set. Server-side apply leaves what somebody else set, and the API server refuses both together."""

    def edited(self, kind, change, *path):
        """Somebody changed the object by hand: `change` gets its spec, `path` leads to what it set."""
        whole = {
            "disruptionBudget": {"maxUnavailable": 1},
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
        }
        observed = applied(Observed(resource(**whole)))
        live = copy.deepcopy(child(observed, kind))
        change(live["spec"])
        fields: dict[str, object] = {}
        for part in reversed(path):
            fields = {f"k:{part}" if part.startswith("{") else f"f:{part}": fields}
        return with_child(observed, managed(live, fields, "kubectl-edit", "Update"))

    def pod(self, spec):
        return spec["template"]["spec"]

    def test_a_value_in_the_place_of_a_reference(self):
        def change(spec):
            spec["template"]["spec"]["containers"][0]["env"][-1] = {"name": "A", "value": "1"}

        path = ("spec", "template", "spec", "containers", '{"name":"web"}', "env", '{"name":"A"}', "value")
        (patch,) = decide(self.edited("Deployment", change, *path)).repair
        (container,) = self.pod(patch["spec"])["containers"]
        assert container == {
            "name": "web",
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}, "value": None}],
        }

    def test_another_source_of_a_value(self):
        def change(spec):
            spec["template"]["spec"]["containers"][0]["env"][-1]["valueFrom"] = {
                "secretKeyRef": {"name": "db", "key": "k"}
            }

        entry = ("containers", '{"name":"web"}', "env", '{"name":"A"}', "valueFrom", "secretKeyRef")
        (patch,) = decide(self.edited("Deployment", change, "spec", "template", "spec", *entry)).repair
        (container,) = self.pod(patch["spec"])["containers"]
        assert container["env"] == [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}, "secretKeyRef": None}}]

    def test_another_probe(self):
        def change(spec):
            spec["template"]["spec"]["containers"][0]["readinessProbe"] = {"exec": {"command": ["x"]}}

        path = ("spec", "template", "spec", "containers", '{"name":"web"}', "readinessProbe", "exec")
        (patch,) = decide(self.edited("Deployment", change, *path)).repair
        (container,) = self.pod(patch["spec"])["containers"]
        assert container["readinessProbe"].keys() == {"httpGet", "exec"}
        assert container["readinessProbe"]["exec"] is None

    def test_another_kind_of_volume(self):
        def change(spec):
            spec["template"]["spec"]["volumes"][0] = {"name": "tmp", "secret": {"secretName": "x"}}

        path = ("spec", "template", "spec", "volumes", '{"name":"tmp"}', "secret")
        decision = decide(self.edited("Deployment", change, *path))
        assert self.pod(decision.repair[0]["spec"]) == {"volumes": [{"name": "tmp", "emptyDir": {}, "secret": None}]}
        assert kinds(decision.apply) == ["Deployment"]

    def test_another_limit_of_a_disruption_budget(self):
        def change(spec):
            spec["minAvailable"] = 3
            del spec["maxUnavailable"]

        (patch,) = decide(self.edited("PodDisruptionBudget", change, "spec", "minAvailable")).repair
        assert patch["spec"] == {"maxUnavailable": 1, "minAvailable": None}

    def test_what_only_we_had_set_goes_by_itself(self):
        observed = applied(
            Observed(resource(disruptionBudget={"maxUnavailable": 1}, env=[{"name": "A", "value": "1"}]))
        )
        changes = {
            "disruptionBudget": {"minAvailable": 1},
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
        }
        decision = decide(changed(observed, **changes))
        assert decision.repair == ()
        assert kinds(decision.apply) == ["Deployment", "PodDisruptionBudget"]

    def test_what_is_no_alternative_stays(self):
        def change(spec):
            spec["template"]["spec"]["containers"][0]["env"][-1:] = [{"name": "B", "value": "1"}]

        path = ("spec", "template", "spec", "containers", '{"name":"web"}', "env", '{"name":"B"}', "value")
        decision = decide(self.edited("Deployment", change, *path))
        assert decision.repair == ()
        assert kinds(decision.apply) == ["Deployment"]
