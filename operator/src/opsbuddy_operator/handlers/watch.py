"""What the watches tell goes into the store, and the keys that it concerns into the queue.

No index handlers: kopf wakes every waiting object for each one that is indexed, which at 1,200 objects takes 10 s of CPU and grows with the
square. That no resource is judged before everything is known is seen to by the engine, which compares the store with a list.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import kopf

from opsbuddy_operator.cluster.kinds import WATCHED, Kind
from opsbuddy_operator.models import Object
from opsbuddy_operator.queue import Priority


def register(registry: kopf.OperatorRegistry) -> None:
    """Register a handler for each kind."""
    for kind in WATCHED:
        told = handler(kind)
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"told-{kind.plural}")(told)


def handler(kind: Kind) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return the handler of a kind; kopf calls it for each event of an object, in order."""

    async def told(body: kopf.Body, memo: kopf.Memo, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        news = memo.operator.news
        keys = news.remove(_object(kind, body)) if type == "DELETED" else news.put(_object(kind, body))
        news.tell(keys, Priority.BACKGROUND if type is None else Priority.LIVE)

    return told


def _object(kind: Kind, body: kopf.Body) -> Object:
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind}
