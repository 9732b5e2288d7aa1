"""What the gateway answers itself: problem documents that name the reason, in the header too."""

import logging
import time
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsbuddy_core.errors import OpsBuddyError, UnavailableError, UpstreamError
from opsbuddy_core.logs import Line
from opsbuddy_core.web.problems import response
from opsbuddy_gateway.handlers.exchange import hop
from opsbuddy_gateway.models import REASON_HEADER, Reason, UpstreamFailureError
from opsbuddy_gateway.service.metrics import TRAFFIC
from opsbuddy_gateway.service.services import Service

line = Line("proxy", "Request refused", operation="proxy")
OF_PAGES = {
    400: Reason.BAD_REQUEST,
    405: Reason.METHOD_NOT_ALLOWED,
    408: Reason.CLIENT_SLOW,
    413: Reason.BODY_TOO_LARGE,
    422: Reason.BAD_REQUEST,
    503: Reason.NOT_READY,
}
"""What a failure of the gateway's own pages is called that does not say it itself."""


def refusal(error: OpsBuddyError, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for a failure; its reason is the word that log and metrics have."""
    reason = error.extensions.get("reason", Reason.INTERNAL)
    return response(error, path, {REASON_HEADER: str(reason), **(headers or {})})


def word(error: OpsBuddyError) -> str:
    """Return why a request on no route failed, and count it."""
    status = int(error.status)
    reason = Reason(error.extensions.get("reason") or OF_PAGES.get(status, Reason.INTERNAL))
    TRAFFIC.count("", "", status, reason)[0] += 1
    return reason.value


async def refuse(error: OpsBuddyError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that no page and no route may see, count it and write its line."""
    begun, here = time.perf_counter(), hop(dict(scope["headers"]))
    reason = word(error)
    headers = {"x-request-id": here.request_id} | ({"connection": "close"} if scope["type"] == "http" else {})
    try:
        await refusal(error, scope["path"], headers)(scope, receive, send)
    finally:
        data = {
            "method": scope.get("method", "GET"),
            "path": scope["path"],
            "status": int(error.status),
            "reason": reason,
            "duration_ms": int((time.perf_counter() - begun) * 1e6) / 1000,
        }
        line.write(logging.WARNING, data, here)


def failed(failure: UpstreamFailureError, service: Service) -> OpsBuddyError:
    """Return what to tell about a service that did not answer."""
    name = service.name
    if failure.reason is Reason.NO_ENDPOINT:
        detail = f"No process of {name} is ready; look at its pods, then ask again."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.TOO_MANY_CONNECTIONS:
        detail = f"Every connection that the gateway may have to services is in use, so {name} was not asked; ask again shortly."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.CONNECT_FAILED:
        detail = f"{name} takes no connection; nothing of the request was sent, so it can be repeated."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.BAD_ANSWER:
        return UpstreamError(f"{name} answered with something that is no HTTP.", reason=failure.reason, service=name)
    detail = f"{name} closed the connection before it answered; whether it did the work is not known."
    return UpstreamError(detail, reason=failure.reason, service=name)
