"""What each value of the stack's chart does. Those of `services` have tests of their own beside this."""

import pytest

from tests.charts import helm, values
from tests.charts.effects import Effect, among, assert_effect, at, exists, rendered
from tests.charts.helm import OPERATOR, STACK, Object
from tests.charts.test_rendered_operator import EFFECTS as OF_THE_OPERATOR

pytestmark = pytest.mark.charts

DIGEST = f"sha256:{'a' * 64}"
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
TOLERATION = {"key": "spot", "operator": "Exists"}
VARIABLE = {"name": "INFLUXD_LOG_LEVEL", "value": "debug"}
EXTERNAL = {
    "influxdb.enabled": False,
    "influxdb.external.host": "influx.example.com",
    "influxdb.external.existingSecret": "theirs",
}

RECEIVER = "http://otel-collector.observability:4318"
TRACED = {"tracing.endpoint": RECEIVER}

POD = ("Deployment", "influxdb", "spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
CLAIM = ("PersistentVolumeClaim", "influxdb")
ADDRESS = ("ConfigMap", "influxdb", "data")
MONITOR = ("ServiceMonitor", "opsbuddy")
RULES = ("PrometheusRule", "opsbuddy")
DASHBOARD = ("ConfigMap", "opsbuddy-dashboard-overview")
DASHBOARDS = {"dashboards.enabled": True}
LINKS = ["https://docs.example.com/runbooks/OpsBuddyBreakerOpen.md"]
SETUP = ("Job", "influxdb-setup", "spec", "template", "spec", "containers", 0, "env")
JOB_PODS = {
    "influxdb-setup": ("Job", "influxdb-setup", "spec", "template", "spec"),
    "opsbuddy-crd-upgrade": ("Job", "opsbuddy-crd-upgrade", "spec", "template", "spec"),
    "opsbuddy-test": ("Pod", "opsbuddy-test", "spec"),
}


dashboard = at(*DASHBOARD, "data", "opsbuddy-overview.json")
rules = at(*RULES, "spec")


def of_each_job(*path):
    """Look at one place of all the short-lived pods: one value where they agree."""

    def look(objects):
        found = [at(*pod, *path)(objects) for pod in JOB_PODS.values()]
        return found[0] if all(each == found[0] for each in found) else found

    return look


def setup(name, value):
    return among(*SETUP, part={"name": name, "value": value})


def token(name):
    """The Secret with the token, as the analytics service reads it."""
    source = {"name": name, "key": "admin-token", "optional": True}
    part = {"name": "INFLUXDB_TOKEN", "valueFrom": {"secretKeyRef": source}}
    return among("OpsBuddyService", "analytics-service", "spec", "env", part=part)


def of_gateway(name):
    """The value of one of the gateway's variables."""

    def look(objects):
        variables = at("OpsBuddyService", "gateway", "spec", "env")(objects)
        return next((variable["value"] for variable in variables if variable["name"] == name), None)

    return look


def of_each_service(name):
    """What the services have for one variable; of a Secret its name and key."""

    def look(objects):
        found = set()
        for service in helm.of_kind(objects, "OpsBuddyService"):
            variable = next((each for each in service["spec"]["env"] if each["name"] == name), {})
            secret = variable.get("valueFrom", {}).get("secretKeyRef")
            found.add(f"{secret['name']}/{secret['key']}" if secret else variable.get("value"))
        return found

    return look


def all_of(*looks):
    return lambda objects: [look(objects) for look in looks]


def opsbuddy_images(objects: list[Object]) -> set[str]:
    """Repositories of all images but InfluxDB's."""
    services = {at("OpsBuddyService", name, "spec", "image", "repository")(objects) for name in service_names(objects)}
    jobs = {at(*pod, "containers", 0, "image")(objects).rpartition(":")[0] for pod in JOB_PODS.values()}
    operator = at("Deployment", "opsbuddy-operator", "spec", "template", "spec", "containers", 0, "image")(objects)
    return services | jobs | {operator.rpartition(":")[0]}


def service_names(objects: list[Object]) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in helm.of_kind(objects, "OpsBuddyService"))


