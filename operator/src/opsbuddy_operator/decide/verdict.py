"""The status of a resource: its conditions, what they sum up to, and what is worth an Event."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from opsbuddy_core.resource import Condition, ConditionType, OpsBuddyServiceSpec, OpsBuddyServiceStatus, Reason
from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.desired import live, live_config_hash
from opsbuddy_operator.decide.finding import Finding
from opsbuddy_operator.decide.parsing import InvalidSpecError, spec_of
from opsbuddy_operator.decide.programmed import prefixes, programmed
from opsbuddy_operator.decide.progress import available, progressing
from opsbuddy_operator.decide.stalled import found, stalled
from opsbuddy_operator.decide.transitions import events
from opsbuddy_operator.decide.workload import Workload
from opsbuddy_operator.models import SERVICE_LABEL, Object, Observed, Verdict, ref

Judged = tuple[str, Reason, str]
"""Status, reason and message of a condition."""

_LONGEST_MESSAGE = 4096  # far below what a condition may hold, and more than anybody reads
_TYPES = frozenset(ConditionType)
_TOLD_WHEN_READY = (ConditionType.SUSPENDED, ConditionType.AVAILABLE)


def judge(observed: Observed, now: datetime) -> Verdict:
    """Return the whole status, to be written where it differs from the present one, and what to tell about the change."""
    findings = _findings(observed, now)
    conditions = _conditions(observed.resource, findings, now)
    status = OpsBuddyServiceStatus.model_validate(_facts(observed)).model_copy(
        update={"observed_generation": observed.resource["metadata"].get("generation"), "conditions": conditions}
    )
    waits = [finding.look_again for finding in findings if finding.look_again is not None]
    return Verdict(
        status=status.model_dump(mode="json", by_alias=True, exclude_none=True),
        events=events(_previous(observed.resource), conditions),
        look_again=min(waits, default=None),
    )


def _findings(observed: Observed, now: datetime) -> list[Finding]:
    """Return what was found, that which explains the most first."""
    try:
        spec = spec_of(observed.resource)
    except InvalidSpecError as error:
        return [
            found(
                [
                    (
                        Reason.INVALID_SPEC,
                        f"the spec cannot be read: {error}; mend it, or install the CRD of this operator",
                    )
                ]
            )
        ]
    workload, unapplied = Workload.of(observed, spec), _unapplied(observed)
    return [
        stalled(observed, spec, now),
        available(observed, workload, unapplied, suspended=spec.suspend),
        progressing(observed, workload, unapplied, suspended=spec.suspend),
        programmed(observed, spec, workload.wanted if workload else 1, was=_was_programmed(observed.resource)),
        _suspended(spec),
    ]


def _unapplied(observed: Observed) -> list[str]:
    """Name what is still to be written, and what an earlier one of the name has to leave first; what was refused is told elsewhere."""
    decision = decide(observed)
    missing = [ref(obj) for obj in decision.apply if ref(obj) not in observed.failures]
    present = {ref(child): child for child in observed.children}
    return [
        *(f"{where.kind} {where.name}" for where in missing),
        *(f"{where.kind} {where.name}, when what it refers to is there" for where in decision.withheld),
        *(
            f"{where.kind} {where.name}, when the present one is gone{_held(present[where])}"
            for where in decision.awaited
        ),
    ]


def _held(leaving: Object) -> str:
    finalizers = leaving["metadata"].get("finalizers") if "deletionTimestamp" in leaving["metadata"] else None
    return f" (it is being deleted, which its finalizers hold up: {', '.join(finalizers)})" if finalizers else ""


def _suspended(spec: OpsBuddyServiceSpec) -> Finding:
    if spec.suspend:
        message = "Everything of this service is left as it is: set suspend to false to go on."
        return Finding(ConditionType.SUSPENDED, holds=True, reason=Reason.SUSPENDED, message=message)
    return Finding(
        ConditionType.SUSPENDED, holds=False, reason=Reason.NOT_SUSPENDED, message="The operator acts on changes."
    )


def _conditions(resource: Object, findings: Sequence[Finding], now: datetime) -> list[Condition]:
    """Return all conditions, Ready first. Those that nothing was found out about stay as they are."""
    previous = _previous(resource)
    fresh = {ConditionType.READY: _ready(findings, known=ConditionType.READY in previous)}
    fresh |= {finding.type: (_word(finding.holds), finding.reason, finding.message) for finding in findings}
    return [
        _condition(kind, fresh[kind], resource, previous.get(kind), now) if kind in fresh else previous[kind]
        for kind in ConditionType
        if kind in fresh or kind in previous
    ]


def _ready(findings: Sequence[Finding], *, known: bool) -> Judged:
    """Sum up: the first that fails gives the reason. A resource that was never judged is not yet known rather than failing."""
    failing = next((finding for finding in findings if finding.failing), None)
    if failing:
        if known or failing.type is ConditionType.STALLED or failing.reason is Reason.SUSPENDED:
            return "False", failing.reason, failing.message
        return "Unknown", Reason.RECONCILING, failing.message
    told = next(finding for finding in reversed(findings) if finding.holds and finding.type in _TOLD_WHEN_READY)
    return "True", told.reason, told.message


def _condition(
    kind: ConditionType, judged: Judged, resource: Object, previous: Condition | None, now: datetime
) -> Condition:
    status, reason, message = judged
    since = previous.last_transition_time if previous and previous.status == status else _timestamp(now)
    return Condition.model_validate(
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 2]} …",
            "observedGeneration": resource["metadata"].get("generation"),
            "lastTransitionTime": since,
        }
    )


def is_told(status: Object, live: Object | None) -> bool:
    """Tell whether a status is in the live one already; conditions that others added do not count."""
    return live is not None and _own(status) == _own(live)


def _own(status: Object) -> Object:
    return {
        **status,
        "conditions": {each["type"]: each for each in status.get("conditions", ()) if each["type"] in _TYPES},
    }


def _previous(resource: Object) -> dict[ConditionType, Condition]:
    """Read the conditions of the last write; what is not ours, or was written by hand or by a newer version, counts as not there."""
    found = {}
    for condition in (resource.get("status") or {}).get("conditions", ()):
        with suppress(ValidationError):
            if condition["type"] in _TYPES:
                found[ConditionType(condition["type"])] = Condition.model_validate(condition)
    return found


def _was_programmed(resource: Object) -> bool:
    condition = _previous(resource).get(ConditionType.ROUTES_PROGRAMMED)
    return (
        condition is not None
        and condition.status == "True"
        and condition.reason == Reason.PROGRAMMED
        and condition.observed_generation == resource["metadata"].get("generation")
    )


def _facts(observed: Observed) -> Mapping[str, Any]:
    """Return what the status shows besides conditions."""
    name, namespace = observed.resource["metadata"]["name"], observed.resource["metadata"]["namespace"]
    deployment, service = live(observed, "Deployment"), live(observed, "Service")
    counts = (deployment or {}).get("status", {})
    facts: dict[str, Any] = {
        "replicas": counts.get("replicas", 0),
        "readyReplicas": counts.get("readyReplicas", 0),
        "updatedReplicas": counts.get("updatedReplicas", 0),
        "selector": f"{SERVICE_LABEL}={name}",
        "configHash": live_config_hash(observed),
        "routes": prefixes(observed) or None,
    }
    if deployment:
        containers = deployment["spec"]["template"]["spec"]["containers"]
        facts["image"] = next((container["image"] for container in containers if container["name"] == name), None)
    if service:
        port = _port(service)
        facts["url"] = f"{port.get('appProtocol', 'http')}://{name}.{namespace}.svc:{port['port']}"
    return facts


def _port(service: Object) -> Object:
    ports = service["spec"]["ports"]
    found: Object = next((port for port in ports if port.get("name") == "http"), ports[0])
    return found


def _word(holds: bool) -> str:  # noqa: FBT001 - the one argument there is
    return "True" if holds else "False"


def _timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
