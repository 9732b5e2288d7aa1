import pytest
from hypothesis import given, settings

from opsbuddy_operator.manifests.difference import holds, needs_apply
from opsbuddy_operator.manifests.merge import merge
from opsbuddy_operator.manifests.stamp import stamped
from opsbuddy_operator.models import MANIFEST_HASH
from tests.operator.manifests.json_values import MANIFESTS


def manifest(spec):
    return stamped({"kind": "X", "metadata": {"name": "x", "labels": {"a": "1"}}, "spec": spec})


@settings(deadline=None)
@given(MANIFESTS)
def test_what_was_just_applied_is_not_applied_again(spec):
    assert not needs_apply(manifest(spec), manifest(spec))


@settings(deadline=None)
@given(MANIFESTS, MANIFESTS)
def test_what_others_add_is_left_alone(added, spec):
    live = {**manifest(spec), "spec": merge(added, spec), "status": {"x": 1}}
    live["metadata"] = merge({"labels": {"other": "x"}, "annotations": {"other": "y"}, "uid": "z"}, live["metadata"])
    assert not needs_apply(manifest(spec), live)


def test_what_does_not_exist_is_applied():
    assert needs_apply(manifest({}), None)


def test_another_manifest_is_applied_although_every_field_is_there():
    """A field that we leave out from now on is taken away only by applying."""
    assert needs_apply(manifest({"a": 1}), manifest({"a": 1, "b": 2}))


def test_a_lost_annotation_is_put_back():
    live = manifest({"a": 1})
    del live["metadata"]["annotations"][MANIFEST_HASH]
    assert needs_apply(manifest({"a": 1}), live)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"replicas": 2}, {"replicas": 3}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}),
        ({"env": [{"name": "A"}]}, {"env": [{"name": "B"}]}),
        ({"args": ["a"]}, {"args": ["a", "b"]}),
        ({"args": ["a"]}, {}),
        ({"resources": {"requests": {"cpu": "100m"}}}, {"resources": {"requests": {"cpu": "200m"}}}),
        ({"resources": {"requests": {"cpu": "100m"}}}, {"resources": {"requests": {"cpu": "none"}}}),
        ({"resources": {"requests": {"cpu": "100m"}}}, {"resources": {"requests": {}}}),
        ({"value": "1Gi"}, {"value": "1024Mi"}),
        ({"automountServiceAccountToken": False}, {}),
        ({"rollingUpdate": None}, {"rollingUpdate": {"maxSurge": 1}}),
        ({"ports": [{"port": 80, "protocol": "TCP"}]}, {"ports": [{"port": 81, "protocol": "TCP"}]}),
        ({"rules": [{"a": 1}]}, {"rules": [{"a": 1}, {"a": 2}]}),
        ({"volumes": [{"name": "tmp", "emptyDir": {}}]}, {"volumes": [{"name": "tmp", "secret": {"secretName": "x"}}]}),
        ({"selector": {"a": "1"}}, {"selector": {"a": "1", "added": ""}}),
        ({"selector": {"matchLabels": {"a": "1"}}}, {"selector": {"matchLabels": {"a": "1", "added": ""}}}),
        (
            {"podSelector": {"matchLabels": {"a": "1"}}},
            {"podSelector": {"matchLabels": {"a": "1"}, "matchExpressions": [{}]}},
        ),
        ({"nodeSelector": {"a": "1"}}, {"nodeSelector": {"a": "1", "added": ""}}),
        (
            {"ingress": [{"from": [{"podSelector": {}}]}]},
            {"ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 1}]}]},
        ),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, {"ingress": [{"from": [{"namespaceSelector": {}}]}]}),
        ({"rules": [{"verbs": ["get"]}]}, {"rules": [{"verbs": ["get"], "resourceNames": ["x"]}]}),
    ],
)
def test_a_hand_edit_of_a_field_of_ours_is_seen(ours, theirs):
    assert not holds(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"requests": {"memory": "1024Mi"}}, {"requests": {"memory": "1Gi"}}),
        ({"requests": {"cpu": 2}}, {"requests": {"cpu": "2"}}),
        ({"limits": {"x": "odd"}}, {"limits": {"x": "odd"}}),
        ({"sizeLimit": "1024Ki"}, {"sizeLimit": "1Mi"}),
        ({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}),
        ({"initialDelaySeconds": 0, "nodeSelector": {}, "readOnly": False}, {}),
        ({"rollingUpdate": None}, {}),
        ({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
        ({"env": [{"name": "A"}]}, {"env": [{"name": "INJECTED"}, {"name": "A"}]}),
        ({"tolerations": [{"a": 1}]}, {"tolerations": [{"a": 1, "added": 2}]}),
        ({"selector": {"matchLabels": {"a": "1"}}}, {"selector": {"matchLabels": {"a": "1"}}}),
    ],
)
def test_the_servers_way_of_writing_is_no_difference(ours, theirs):
    assert holds(ours, theirs)
