"""The gateway with credentials and TLS, and those who call it: files of Secrets, and nothing of them anywhere else."""

import pytest

from tests.charts import helm
from tests.charts.effects import exists, rendered
from tests.charts.helm import STACK

pytestmark = pytest.mark.charts

TLS = {"gateway.tls.existingSecret": "gateway-tls"}
KEYS = {"gateway.apiKeys.existingSecret": "access", "gateway.authentication.required": True}
MONITORED = {"serviceMonitor.enabled": True}


def spec(name, given=None):
    return helm.one(rendered(STACK, given), "OpsBuddyService", name)["spec"]


def env(name, given=None):
    return {variable["name"]: variable.get("value", variable) for variable in spec(name, given).get("env", [])}


def helm_test(given):
    (pod,) = helm.of_kind(rendered(STACK, given), "Pod")
    return pod["spec"], {variable["name"]: variable["value"] for variable in pod["spec"]["containers"][0]["env"]}


def test_by_default_nothing_of_it_is_set():
    assert env("gateway").keys() == {"ANALYTICS_URL", "TIMESERIES_URL", "EXTRA_CHECKS"}
    assert not {"secrets", "protocol"} & spec("gateway").keys()
    assert env("ui-service")["GATEWAY_URL"] == "http://gateway:8000"
    assert "SSL_CERT_FILE" not in env("ui-service")


def test_secrets_are_mounted_key_by_key_and_a_change_of_them_rolls_no_pod():
    given = {
        "gateway.tls.existingSecret": "tls",
        "gateway.jwt.existingSecret": "access",
        "gateway.apiKeys.existingSecret": "access",
        "gateway.jwt.jwks.existingSecret": "public",
        "services.gateway.spec.secrets": [{"name": "license"}],
    }
    assert spec("gateway", given)["secrets"] == [
        {"name": "license"},
        {
            "name": "access",
            "mountPath": "/etc/opsbuddy-secrets/access",
            "keys": ["api-keys", "jwt-secret"],
            "onChange": "Keep",
        },
        {"name": "public", "mountPath": "/etc/opsbuddy-secrets/public", "keys": ["jwks.json"], "onChange": "Keep"},
        {"name": "tls", "mountPath": "/etc/opsbuddy-secrets/tls", "keys": ["tls.crt", "tls.key"], "onChange": "Keep"},
    ]


def test_every_gateway_gets_it_and_no_other_service():
    second = {"enabled": True, "spec": {"role": "Gateway", "image": {"repository": "opsbuddy-gateway"}, "port": 8000}}
    given = {**TLS, **KEYS, "services.inside": second}
    assert env("inside", given).items() >= {"AUTHENTICATION": "required"}.items()
    assert spec("inside", given)["protocol"] == "HTTPS"
    others = [obj for obj in helm.of_kind(rendered(STACK, given), "OpsBuddyService") if "role" not in obj["spec"]]
    assert [obj["metadata"]["name"] for obj in others if "protocol" in obj["spec"]] == []
    assert [obj["metadata"]["name"] for obj in others if "AUTHENTICATION" in str(obj["spec"])] == []


def test_a_variable_of_the_service_wins_over_the_value():
    given = {**KEYS, "services.gateway.env.AUTHENTICATION": "none", "services.gateway.env.API_KEYS_FILE": None}
    assert env("gateway", given)["AUTHENTICATION"] == "none"
    assert "API_KEYS_FILE" not in env("gateway", given)


def test_with_tls_the_ui_calls_by_https_and_sees_the_authority_but_never_the_key():
    assert (
        env("ui-service", TLS).items()
        >= {
            "GATEWAY_URL": "https://gateway:8000",
            "SSL_CERT_FILE": "/etc/opsbuddy-secrets/gateway-tls/ca.crt",
        }.items()
    )
    assert spec("ui-service", TLS)["secrets"] == [
        {"name": "gateway-tls", "mountPath": "/etc/opsbuddy-secrets/gateway-tls", "keys": ["ca.crt"]}
    ]


def test_a_certificate_of_a_well_known_authority_needs_no_other():
    given = {**TLS, "gateway.tls.caKey": ""}
    assert env("ui-service", given)["GATEWAY_URL"] == "https://gateway:8000"
    assert "SSL_CERT_FILE" not in env("ui-service", given)
    assert "secrets" not in spec("ui-service", given)
    assert helm_test(given)[1].keys() == {"GATEWAY", "PATHS"}


def test_an_address_of_ones_own_wins_and_without_a_gateway_its_usual_one_is_called():
    own = {"services.ui-service.env.GATEWAY_URL": "https://gateway.example.com"}
    assert env("ui-service", own)["GATEWAY_URL"] == "https://gateway.example.com"
    assert env("ui-service", {"services.gateway.enabled": False})["GATEWAY_URL"] == "http://gateway:8000"


def test_helm_test_asks_by_tls_with_the_authority_alone():
    pod, variables = helm_test(TLS)
    assert variables["GATEWAY"] == "https://gateway:8000"
    assert variables["SSL_CERT_FILE"] == "/authority/ca.crt"
    (volume,) = [volume for volume in pod["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "gateway-tls", "items": [{"key": "ca.crt", "path": "ca.crt"}]}


def test_helm_test_asks_services_themselves_where_the_gateway_asks_for_a_credential():
    _, variables = helm_test(KEYS)
    asked = set(variables["PATHS"].split())
    assert {path for path in asked if path.startswith("/")} == {"/health"}
    assert "http://file-service:8001/health" in asked
    opened = {**KEYS, "services.file-service.spec.route.authentication": {"mode": "None"}}
    assert "/api/files" in helm_test(opened)[1]["PATHS"].split()
    closed = {"services.file-service.spec.route.authentication": {"roles": ["oncall"]}}
    assert "http://file-service:8001/health" in helm_test(closed)[1]["PATHS"].split()


def test_metrics_of_a_gateway_that_speaks_tls_are_read_by_https():
    monitors = helm.of_kind(rendered(STACK, {**TLS, **MONITORED}), "ServiceMonitor")
    plain, tls = (next(m for m in monitors if m["metadata"]["name"] == name) for name in ("opsbuddy", "opsbuddy-tls"))
    by_name = {"key": "opsbuddy.dev/service", "values": ["gateway"]}
    assert plain["spec"]["selector"]["matchExpressions"] == [{**by_name, "operator": "NotIn"}]
    assert tls["spec"]["selector"]["matchExpressions"] == [{**by_name, "operator": "In"}]
    assert tls["spec"]["endpoints"][0]["scheme"] == "https"
    assert not exists("ServiceMonitor", "opsbuddy-tls")(rendered(STACK, MONITORED))
