"""What the page of the services shows: each OpsBuddyService beside what the gateway sees of it. No I/O, no clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from opsbuddy_core.resource import ConditionType, Reason
from opsbuddy_ui_service.models.resources import Change, Condition, Resource, Spec, last_change
from opsbuddy_ui_service.models.status import Tone
from opsbuddy_ui_service.views.state import Row, View

SHORT = 600  # characters of a message above the details
TONES: Mapping[str, tuple[Tone, Tone]] = {
    ConditionType.READY: ("bad", "ok"),
    ConditionType.AVAILABLE: ("bad", "ok"),
    ConditionType.ROUTES_PROGRAMMED: ("bad", "ok"),
    ConditionType.PROGRESSING: ("ok", "warn"),
    ConditionType.STALLED: ("ok", "bad"),
    ConditionType.SUSPENDED: ("ok", "stale"),
}
"""Of a condition that does not hold, and of one that does."""
FAILED = frozenset({Reason.POD_FAILING, Reason.DEADLINE_EXCEEDED})  # of a change that does not get on


@dataclass(frozen=True, slots=True)
class Word:
    """A state: a colour and a word."""

    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class Aspect:
    """One condition."""

    type: str
    status: Word
    reason: str
    message: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Described:
    """One resource. `why` is blank where it is ready; `note` says what the operator has not seen yet; `turned` is what its state did last."""

    state: Word
    since: datetime | None
    reason: str
    why: str
    note: str
    pods: str
    wanted: str
    image: str
    port: str
    routes: tuple[str, ...]
    generation: str
    change: Change | None
    turned: Aspect | None
    aspects: tuple[Aspect, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One service: its resource, and what the gateway sees of it; one of both may be missing."""

    name: str
    resource: Described | None
    seen: Row | None


def entries(view: View, found: Iterable[Resource]) -> tuple[Entry, ...]:
    """Return each service once: in the order of the gateway's view, then those that have a resource alone."""
    described = {resource.name: describe(resource) for resource in found}
    seen = {row.name: row for row in view.rows}
    names = dict.fromkeys([*seen, *described])
    return tuple(Entry(name, described.get(name), seen.get(name)) for name in names)


def describe(resource: Resource) -> Described:
    """Return what is shown of a resource."""
    ready = resource.condition(ConditionType.READY)
    state = _state(resource, ready)
    well = state.tone == "ok"
    return Described(
        state=state,
        since=ready.last_transition_time if ready else resource.metadata.creation_timestamp,
        reason="" if well or not ready else ready.reason,
        why="" if well else _why(resource, ready),
        note=_unseen(resource),
        pods=f"{resource.status.ready_replicas or 0} / {_wanted(resource)}",
        wanted=_by_whom(resource.spec),
        image=resource.status.image or resource.spec.image.reference,
        port="" if resource.spec.port is None else f"{resource.spec.port} {resource.spec.protocol}",
        routes=tuple(_routes(resource)),
        generation=_generation(resource),
        change=last_change(resource),
        turned=_turned(resource),
        aspects=tuple(_aspect(each) for each in resource.status.conditions),
    )


def _state(resource: Resource, ready: Condition | None) -> Word:
    if resource.metadata.deletion_timestamp:
        return Word("warn", "Being deleted")
    if resource.spec.suspend:
        return Word("stale", "Suspended")
    if ready is None or ready.status == "Unknown":
        return Word("stale", "Not judged")
    if ready.status == "True":
        return Word("ok", "Ready")
    return _not_ready(resource)


def _not_ready(resource: Resource) -> Word:
    """Tell apart what needs somebody, what is on its way, what still serves, and what does not."""
    if _holds(resource, ConditionType.STALLED):
        return Word("bad", "Stalled")
    serves = _holds(resource, ConditionType.AVAILABLE)
    progressing = resource.condition(ConditionType.PROGRESSING)
    if progressing and progressing.status == "True" and progressing.reason not in FAILED:
        return Word("warn", "Changing")
    return Word("warn", "Degraded") if serves else Word("bad", "Not ready")


def _why(resource: Resource, ready: Condition | None) -> str:
    if resource.metadata.deletion_timestamp:
        return "It goes, and with it what the operator made for it."
    if ready is None:
        return "The operator has said nothing of it: is it running, and does it serve this namespace?"
    return ready.message if len(ready.message) <= SHORT else f"{ready.message[:SHORT]}…"


def _holds(resource: Resource, kind: ConditionType) -> bool:
    condition = resource.condition(kind)
    return condition is not None and condition.status == "True"


def _unseen(resource: Resource) -> str:
    generation, seen = resource.metadata.generation, resource.status.observed_generation
    if generation is None or seen is None or seen >= generation:
        return ""
    return f"The operator has not judged the newest change yet: this is of generation {seen}, the description is at {generation}."


def _generation(resource: Resource) -> str:
    generation, seen = resource.metadata.generation, resource.status.observed_generation
    if generation is None:
        return ""
    return f"{generation}, {'judged' if seen == generation else 'not judged yet' if seen is None else f'judged up to {seen}'}"


def _wanted(resource: Resource) -> int | str:
    """Return how many pods there should be; where an autoscaler decides, as many as it has made."""
    scaling, replicas = resource.spec.autoscaling, resource.spec.replicas
    if scaling is None:
        return 1 if replicas is None else replicas
    if _autoscaled(resource.spec):
        return scaling.min_replicas if resource.status.replicas is None else resource.status.replicas
    return max(scaling.min_replicas, 1)


def _autoscaled(spec: Spec) -> bool:
    return spec.autoscaling is not None and (spec.autoscaling.cpu is not None or spec.autoscaling.memory is not None)


def _by_whom(spec: Spec) -> str:
    if spec.autoscaling is not None and _autoscaled(spec):
        return f"an autoscaler decides, {spec.autoscaling.min_replicas} to {spec.autoscaling.max_replicas}"
    if spec.autoscaling is not None:
        return "the least of its autoscaling: nothing here scales on requests"
    return "as the resource names no number" if spec.replicas is None else "as the resource says"


def _routes(resource: Resource) -> Iterator[str]:
    """Yield what the gateway serves for it, and what it asks for where that is not served."""
    yield from resource.status.routes
    route = resource.spec.route
    if route and route.prefix not in resource.status.routes:
        yield f"{route.prefix} (not served yet)"


def _turned(resource: Resource) -> Aspect | None:
    """Return the condition that changed last."""
    aspects = [_aspect(each) for each in resource.status.conditions]
    dated = [(each.since, -place) for place, each in enumerate(aspects) if each.since]
    return aspects[-max(dated)[1]] if dated else None


def _aspect(condition: Condition) -> Aspect:
    return Aspect(
        type=condition.type,
        status=Word(_tone(condition), condition.status),
        reason=condition.reason,
        message=condition.message,
        since=condition.last_transition_time,
    )


def _tone(condition: Condition) -> Tone:
    if condition.status == "Unknown" or condition.type not in TONES:
        return "stale"
    if condition.type == ConditionType.PROGRESSING and condition.reason in FAILED:
        return "bad"
    return TONES[condition.type][condition.status == "True"]
