"""Requests to a real API server, by the official client."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.dynamic import DynamicClient, Resource

from opsbuddy_core import documents
from opsbuddy_core.errors import MalformedError
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import (
    AbsentError,
    ApiError,
    ConflictError,
    ForbiddenError,
    RefusedError,
    TerminatingError,
    UnavailableError,
)
from opsbuddy_operator.cluster.kinds import ANY_AUTOSCALER, KINDS, LEASE, Kind, kind_of
from opsbuddy_operator.models import FIELD_MANAGER, Object, Ref, ref

PAGE = 500
LONGEST_MESSAGE = 1000
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
READS = {"get", "list"}
PASSING = {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class KubernetesApi:
    """Implements Api. `may_write` is asked before each write: a replica that does not lead, or no longer does, writes nothing."""

    def __init__(self, client: ApiClient, timeout: float, may_write: Callable[[], bool] = lambda: True) -> None:
        client.user_agent = f"opsbuddy-operator/{version('opsbuddy-operator')}"
        self._client = DynamicClient(client)  # type: ignore[no-untyped-call]
        self._timeout = timeout
        self._resources = {kind: _resource(self._client, kind) for kind in (*KINDS.values(), ANY_AUTOSCALER)}
        self.may_write = may_write

    async def get(self, ref: Ref) -> Object | None:
        try:
            return await self._one("get", ref)
        except AbsentError:
            return None

    async def list(self, kind: Kind, namespace: str | None, *, metadata_only: bool = False) -> list[Object]:
        found: list[Object] = []
        more: str | None = None
        while True:
            headers = {"Accept": METADATA_ONLY} if metadata_only else {}
            page = await self._send(
                "list",
                kind,
                namespace=namespace,
                label_selector=kind.selector,
                limit=PAGE,
                _continue=more,
                header_params=headers,
            )
            found += [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in page["items"] or ()]
            if not (more := page["metadata"].get("continue")):
                return found

    async def apply(self, obj: Object, *, manager: str = FIELD_MANAGER, force: bool = True) -> Object:
        return await self._one("server_side_apply", ref(obj), body=obj, field_manager=manager, force_conflicts=force)

    async def patch(self, obj: Object) -> Object:
        return await self._one("patch", ref(obj), body=obj, field_manager=FIELD_MANAGER)

    async def apply_status(self, obj: Object) -> Object:
        where = ref(obj)
        where = replace(where, name=f"{where.name}/status")
        return await self._one("server_side_apply", where, body=obj, field_manager=FIELD_MANAGER, force_conflicts=True)

    async def delete(self, ref: Ref, uid: str) -> None:
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._one("delete", ref, body=body)
        except (AbsentError, ConflictError):  # it is gone, or another one has its name: either way that one is gone
            return

    async def create(self, obj: Object) -> Object:
        answer: Object = await self._send("create", kind_of(ref(obj)), namespace=ref(obj).namespace, body=obj)
        return answer

    async def replace(self, obj: Object) -> Object:
        return await self._one("replace", ref(obj), body=obj)

    async def _one(self, verb: str, where: Ref, **parameters: Any) -> Object:
        answer: Object = await self._send(
            verb, kind_of(where), name=where.name, namespace=where.namespace, **parameters
        )
        return answer

    async def _send(self, verb: str, kind: Kind, **parameters: Any) -> Any:
        if verb not in READS and kind is not LEASE and not self.may_write():
            raise UnavailableError("this replica does not lead (any more), so it writes nothing")
        call = getattr(self._client, "get" if verb == "list" else verb)
        metrics.API_REQUESTS.labels(verb, kind.kind).inc()
        try:
            answer = await call(self._resources[kind], serialize=False, _request_timeout=self._timeout, **parameters)
            return documents.loads(await answer.read())
        except ApiException as error:
            failure = translate(error.status, error.body, error.headers or {})
            if verb != "get" or not isinstance(failure, AbsentError):  # that something does not exist is an answer
                metrics.API_FAILURES.labels(verb, kind.kind, str(error.status)).inc()
            raise failure from None
        except (aiohttp.ClientError, TimeoutError, OSError, MalformedError) as error:
            metrics.API_FAILURES.labels(verb, kind.kind, "none").inc()
            raise UnavailableError(f"the API server did not answer: {type(error).__name__} {error}".strip()) from None


def translate(status: int, body: str | bytes | None, headers: Any) -> ApiError:
    """Return the failure that an answer stands for."""
    try:
        answer = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):  # not the API server's own words, but those of something before it
        answer = {}
    message = shortened(answer.get("message") or f"the API server answered {status}")
    details = answer.get("details") or {}
    # 500 is about this one object more often than not: a webhook that does not answer must not stop the others.
    if status in PASSING or status > HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(message, _seconds(headers.get("Retry-After") or details.get("retryAfterSeconds")))
    namespace_gone = status == HTTPStatus.NOT_FOUND and details.get("kind") == "namespaces"
    if namespace_gone or any(cause.get("reason") == "NamespaceTerminating" for cause in details.get("causes") or ()):
        return TerminatingError(message)
    if any(cause.get("field") == "metadata.uid" for cause in details.get("causes") or ()):
        return ConflictError(message)  # another object has the name now
    known: dict[int, type[RefusedError]] = {
        HTTPStatus.FORBIDDEN: ForbiddenError,
        HTTPStatus.NOT_FOUND: AbsentError,
        HTTPStatus.CONFLICT: ConflictError,
    }
    return known.get(status, RefusedError)(message)


def shortened(message: str) -> str:
    """Leave out the middle of a long message: it may repeat all of what was refused, and say why at its end."""
    return (
        message
        if len(message) <= LONGEST_MESSAGE
        else f"{message[: LONGEST_MESSAGE // 2]} … {message[-LONGEST_MESSAGE // 2 :]}"
    )


def _seconds(value: Any) -> float | None:
    try:
        return min(max(float(value), 0.0), 300.0)
    except (TypeError, ValueError):
        return None


def _resource(client: DynamicClient, kind: Kind) -> Resource:
    return Resource(  # type: ignore[no-untyped-call]
        prefix="apis" if kind.group else "api",
        group=kind.group or None,
        api_version=kind.version,
        kind=kind.kind,
        name=kind.plural,
        namespaced=True,
        client=client,
    )


async def configuration() -> Configuration:
    """Return how to reach the API server: from inside the cluster, else by KUBECONFIG. RuntimeError says what is missing."""
    found = Configuration()
    try:
        load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
    except ConfigException:
        try:
            file = os.environ.get("KUBECONFIG")  # the client's default was read when it was imported
            await load_kube_config(file, client_configuration=found, persist_config=False)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - of a file that is no kubeconfig it raises whatever it stumbles over
            raise RuntimeError(
                f"No way to reach an API server: not in a cluster, and no usable kubeconfig ({error}). Set KUBECONFIG."
            ) from None
    found.connection_pool_maxsize = 32
    return found


@asynccontextmanager
async def connect(limit: float) -> AsyncIterator[KubernetesApi]:
    """Yield the client, each of whose requests ends within `limit` seconds; connections are closed at the end.

    RuntimeError says what is missing.
    """
    try:
        made = ApiClient(await configuration())
    except OSError as error:
        raise RuntimeError(
            f"The certificates of the kubeconfig cannot be used ({error}). Give PEM, in base64."
        ) from None
    async with made as client:
        yield KubernetesApi(client, limit)
