"""What the watches tell goes into the store, and the keys that it concerns into the queue.

The index handlers fill the store. kopf calls them for the whole first list of every kind before it calls any event handler, so that no
resource is judged while half of its children are still unknown.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import kopf

from opsbuddy_operator.cluster.kinds import WATCHED, Kind
from opsbuddy_operator.models import Object
from opsbuddy_operator.queue import Priority

Handler = Callable[..., Coroutine[Any, Any, None]]


def register(registry: kopf.OperatorRegistry) -> None:
    """Register a pair of handlers for each kind."""
    for kind in WATCHED:
        seen, told = handlers(kind)
        kopf.index(kind.group, kind.version, kind.plural, registry=registry, id=f"seen-{kind.plural}")(seen)
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"told-{kind.plural}")(told)


def handlers(kind: Kind) -> tuple[Handler, Handler]:
    """Return the index handler and the event handler of a kind. Both are called in turn, in order, for each event of an object."""

    async def seen(body: kopf.Body, memo: kopf.Memo, **_: Any) -> None:
        memo.concerned = memo.operator.news.put(_object(kind, body))

    async def told(body: kopf.Body, memo: kopf.Memo, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        news = memo.operator.news
        keys = news.remove(_object(kind, body)) if type == "DELETED" else memo.pop("concerned", frozenset())
        news.tell(keys, Priority.BACKGROUND if type is None else Priority.LIVE)

    return seen, told


def _object(kind: Kind, body: kopf.Body) -> Object:
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind}
