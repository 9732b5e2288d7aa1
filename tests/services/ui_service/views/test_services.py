"""What is said of a resource."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsbuddy_ui_service.models.resources import Resource, change_before, last_change, read
from opsbuddy_ui_service.views.services import SHORT, Described, describe
from tests.support.fake_api_server import CREATED, condition, resource, written

HPA = {"minReplicas": 2, "maxReplicas": 6, "cpu": {"targetUtilization": 70}}
LATER = CREATED + timedelta(hours=3)


def parsed(made: dict[str, Any]) -> Resource:
    (found,), unclear = read([made])
    assert unclear == ()
    return found


def shown(*conditions: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any) -> Described:
    return describe(parsed(resource("web", *conditions, status=status, **spec)))


def test_one_of_which_everything_is_well_needs_no_words() -> None:
    made = shown(route={"prefix": "/api/web"})
    assert (made.state.word, made.state.tone, made.why, made.reason, made.note) == ("Ready", "ok", "", "", "")
    assert (made.pods, made.wanted) == ("1 / 1", "as the resource names no number")
    assert (made.image, made.port, made.routes) == ("opsbuddy-web:0.1.0", "8001 HTTP", ("/api/web",))
    assert made.generation == "1, judged"
    assert {aspect.status.tone for aspect in made.aspects} == {"ok"}


NOT_READY = condition("Ready", "False", "PodsNotReady", "0 of 1 pods are ready.")
UNAVAILABLE = condition("Available", "False", "PodsNotReady", "0 of 1 pods are ready.")
ROLLING = condition("Progressing", "True", "RollingOut", "1 of 2 pods have the newest version.")


@pytest.mark.parametrize(
    ("conditions", "word", "tone"),
    [
        ((NOT_READY, UNAVAILABLE), "Not ready", "bad"),
        ((NOT_READY, ROLLING), "Changing", "warn"),
        ((NOT_READY, UNAVAILABLE, ROLLING | {"reason": "PodFailing"}), "Not ready", "bad"),
        (
            (NOT_READY, condition("RoutesProgrammed", "False", "RouteConflict", "an older one has it")),
            "Degraded",
            "warn",
        ),
        ((NOT_READY, condition("Stalled", "True", "ReferenceMissing", "Secret x does not exist")), "Stalled", "bad"),
        ((condition("Ready", "Unknown", "Reconciling", "The Deployment does not exist yet."),), "Not judged", "stale"),
    ],
)
def test_a_state_tells_apart_what_needs_somebody_what_is_on_its_way_and_what_still_serves(
    conditions: tuple[dict[str, Any], ...], word: str, tone: str
) -> None:
    made = shown(*conditions)
    assert (made.state.word, made.state.tone) == (word, tone)
    assert (made.reason, made.why) == (conditions[0]["reason"], conditions[0]["message"])


def test_a_suspended_one_and_one_that_goes_are_called_so() -> None:
    assert shown(suspend=True).state.word == "Suspended"
    going = resource("web")
    going["metadata"]["deletionTimestamp"] = "2026-11-26T03:00:00Z"
    assert describe(parsed(going)).state.word == "Being deleted"


def test_one_that_nobody_has_judged_says_whom_to_ask() -> None:
    made = describe(parsed({"metadata": {"name": "web"}, "spec": {"image": {"repository": "x", "digest": "sha256:1"}}}))
    assert (made.state.word, made.image, made.pods, made.aspects) == ("Not judged", "x@sha256:1", "0 / 1", ())
    assert "operator" in made.why


def test_a_change_that_the_operator_has_not_judged_yet_is_named() -> None:
    newer = resource("web")
    newer["metadata"]["generation"] = 3
    made = describe(parsed(newer))
    assert "generation 1, the description is at 3" in made.note
    assert made.generation == "3, judged up to 1"


@pytest.mark.parametrize(
    ("spec", "status", "pods", "wanted"),
    [
        ({"replicas": 3}, {"readyReplicas": 2}, "2 / 3", "as the resource says"),
        ({"replicas": 0}, {"readyReplicas": 0}, "0 / 0", "as the resource says"),
        ({"autoscaling": HPA}, {"readyReplicas": 3, "replicas": 4}, "3 / 4", "an autoscaler decides, 2 to 6"),
        (
            {"autoscaling": {"minReplicas": 0, "maxReplicas": 6, "requests": {"targetConcurrency": 9}}},
            {"readyReplicas": None},
            "0 / 1",
            "the least of its autoscaling: nothing here scales on requests",
        ),
    ],
)
def test_pods_are_counted_beside_how_many_there_should_be_and_who_says_so(
    spec: dict[str, Any], status: dict[str, Any], pods: str, wanted: str
) -> None:
    made = shown(status=status, **spec)
    assert (made.pods, made.wanted) == (pods, wanted)


def test_a_route_that_is_not_served_is_called_so() -> None:
    assert shown(route={"prefix": "/api/web"}, status={"routes": ["/old"]}).routes == (
        "/old",
        "/api/web (not served yet)",
    )


def test_what_happened_last_is_the_condition_that_turned_last() -> None:
    turned = shown(condition("Available", "False", "PodFailing", "…", lastTransitionTime="2026-11-26T02:04:00Z")).turned
    assert turned
    assert (turned.type, turned.status.word, turned.since) == (
        "Available",
        "False",
        datetime(2026, 11, 26, 2, 4, tzinfo=UTC),
    )


def test_a_message_of_any_length_is_short_above_and_whole_in_the_details() -> None:
    made = shown(condition("Ready", "False", "ApiRefused", "x" * 4096))
    assert len(made.why) == SHORT + 1
    assert made.aspects[0].message == "x" * 4096


def changed(*entries: dict[str, Any]) -> Resource:
    made = resource("web")
    made["metadata"]["managedFields"] += entries
    return parsed(made)


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_was_never_changed_was_created_by_who_described_it_and_not_by_who_judged_it(order: int) -> None:
    made = resource("web")
    made["metadata"]["managedFields"] = made["metadata"]["managedFields"][::order]
    change = last_change(parsed(made))
    assert change
    assert (change.at, change.what, change.by) == (CREATED, "created", "helm")


@pytest.mark.parametrize(
    ("fields", "more", "what"),
    [
        ({"f:image": {"f:tag": {}}}, {}, "changed (image.tag)"),
        ({"f:env": {'k:{"name":"A"}': {".": {}, "f:value": {}}}}, {}, "changed (env)"),
        ({"f:replicas": {}}, {"subresource": "scale"}, "scaled"),
        (None, {}, "changed"),
    ],
)
def test_the_last_change_says_who_when_and_what_where_that_is_known(
    fields: dict[str, Any] | None, more: dict[str, Any], what: str
) -> None:
    change = last_change(changed(written("kubectl-edit", LATER, fields, **more)))
    assert change
    assert (change.at, change.by, change.what) == (LATER, "kubectl-edit", what)


def test_what_the_operator_writes_into_the_status_is_no_change() -> None:
    status = written("opsbuddy-operator", LATER, subresource="status")
    labels = written("kubectl-label", LATER) | {"fieldsV1": {"f:metadata": {}}}
    change = last_change(changed(status, labels))
    assert change
    assert change.what == "created"


def test_only_what_was_changed_in_the_day_before_a_trouble_is_named_with_it() -> None:
    made = changed(written("early", LATER), written("late", LATER + timedelta(hours=2)))
    moments = {LATER + timedelta(hours=1): "early", LATER + timedelta(hours=3): "late", LATER: "early"}
    found = {moment: change_before(made, moment) for moment in moments}
    assert {moment: change and change.by for moment, change in found.items()} == moments
    assert change_before(made, LATER + timedelta(days=2)) is None
    assert change_before(made, CREATED - timedelta(seconds=1)) is None


@pytest.mark.parametrize("tree", [{}, [], "x", {"f:spec": []}, {"f:spec": {"f:a": "x"}}, {"f:spec": {"k:{}": {}}}])
def test_a_tree_of_fields_of_any_shape_is_put_up_with(tree: Any) -> None:
    made = resource("web")
    made["metadata"]["managedFields"].append(written("someone", LATER) | {"fieldsV1": tree})
    found, unclear = read([made])
    assert len(found) + len(unclear) == 1
    for each in found:
        describe(each)
