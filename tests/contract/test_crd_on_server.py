import pytest

from tests.contract.apiserver import get, kubectl

pytestmark = pytest.mark.contract


def test_kubectl_scale_works_although_the_resource_names_no_replicas(apiserver, namespace):
    web = {
        "apiVersion": "opsbuddy.dev/v1alpha1",
        "kind": "OpsBuddyService",
        "metadata": {"name": "web"},
        "spec": {"image": {"repository": "example.com/web", "tag": "1"}, "port": 8001, "route": {"prefix": "/api/web"}},
    }
    kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=web)
    assert "replicas" not in get(apiserver, "obs", "web", "-n", namespace)["spec"]
    kubectl(apiserver, "scale", "obs", "web", "--replicas=3", "-n", namespace)
    assert get(apiserver, "obs", "web", "-n", namespace)["spec"]["replicas"] == 3
    kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=web)
    assert get(apiserver, "obs", "web", "-n", namespace)["spec"]["replicas"] == 3
