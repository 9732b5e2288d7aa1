"""What the pods say themselves: why one crashes, cannot be pulled, or is placed nowhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsbuddy_operator.models import Object

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "ErrImageNeverPull", "InvalidImageName"})
_LONGEST = 500


def trouble(pods: Sequence[Object]) -> str | None:
    """Return the words of the newest pod that fails; None where none does. No counts and no times: the same trouble is the same text."""
    newest_first = sorted(_present(pods), key=_age, reverse=True)
    return next((words for pod in newest_first for words in _failures(pod)), None)


def waiting(pods: Sequence[Object]) -> str | None:
    """Return what the newest pod waits for that is not ready yet."""
    newest_first = sorted(_present(pods), key=_age, reverse=True)
    return next((words for pod in newest_first if (words := _waits_for(pod))), None)


def _present(pods: Sequence[Object]) -> list[Object]:
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _age(pod: Object) -> tuple[str, str]:
    return pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]


def _failures(pod: Object) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if status.get("phase") == "Failed":
        yield f"pod {name} failed: {_cut(status.get('message') or status.get('reason') or 'it gave no reason')}"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield f"pod {name} fits on no node: {_cut(scheduled.get('message', ''))}"
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if words := _failure(container):
            yield f"container {container['name']} of pod {name} {words}"


def _failure(container: Mapping[str, Any]) -> str | None:
    state = container.get("state", {})
    waits = state.get("waiting", {})
    reason = waits.get("reason")
    if reason in _PULLING:
        return f"cannot pull its image {container.get('image', '')}: {_cut(_pull_error(waits.get('message', '')) or reason)}"
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated")
    if ended and not container.get("ready"):  # without an error, too: what a Deployment runs is not meant to end
        return _ending(ended)
    if reason and reason not in _STARTING:
        return f"does not start: {reason}: {_cut(waits.get('message', 'no further words'))}"
    return None


def _ending(ended: Mapping[str, Any]) -> str:
    words = f"ends with exit code {ended.get('exitCode', 0)} ({ended.get('reason', 'no reason given')})"
    if ended.get("reason") == "OOMKilled":
        return f"{words}: it needs more memory than resources.limits.memory allows"
    return f"{words}: {_cut(ended['message'])}" if ended.get("message") else words


def _pull_error(message: str) -> str:
    """The kubelet tells of a failed pull and of the pause after it in turn; the cause is the same."""
    for prefix in ("Back-off pulling image", "ErrImagePull"):
        if message.startswith(prefix):
            return _pull_error(message.partition(": ")[2])
    return message


def _waits_for(pod: Object) -> str | None:
    name = pod["metadata"]["name"]
    ready = _condition(pod, "Ready")
    if ready.get("status") == "True":
        return None
    since = f" since {ready['lastTransitionTime']}" if "lastTransitionTime" in ready else ""
    for container in pod.get("status", {}).get("containerStatuses", ()):
        if "running" in container.get("state", {}) and not container.get("ready"):
            return f"container {container['name']} of pod {name} runs, but its startup or readiness probe has not succeeded{since}"
    return f"pod {name} is being started{since}"


def _condition(pod: Object, kind: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = pod.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _cut(text: str) -> str:
    """The end of a long text says more than its beginning: it is where a traceback names the error."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"… {line[-_LONGEST:]}"
