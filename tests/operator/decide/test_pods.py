import pytest

from opsbuddy_operator.decide.pods import trouble, waiting
from tests.operator.objects import pod

PULL = 'rpc error: code = NotFound desc = failed to resolve "x/web:1": not found'
CRASH = {"exitCode": 1, "reason": "Error", "message": "line 1\nValueError: no such table"}


def container(**state):
    return {"name": "web", "image": "x/web:1", "ready": False, "state": {}, **state}


def said(*containers, **status):
    return trouble([pod(containerStatuses=list(containers), **status)])


COMPLETED = {"exitCode": 0, "reason": "Completed"}


@pytest.mark.parametrize(
    "state",
    [
        {
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": CRASH},
        },
        {"state": {"terminated": CRASH}},
        {"state": {"running": {}}, "lastState": {"terminated": CRASH}},
    ],
    ids=["pausing", "ended", "started again"],
)
def test_a_crash_loop_has_the_containers_own_words_the_same_at_each_stage(state):
    assert (
        said(container(**state))
        == "container web of pod web-1 ends with exit code 1 (Error): line 1 ValueError: no such table"
    )


@pytest.mark.parametrize(
    "state",
    [
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": COMPLETED}},
        {"state": {"running": {}}, "lastState": {"terminated": COMPLETED}},
        {"state": {"terminated": COMPLETED}},
    ],
    ids=["paused", "runs again", "ended"],
)
def test_an_end_without_an_error_is_told_too_and_the_same_at_each_stage(state):
    assert said(container(**state)) == "container web of pod web-1 ends with exit code 0 (Completed)"


def test_too_little_memory_names_the_field():
    words = said(container(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}))
    assert "resources.limits.memory" in words


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ErrImagePull", PULL),
        ("ImagePullBackOff", f'Back-off pulling image "x/web:1": ErrImagePull: {PULL}'),
    ],
)
def test_an_image_that_cannot_be_pulled_is_told_the_same_whether_it_is_tried_or_paused(reason, message):
    words = said(container(state={"waiting": {"reason": reason, "message": message}}))
    assert words == f"container web of pod web-1 cannot pull its image x/web:1: {PULL}"


def test_a_pull_without_words_gives_its_reason():
    assert said(container(state={"waiting": {"reason": "InvalidImageName"}})).endswith("InvalidImageName")
    assert said(
        container(state={"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}})
    ).endswith("ImagePullBackOff")


def test_a_container_that_cannot_be_made_has_the_kubelets_words():
    waits = {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}
    assert (
        said(container(state={"waiting": waits}))
        == 'container web of pod web-1 does not start: CreateContainerConfigError: secret "db" not found'
    )


def test_a_pod_that_fits_nowhere_has_the_schedulers_words():
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes: Insufficient cpu.",
    }
    assert said(conditions=[unschedulable]) == "pod web-1 fits on no node: 0/1 nodes: Insufficient cpu."


def test_a_pod_that_failed_as_a_whole_is_told():
    assert (
        said(phase="Failed", message="The node was low on resource: memory.")
        == "pod web-1 failed: The node was low on resource: memory."
    )


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_start_is_no_trouble(reason):
    assert said(container(state={"waiting": {"reason": reason}})) is None


def test_a_container_that_crashed_once_and_is_ready_again_is_no_trouble():
    assert said(container(ready=True, state={"running": {}}, lastState={"terminated": CRASH})) is None


def test_the_newest_pod_is_heard_and_one_that_is_being_deleted_is_not():
    failing = [container(state={"terminated": CRASH})]
    old, new = (
        pod("old", "2026-01-01T00:00:00Z", containerStatuses=failing),
        pod("new", "2026-01-02T00:00:00Z", containerStatuses=failing),
    )
    going = pod("going", "2026-01-03T00:00:00Z", containerStatuses=failing)
    going["metadata"]["deletionTimestamp"] = "2026-01-03T00:00:00Z"
    for order in ([old, new, going], [going, new, old]):
        assert "pod new" in trouble(order)


def test_of_a_long_message_the_end_is_kept():
    words = said(container(state={"terminated": {**CRASH, "message": "x" * 5000 + " ValueError: the cause"}}))
    assert words.endswith("ValueError: the cause")
    assert len(words) < 700


def test_what_a_pod_waits_for_is_told_with_since_when():
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:01Z"}
    running = pod(conditions=[ready], containerStatuses=[container(state={"running": {}})])
    assert (
        waiting([running])
        == "container web of pod web-1 runs, but its startup or readiness probe has not succeeded since 2026-01-01T00:00:01Z"
    )
    assert waiting([pod(conditions=[ready])]) == "pod web-1 is being started since 2026-01-01T00:00:01Z"
    assert waiting([pod(conditions=[{**ready, "status": "True"}])]) is None