def pull_secrets(objects: list[Object]) -> list[str]:
    """The pull secrets of each pod and each service: once where they agree."""
    pods = [*JOB_PODS.values(), POD, ("Deployment", "opsbuddy-operator", "spec", "template", "spec")]
    found = [[secret["name"] for secret in at(*pod, "imagePullSecrets")(objects) or ()] for pod in pods]
    found += [at("OpsBuddyService", name, "spec", "image", "pullSecrets")(objects) for name in service_names(objects)]
    return found[0] if all(each == found[0] for each in found) else found


def of_the_operator(objects: list[Object]) -> set[str]:
    """Kinds of the objects that come from the operator's chart."""
    return {
        obj["kind"] for obj in objects if obj["metadata"]["labels"]["helm.sh/chart"].startswith("opsbuddy-operator-")
    }


def named_influxdb(objects: list[Object]) -> set[str]:
    return {f"{obj['kind']} {name}" for obj in objects if (name := obj["metadata"]["name"]).startswith("influxdb")}


IMAGES = {
    "registry.example.com/team/opsbuddy-" + name
    for name in (
        "operator",
        "gateway",
        "file-service",
        "utility-service",
        "analytics-service",
        "timeseries-service",
        "ui-service",
    )
}

KEYS = {"gateway.apiKeys.existingSecret": "keys"}
TLS = {"gateway.tls.existingSecret": "gateway-tls"}
SIGNED = {"gateway.jwt.jwks.url": "https://id.example.com/keys"}
LIMIT = {"gateway.rateLimit.requestsPerSecond": 20}

