import pytest
from hypothesis import given, settings

from opsbuddy_operator.manifests.difference import holds
from opsbuddy_operator.manifests.merge import left_out, merge
from tests.operator.manifests.json_values import ANYTHING, MANIFESTS


@settings(deadline=None)
@given(MANIFESTS, MANIFESTS)
def test_what_lies_over_wins_everywhere(under, over):
    assert holds(over, merge(under, over))


@settings(deadline=None)
@given(MANIFESTS, MANIFESTS)
def test_merging_again_changes_nothing(under, over):
    once = merge(under, over)
    assert merge(once, over) == once


@settings(deadline=None)
@given(MANIFESTS)
def test_nothing_below_or_above_leaves_it_as_it_is(manifest):
    assert merge({}, manifest) == manifest
    assert merge(manifest, {}) == manifest


@settings(deadline=None)
@given(ANYTHING, MANIFESTS)
def test_any_shape_below_is_put_up_with(under, over):
    assert holds(over, merge(under, over))


@pytest.mark.parametrize(
    "under", [{"containers": [{"name": {"a": 1}}]}, {"ports": [{"containerPort": [1], "name": []}]}]
)
def test_keys_of_any_shape_below_are_put_up_with(under):
    over = {"containers": [{"name": "web"}], "ports": [{"containerPort": 1, "name": "http"}]}
    assert holds(over, merge(under, over))


@settings(deadline=None)
@given(MANIFESTS, MANIFESTS)
def test_nothing_is_left_out_where_the_shapes_suit(under, over):
    assert list(left_out(under, over)) == []


@pytest.mark.parametrize(
    ("under", "places"),
    [
        ({"containers": {"name": "side"}}, [".containers"]),
        ({"containers": "side"}, [".containers"]),
        ({"containers": [{"name": "side"}, {"image": "x"}, 1]}, [".containers[1]", ".containers[2]"]),
        ({"containers": [{"name": "web", "env": {"A": "1"}}]}, [".containers[0].env"]),
        ({"containers": None}, []),
    ],
)
def test_what_has_another_shape_below_is_named(under, places):
    over = {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]}
    assert list(left_out(under, over)) == places


def test_lists_of_named_entries_are_merged_by_name_ours_first():
    under = {"containers": [{"name": "sidecar"}, {"name": "web", "image": "theirs", "lifecycle": 1}]}
    over = {"containers": [{"name": "web", "image": "ours"}]}
    assert merge(under, over) == {"containers": [{"name": "web", "image": "ours", "lifecycle": 1}, {"name": "sidecar"}]}


def test_a_port_is_its_number_and_protocol():
    under = {"ports": [{"containerPort": 1, "hostPort": 2}, {"containerPort": 1, "protocol": "UDP"}]}
    over = {"ports": [{"containerPort": 1, "protocol": "TCP", "name": "http"}]}
    assert merge(under, over)["ports"] == [
        {"containerPort": 1, "hostPort": 2, "protocol": "TCP", "name": "http"},
        {"containerPort": 1, "protocol": "UDP"},
    ]


def test_a_doubled_entry_below_becomes_one():
    assert merge({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, {"env": []}) == {
        "env": [{"name": "A", "value": "2"}]
    }


def test_other_lists_are_taken_whole():
    assert merge({"args": ["a", "b"]}, {"args": ["c"]}) == {"args": ["c"]}


def test_of_pieces_that_allow_one_of_several_fields_ours_is_taken_whole():
    under = {"livenessProbe": {"exec": {"command": ["true"]}}, "volumes": [{"name": "data", "emptyDir": {}}]}
    over = {"livenessProbe": {"httpGet": {"path": "/"}}, "volumes": [{"name": "data", "secret": {"secretName": "x"}}]}
    assert merge(under, over) == over
    assert merge(under, {}) == under
