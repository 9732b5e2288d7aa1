"""What the charts make, as a real API server sees it, and what depends on what is in a cluster already."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts import helm
from tests.charts.cases import CASES
from tests.charts.helm import OPERATOR, STACK
from tests.contract.apiserver import CRD, get, kubectl
from tests.contract.description.installation import SERVICES

pytestmark = pytest.mark.contract

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
NO_HOOKS = "--no-hooks"  # nothing runs here that could complete a Job


@pytest.fixture(scope="module")
def restricted(apiserver: Path) -> str:
    """The namespace that the values in ci/ speak of, in which no pod runs that does not pass restricted pod security."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test", "labels": RESTRICTED}}
    kubectl(apiserver, "apply", "-f", "-", document=namespace)
    kubectl(apiserver, "wait", "--for=create", "serviceaccount/default", "-n", "test", "--timeout=30s")
    return "test"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_api_server_takes_every_object_without_a_warning(case, apiserver, restricted):
    """All but what the Prometheus operator reads, which it does not know."""
    objects = helm.render(case.chart, case.values, *helm.MONITORING, namespace=restricted)
    known = [obj for obj in objects if obj["kind"] not in {"ServiceMonitor", "PrometheusRule"}]
    command = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors")
    taken = kubectl(apiserver, *command, "-n", restricted, "-f", "-", document=known)
    assert len(taken.splitlines()) == len(known)


@dataclass(frozen=True)
class Cluster:
    """Helm and kubectl on a namespace of the API server."""

    kubeconfig: Path
    namespace: str

    def helm(self, *arguments: str, values: Any = None) -> str:
        return helm.run(*arguments, "-n", self.namespace, "--kubeconfig", str(self.kubeconfig), values=values)

    def kubectl(self, *arguments: str) -> str:
        return kubectl(self.kubeconfig, "-n", self.namespace, *arguments)

    def secret(self) -> dict[str, str]:
        data: dict[str, str] = get(self.kubeconfig, "secret", "influxdb-auth", "-n", self.namespace)["data"]
        return data

    def names(self, *arguments: str) -> set[str]:
        return {obj["metadata"]["name"] for obj in get(self.kubeconfig, *arguments, "-n", self.namespace)["items"]}


@pytest.fixture
def cluster(apiserver: Path, namespace: str) -> Iterator[Cluster]:
    made = Cluster(apiserver, namespace)
    yield made
    for release in json.loads(made.helm("list", "--all", "-o", "json")):
        made.helm("uninstall", release["name"], NO_HOOKS)


def test_the_notes_say_how_to_open_what_was_installed_where(cluster):
    notes = cluster.helm("install", "platform", str(STACK), NO_HOOKS).partition("NOTES:")[2]
    in_here = f"-n {cluster.namespace} "
    assert f"kubectl {in_here}wait opsbuddyservice --all --for=condition=Ready --timeout=5m" in notes
    assert f"kubectl {in_here}port-forward service/ui-service 3000:3000" in notes
    assert f"helm {in_here}test platform --logs" in notes
    assert "Without InfluxDB" not in notes
    values = {"influxdb": {"enabled": False}, "operator": {"enabled": False}}
    values |= {"services": {"ui-service": {"spec": {"port": 3001}}}}
    notes = cluster.helm("upgrade", "platform", str(STACK), NO_HOOKS, values=values).partition("NOTES:")[2]
    assert f"kubectl {in_here}port-forward service/ui-service 3001:3001" in notes
    assert "Without InfluxDB, logs and metrics are kept by the services themselves" in notes
    assert "nothing runs unless an operator" in notes
    values["services"]["gateway"] = {"enabled": False}
    notes = cluster.helm("upgrade", "platform", str(STACK), NO_HOOKS, values=values).partition("NOTES:")[2]
    assert "helm " not in notes, "there is no gateway to ask"


def test_the_notes_of_the_operator_name_its_namespaces(cluster):
    values = {"watchNamespaces": [cluster.namespace], "crds": {"enabled": False}}
    notes = cluster.helm("install", "operator", str(OPERATOR), values=values).partition("NOTES:")[2]
    assert f"The operator serves the namespaces {cluster.namespace}." in notes
    assert f"kubectl -n {cluster.namespace} rollout status deployment/opsbuddy-operator" in notes


def test_the_password_is_made_once_for_all_upgrades_and_installs(cluster):
    cluster.helm("install", "platform", str(STACK), NO_HOOKS)
    made = cluster.secret()
    assert made.keys() == {"admin-password", "admin-token"}
    cluster.helm("upgrade", "platform", str(STACK), NO_HOOKS)
    assert cluster.secret() == made
    cluster.helm("uninstall", "platform", NO_HOOKS)
    assert cluster.names("pvc") == {"influxdb"}
    assert cluster.secret() == made
    cluster.helm("install", "another-name", str(STACK), NO_HOOKS)
    assert cluster.secret() == made


def test_a_secret_and_a_claim_that_somebody_else_made_are_used_as_they_are(cluster):
    cluster.kubectl("create", "secret", "generic", "influxdb-auth", "--from-literal=admin-token=theirs")
    before = cluster.secret()
    cluster.helm("install", "platform", str(STACK), NO_HOOKS)
    assert cluster.secret() == before
    cluster.helm("uninstall", "platform", NO_HOOKS)
    assert cluster.secret() == before


def test_the_crd_is_upgraded_only_where_it_is_another_one(cluster):
    hooks = ("install", "platform", str(STACK), "--dry-run=server")
    assert "opsbuddy-crd-upgrade" not in cluster.helm(*hooks)
    column = json.dumps([{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}])
    cluster.kubectl("patch", "crd", "opsbuddyservices.opsbuddy.dev", "--type=json", "-p", column)
    try:
        assert "name: opsbuddy-crd-upgrade" in cluster.helm(*hooks)
    finally:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))


