"""Which namespaces are served: all of the cluster, or those of a list, as far as they may be read.

With a namespace that is deleted go the rights in it. The others are served on.
"""

from opsbuddy_core.logs import get_logger
from opsbuddy_operator.cluster.api import Api, ForbiddenError
from opsbuddy_operator.cluster.kinds import SERVICE

log = get_logger("namespaces")


class Namespaces:
    """`unread` holds those that may not be read, or that have yet to be read again: nothing is decided in them."""

    def __init__(self, api: Api, names: tuple[str, ...]) -> None:
        self._api, self._names = api, names
        self.unread: frozenset[str] = frozenset()

    async def look(self) -> frozenset[str]:
        """Return those that may not be read; from now on they are unread. ForbiddenError when that is all of them."""
        refused: dict[str, ForbiddenError] = {}
        for name in self._names or (None,):
            try:
                await self._api.list(SERVICE, name, metadata_only=True)
            except ForbiddenError as error:
                if name is None or len(refused) + 1 == len(self._names):
                    raise
                refused[name] = error
        for name in sorted(refused.keys() - self.unread):
            log.warning("A namespace may not be read", operation="look", namespace=name, reason=str(refused[name]))
        self.unread |= refused.keys()
        return frozenset(refused)

    def readable(self, refused: frozenset[str] | None = None) -> tuple[str | None, ...]:
        """Return the namespaces to list; None is all of the cluster."""
        left_out = self.unread if refused is None else refused
        return tuple(name for name in self._names if name not in left_out) if self._names else (None,)
