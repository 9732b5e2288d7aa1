"""What the operator asks of the API server, and how it can fail."""

from typing import Protocol

from opsbuddy_operator.cluster.kinds import Kind
from opsbuddy_operator.models import FIELD_MANAGER, Object, Ref


class ApiError(Exception):
    """A request that did not do what it was to do."""


class UnavailableError(ApiError):
    """The API server did not answer, cannot now (5xx), or asks for a pause (429): try again, not before `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(ApiError):
    """The API server said no; the message is its own."""


class ConflictError(RefusedError):
    """Somebody else changed or made the object meanwhile (409)."""


class ForbiddenError(RefusedError):
    """Not allowed (403)."""


class AbsentError(RefusedError):
    """The object, or the whole API, does not exist (404)."""


class TerminatingError(RefusedError):
    """The namespace is being deleted, or is gone: nothing can be made in it any more."""


class Api(Protocol):
    """Requests to the API server. Each raises an ApiError, and ends within seconds."""

    async def get(self, ref: Ref) -> Object | None:
        """Return the object, or None when it or its API does not exist."""
        ...

    async def list(self, kind: Kind, namespace: str | None, *, metadata_only: bool = False) -> list[Object]:
        """Return the objects of the kind that concern us; AbsentError when the cluster has no such API."""
        ...

    async def apply(self, obj: Object, *, manager: str = FIELD_MANAGER, force: bool = True) -> Object:
        """Apply on the server's side; ConflictError when not forced and somebody else has a field."""
        ...

    async def patch(self, obj: Object) -> Object:
        """Send a strategic merge patch; obj holds apiVersion, kind, name, namespace and what is to change."""
        ...

    async def apply_status(self, obj: Object) -> Object:
        """Apply the status of a resource; obj holds apiVersion, kind, name, namespace, uid and status."""
        ...

    async def delete(self, ref: Ref, uid: str) -> None:
        """Delete the object if it is still that one; it is fine when it is gone."""
        ...

    async def create(self, obj: Object) -> Object: ...

    async def replace(self, obj: Object) -> Object:
        """Put the object; ConflictError when its resourceVersion is not the newest."""
        ...