EFFECTS = {
    "global.imageRegistry": Effect("registry.example.com/team", opsbuddy_images, IMAGES),
    "global.imagePullSecrets": Effect(["one", "two"], pull_secrets, ["one", "two"]),
    "operator.enabled": Effect(False, of_the_operator, set()),
    "operator.analyticsUrl": Effect(
        "http://logs:8003",
        among(
            *("Deployment", "opsbuddy-operator", "spec", "template", "spec", "containers", 0, "env"),
            part={"name": "ANALYTICS_URL", "value": "http://logs:8003"},
        ),
        True,
    ),
    "crds.upgrade": Effect(
        False, lambda objects: [obj for obj in objects if "crd-upgrade" in obj["metadata"]["name"]], []
    ),
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
    "prometheusRule.enabled": Effect(True, exists(*RULES), True),
    "prometheusRule.labels": Effect(
        {"release": "prometheus"},
        at(*RULES, "metadata", "labels", "release"),
        "prometheus",
        given={"prometheusRule.enabled": True},
    ),
    "dashboards.enabled": Effect(True, exists(*DASHBOARD), True),
    "dashboards.label": Effect(
        "example.com/board", at(*DASHBOARD, "metadata", "labels", "example.com/board"), "1", given=DASHBOARDS
    ),
    "dashboards.labelValue": Effect(
        "mine", at(*DASHBOARD, "metadata", "labels", "grafana_dashboard"), "mine", given=DASHBOARDS
    ),
    "dashboards.uiUrl": Effect(
        "https://ops.example.com/",
        lambda objects: "https://ops.example.com/analytics" in dashboard(objects),
        True,
        DASHBOARDS,
    ),
    "runbooks.url": Effect(
        "https://docs.example.com/runbooks/",
        lambda objects: [link in dashboard(objects) and link in str(rules(objects)) for link in LINKS],
        [True],
        given={"prometheusRule.enabled": True, **DASHBOARDS},
    ),
    "tracing.endpoint": Effect(RECEIVER, of_each_service("OTEL_EXPORTER_OTLP_ENDPOINT"), {RECEIVER}),
    "tracing.headers.existingSecret": Effect(
        "otlp", of_each_service("OTEL_EXPORTER_OTLP_HEADERS"), {"otlp/headers"}, given=TRACED
    ),
    "tracing.headers.key": Effect(
        "fields",
        of_each_service("OTEL_EXPORTER_OTLP_HEADERS"),
        {"otlp/fields"},
        given={**TRACED, "tracing.headers.existingSecret": "otlp"},
    ),
    "tracing.sampler": Effect("always_off", of_each_service("OTEL_TRACES_SAMPLER"), {"always_off"}, given=TRACED),
    "tracing.samplerArgument": Effect(
        "0.1",
        of_each_service("OTEL_TRACES_SAMPLER_ARG"),
        {"0.1"},
        given={**TRACED, "tracing.sampler": "parentbased_traceidratio"},
    ),
    "services": Effect({"gateway": {"spec": {"replicas": 2}}}, at("OpsBuddyService", "gateway", "spec", "replicas"), 2),
    "gateway.tls.existingSecret": Effect(
        "gateway-tls",
        all_of(of_gateway("TLS_CERTIFICATE_FILE"), at("OpsBuddyService", "gateway", "spec", "protocol")),
        ["/etc/opsbuddy-secrets/gateway-tls/tls.crt", "HTTPS"],
    ),
    "gateway.tls.caKey": Effect(
        "root.pem",
        at("OpsBuddyService", "ui-service", "spec", "secrets", 0, "keys"),
        ["root.pem"],
        given=TLS,
    ),
    "gateway.authentication.required": Effect(True, of_gateway("AUTHENTICATION"), "required", given=KEYS),
    "gateway.jwt.existingSecret": Effect("jwt", of_gateway("JWT_SECRET_FILE"), "/etc/opsbuddy-secrets/jwt/jwt-secret"),
    "gateway.jwt.secretKey": Effect(
        "hs256",
        of_gateway("JWT_SECRET_FILE"),
        "/etc/opsbuddy-secrets/jwt/hs256",
        given={"gateway.jwt.existingSecret": "jwt"},
    ),
    "gateway.jwt.jwks.url": Effect("https://id.example.com/keys", of_gateway("JWKS"), "https://id.example.com/keys"),
    "gateway.jwt.jwks.existingSecret": Effect("jwks", of_gateway("JWKS"), "/etc/opsbuddy-secrets/jwks/jwks.json"),
    "gateway.jwt.jwks.key": Effect(
        "set", of_gateway("JWKS"), "/etc/opsbuddy-secrets/jwks/set", given={"gateway.jwt.jwks.existingSecret": "jwks"}
    ),
    "gateway.jwt.algorithms": Effect(["RS256", "EdDSA"], of_gateway("JWT_ALGORITHMS"), "RS256,EdDSA", given=SIGNED),
    "gateway.jwt.issuer": Effect("https://id.example.com", of_gateway("JWT_ISSUER"), "https://id.example.com", SIGNED),
    "gateway.jwt.audience": Effect("opsbuddy", of_gateway("JWT_AUDIENCE"), "opsbuddy", given=SIGNED),
    "gateway.jwt.rolesClaim": Effect("realm_access.roles", of_gateway("JWT_ROLES_CLAIM"), "realm_access.roles"),
    "gateway.apiKeys.existingSecret": Effect(
        "keys", of_gateway("API_KEYS_FILE"), "/etc/opsbuddy-secrets/keys/api-keys"
    ),
    "gateway.apiKeys.key": Effect("robots", of_gateway("API_KEYS_FILE"), "/etc/opsbuddy-secrets/keys/robots", KEYS),
    "gateway.cors.origins": Effect(
        ["https://a.example.com", "http://localhost:3000"],
        of_gateway("CORS_ORIGINS"),
        "https://a.example.com,http://localhost:3000",
    ),
    "gateway.cors.credentials": Effect(
        True, of_gateway("CORS_CREDENTIALS"), "true", given={"gateway.cors.origins": ["https://a.example.com"]}
    ),
    "gateway.rateLimit.requestsPerSecond": Effect(100000, of_gateway("RATE_LIMIT_PER_SECOND"), "100000"),
    "gateway.rateLimit.burst": Effect(40, of_gateway("RATE_LIMIT_BURST"), "40", given=LIMIT),
    "gateway.rateLimit.by": Effect("Token", of_gateway("RATE_LIMIT_BY"), "Token", given=LIMIT),
    "influxdb.enabled": Effect(False, named_influxdb, set()),
    "influxdb.image.repository": Effect(
        "mirror.example.com/influxdb",
        at(*CONTAINER, "image"),
        "mirror.example.com/influxdb:2",
        given={"global.imageRegistry": "registry.example.com"},
    ),
    "influxdb.image.tag": Effect("2.7", at(*CONTAINER, "image"), "influxdb:2.7"),
    "influxdb.image.digest": Effect(DIGEST, at(*CONTAINER, "image"), f"influxdb@{DIGEST}"),
    "influxdb.image.pullPolicy": Effect("Always", at(*CONTAINER, "imagePullPolicy"), "Always"),
    "influxdb.org": Effect(
        "platform", all_of(at(*ADDRESS, "INFLUXDB_ORG"), setup("INFLUXDB_ORG", "platform")), ["platform", True]
    ),
    "influxdb.bucket": Effect(
        "oncall", all_of(at(*ADDRESS, "INFLUXDB_DATABASE"), setup("INFLUXDB_BUCKET", "oncall")), ["oncall", True]
    ),
    "influxdb.retentionDays": Effect(7, setup("INFLUXDB_RETENTION_DAYS", "7"), True),
    "influxdb.auth.existingSecret": Effect(
        "mine",
        all_of(exists("Secret", "influxdb-auth"), token("mine"), setup("SECRET_NAME", "mine")),
        [False, True, True],
    ),
    "influxdb.persistence.enabled": Effect(
        False, all_of(exists(*CLAIM), at(*POD, "volumes", 0)), [False, {"name": "data", "emptyDir": {}}]
    ),
    "influxdb.persistence.size": Effect("50Gi", at(*CLAIM, "spec", "resources", "requests", "storage"), "50Gi"),
    "influxdb.persistence.storageClass": Effect("fast", at(*CLAIM, "spec", "storageClassName"), "fast"),
    "influxdb.persistence.existingClaim": Effect(
        "mine",
        all_of(exists(*CLAIM), at(*POD, "volumes", 0, "persistentVolumeClaim", "claimName")),
        [False, "mine"],
    ),
    "influxdb.resources": Effect(
        {"limits": {"memory": "4Gi"}},
        at(*CONTAINER, "resources"),
        {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "4Gi"}},
    ),
    "influxdb.extraEnv": Effect([VARIABLE], among(*CONTAINER, "env", part=VARIABLE), True),
    "influxdb.nodeSelector": Effect({"disk": "ssd"}, at(*POD, "nodeSelector"), {"disk": "ssd"}),
    "influxdb.tolerations": Effect([TOLERATION], at(*POD, "tolerations"), [TOLERATION]),
    "influxdb.affinity": Effect(AFFINITY, at(*POD, "affinity"), AFFINITY),
    "influxdb.priorityClassName": Effect("high", at(*POD, "priorityClassName"), "high"),
    "influxdb.networkPolicy.enabled": Effect(False, exists("NetworkPolicy", "influxdb"), False),
    "influxdb.external.host": Effect(
        "influx.example.com",
        at(*ADDRESS, "INFLUXDB_HOST"),
        "influx.example.com",
        given={**EXTERNAL, "influxdb.external.host": "other.example.com"},
    ),
    "influxdb.external.port": Effect(443, at(*ADDRESS, "INFLUXDB_PORT"), "443", given=EXTERNAL),
    "influxdb.external.org": Effect("platform", at(*ADDRESS, "INFLUXDB_ORG"), "platform", given=EXTERNAL),
    "influxdb.external.bucket": Effect("oncall", at(*ADDRESS, "INFLUXDB_DATABASE"), "oncall", given=EXTERNAL),
    "influxdb.external.existingSecret": Effect(
        "mine", token("mine"), True, given={**EXTERNAL, "influxdb.external.existingSecret": "theirs"}
    ),
    "jobs.image.repository": Effect("mine/python", of_each_job("containers", 0, "image"), "mine/python:0.1.0"),
    "jobs.image.tag": Effect("9.9", of_each_job("containers", 0, "image"), "opsbuddy-operator:9.9"),
    "jobs.image.digest": Effect(
        DIGEST, of_each_job("containers", 0, "image"), f"opsbuddy-operator@{DIGEST}", given={"jobs.image.tag": "9.9"}
    ),
    "jobs.image.pullPolicy": Effect("Always", of_each_job("containers", 0, "imagePullPolicy"), "Always"),
    "jobs.resources": Effect(
        {"limits": {"memory": "64Mi"}},
        of_each_job("containers", 0, "resources"),
        {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
    ),
    "jobs.nodeSelector": Effect({"disk": "ssd"}, of_each_job("nodeSelector"), {"disk": "ssd"}),
    "jobs.tolerations": Effect([TOLERATION], of_each_job("tolerations"), [TOLERATION]),
}

