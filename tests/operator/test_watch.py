"""What kopf tells, and how urgent it is."""

from types import SimpleNamespace

import pytest

from opsbuddy_operator.cluster.kinds import CHILDREN
from opsbuddy_operator.handlers.watch import handler
from opsbuddy_operator.queue import Priority

DEPLOYMENTS = CHILDREN[0]
BODY = {"metadata": {"name": "web", "namespace": "t"}}
WHOLE = BODY | {"apiVersion": "apps/v1", "kind": "Deployment"}  # an entry of a list says neither


class Heard:
    def __init__(self) -> None:
        self.told: list[object] = []

    def put(self, obj: object) -> str:
        self.told.append(("put", obj))
        return "keys"

    def remove(self, obj: object) -> str:
        self.told.append(("remove", obj))
        return "keys"

    def tell(self, keys: str, priority: Priority) -> None:
        self.told.append((keys, priority))


@pytest.mark.parametrize(
    ("event", "what", "priority"),
    [
        (None, "put", Priority.BACKGROUND),
        ("ADDED", "put", Priority.LIVE),
        ("MODIFIED", "put", Priority.LIVE),
        ("DELETED", "remove", Priority.LIVE),
    ],
)
async def test_what_somebody_changes_now_goes_before_what_was_there_at_the_start(event, what, priority):
    news = Heard()
    await handler(DEPLOYMENTS)(body=BODY, memo=SimpleNamespace(operator=SimpleNamespace(news=news)), type=event)
    assert news.told == [(what, WHOLE), ("keys", priority)]
