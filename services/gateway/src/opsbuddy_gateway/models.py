"""What the parts of the gateway pass to each other, and the failures that only a gateway has."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from typing_extensions import override

from opsbuddy_core.errors import OpsBuddyError

REASON_HEADER = "x-gateway-reason"


class Reason(StrEnum):
    """Why a request ended as it did: one word, the same in the problem document, the log and the metric's label."""

    ANSWERED = "answered"
    BAD_REQUEST = "bad_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    PREFLIGHT = "preflight"
    RATE_LIMITED = "rate_limited"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NO_KEYS = "no_keys"
    BODY_TOO_LARGE = "body_too_large"
    CLIENT_SLOW = "client_slow"
    CLIENT_GONE = "client_gone"
    NO_ENDPOINT = "no_endpoint"
    BREAKER_OPEN = "breaker_open"
    CONNECT_FAILED = "connect_failed"
    TIMEOUT = "timeout"
    RESET = "reset"
    BAD_ANSWER = "bad_answer"
    ANSWER_CUT = "answer_cut"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_WEBSOCKETS = "too_many_websockets"
    NO_ROUTE = "no_route"
    NO_TABLE = "no_table"
    NO_SERVICE = "no_service"
    NOT_READY = "not_ready"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Address:
    """Where one process of a service listens."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UpstreamFailureError(Exception):
    """A service did not answer.

    `sent`: it may have seen some of the request, so repeating it may do the work twice. `stale`: the connection had been idle and was
    closed just as the request went out, which says nothing against the service.
    """

    def __init__(self, reason: Reason, *, sent: bool, stale: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.sent, self.stale = reason, sent, stale

    @property
    def blameless(self) -> bool:
        """Whether nobody was asked, so that nobody failed."""
        return self.reason in (Reason.NO_ENDPOINT, Reason.TOO_MANY_CONNECTIONS)


class MethodNotAllowedError(OpsBuddyError):
    """The route takes other methods."""

    slug, title, status = "method-not-allowed", "Method not allowed", HTTPStatus.METHOD_NOT_ALLOWED