REFUSED = {"operator.crds.enabled": (True, "this chart installs and upgrades the CRD itself")}
"""A value that can only be its default, and the words against another one."""


def test_every_value_has_a_row():
    present, rows = {value.path for value in values.leaves(STACK.name)}, EFFECTS.keys() | REFUSED.keys()
    assert present - rows == set(), "values without a row"
    assert rows - present == set(), "rows without a value"


@pytest.mark.parametrize("path", EFFECTS)
def test_a_value_does_what_it_says(path):
    assert_effect(STACK, path, EFFECTS[path])


@pytest.mark.parametrize("path", REFUSED)
def test_a_value_that_cannot_be_changed_says_why(path):
    value, words = REFUSED[path]
    with pytest.raises(helm.HelmError, match=words):
        rendered(STACK, {path: value})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gateway.authentication.required": True}, "needs something to check credentials with"),
        (SIGNED | {"gateway.jwt.jwks.existingSecret": "jwks"}, "the keys come from one of them"),
        ({"gateway.jwt.issuer": "https://id.example.com"}, "need keys to check tokens with"),
        (SIGNED | {"gateway.jwt.algorithms": ["HS256"]}, r"HS256 needs gateway\.jwt\.existingSecret"),
        (
            {"gateway.jwt.existingSecret": "jwt", "gateway.jwt.algorithms": ["HS256", "RS256"]},
            r"RS256 needs gateway\.jwt\.jwks",
        ),
        ({"gateway.cors.credentials": True, "gateway.cors.origins": ["*"]}, "origins that name each origin"),
        ({"gateway.cors.credentials": True}, "origins that name each origin"),
        ({"tracing.headers.existingSecret": "otlp"}, r"need tracing\.endpoint"),
        ({"tracing.sampler": "always_on"}, r"need tracing\.endpoint"),
        (TRACED | {"tracing.samplerArgument": "0.1"}, r"needs tracing\.sampler"),
        ({"gateway.rateLimit.burst": 9}, r"needs gateway\.rateLimit\.requestsPerSecond"),
        (
            KEYS | {"services.gateway.spec.secrets": [{"name": "keys"}]},
            r"services\.gateway\.spec\.secrets has the Secret",
        ),
    ],
)
def test_access_that_cannot_work_or_would_be_without_effect_is_refused(given, words):
    with pytest.raises(helm.HelmError, match=words):
        rendered(STACK, given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (EXTERNAL | {"influxdb.enabled": True}, r"no effect while influxdb\.enabled is true"),
        ({"influxdb.enabled": False, "influxdb.external.existingSecret": "theirs"}, r"needs influxdb\.external\.host"),
        (
            {"influxdb.persistence.enabled": False, "influxdb.persistence.existingClaim": "mine"},
            r"existingClaim needs influxdb\.persistence\.enabled",
        ),
    ],
)
def test_an_influxdb_that_would_not_be_used_as_somebody_counts_on_is_refused(given, words):
    with pytest.raises(helm.HelmError, match=words):
        rendered(STACK, given)