def test_a_second_operator_for_all_namespaces_is_refused_with_the_first_ones_name(cluster, apiserver):
    cluster.helm("install", "platform", str(STACK), NO_HOOKS)
    with pytest.raises(helm.HelmError) as refused:
        Cluster(apiserver, "default").helm("install", "second", str(OPERATOR), "--set", "crds.enabled=false")
    words = str(refused.value)
    assert f"An operator already serves all namespaces: release {cluster.namespace}/platform" in words
    assert "watchNamespaces" in words
    assert "operator.enabled=false" in words


def test_an_operator_for_all_namespaces_is_refused_where_one_serves_some(cluster, apiserver):
    values = {"watchNamespaces": [cluster.namespace], "crds": {"enabled": False}}
    cluster.helm("install", "first", str(OPERATOR), values=values)
    with pytest.raises(
        helm.HelmError, match=f"already serves namespace {cluster.namespace}: release {cluster.namespace}/first"
    ):
        Cluster(apiserver, "default").helm("install", "second", str(OPERATOR), "--set", "crds.enabled=false")


def test_two_operators_serve_different_namespaces(cluster, apiserver):
    kubectl(apiserver, "create", "namespace", f"{cluster.namespace}-b")
    other = Cluster(apiserver, f"{cluster.namespace}-b")
    for each in (cluster, other):
        values = {"watchNamespaces": [each.namespace], "crds": {"enabled": False}}
        each.helm("install", "operator", str(OPERATOR), values=values)
    assert cluster.names("roles") == other.names("roles") == {"opsbuddy-operator", "opsbuddy-operator-lease"}
    other.helm("uninstall", "operator")


IN_THE_WAY = "cannot be imported into the current release"
TAKE = "--take-ownership"


@pytest.fixture
def unowned(apiserver: Path) -> Iterator[None]:
    """The CRD as somebody applied it, before the test and after it."""
    annotations = ("meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-", "helm.sh/resource-policy-")
    forget = ("annotate", "crd", "opsbuddyservices.opsbuddy.dev", *annotations)
    kubectl(apiserver, *forget)
    yield
    kubectl(apiserver, *forget)


def test_an_uninstalled_operator_leaves_resources_and_is_installed_again_by_the_readmes_words(
    cluster, apiserver, unowned
):
    kubectl(apiserver, "create", "namespace", f"{cluster.namespace}-b")
    other = Cluster(apiserver, f"{cluster.namespace}-b")
    readme = (OPERATOR / "README.md").read_text()
    assert IN_THE_WAY in readme
    assert TAKE in readme
    with pytest.raises(helm.HelmError, match=IN_THE_WAY):
        cluster.helm("install", "first", str(OPERATOR))
    cluster.helm("install", "first", str(OPERATOR), TAKE)
    resource = {"apiVersion": "opsbuddy.dev/v1alpha1", "kind": "OpsBuddyService", "metadata": {"name": "web"}}
    resource["spec"] = {"image": {"repository": "web", "tag": "1"}, "port": 80}
    kubectl(apiserver, "apply", "-n", cluster.namespace, "-f", "-", document=resource)
    before = get(apiserver, "obs", "web", "-n", cluster.namespace)
    try:
        cluster.helm("uninstall", "first")
        assert get(apiserver, "obs", "web", "-n", cluster.namespace) == before
        cluster.helm("install", "first", str(OPERATOR))
        cluster.helm("uninstall", "first")
        with pytest.raises(helm.HelmError, match=IN_THE_WAY):
            other.helm("install", "second", str(OPERATOR))
        other.helm("install", "second", str(OPERATOR), TAKE)
        assert get(apiserver, "obs", "web", "-n", cluster.namespace) == before
        with pytest.raises(helm.HelmError, match="An operator already serves all namespaces"):
            cluster.helm("install", "platform", str(STACK), NO_HOOKS)
        cluster.helm("install", "platform", str(STACK), NO_HOOKS, "--set", "operator.enabled=false")
        assert "web" in cluster.names("obs")
    finally:
        for release in json.loads(other.helm("list", "--all", "-o", "json")):
            other.helm("uninstall", release["name"], NO_HOOKS)


@pytest.fixture
def of_one_team(cluster, apiserver, tmp_path) -> Cluster:
    """Helm and kubectl of somebody who may do everything in the namespace, and nothing at cluster scope."""
    cluster.kubectl("create", "serviceaccount", "team")
    cluster.kubectl("create", "role", "everything", "--verb=*", "--resource=*.*")
    cluster.kubectl("create", "rolebinding", "team", "--role=everything", f"--serviceaccount={cluster.namespace}:team")
    config = yaml.safe_load(apiserver.read_text())
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", "team").strip()}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    return Cluster(tmp_path / "kubeconfig", cluster.namespace)


def test_without_a_right_at_cluster_scope_the_operator_is_installed_for_its_namespace(of_one_team):
    values = {"watchNamespaces": [of_one_team.namespace], "crds": {"enabled": False}}
    of_one_team.helm("install", "operator", str(OPERATOR), values=values)
    assert of_one_team.names("deployments") == {"opsbuddy-operator"}


def test_without_a_right_at_cluster_scope_the_stack_is_installed_for_its_namespace(of_one_team):
    values = {"crds": {"upgrade": False}, "operator": {"watchNamespaces": [of_one_team.namespace]}}
    of_one_team.helm("install", "platform", str(STACK), NO_HOOKS, "--skip-crds", values=values)
    assert of_one_team.names("obs") == SERVICES
