"""What can be said of a service under `services` of the stack's chart."""

import json

import jsonschema
import pytest
import yaml

from opsbuddy_operator import crd
from tests.charts import helm, schema
from tests.charts.effects import exists, rendered
from tests.charts.helm import STACK

pytestmark = pytest.mark.charts

DIGEST = f"sha256:{'a' * 64}"
SERVICES = ["gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service"]
ASKED = {
    "file-service": "/api/files",
    "utility-service": "/api/utils/health",
    "analytics-service": "/api/analytics/health",
    "timeseries-service": "/api/timeseries/health",
    "ui-service": "http://ui-service:3000/health",
}
WITHOUT_INFLUXDB = {"influxdb.enabled": False}
FROM_INFLUXDB = {"configMapRef": {"name": "influxdb", "optional": True}}


def spec(name, given=None):
    return helm.one(rendered(STACK, given), "OpsBuddyService", name)["spec"]


def env(name, given=None):
    return {variable["name"]: variable.get("value", variable) for variable in spec(name, given).get("env", [])}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_switched_off_leaves_nothing(name):
    objects = rendered(STACK, {f"services.{name}.enabled": False})
    assert not exists("OpsBuddyService", name)(objects)
    gone = {ASKED[name]} if name in ASKED else asked(rendered(STACK))  # without a gateway there is nobody to ask
    assert asked(objects) == asked(rendered(STACK)) - gone
    assert f"//{name}:" not in checks(objects)


def asked(objects):
    """What helm test asks the gateway for."""
    return {
        path
        for pod in helm.of_kind(objects, "Pod")
        for variable in pod["spec"]["containers"][0]["env"]
        if variable["name"] == "PATHS"
        for path in variable["value"].split()
    }


def checks(objects):
    """What the gateway checks besides its routes."""
    variables = [variable for obj in helm.of_kind(objects, "OpsBuddyService") for variable in obj["spec"]["env"]]
    return ",".join(variable["value"] for variable in variables if variable["name"] == "EXTRA_CHECKS")


def test_without_a_gateway_there_is_no_helm_test():
    assert not exists("Pod", "opsbuddy-test")(rendered(STACK, {"services.gateway.enabled": False}))


@pytest.mark.parametrize("name", SERVICES)
def test_the_image_is_the_charts_version(name):
    assert spec(name)["image"] == {"repository": f"opsbuddy-{name}", "tag": "0.1.0", "pullPolicy": "IfNotPresent"}


def test_a_digest_takes_the_place_of_the_version():
    assert spec("gateway", {"services.gateway.spec.image.digest": DIGEST})["image"] == {
        "repository": "opsbuddy-gateway",
        "digest": DIGEST,
        "pullPolicy": "IfNotPresent",
    }


def test_pull_secrets_of_a_service_stand_beside_the_global_ones():
    given = {"global.imagePullSecrets": ["shared"], "services.gateway.spec.image.pullSecrets": ["own", "shared"]}
    assert spec("gateway", given)["image"]["pullSecrets"] == ["own", "shared"]
    assert spec("ui-service", given)["image"]["pullSecrets"] == ["shared"]


def test_one_variable_is_changed_added_or_removed_alone():
    given = {
        "services.file-service.env.ANALYTICS_URL": None,
        "services.file-service.env.DATA_DIR": "/data",
        "services.file-service.env.MAX_FILE_BYTES": 1073741824,
        "services.file-service.env.DEBUG": True,
        "services.file-service.env.RATIO": 0.5,
    }
    assert env("file-service", given) == {
        "DATA_DIR": "/data",
        "MAX_FILE_BYTES": "1073741824",
        "DEBUG": "true",
        "RATIO": "0.5",
    }


