from itertools import pairwise

import pytest

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.manifests import deployment
from opsbuddy_operator.manifests.identity import Identity
from tests.operator.objects import resource


def pod(**spec):
    owner = resource(**spec)
    built = deployment.build(Identity.of(owner), OpsBuddyServiceSpec.model_validate(owner["spec"]), 1, None)
    return built["spec"]["template"]["spec"]


def environment(**spec):
    return pod(**spec)["containers"][0]["env"]


def test_the_users_order_is_kept_after_what_the_operator_sets():
    users = [{"name": "Z_HOST", "value": "db"}, {"name": "A_URL", "value": "http://$(Z_HOST):$(SERVICE_PORT)"}]
    env = environment(env=users)
    assert env[-2:] == users
    places = [[entry["name"] for entry in env].index(name) for name in ("SERVICE_PORT", "Z_HOST", "A_URL")]
    assert all(first < second for first, second in pairwise(places))


def test_an_entry_of_the_users_replaces_the_operators_of_that_name_at_its_place():
    ordinary = [entry["name"] for entry in environment()]
    env = environment(env=[{"name": "SERVICE_PORT", "value": "9"}], config={"environment": {"DRAIN_SECONDS": "1"}})
    assert [entry["name"] for entry in env] == ordinary
    assert {"name": "SERVICE_PORT", "value": "9"} in env


def test_an_entry_that_replaces_one_and_refers_to_others_stays_behind_those():
    users = [{"name": "PASSWORD", "value": "x"}, {"name": "DATABASE_URL", "value": "postgresql://u:$(PASSWORD)@db"}]
    env = environment(env=users, config={"environment": {"DATABASE_URL": "sqlite://"}})
    assert env[-2:] == users
    assert [entry["name"] for entry in env].count("DATABASE_URL") == 1


def test_what_the_pod_template_says_twice_is_there_once_and_our_ports_name_is_ours():
    """Server-side apply refuses doubled entries, and a container two ports of one name."""
    doubled = [{"name": "FOO", "value": "1"}, {"name": "FOO", "value": "2"}]
    ports = [{"containerPort": 9, "name": "a"}, {"containerPort": 9, "name": "b"}]
    ours = {"name": "web", "ports": [{"name": "http", "containerPort": 9999}, {"name": "debug", "containerPort": 7}]}
    containers = pod(podTemplate={"spec": {"containers": [{"name": "side", "env": doubled, "ports": ports}, ours]}})[
        "containers"
    ]
    assert [(port["name"], port["containerPort"]) for port in containers[0]["ports"]] == [("http", 8001), ("debug", 7)]
    assert containers[1] == {"name": "side", "env": [doubled[1]], "ports": [ports[1]]}


def test_env_comes_before_config_environment_and_pod_template_comes_last():
    env = environment(
        env=[{"name": "A", "value": "env"}],
        config={"environment": {"A": "config", "B": "config"}},
        podTemplate={
            "spec": {"containers": [{"name": "web", "env": [{"name": n, "value": "template"} for n in "ABC"]}]}
        },
    )
    assert {entry["name"]: entry.get("value", "from the ConfigMap") for entry in env if entry["name"] in "ABC"} == {
        "A": "env",
        "B": "from the ConfigMap",
        "C": "template",
    }


def test_a_gateway_listens_by_its_own_names_and_has_a_token_and_a_table_to_fall_back_to():
    gateway = pod(role="Gateway", route=None)
    env = {entry["name"]: entry.get("value") for entry in gateway["containers"][0]["env"]}
    assert env["GATEWAY_PORT"] == "8001"
    assert "SERVICE_PORT" not in env
    assert gateway["automountServiceAccountToken"] is True
    mount = next(m for m in gateway["containers"][0]["volumeMounts"] if m["name"] == "routes")
    assert env["ROUTES_FILE"] == f"{mount['mountPath']}/routes.json"
    assert pod()["automountServiceAccountToken"] is False


def test_a_console_is_a_service_with_a_token():
    console = pod(role="Console")
    assert console["automountServiceAccountToken"] is True
    service = pod()
    assert {**console, "automountServiceAccountToken": False} == service


@pytest.mark.parametrize("number", [8001, 9001])
def test_the_sidecar_with_our_ports_name_or_number_stands_behind_the_service(number):
    sidecar = {"name": "side", "image": "x", "ports": [{"name": "http", "containerPort": number}]}
    containers = pod(podTemplate={"spec": {"containers": [sidecar]}})["containers"]
    assert [container["name"] for container in containers] == ["web", "side"]
    assert containers[0]["ports"] == [{"name": "http", "containerPort": 8001, "protocol": "TCP"}]


def test_requests_are_small_unless_set_and_a_limit_alone_is_the_request():
    def resources(**wish):
        return pod(resources=wish)["containers"][0]["resources"]

    assert resources() == {"requests": {"cpu": "25m", "memory": "96Mi"}}
    assert resources(requests={"cpu": 1}) == {"requests": {"cpu": "1", "memory": "96Mi"}}
    assert resources(limits={"memory": "64Mi"}) == {"requests": {"cpu": "25m"}, "limits": {"memory": "64Mi"}}


def test_no_pod_may_write_outside_its_volumes_or_gain_rights_whatever_the_template_says():
    loose = {
        "spec": {
            "enableServiceLinks": True,
            "containers": [{"name": "web", "securityContext": {"allowPrivilegeEscalation": True}}],
        }
    }
    built = pod(podTemplate=loose)
    assert built["enableServiceLinks"] is False
    assert built["securityContext"]["runAsNonRoot"] is True
    assert built["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
