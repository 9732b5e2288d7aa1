"""What each value of the operator's chart does."""

import pytest

from tests.charts import helm, values
from tests.charts.effects import Effect, among, assert_effect, at, exists, rendered
from tests.charts.helm import OPERATOR

pytestmark = pytest.mark.charts

NAME = "opsbuddy-operator"
DIGEST = f"sha256:{'a' * 64}"
TWO_TEAMS = ["team-a", "team-b"]
AFFINITY = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}
SPREAD = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
PEER = {"namespaceSelector": {"matchLabels": {"team": "observability"}}}
TOLERATION = {"key": "spot", "operator": "Exists"}
ANALYTICS = {"analyticsUrl": "http://analytics-service:8003"}
VARIABLE = {"name": "RESYNC_SECONDS", "value": "60"}

METADATA = ("Deployment", NAME, "spec", "template", "metadata")
POD = ("Deployment", NAME, "spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
MONITOR = ("ServiceMonitor", NAME)


def env(name, value):
    return among(*CONTAINER, "env", part={"name": name, "value": value})


def scopes(objects):
    """Where the operator has its rights."""
    roles = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    found = ((obj["kind"], obj["metadata"].get("namespace")) for kind in roles for obj in helm.of_kind(objects, kind))
    return sorted(found, key=str)


def account(objects):
    """The account of the pod, the one that is made, and those that have a role."""
    bindings = [*helm.of_kind(objects, "RoleBinding"), *helm.of_kind(objects, "ClusterRoleBinding")]
    return (
        at(*POD, "serviceAccountName")(objects),
        [obj["metadata"]["name"] for obj in helm.of_kind(objects, "ServiceAccount")],
        {subject["name"] for binding in bindings for subject in binding["subjects"]},
    )


OF_THE_LEASE = [("Role", None), ("RoleBinding", None)]
IN_BOTH = [(kind, team) for kind in ("Role", "RoleBinding") for team in TWO_TEAMS]

EFFECTS = {
    "global.imageRegistry": Effect(
        "registry.example.com/team/", at(*CONTAINER, "image"), "registry.example.com/team/opsbuddy-operator:0.1.0"
    ),
    "global.imagePullSecrets": Effect(["shared"], at(*POD, "imagePullSecrets"), [{"name": "shared"}]),
    "image.repository": Effect("mine/operator", at(*CONTAINER, "image"), "mine/operator:0.1.0"),
    "image.tag": Effect("9.9", at(*CONTAINER, "image"), "opsbuddy-operator:9.9"),
    "image.digest": Effect(
        DIGEST, at(*CONTAINER, "image"), f"opsbuddy-operator@{DIGEST}", given={"image.tag": "replaced"}
    ),
    "image.pullPolicy": Effect("Always", at(*CONTAINER, "imagePullPolicy"), "Always"),
    "imagePullSecrets": Effect(
        ["shared", "own"],
        at(*POD, "imagePullSecrets"),
        [{"name": "shared"}, {"name": "own"}],
        given={"global.imagePullSecrets": ["shared"]},
    ),
    "replicas": Effect(3, at("Deployment", NAME, "spec", "replicas"), 3),
    "watchNamespaces": Effect(
        [*TWO_TEAMS, "team-a"],
        lambda objects: (scopes(objects), env("WATCH_NAMESPACES", "team-a,team-b")(objects)),
        (sorted([*OF_THE_LEASE, *IN_BOTH], key=str), True),
    ),
    "logLevel": Effect("DEBUG", env("LOG_LEVEL", "DEBUG"), True),
    "analyticsUrl": Effect("http://a:8003", env("ANALYTICS_URL", "http://a:8003"), True),
    "workers": Effect(3, env("WORKERS", "3"), True),
    "extraEnv": Effect([VARIABLE], among(*CONTAINER, "env", part=VARIABLE), True),
    "crds.enabled": Effect(False, exists("CustomResourceDefinition", "opsbuddyservices.opsbuddy.dev"), False),
    "crds.keep": Effect(
        False, at("CustomResourceDefinition", "opsbuddyservices.opsbuddy.dev", "metadata", "annotations"), None
    ),
    "rbac.create": Effect(False, scopes, []),
    "serviceAccount.create": Effect(False, account, (NAME, [], {NAME})),
    "serviceAccount.name": Effect("mine", account, ("mine", ["mine"], {"mine"})),
    "serviceAccount.annotations": Effect(
        {"example.com/role": "r"}, at("ServiceAccount", NAME, "metadata", "annotations"), {"example.com/role": "r"}
    ),
    "resources": Effect(
        {"limits": {"memory": "1Gi"}},
        at(*CONTAINER, "resources"),
        {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
    ),
    "podDisruptionBudget.enabled": Effect(False, exists("PodDisruptionBudget", NAME), False, given={"replicas": 2}),
    "podLabels": Effect({"team": "platform"}, at(*METADATA, "labels", "team"), "platform"),
    "podAnnotations": Effect({"example.com/a": "1"}, at(*METADATA, "annotations"), {"example.com/a": "1"}),
    "nodeSelector": Effect({"disk": "ssd"}, at(*POD, "nodeSelector"), {"disk": "ssd"}),
    "tolerations": Effect([TOLERATION], at(*POD, "tolerations"), [TOLERATION]),
    "affinity": Effect(AFFINITY, at(*POD, "affinity"), AFFINITY),
    "topologySpreadConstraints": Effect([SPREAD], at(*POD, "topologySpreadConstraints"), [SPREAD]),
    "priorityClassName": Effect("system-cluster-critical", at(*POD, "priorityClassName"), "system-cluster-critical"),
    "serviceMonitor.enabled": Effect(True, exists(*MONITOR), True),
    "serviceMonitor.interval": Effect(
        "5s", at(*MONITOR, "spec", "endpoints", 0, "interval"), "5s", given={"serviceMonitor.enabled": True}
    ),
    "serviceMonitor.labels": Effect(
        {"release": "prometheus"},
        at(*MONITOR, "metadata", "labels", "release"),
        "prometheus",
        given={"serviceMonitor.enabled": True},
    ),
    "networkPolicy.enabled": Effect(True, exists("NetworkPolicy", NAME), True),
    "networkPolicy.ingressFrom": Effect(
        [PEER],
        at("NetworkPolicy", NAME, "spec", "ingress", 0, "from"),
        [PEER],
        given={"networkPolicy.enabled": True},
    ),
}


def test_every_value_has_a_row():
    present = {value.path for value in values.leaves(OPERATOR.name)}
    assert present - EFFECTS.keys() == set(), "values without a row"
    assert EFFECTS.keys() - present == set(), "rows without a value"


@pytest.mark.parametrize("path", EFFECTS)
def test_a_value_does_what_it_says(path):
    assert_effect(OPERATOR, path, EFFECTS[path])


def test_no_variable_of_the_operator_is_set_twice():
    """Taken out again, one of two takes the other one with it."""
    set_by_the_chart = [variable["name"] for variable in at(*CONTAINER, "env")(rendered(OPERATOR, ANALYTICS))]
    for name in set_by_the_chart:
        with pytest.raises(helm.HelmError, match=f"extraEnv names {name}, which the chart sets already"):
            rendered(OPERATOR, {**ANALYTICS, "extraEnv": [{"name": name, "value": "mine"}]})
    with pytest.raises(helm.HelmError, match=r"extraEnv names RESYNC_SECONDS, .* twice"):
        rendered(OPERATOR, {"extraEnv": [VARIABLE, VARIABLE]})


def test_the_crd_is_kept_by_default():
    crd = helm.one(rendered(OPERATOR), "CustomResourceDefinition", "opsbuddyservices.opsbuddy.dev")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_single_operator_has_no_budget_that_would_block_a_drain():
    assert not exists("PodDisruptionBudget", NAME)(rendered(OPERATOR))


def test_a_namespace_of_its_own_needs_nothing_at_cluster_scope():
    objects = rendered(OPERATOR, {"watchNamespaces": TWO_TEAMS, "crds.enabled": False})
    assert not {obj["kind"] for obj in objects} & {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def test_a_service_monitor_is_refused_where_nobody_reads_it():
    with pytest.raises(helm.HelmError, match=r"needs the API monitoring\.coreos\.com/v1"):
        helm.render(OPERATOR, {"serviceMonitor": {"enabled": True}})
