from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_operator.manifests.lists import by_key, key

# Pieces of which only one of several fields may be set (value or valueFrom, emptyDir or secret, httpGet or exec) are taken whole.
_ONE_OF = frozenset({"env", "volumes", "livenessProbe", "readinessProbe", "startupProbe"})


def merge(under: Any, over: Any, field: str = "") -> Any:
    """Lay one piece of a manifest over another; where both say something, `over` wins.

    Lists that Kubernetes treats as maps are merged by key, those of `over` first and in their order; other lists are taken whole.
    """
    if isinstance(under, Mapping) and isinstance(over, Mapping) and field not in _ONE_OF:
        return dict(under) | {
            name: merge(under[name], value, name) if name in under else value for name, value in over.items()
        }
    if isinstance(under, list) and isinstance(over, list):
        below, above = by_key(field, under), by_key(field, over)
        if below is not None and above is not None:
            merged = [merge(below[name], entry, field) if name in below else entry for name, entry in above.items()]
            names = [entry.get("name") for entry in above.values()] if field == "ports" else []  # unique in a container
            return merged + [
                entry for name, entry in below.items() if name not in above and entry.get("name") not in names
            ]
    return over


def left_out(under: Any, over: Any, field: str = "", path: str = "") -> Iterator[str]:
    """Name what of `under` can be nowhere in the merge: it has another shape than `over`, or is an entry without the key of its list."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        for name in () if field in _ONE_OF else sorted(under.keys() & over.keys()):
            yield from left_out(under[name], over[name], name, f"{path}.{name}")
    elif isinstance(under, list) and isinstance(over, list):
        above = by_key(field, over)
        for number, entry in enumerate(under if above else ()):
            if (name := key(field, entry)) is None:
                yield f"{path}[{number}]"
            elif name in (above or {}):
                yield from left_out(entry, (above or {})[name], field, f"{path}[{number}]")
    elif isinstance(over, (Mapping, list)) and under is not None:
        yield path


def distinct(piece: Any, field: str = "") -> Any:
    """Keep the last of entries with one key, as a kubelet does: server-side apply refuses an object with both."""
    if isinstance(piece, Mapping):
        return {name: distinct(value, name) for name, value in piece.items()}
    if isinstance(piece, list):
        entries = by_key(field, piece)
        return [distinct(entry) for entry in (piece if entries is None else entries.values())]
    return piece
