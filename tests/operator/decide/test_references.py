from opsbuddy_operator.decide.references import keys, references, required, rolling
from opsbuddy_operator.models import Ref
from tests.operator.objects import NAMESPACE, resource


def names(found):
    return {f"{ref.kind}/{ref.name}" for ref in found}


def test_every_place_that_names_a_config_map_or_secret_is_found():
    owner = resource(
        env=[
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "env-map", "key": "k"}}},
            {"name": "C", "value": "plain"},
        ],
        envFrom=[{"secretRef": {"name": "from-secret"}}, {"configMapRef": {"name": "from-map"}}],
        secrets=[{"name": "listed"}],
        podTemplate={
            "spec": {
                "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "init-map"}}]}],
                "containers": [
                    {"name": "s", "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "side", "key": "k"}}}]}
                ],
                "volumes": [
                    {"name": "v", "secret": {"secretName": "volume-secret"}},
                    {"name": "w", "projected": {"sources": [{"configMap": {"name": "projected-map"}}]}},
                ],
            }
        },
    )
    assert names(references(owner)) == {
        "Secret/env-secret", "ConfigMap/env-map", "Secret/from-secret", "ConfigMap/from-map", "Secret/listed",
        "ConfigMap/init-map", "Secret/side", "Secret/volume-secret", "ConfigMap/projected-map",
    }  # fmt: skip
    assert references(owner) == required(owner)
    assert Ref("v1", "Secret", NAMESPACE, "listed") in references(owner)


def test_an_optional_one_is_watched_but_not_required():
    owner = resource(envFrom=[{"secretRef": {"name": "extra", "optional": True}}])
    assert names(references(owner)) == {"Secret/extra"}
    assert required(owner) == frozenset()


def test_what_kubelets_and_ingress_controllers_read_is_required_and_rolls_nothing():
    owner = resource(
        image={"repository": "x", "tag": "1", "pullSecrets": ["registry"]},
        ingress={"host": "x.example.com", "tlsSecret": "certificate"},
        podTemplate={"spec": {"imagePullSecrets": [{"name": "mirror"}]}},
    )
    assert names(required(owner)) == {"Secret/registry", "Secret/certificate", "Secret/mirror"}
    assert rolling(owner) == frozenset()


def test_the_keys_without_which_no_pod_starts_are_found():
    maps = {"name": "v", "configMap": {"name": "m", "items": [{"key": "item", "path": "x"}, 1, {"key": 2}]}}
    owner = resource(
        env=[
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "extra", "optional": True}}},
        ],
        envFrom=[{"configMapRef": {"name": "m"}}],
        secrets=[{"name": "db", "mountPath": "/db", "keys": ["password"]}],
        podTemplate={"spec": {"volumes": [maps]}},
    )
    found = {ref.name: names for ref, names in keys(owner).items()}
    assert found == {"db": {"user", "password"}, "m": {"item"}}


def test_a_pod_template_of_any_shape_is_put_up_with():
    for odd in (
        {"spec": "x"},
        {"spec": {"containers": "x", "volumes": [1, {"secret": "x"}]}},
        {"spec": {"containers": [{"env": 1}]}},
    ):
        assert references(resource(podTemplate=odd)) == frozenset()


def test_a_spec_that_cannot_be_read_names_nothing():
    assert references(resource(port="many")) == frozenset()
