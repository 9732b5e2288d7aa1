"""What the gateway answers itself: problem documents that name the reason, in the header too."""

from collections.abc import Mapping

from starlette.responses import Response

from opsbuddy_core.errors import OpsBuddyError, UnavailableError, UpstreamError
from opsbuddy_core.web.problems import response
from opsbuddy_gateway.models import REASON_HEADER, Reason, UpstreamFailureError
from opsbuddy_gateway.service.metrics import TRAFFIC
from opsbuddy_gateway.service.services import Service


def refusal(error: OpsBuddyError, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for a failure; its reason is the word that log and metrics have."""
    reason = error.extensions.get("reason", Reason.INTERNAL)
    return response(error, path, {REASON_HEADER: str(reason), **(headers or {})})


def unrouted(error: OpsBuddyError, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a request that is on no route, and count it."""
    TRAFFIC.count("", "", int(error.status), Reason(error.extensions["reason"]))[0] += 1
    return refusal(error, path, headers)


def failed(failure: UpstreamFailureError, service: Service) -> OpsBuddyError:
    """Return what to tell about a service that did not answer."""
    name = service.name
    if failure.reason is Reason.NO_ENDPOINT:
        detail = f"No process of {name} is ready; look at its pods, then ask again."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.CONNECT_FAILED:
        detail = f"{name} takes no connection; nothing of the request was sent, so it can be repeated."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.BAD_ANSWER:
        return UpstreamError(f"{name} answered with something that is no HTTP.", reason=failure.reason, service=name)
    detail = f"{name} closed the connection before it answered; whether it did the work is not known."
    return UpstreamError(detail, reason=failure.reason, service=name)