def test_no_variable_of_influxdb_is_set_twice():
    """Taken out again, one of two takes the other one with it."""
    for variable in at(*CONTAINER, "env")(rendered(STACK)):
        with pytest.raises(helm.HelmError, match=rf"influxdb\.extraEnv names {variable['name']}, which the chart sets"):
            rendered(STACK, {"influxdb.extraEnv": [{"name": variable["name"], "value": "mine"}]})
    with pytest.raises(helm.HelmError, match=r"names INFLUXD_LOG_LEVEL, .* twice"):
        rendered(STACK, {"influxdb.extraEnv": [VARIABLE, VARIABLE]})


def test_an_operator_that_would_not_serve_the_stack_is_refused():
    elsewhere = {"operator.watchNamespaces": ["team-a"]}
    with pytest.raises(helm.HelmError, match=r"operator\.watchNamespaces leaves out test, the namespace of this"):
        rendered(STACK, elsewhere)
    assert rendered(STACK, {"operator.watchNamespaces": ["team-a", "test"]})
    assert rendered(STACK, {**elsewhere, "operator.enabled": False})


def test_the_operators_values_go_under_operator():
    """All of them at once: the objects are those that the operator's own chart makes."""
    given = {path: effect.value for path, effect in OF_THE_OPERATOR.items() if not path.startswith("global.")}
    given |= {"watchNamespaces": ["team-a", "test"]}
    given |= {"serviceMonitor.enabled": True, "podDisruptionBudget.enabled": True, "rbac.create": True}
    given |= {"crds.enabled": False, "serviceAccount.create": True}
    inside = rendered(STACK, {f"operator.{path}": value for path, value in given.items()})
    alone = rendered(OPERATOR, given)
    assert [
        obj for obj in inside if obj["metadata"]["labels"]["helm.sh/chart"].startswith("opsbuddy-operator-")
    ] == alone


