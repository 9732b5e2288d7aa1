"""values.yaml, its schema and its table: nothing without a word, nothing misspelt, nothing taken away by a null."""

import json
from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from tests.charts import values

SERVICE_LEVELS = ["", "spec", "spec.image", "spec.route", "spec.storage", "spec.resources"]


@cache
def _values(chart: str) -> Any:
    return yaml.safe_load((values.CHARTS / chart / "values.yaml").read_text())


@cache
def _validator(chart: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((values.CHARTS / chart / "values.schema.json").read_text()))


def defaults(chart: str) -> Any:
    """Return the chart's values, to change them."""
    return deepcopy(_values(chart))


def complaints(chart: str, given: Any) -> list[str]:
    """Return what the schema says against these values, each with the place."""
    return [f"{error.json_path}: {error.message}" for error in _validator(chart).iter_errors(given)]


def level(given: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        given = given[name]
    return given


def levels(chart: str) -> list[str]:
    return ["", *(value.path for value in values.read(chart) if value.group and not value.path.startswith("operator"))]


CLOSED = [
    *((chart, path) for chart in values.NAMES for path in levels(chart)),
    *(("opsbuddy", f"services.file-service.{path}".rstrip(".")) for path in SERVICE_LEVELS),
]
PRESENT = [(chart, value.path) for chart in values.NAMES for value in values.read(chart)]


@pytest.mark.parametrize("chart", values.NAMES)
def test_no_value_is_without_a_comment(chart):
    assert [value.path for value in values.leaves(chart) if not value.description] == []


@pytest.mark.parametrize("chart", values.NAMES)
def test_the_defaults_suit_their_schema(chart):
    assert complaints(chart, defaults(chart)) == []


@pytest.mark.parametrize(("chart", "path"), CLOSED)
def test_a_misspelt_name_is_refused_at_every_level(chart, path):
    given = defaults(chart)
    level(given, path)["mispelt"] = 1
    (complaint,) = complaints(chart, given)
    assert "'mispelt' was unexpected" in complaint
    assert all(name in complaint for name in path.split("."))


@pytest.mark.parametrize(("chart", "path"), PRESENT)
def test_taking_a_value_away_by_null_is_refused_by_its_name(chart, path):
    given = defaults(chart)
    parent, _, name = path.rpartition(".")
    del level(given, parent)[name]
    (complaint,) = complaints(chart, given)
    assert f"'{name}' is a required property" in complaint


@pytest.mark.parametrize(
    ("chart", "path", "wrong"),
    [
        ("opsbuddy-operator", "replicas", -1),
        ("opsbuddy-operator", "replicas", "2"),
        ("opsbuddy-operator", "logLevel", "LOUD"),
        ("opsbuddy-operator", "workers", 0),
        ("opsbuddy-operator", "analyticsUrl", "analytics-service:8003"),
        ("opsbuddy-operator", "watchNamespaces", "team-a"),
        ("opsbuddy-operator", "watchNamespaces", [""]),
        ("opsbuddy-operator", "watchNamespaces", ["team-*"]),
        ("opsbuddy-operator", "watchNamespaces", ["team-a,team-b"]),
        ("opsbuddy-operator", "image.digest", "sha256:short"),
        ("opsbuddy-operator", "image.pullPolicy", "Sometimes"),
        ("opsbuddy-operator", "podLabels", {"a": 1}),
        ("opsbuddy-operator", "extraEnv", {"A": "b"}),
        ("opsbuddy-operator", "extraEnv", [{"value": "b"}]),
        ("opsbuddy-operator", "image.repository", ""),
        ("opsbuddy-operator", "resources", {"limit": {}}),
        ("opsbuddy-operator", "serviceMonitor.interval", "30"),
        ("opsbuddy", "influxdb.retentionDays", -1),
        ("opsbuddy", "influxdb.external.host", "http://influx.example.com:8086"),
        ("opsbuddy", "influxdb.external.host", "influx.example.com:8086"),
        ("opsbuddy", "influxdb.external.port", 0),
        ("opsbuddy", "influxdb.org", ""),
        ("opsbuddy", "influxdb.external.bucket", ""),
        ("opsbuddy", "jobs.image.repository", ""),
        ("opsbuddy", "influxdb.persistence.size", "big"),
        ("opsbuddy", "gateway.tls.existingSecret", "Not_A_Name"),
        ("opsbuddy", "gateway.tls.caKey", "../ca.crt"),
        ("opsbuddy", "gateway.authentication.required", "yes"),
        ("opsbuddy", "gateway.jwt.secretKey", ""),
        ("opsbuddy", "gateway.jwt.jwks.url", "file:///etc/passwd"),
        ("opsbuddy", "gateway.jwt.jwks.url", "https://"),
        ("opsbuddy", "gateway.jwt.algorithms", ["none"]),
        ("opsbuddy", "gateway.jwt.rolesClaim", ""),
        ("opsbuddy", "gateway.apiKeys.existingSecret", "a/b"),
        ("opsbuddy", "gateway.cors.origins", ["ops.example.com"]),
        ("opsbuddy", "gateway.cors.origins", ["https://ops.example.com/path"]),
        ("opsbuddy", "gateway.rateLimit.requestsPerSecond", -1),
        ("opsbuddy", "gateway.rateLimit.burst", 0.5),
        ("opsbuddy", "gateway.rateLimit.by", "Cookie"),
        ("opsbuddy", "tracing.endpoint", "otel-collector:4317"),
        ("opsbuddy", "tracing.endpoint", "https://user:password@otel.example.com"),
        ("opsbuddy", "tracing.sampler", "sometimes"),
        ("opsbuddy", "tracing.samplerArgument", "10%"),
        ("opsbuddy", "tracing.headers.existingSecret", "Not_A_Name"),
        ("opsbuddy", "services.file-service.database", {"existingSecret": "db", "url": "postgresql://u:p@h/d"}),
        ("opsbuddy", "services.file-service.objectStore.url", "https://bucket"),
        ("opsbuddy", "services.file-service.objectStore.endpoint", "minio:9000"),
        ("opsbuddy", "services.file-service.objectStore.existingSecret", "S3"),
        ("opsbuddy", "services.ui-service.gateway", "gateway"),
        ("opsbuddy", "services.gateway.spec.port", "8000"),
        ("opsbuddy", "services.gateway.spec.role", "Door"),
        ("opsbuddy", "services.file-service.spec.route.prefix", "api"),
        ("opsbuddy", "services.file-service.env", {"A": ["b"]}),
        ("opsbuddy", "services.file-service.spec.resources.requests", {"cpu": "much"}),
    ],
)
def test_what_a_value_cannot_be_is_refused(chart, path, wrong):
    given = defaults(chart)
    parent, _, name = path.rpartition(".")
    level(given, parent)[name] = wrong
    assert any(name in complaint for complaint in complaints(chart, given))


@pytest.mark.parametrize("name", ["Web", "1web", "web_", "w" * 51])
def test_a_name_that_no_service_can_have_is_refused(name):
    given = defaults("opsbuddy")
    given["services"][name] = given["services"]["gateway"]
    assert any(name in complaint for complaint in complaints("opsbuddy", given))


@pytest.mark.parametrize("chart", values.NAMES)
def test_the_table_of_the_readme_has_each_value_once(chart):
    rows = [line for line in values.readme(chart).splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [value.path for value in values.leaves(chart)]
    assert all(row.count(" | ") == 2 for row in rows)
