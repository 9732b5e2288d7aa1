"""What can go wrong, in the words that callers see. No framework here: `opsbuddy_core.web.problems` renders these as RFC 9457.

OpsBuddyError
├── InvalidRequestError      422  a field or a part is wrong; `errors` names each
│   └── MalformedError       400  it could not be read at all
├── UnauthenticatedError     401
├── ForbiddenError           403
├── NotFoundError            404
├── RequestTimeoutError      408  the client stopped sending in the middle of its request
├── ConflictError            409
├── PreconditionFailedError  412
├── TooLargeError            413
├── UnsupportedTypeError     415
├── TooManyRequestsError     429  with Retry-After
├── HeadersTooLargeError     431
├── UpstreamError            502
├── UnavailableError         503  with Retry-After
├── DeadlineError            504
└── StorageFullError         507
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong: where (a field, or a path of fields with dots), what, and a stable word for programs."""

    field: str
    reason: str
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class OpsBuddyError(Exception):
    """An expected failure. `detail` says what was wrong, what was expected, and what to do next; it is shown to the caller."""

    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.extensions = extensions

    @property
    def type(self) -> str:
        """The problem's stable identifier."""
        return f"urn:opsbuddy:problem:{self.slug}"


class InvalidRequestError(OpsBuddyError):
    slug, title, status = "invalid-request", "The request is not valid", HTTPStatus.UNPROCESSABLE_ENTITY


class MalformedError(InvalidRequestError):
    slug, title, status = "malformed-request", "The request cannot be read", HTTPStatus.BAD_REQUEST


class UnauthenticatedError(OpsBuddyError):
    slug, title, status = "unauthenticated", "Credentials are missing or not valid", HTTPStatus.UNAUTHORIZED


class ForbiddenError(OpsBuddyError):
    slug, title, status = "forbidden", "Not allowed", HTTPStatus.FORBIDDEN


class NotFoundError(OpsBuddyError):
    slug, title, status = "not-found", "Not found", HTTPStatus.NOT_FOUND


class RequestTimeoutError(OpsBuddyError):
    slug, title, status = "request-timeout", "The request took too long to arrive", HTTPStatus.REQUEST_TIMEOUT


class ConflictError(OpsBuddyError):
    slug, title, status = "conflict", "It exists already, or was changed meanwhile", HTTPStatus.CONFLICT


class PreconditionFailedError(OpsBuddyError):
    slug, title, status = "precondition-failed", "It was changed meanwhile", HTTPStatus.PRECONDITION_FAILED


class TooLargeError(OpsBuddyError):
    slug, title, status = "too-large", "The request is too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedTypeError(OpsBuddyError):
    slug, title, status = "unsupported-type", "This type of content is not accepted", HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooManyRequestsError(OpsBuddyError):
    slug, title, status = "too-many-requests", "Too many requests", HTTPStatus.TOO_MANY_REQUESTS


class HeadersTooLargeError(OpsBuddyError):
    slug, title = "headers-too-large", "The header is too large"
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UpstreamError(OpsBuddyError):
    slug, title, status = "upstream-failed", "The service behind did not answer properly", HTTPStatus.BAD_GATEWAY


class UnavailableError(OpsBuddyError):
    slug, title, status = "unavailable", "Not available at the moment", HTTPStatus.SERVICE_UNAVAILABLE


class DeadlineError(OpsBuddyError):
    slug, title, status = "deadline-exceeded", "It took too long", HTTPStatus.GATEWAY_TIMEOUT


class StorageFullError(OpsBuddyError):
    slug, title, status = "storage-full", "No space left", HTTPStatus.INSUFFICIENT_STORAGE