def test_a_variable_of_the_spec_wins_and_comes_once():
    own = {"name": "DATA_DIR", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    variables = spec("file-service", {"services.file-service.spec.env": [own]})["env"]
    assert [variable for variable in variables if variable["name"] == "DATA_DIR"] == [own]


def test_every_further_field_of_the_resource_passes_through():
    """The resource of the operator's golden file that sets all there is."""
    whole = yaml.safe_load((STACK.parents[1] / "tests/data/operator/input/full.yaml").read_text())["spec"]
    made = spec("shop", {**WITHOUT_INFLUXDB, "services.shop": {"enabled": True, "spec": whole}})
    made["image"]["pullSecrets"] = whole["image"]["pullSecrets"]
    assert made == whole


def test_services_with_influxdb_find_its_address_and_token():
    for name in ("analytics-service", "timeseries-service"):
        assert spec(name)["envFrom"] == [FROM_INFLUXDB]
        assert env(name)["INFLUXDB_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "influxdb-auth"


def test_the_gateway_checks_influxdb_and_gets_no_token():
    assert spec("gateway")["envFrom"] == [FROM_INFLUXDB]
    assert "INFLUXDB_TOKEN" not in env("gateway")


@pytest.mark.parametrize("name", ["file-service", "utility-service", "ui-service"])
def test_the_others_know_nothing_of_influxdb(name):
    assert "influx" not in json.dumps(spec(name)).lower()


@pytest.mark.parametrize("name", SERVICES)
def test_without_influxdb_nobody_is_told_of_one(name):
    assert "influx" not in json.dumps(spec(name, WITHOUT_INFLUXDB)).lower()


def test_a_token_of_ones_own_takes_the_place_of_the_charts():
    source = {"name": "INFLUXDB_TOKEN", "valueFrom": {"secretKeyRef": {"name": "read-only", "key": "token"}}}
    variables = spec("analytics-service", {"services.analytics-service.spec.env": [source]})["env"]
    assert [variable for variable in variables if variable["name"] == "INFLUXDB_TOKEN"] == [source]


def test_sources_of_ones_own_win_over_the_address_of_influxdb():
    own = {"configMapRef": {"name": "own"}}
    assert spec("analytics-service", {"services.analytics-service.spec.envFrom": [own]})["envFrom"] == [
        FROM_INFLUXDB,
        own,
    ]


def test_the_gateway_checks_what_it_does_not_route():
    assert env("gateway")["EXTRA_CHECKS"] == "ui-service=http://ui-service:3000/health"
    more = {"services.worker": {"enabled": True, "spec": {"image": {"repository": "worker"}, "port": 9000}}}
    assert env("gateway", more)["EXTRA_CHECKS"].split(",") == [
        "ui-service=http://ui-service:3000/health",
        "worker=http://worker:9000/health",
    ]


def test_checks_of_ones_own_take_the_place_of_the_charts():
    assert env("gateway", {"services.gateway.env.EXTRA_CHECKS": "a=http://a/health"})["EXTRA_CHECKS"] == (
        "a=http://a/health"
    )


def test_what_is_made_are_resources_that_the_crd_knows():
    """Also what the chart adds: no field that the API server would drop."""
    structural = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    known = jsonschema.Draft7Validator(schema._strict(structural))
    for obj in helm.of_kind(rendered(STACK), "OpsBuddyService"):
        assert [error.message for error in known.iter_errors(obj["spec"])] == [], obj["metadata"]["name"]


def test_helm_test_asks_the_gateway_and_each_service_that_runs():
    assert asked(rendered(STACK)) == {"/health", *ASKED.values()}
    (pod,) = helm.of_kind(rendered(STACK), "Pod")
    assert {"name": "GATEWAY", "value": "http://gateway:8000"} in pod["spec"]["containers"][0]["env"]


def test_the_web_ui_alone_is_a_console_that_may_read_the_resources():
    roles = {name: spec(name).get("role", "Service") for name in SERVICES}
    assert roles == dict.fromkeys(SERVICES, "Service") | {"gateway": "Gateway", "ui-service": "Console"}
