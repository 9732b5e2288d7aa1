"""What the API server refuses, and in which words: each rule of the CRD has a manifest here that breaks it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator import crd
from tests.contract.apiserver import kubectl, refusal

pytestmark = pytest.mark.contract

IMAGE = {"repository": "example.com/web", "tag": "1"}
AUTOSCALING = {"minReplicas": 1, "maxReplicas": 3, "cpu": {}}
REQUESTS = {"requests": {"cpu": "100m", "memory": "1Gi"}}
CANARY = {"image": IMAGE, "weight": 10}
DISK = {"size": "1Gi"}

BREAKING: dict[str, dict[str, Any]] = {
    "metadata.name": {"name": "1st"},
    "routing table": {"name": CONFIG_MAP},
    "image needs": {"image": {"repository": "x"}},
    "replicas and autoscaling": {"replicas": 3, "autoscaling": AUTOSCALING, "resources": REQUESTS},
    "a Gateway is not routed": {"role": "Gateway"},
    "the gateway asks services by HTTP": {"protocol": "HTTPS"},
    "keys and onChange: Keep are about files": {"secrets": [{"name": "tls", "onChange": "Keep"}]},
    "a Gateway has no canary": {"role": "Gateway", "route": None, "canary": CANARY},
    "canary needs a route": {"route": None, "canary": CANARY},
    "remove autoscaling, or keep state": {"storage": DISK, "autoscaling": AUTOSCALING, "resources": REQUESTS},
    "set replicas to 0 or 1": {"storage": DISK, "replicas": 2},
    "remove canary or storage": {"storage": DISK, "canary": CANARY},
    "set resources.requests.cpu": {"autoscaling": AUTOSCALING},
    "set resources.requests.memory": {"autoscaling": {"maxReplicas": 3, "memory": {}}},
    "must not exceed": {"autoscaling": {**AUTOSCALING, "minReplicas": 5}, "resources": REQUESTS},
    "needs a metric": {"autoscaling": {"maxReplicas": 3}},
    "minReplicas 0 needs": {"autoscaling": {**AUTOSCALING, "minReplicas": 0}, "resources": REQUESTS},
    "the gateway's own paths": {"route": {"prefix": "/metrics"}},
    "mode None lets everybody in": {
        "route": {"prefix": "/api/web", "authentication": {"mode": "None", "roles": ["a"]}}
    },
    "every origin with credentials": {
        "route": {"prefix": "/api/web", "cors": {"allowOrigins": ["*"], "allowCredentials": True}}
    },
    "either value or valueFrom": {"env": [{"name": "A", "value": "x", "valueFrom": {}}]},
    "cannot have the same key": {"config": {"environment": {"A": "x"}, "files": {"A": "y"}}},
    "disruptionBudget needs": {"disruptionBudget": {}},
}


def manifest(name: str = "web", **spec: Any) -> dict[str, Any]:
    whole = {"image": IMAGE, "port": 8001, "route": {"prefix": "/api/web"}, **spec}
    return {
        "apiVersion": "opsbuddy.dev/v1alpha1",
        "kind": "OpsBuddyService",
        "metadata": {"name": name},
        "spec": {field: value for field, value in whole.items() if value is not None},
    }


def messages(schema: Any) -> Iterator[str]:
    """Yield the message of each rule, wherever it stands."""
    if isinstance(schema, dict):
        yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
        for part in schema.values():
            yield from messages(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from messages(part)


MESSAGES = sorted(set(messages(crd.definition()["spec"]["versions"][0]["schema"])))


@pytest.mark.parametrize("message", MESSAGES)
def test_a_manifest_that_breaks_the_rule_is_refused_with_its_message(apiserver, message):
    (breaking,) = [spec for words, spec in BREAKING.items() if words in message]
    assert message in refusal(apiserver, "create", "--dry-run=server", "-f", "-", document=manifest(**breaking))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"env": [{"name": "FOO", "value": "1"}, {"name": "FOO", "value": "2"}]},
            'spec.env[1]: Duplicate value: {"name":"FOO"}',
        ),
        ({"secrets": [{"name": "db"}, {"name": "db"}]}, "spec.secrets[1]: Duplicate value"),
        ({"protocol": "FTP"}, "spec.protocol: Unsupported value"),
        (
            {"secrets": [{"name": "tls", "mountPath": "/tls", "keys": ["../x"]}]},
            "spec.secrets[0].keys[0]: Invalid value",
        ),
        ({"secrets": [{"name": "tls", "mountPath": "/tls", "keys": []}]}, "spec.secrets[0].keys: Invalid value"),
        ({"port": 0}, "spec.port: Invalid value: 0"),
        ({"colour": "red"}, 'unknown field "spec.colour"'),
        ({"storage": {"size": "0"}}, "spec.storage.size: Invalid value"),
        ({"storage": {"size": 0}}, "spec.storage.size: Invalid value"),
        ({"resources": {"requests": {"cpu": "lots"}}}, "spec.resources.requests.cpu: Invalid value"),
        ({"route": {"prefix": "api/web"}}, "spec.route.prefix: Invalid value"),
        ({"route": {"prefix": "/api/web", "timeout": "soon"}}, "spec.route.timeout: Invalid value"),
        ({"image": {"repository": "x", "tag": "1", "digest": "sha256:1"}}, "spec.image.digest: Invalid value"),
        ({"name": "a" * 51}, "at most 50 characters"),
        ({"name": "web-"}, "metadata.name"),
        ({"name": "web.1"}, "at most 50 characters"),
    ],
)
def test_what_can_be_wrong_in_a_field_is_refused_naming_it(apiserver, spec, words):
    assert words in refusal(apiserver, "create", "--dry-run=server", "-f", "-", document=manifest(**spec))


ACCEPTED = {
    "the shortest": {},
    "the longest name": {"name": "a" * 50},
    "autoscaled, no replicas": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpu": {}}, "resources": REQUESTS},
    "a limit is a request too": {"autoscaling": AUTOSCALING, "resources": {"limits": {"cpu": 1}}},
    "scaled to zero by requests": {
        "autoscaling": {"minReplicas": 0, "maxReplicas": 4, "requests": {"targetConcurrency": 5}}
    },
    "storage with one pod": {"storage": DISK, "replicas": 1},
    "storage, stopped": {"storage": DISK, "replicas": 0},
    "a digest": {"image": {"repository": "example.com:5000/a/b", "digest": "sha256:" + "a" * 64}},
    "canary": {"canary": CANARY},
    "TLS without a route": {"protocol": "HTTPS", "route": None},
    "files that are read again": {
        "secrets": [{"name": "tls", "mountPath": "/tls", "keys": ["tls.crt"], "onChange": "Keep"}]
    },
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_can_work_is_accepted(apiserver, case):
    kubectl(apiserver, "create", "--dry-run=server", "-f", "-", document=manifest(**ACCEPTED[case]))


def test_defaults_are_filled_in_and_replicas_has_none(apiserver):
    made = json.loads(
        kubectl(apiserver, "create", "--dry-run=server", "-o", "json", "-f", "-", document=manifest(storage=DISK))
    )
    assert made["spec"] == {
        "image": {**IMAGE, "pullPolicy": "IfNotPresent"},
        "port": 8001,
        "role": "Service",
        "protocol": "HTTP",
        "suspend": False,
        "route": {
            "prefix": "/api/web", "rewrite": "/", "timeout": "30s", "retries": 1, "loadBalancing": "RoundRobin",
            "circuitBreaker": {"failures": 5, "openFor": "60s"},
        },
        "storage": {"size": "1Gi", "mountPath": "/var/lib/opsbuddy", "onDelete": "Retain"},
    }  # fmt: skip
