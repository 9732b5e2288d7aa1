"""What the web UI reads of a real API server, with the rights that the operator gives a console and no more."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.resource import GROUP, PLURAL, ConditionType
from opsbuddy_ui_service.clients import cluster as reader
from opsbuddy_ui_service.clients.cluster import ApiServer
from opsbuddy_ui_service.models.resources import last_change
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.views.services import describe
from tests.contract.apiserver import kubectl
from tests.contract.cluster import SOON, Cluster, session
from tests.contract.test_operator import resource
from tests.support.wait import eventually

pytestmark = pytest.mark.contract
OF_EVERYBODY = {"authorization.k8s.io", "authentication.k8s.io"}  # whoever is signed in may ask who that is


def mounted(admin: Path, namespace: str, account: str, folder: Path) -> Path:
    """Return what Kubernetes mounts into the pods of an account: a token of it, and the authority of the server."""
    folder.mkdir()
    (folder / "token").write_text(kubectl(admin, "create", "token", account, "-n", namespace))
    (folder / "ca.crt").write_text((admin.parent / "certs/apiserver.crt").read_text())
    return folder


def console(admin: Path, namespace: str, folder: Path) -> ApiServer:
    server = urlsplit(yaml.safe_load(admin.read_text())["clusters"][0]["cluster"]["server"])
    return ApiServer(
        UiSettings(
            kubernetes_service_host=server.hostname,
            kubernetes_service_port=server.port or 443,
            kubernetes_account=folder,
            kubernetes_timeout=10,
            pod_namespace=namespace,
        )
    )


async def bound(cluster: Cluster, account: str) -> None:
    """Wait until the operator gave an account its role."""
    path = f"apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}/rolebindings/{account}"

    async def there() -> bool:
        return (await cluster.session.get(path)).status_code == 200

    await eventually(there, within=SOON, what=f"the role binding {account}")


async def test_a_console_reads_the_resources_page_by_page_and_who_changed_them(
    apiserver: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE", 1)
    await cluster.apply(resource("ui-service", role="Console", port=3000))
    await cluster.apply(resource("web", route={"prefix": "/api/web"}, replicas=2))
    await bound(cluster, "ui-service")
    await cluster.until("web", "Available", "False")
    ours = console(
        apiserver, cluster.namespace, mounted(apiserver, cluster.namespace, "ui-service", tmp_path / "account")
    )
    listing = await ours.resources()
    assert [each.name for each in listing.found] == ["ui-service", "web"]
    assert (listing.complete, listing.unclear) == (True, ())
    web = listing.found[1]
    shown = describe(web)
    assert {aspect.type for aspect in shown.aspects} == set(ConditionType)
    assert (shown.pods, shown.port, shown.image) == ("0 / 2", "8001 HTTP", "example.com/web:1")
    assert shown.why
    change = last_change(web)
    assert change
    assert (change.by, change.what) == ("test", "created")


async def test_what_was_changed_later_is_told_by_its_fields(apiserver: Path, cluster: Cluster, tmp_path: Path) -> None:
    await cluster.apply(resource("ui-service", role="Console", port=3000))
    await bound(cluster, "ui-service")
    await eventually_older(cluster, "ui-service")
    kubectl(
        apiserver,
        "patch",
        "obs",
        "ui-service",
        "-n",
        cluster.namespace,
        "--type=merge",
        "-p",
        '{"spec":{"replicas":2}}',
    )
    ours = console(
        apiserver, cluster.namespace, mounted(apiserver, cluster.namespace, "ui-service", tmp_path / "account")
    )
    (found,) = (await ours.resources()).found
    change = last_change(found)
    assert change
    assert (change.by, change.what) == ("kubectl-patch", "changed (replicas)")


async def eventually_older(cluster: Cluster, name: str) -> None:
    """Wait until a resource is so old that a change of it is none of its making."""

    async def settled() -> bool:
        made = (await cluster.get("obs", name))["metadata"]["creationTimestamp"]
        return datetime.now(UTC) - datetime.fromisoformat(made) > timedelta(seconds=4)

    await eventually(settled, within=SOON)


async def test_a_console_may_read_the_resources_of_its_namespace_and_nothing_else(
    apiserver: Path, cluster: Cluster, tmp_path: Path
) -> None:
    await cluster.apply(resource("ui-service", role="Console", port=3000))
    await cluster.apply(resource("web"))
    await bound(cluster, "ui-service")
    folder = mounted(apiserver, cluster.namespace, "ui-service", tmp_path / "account")
    async with session(apiserver) as admin:
        headers = {"authorization": f"Bearer {(folder / 'token').read_text()}"}
        assert await rights(admin, headers, cluster.namespace) == [({"get", "list"}, [GROUP], [PLURAL])]
        assert await rights(admin, headers, "default") == []
        token = kubectl(apiserver, "create", "token", "web", "-n", cluster.namespace)
        assert await rights(admin, {"authorization": f"Bearer {token}"}, cluster.namespace) == []


async def rights(
    server: httpx2.AsyncClient, headers: dict[str, str], namespace: str
) -> list[tuple[set[str], list[str], list[str]]]:
    """Return what an account may do to objects of a namespace, as the API server says itself."""
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = (await server.post(path, json=asked, headers=headers)).raise_for_status().json()
    rules = answer["status"]["resourceRules"]
    return [
        (set(rule["verbs"]), rule["apiGroups"], rule["resources"])
        for rule in rules
        if not OF_EVERYBODY.issuperset(rule["apiGroups"])
    ]


async def test_a_service_that_is_no_console_is_refused_in_words_that_say_what_it_needs(
    apiserver: Path, cluster: Cluster, tmp_path: Path
) -> None:
    await cluster.apply(resource("web"))

    async def account() -> bool:
        return await cluster.get("serviceaccounts", "web") is not None

    await eventually(account, within=SOON)
    ours = console(apiserver, cluster.namespace, mounted(apiserver, cluster.namespace, "web", tmp_path / "account"))
    with pytest.raises(OpsBuddyError) as refused:
        await ours.resources()
    assert re.search(r"needs role: Console\. It says: opsbuddyservices\.\S+ is forbidden: User ", refused.value.detail)
