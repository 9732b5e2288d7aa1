"""The script of the stack's chart that brings the CRD up to date, with the rights that the chart gives it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.charts import helm
from tests.charts.helm import STACK
from tests.contract.apiserver import CRD, get, kubectl
from tests.support.influxdb import free_port

pytestmark = pytest.mark.contract

NAME = "crd/opsbuddyservices.opsbuddy.dev"
ACCOUNT_KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")


@dataclass
class Upgrade:
    """The script as its Job runs it: a file beside it, the account's token and certificates in a folder."""

    kubeconfig: Path
    folder: Path
    server: str

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        address = urlsplit(self.server)
        environment = {
            "ACCOUNT_FOLDER": str(self.folder),
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        } | environment
        command = [sys.executable, "-I", "-S", str(self.folder / "crd_upgrade.py")]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    def live(self) -> Any:
        return get(self.kubeconfig, NAME)


@pytest.fixture
def upgrade(apiserver: Path, namespace: str, tmp_path: Path) -> Iterator[Upgrade]:
    rendered = [obj for obj in helm.render(STACK, namespace=namespace) if "crd-upgrade" in obj["metadata"]["name"]]
    rights = [obj for kind in ACCOUNT_KINDS for obj in helm.of_kind(rendered, kind)]
    kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=rights)
    account = helm.of_kind(rights, "ServiceAccount")[0]["metadata"]["name"]
    (tmp_path / "token").write_text(kubectl(apiserver, "create", "token", account, "-n", namespace))
    shutil.copy(apiserver.parent / "certs/apiserver.crt", tmp_path / "ca.crt")
    for name, text in helm.one(rendered, "ConfigMap", "opsbuddy-crd-upgrade")["data"].items():
        (tmp_path / name).write_text(text)
    server = yaml.safe_load(apiserver.read_text())["clusters"][0]["cluster"]["server"]
    yield Upgrade(apiserver, tmp_path, server)
    kubectl(apiserver, "apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    kubectl(apiserver, "delete", "-n", namespace, "-f", "-", document=rights)


def of_another_version(live: Any) -> str:
    """Return a patch that makes the CRD as an older version would have left it: a column less."""
    columns = live["spec"]["versions"][0]["additionalPrinterColumns"]
    return json.dumps([{"op": "remove", "path": f"/spec/versions/0/additionalPrinterColumns/{len(columns) - 1}"}])


def test_a_crd_of_another_version_becomes_that_of_the_chart_and_repeating_changes_nothing(upgrade):
    before = upgrade.live()
    kubectl(upgrade.kubeconfig, "patch", NAME, "--type=json", "-p", of_another_version(before))
    assert upgrade.live()["spec"] != before["spec"]
    done = upgrade.run()
    after = upgrade.live()
    assert done.returncode == 0, done.stderr
    assert after["spec"] == before["spec"]
    generation = after["metadata"]["generation"]
    assert done.stdout == f"The CRD opsbuddyservices.opsbuddy.dev is up to date (generation {generation}).\n"
    assert upgrade.run().returncode == 0
    assert upgrade.live()["metadata"]["generation"] == generation


def test_resources_stay_as_they_are(upgrade, namespace):
    spec = {"image": {"repository": "example.com/web", "tag": "1"}, "port": 8001}
    resource = {
        "apiVersion": "opsbuddy.dev/v1alpha1",
        "kind": "OpsBuddyService",
        "metadata": {"name": "web"},
        "spec": spec,
    }
    kubectl(upgrade.kubeconfig, "apply", "-n", namespace, "-f", "-", document=resource)
    before = get(upgrade.kubeconfig, "obs", "web", "-n", namespace)
    assert upgrade.run().returncode == 0
    assert get(upgrade.kubeconfig, "obs", "web", "-n", namespace) == before


def test_a_refusal_is_told_in_the_servers_words(upgrade, namespace):
    kubectl(upgrade.kubeconfig, "create", "serviceaccount", "nobody", "-n", namespace)
    (upgrade.folder / "token").write_text(kubectl(upgrade.kubeconfig, "create", "token", "nobody", "-n", namespace))
    done = upgrade.run()
    assert done.returncode == 1
    assert done.stderr.startswith("The API server refused the CRD with 403: ")
    assert 'cannot get resource \\"customresourcedefinitions\\"' in done.stderr


def test_an_api_server_that_is_away_is_told(upgrade):
    done = upgrade.run(KUBERNETES_SERVICE_PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith("The CRD could not be brought up to date: ")
    assert "refused" in done.stderr
