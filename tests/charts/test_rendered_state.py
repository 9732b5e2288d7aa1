"""Services whose state is in a database and an object store: one truth for several pods, or one pod."""

import pytest

from tests.charts import helm
from tests.charts.effects import rendered
from tests.charts.helm import STACK

pytestmark = pytest.mark.charts

FILES, UTILITY, UI = "services.file-service", "services.utility-service", "services.ui-service"
CLOSED = {"gateway.authentication.required": True, "gateway.apiKeys.existingSecret": "access"}
DATABASE = {f"{FILES}.database.existingSecret": "files-db"}
STORE = {f"{FILES}.objectStore.url": "s3://files/prod"}
SHARED = {**DATABASE, **STORE}
TWO = {f"{FILES}.spec.replicas": 2}
SCALED = {f"{FILES}.spec.autoscaling": {"minReplicas": 1, "maxReplicas": 4, "cpu": {}}}
SEALED = {f"{UTILITY}.database.existingSecret": "db", f"{UTILITY}.sealingKeys.existingSecret": "keys"}


def spec(name, given=None):
    return helm.one(rendered(STACK, given), "OpsBuddyService", name)["spec"]


def env(name, given=None):
    return {
        variable["name"]: variable.get("value") or variable["valueFrom"]["secretKeyRef"]
        for variable in spec(name, given).get("env", [])
    }


def test_with_a_database_and_a_bucket_a_service_has_no_volume_and_may_have_pods():
    made = spec("file-service", SHARED | TWO)
    assert made["replicas"] == 2
    assert "storage" not in made
    assert "storage" in spec("file-service")
    assert spec("file-service", SHARED | SCALED)["autoscaling"]["maxReplicas"] == 4


def test_what_is_secret_comes_from_secrets():
    given = SHARED | {
        f"{FILES}.database.key": "uri",
        f"{FILES}.objectStore.endpoint": "http://minio:9000",
        f"{FILES}.objectStore.region": "eu-central-1",
        f"{FILES}.objectStore.existingSecret": "bucket",
        f"{FILES}.objectStore.secretAccessKeyKey": "secret",
    }
    found = env("file-service", given)
    assert found["DATABASE_URL"] == {"name": "files-db", "key": "uri"}
    assert found["OBJECT_STORE_URL"] == "s3://files/prod"
    assert found["AWS_ENDPOINT_URL"] == "http://minio:9000"
    assert found["AWS_REGION"] == "eu-central-1"
    assert found["AWS_ACCESS_KEY_ID"] == {"name": "bucket", "key": "access-key-id"}
    assert found["AWS_SECRET_ACCESS_KEY"] == {"name": "bucket", "key": "secret"}


def test_without_a_secret_of_the_bucket_the_identity_of_the_pod_is_used():
    assert not {name for name in env("file-service", SHARED) if name.startswith("AWS_")}


def test_the_utility_service_shares_its_database_and_the_keys_of_what_is_sealed():
    found = env("utility-service", SEALED | {f"{UTILITY}.spec.replicas": 3})
    assert found["DATABASE_URL"] == {"name": "db", "key": "url"}
    assert found["SECRET_KEYS"] == {"name": "keys", "key": "keys"}
    assert "storage" not in spec("utility-service", SEALED)


def test_a_database_alone_leaves_the_files_on_the_volume():
    assert "storage" in spec("file-service", DATABASE)
    assert env("file-service", DATABASE)["DATABASE_URL"]


def test_the_web_ui_of_several_pods_shares_the_keys_of_its_sessions():
    assert "SESSION_KEYS" not in env("ui-service")
    found = env("ui-service", CLOSED | {f"{UI}.spec.replicas": 2, f"{UI}.sessionKeys.existingSecret": "sessions"})
    assert found["SESSION_KEYS"] == {"name": "sessions", "key": "keys"}
    assert env("ui-service", {f"{UI}.spec.replicas": 2})  # nobody signs in
    assert env("ui-service", CLOSED | {f"{UI}.spec.replicas": 2, f"{UI}.env.SESSION_KEYS": "given"})


def test_a_variable_of_ones_own_takes_the_place_of_the_values():
    given = SHARED | {f"{FILES}.env.OBJECT_STORE_URL": "s3://other"}
    assert env("file-service", given)["OBJECT_STORE_URL"] == "s3://other"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            TWO,
            r"one pod alone can have: set services\.file-service\.database\.existingSecret and services\.file-service\.",
        ),
        (TWO | DATABASE, "one pod alone can have"),
        (TWO | STORE, "one pod alone can have"),
        (TWO | {f"{FILES}.spec.storage": None}, "one pod alone can have"),
        (SCALED, "one pod alone can have"),
        ({f"{UTILITY}.spec.replicas": 2}, r"set services\.utility-service\.database\.existingSecret, or"),
        ({"services.analytics-service.spec.replicas": 2}, "it is made for one"),
        ({"services.timeseries-service.database": {"existingSecret": "db", "key": "url"}}, "has no use"),
        ({f"{UTILITY}.database.existingSecret": "db"}, r"needs services\.utility-service\.sealingKeys"),
        (
            CLOSED | {f"{UI}.spec.replicas": 2},
            r"set services\.ui-service\.sessionKeys\.existingSecret, or who signs in",
        ),
        ({f"{FILES}.objectStore.existingSecret": "bucket"}, r"needs services\.file-service\.objectStore\.url"),
    ],
)
def test_what_would_break_the_truth_is_refused_with_what_to_do(given, words):
    with pytest.raises(helm.HelmError, match=words):
        rendered(STACK, given)
