"""Kinds whose API a cluster may lack. They are listed now and then: a watch of an API that is not there could only fail."""

from opsbuddy_operator.cluster.api import AbsentError, Api, ForbiddenError
from opsbuddy_operator.cluster.kinds import OPTIONAL, SERVICE, Kind
from opsbuddy_operator.cluster.store import Store, version_of
from opsbuddy_operator.models import Key, Object, Subject, ref
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News

PERIOD = 30.0


class OptionalKinds:
    """`absent` holds the kinds that cannot be had, and why."""

    def __init__(self, api: Api, store: Store, news: News, namespaces: Namespaces) -> None:
        self._api, self._store, self._news, self._namespaces = api, store, news, namespaces
        self.absent: dict[str, str] = {}

    async def look(self) -> None:
        """Compare what is known with what there is; a difference brings back whom it concerns."""
        for kind in OPTIONAL:
            before = self.absent.get(kind.kind)
            known = {
                ref(obj): version_of(obj) for obj in self._store.of_kind(kind)
            }  # before the list: what comes up after it is not in it
            there = {ref(obj): obj for obj in await self._list(kind)}
            for obj in there.values():
                self._news.tell(self._news.put(obj))
            for where, version in known.items():
                live = self._store.get(where)
                if where not in there and live and version_of(live) == version:
                    self._news.tell(self._news.remove(live))
            if self.absent.get(kind.kind) != before:
                self._news.tell(frozenset(self._who_want_it()))

    async def _list(self, kind: Kind) -> list[Object]:
        try:
            found = [obj for name in self._namespaces.readable() for obj in await self._api.list(kind, name)]
        except AbsentError:
            self.absent[kind.kind] = (
                f"the cluster does not have the API {kind.api_version} of a {kind.kind}: install it"
            )
        except ForbiddenError as error:
            self.absent[kind.kind] = f"{error}: give the operator that right"
        else:
            self.absent.pop(kind.kind, None)
            return found
        return []

    def _who_want_it(self) -> list[Key]:
        metadata = [
            obj["metadata"] for obj in self._store.of_kind(SERVICE) if obj["spec"].get("serviceMonitor") is not None
        ]
        return [Key(Subject.SERVICE, each["namespace"], each["name"]) for each in metadata]
