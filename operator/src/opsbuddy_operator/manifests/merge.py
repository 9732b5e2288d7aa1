from collections.abc import Mapping
from typing import Any

from opsbuddy_operator.manifests.lists import by_key

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
            return merged + [entry for name, entry in below.items() if name not in above]
    return over