def test_an_external_influxdb_takes_the_place_of_the_own_one():
    assert named_influxdb(rendered(STACK, EXTERNAL)) == {"ConfigMap influxdb"}


def test_an_external_influxdb_without_a_secret_is_refused():
    with pytest.raises(helm.HelmError, match=r"needs influxdb\.external\.existingSecret"):
        rendered(STACK, {"influxdb.enabled": False, "influxdb.external.host": "influx.example.com"})


def test_data_outlive_the_release():
    objects = rendered(STACK)
    for kind, name in (CLAIM, ("Secret", "influxdb-auth")):
        assert helm.one(objects, kind, name)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("value", ["serviceMonitor", "prometheusRule"])
def test_what_only_the_prometheus_operator_reads_is_refused_where_it_is_not(value):
    with pytest.raises(helm.HelmError, match=rf"{value}\.enabled needs the API monitoring\.coreos\.com/v1"):
        helm.render(STACK, {value: {"enabled": True}})


def test_no_figure_of_the_gateway_loses_the_name_of_its_service_to_the_target():
    """A Prometheus puts the label `service` of a target in place of the same label of its metrics."""
    monitor = helm.one(rendered(STACK, {"serviceMonitor.enabled": True}), *MONITOR)
    assert monitor["spec"]["endpoints"][0]["relabelings"] == [{"action": "labeldrop", "regex": "service"}]
