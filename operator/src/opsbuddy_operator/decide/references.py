"""ConfigMaps and Secrets that a service depends on: a change of one rolls the pods, or is left to them; a missing one is told."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.decide.parsing import InvalidSpecError, spec_of
from opsbuddy_operator.models import Object, Ref


def references(resource: Object) -> frozenset[Ref]:
    """Return all ConfigMaps and Secrets that the spec names."""
    return frozenset(ref for ref, _ in _found(resource))


def required(resource: Object) -> frozenset[Ref]:
    """Return those without which the pods do not start: all but the ones marked optional."""
    return frozenset(ref for ref, optional in _found(resource) if not optional)


def rolling(resource: Object) -> frozenset[Ref]:
    """Return those whose change rolls the pods: all but the ones that are only mounted for programs which read them again."""
    return frozenset(ref for ref, source in _named_by(resource) if source.get("onChange") != "Keep")


def keys(resource: Object) -> Mapping[Ref, frozenset[str]]:
    """Return the keys without which the pods do not start, by the object that has to have them."""
    found: dict[Ref, frozenset[str]] = {}
    for ref, source in _named_by(resource):
        if source.get("optional") is not True:
            items = [item.get("key") for item in _mappings(source.get("items"))]
            named = [name for name in (source.get("key"), *items, *(source.get("keys") or ())) if isinstance(name, str)]
            found[ref] = found.get(ref, frozenset()).union(named)
    return found


def _found(resource: Object) -> Iterator[tuple[Ref, bool]]:
    return ((ref, source.get("optional") is True) for ref, source in _named_by(resource))


def _named_by(resource: Object) -> Iterator[tuple[Ref, Mapping[str, Any]]]:
    try:
        spec = spec_of(resource)
    except InvalidSpecError:
        return
    namespace = resource["metadata"]["namespace"]
    for kind, source in _sources(spec):
        name = source.get("name") or source.get("secretName")
        if isinstance(name, str):
            yield Ref("v1", kind, namespace, name), source


def _sources(spec: OpsBuddyServiceSpec) -> Iterator[tuple[str, Mapping[str, Any]]]:
    env = [entry.model_dump(by_alias=True, exclude_none=True) for entry in spec.env or []]
    yield from _of_container({"env": env, "envFrom": spec.env_from})
    for secret in spec.secrets or []:
        yield "Secret", {"name": secret.name, "onChange": secret.on_change, "keys": secret.keys}
    read_by_others = [*(spec.image.pull_secrets or []), spec.ingress.tls_secret if spec.ingress else None]
    yield from (("Secret", {"name": name, "onChange": "Keep"}) for name in read_by_others)
    pod = _mapping((spec.pod_template or {}).get("spec"))
    yield from (("Secret", {**entry, "onChange": "Keep"}) for entry in _mappings(pod.get("imagePullSecrets")))
    for container in (*_mappings(pod.get("containers")), *_mappings(pod.get("initContainers"))):
        yield from _of_container(container)
    for volume in _mappings(pod.get("volumes")):
        yield from _named(volume, ConfigMap="configMap", Secret="secret")  # noqa: S106 - the name of a field
        for projected in _mappings(_mapping(volume.get("projected")).get("sources")):
            yield from _named(projected, ConfigMap="configMap", Secret="secret")  # noqa: S106 - likewise


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in _mappings(container.get("envFrom")):
        yield from _named(entry, ConfigMap="configMapRef", Secret="secretRef")  # noqa: S106 - the name of a field
    for entry in _mappings(container.get("env")):
        source = _mapping(entry.get("valueFrom"))
        yield from _named(source, ConfigMap="configMapKeyRef", Secret="secretKeyRef")  # noqa: S106 - likewise


def _named(entry: Mapping[str, Any], **fields: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind, field in fields.items():
        if isinstance(source := entry.get(field), Mapping):
            yield kind, source


def _mapping(value: Any) -> Mapping[str, Any]:
    """What comes from podTemplate may have any shape; what is no object names nothing."""
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
