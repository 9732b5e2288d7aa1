"""What a client hears that is refused before any application sees its request: a problem document, in a message that is the last of its connection."""

import logging

import orjson
from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.logs import Line
from opsbuddy_core.web.problems import MEDIA_TYPE, document, retry_after

REFUSED = Counter(
    "opsbuddy_http_refused_total", "Requests refused before any application saw them", ["status", "reason"]
)
line = Line("access", "Request refused", operation="request")


def message(error: OpsBuddyError, target: bytes, reason_header: str | None) -> bytes:
    """Return the whole answer; `reason_header`: the field that names the reason as well, where there is one."""
    body = orjson.dumps(document(error, target.decode("latin-1")))
    fields = [f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}", "connection: close"]
    fields += [f"{name}: {value}" for name, value in retry_after(error).items()]
    if reason_header:
        fields.append(f"{reason_header}: {error.extensions['reason']}")
    return STATUS_LINE[int(error.status)] + "\r\n".join(fields).encode() + b"\r\n\r\n" + body


def account(error: OpsBuddyError, client: str | None) -> None:
    """Count the refusal and write its line."""
    status, reason = int(error.status), error.extensions["reason"]
    REFUSED.labels(status, reason).inc()
    line.write(logging.WARNING, {"status": status, "reason": reason, "detail": error.detail, "client": client}, None)
