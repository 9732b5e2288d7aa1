"""The claim of a service's disk: it is made once, may grow, and is never shrunk or deleted."""

from opsbuddy_core.resource.pod import Storage
from opsbuddy_core.resource.types import is_quantity, quantity
from opsbuddy_operator.decide.ownership import controller
from opsbuddy_operator.manifests import persistent_volume_claim
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.manifests.persistent_volume_claim import SIZE_ANNOTATION
from opsbuddy_operator.models import Object


def desired(identity: Identity, storage: Storage | None, live: Object | None) -> Object | None:
    """Return the claim as it should be; None where there is none to care for."""
    if live is None:
        return persistent_volume_claim.build(identity, storage) if storage else None
    if storage is None:
        return _released(identity, live) if controller(live) else None
    claim = persistent_volume_claim.build(identity, storage)
    if fault(storage, live):
        return _sized(claim, live, _size(live), _asked(live))
    if _taken_back(storage, live):
        return _sized(claim, live, str(storage.size), str(storage.size))
    return _sized(claim, live, _larger(storage.size, _size(live)), _larger(storage.size, _asked(live)))


def fault(storage: Storage | None, live: Object | None) -> str | None:
    """Say what the spec asks of an existing claim that no claim can do."""
    if storage is None or live is None:
        return None
    name = live["metadata"]["name"]
    if quantity(storage.size) < quantity(_asked(live)) and not _taken_back(storage, live):
        return (
            f"storage.size {storage.size} is smaller than the claim {name}, which has {_asked(live)}, and a volume cannot shrink: "
            f"set storage.size to {_asked(live)} or more"
        )
    if storage.storage_class and storage.storage_class != (present := live["spec"].get("storageClassName")):
        return (
            f"storage.storageClass {storage.storage_class} differs from that of the claim {name}, which is {present}, and cannot change: "
            f"set it to {present}, or save the data and delete the claim"
        )
    return None


def grows(storage: Storage | None, live: Object | None) -> bool:
    """Tell whether the spec asks for more than the claim has."""
    return storage is not None and live is not None and quantity(storage.size) > quantity(_size(live))


def _taken_back(storage: Storage, live: Object) -> bool:
    """Tell whether the spec takes back a growth that it asked for and that never came about: the volume has not grown yet."""
    volume = live.get("status", {}).get("capacity", {}).get("storage")
    return (
        volume is not None
        and quantity(volume) <= quantity(storage.size) < quantity(_asked(live))
        and quantity(_asked(live)) == quantity(_size(live))
    )


def _size(live: Object) -> str:
    return str(live["spec"]["resources"]["requests"]["storage"])


def _asked(live: Object) -> str:
    """What the spec asked for when it was last applied; a claim that grew by hand has more. What somebody wrote there that is no size does not count."""
    asked = str(live["metadata"].get("annotations", {}).get(SIZE_ANNOTATION, _size(live)))
    return asked if is_quantity(asked) else _size(live)


def _larger(wished: int | str, present: str) -> str:
    return str(wished) if quantity(wished) > quantity(present) else present


def _sized(claim: Object, live: Object, size: str, asked: str) -> Object:
    """Keep all of an existing claim that cannot change, so that only growth is ever sent."""
    kept = {name: live["spec"][name] for name in ("accessModes", "storageClassName") if name in live["spec"]}
    metadata = {**claim["metadata"], "annotations": {SIZE_ANNOTATION: asked}}
    return {**claim, "metadata": metadata, "spec": {**kept, "resources": {"requests": {"storage": size}}}}


def _released(identity: Identity, live: Object) -> Object:
    """Without storage in the spec the claim has no owner any more: it would go with the resource, and nobody asks for that now."""
    claim = persistent_volume_claim.build(identity, Storage(size=_size(live)))
    return _sized(claim, live, _size(live), _asked(live))
