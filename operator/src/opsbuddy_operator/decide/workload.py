"""How far the Deployment is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.decide.desired import is_autoscaled, live
from opsbuddy_operator.models import Object, Observed


@dataclass(frozen=True, slots=True)
class Workload:
    """Counts of the live Deployment."""

    wanted: int  # pods that should run
    needed: int  # of these, how many have to be available
    replicas: int
    updated: int
    ready: int
    available: int
    rolled_out: bool  # the newest template runs everywhere, and came up once
    late: bool  # the rollout made no progress for longer than it may
    refused: str | None  # why no pod can be made, in the API server's words

    @classmethod
    def of(cls, observed: Observed, spec: OpsBuddyServiceSpec) -> Self | None:
        """Read the live Deployment; None where there is none."""
        deployment = live(observed, "Deployment")
        return cls._read(deployment, spec) if deployment else None

    @classmethod
    def _read(cls, deployment: Object, spec: OpsBuddyServiceSpec) -> Self:
        status: Mapping[str, Any] = deployment.get("status", {})
        conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
        progressing, refused = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
        wanted = int(deployment["spec"].get("replicas", 1))
        seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        updated, replicas = status.get("updatedReplicas", 0), status.get("replicas", 0)
        # An autoscaler's step is no rollout: more pods are on their way, and those that have to be there are.
        fixed = not (spec.autoscaling and is_autoscaled(spec))
        return cls(
            wanted=wanted,
            needed=wanted if fixed or not spec.autoscaling else min(wanted, max(spec.autoscaling.min_replicas, 1)),
            replicas=replicas,
            updated=updated,
            ready=status.get("readyReplicas", 0),
            available=status.get("availableReplicas", 0),
            rolled_out=seen
            and progressing.get("reason") == "NewReplicaSetAvailable"
            and updated == replicas
            and (replicas == wanted or not fixed),
            late=seen and progressing.get("reason") == "ProgressDeadlineExceeded",
            refused=refused.get("message") if refused.get("status") == "True" else None,
        )
