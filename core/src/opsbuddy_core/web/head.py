"""What a request's head may be: checked before any application sees it, because two parties that read one request differently can be played off."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsbuddy_core.errors import HeadersTooLargeError, MalformedError, OpsBuddyError

SINGLE = (b"host", b"content-length", b"transfer-encoding")
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process takes: the head of a request in bytes, fields and seconds; connections in all."""

    head_bytes: int = 64 * 1024
    head_count: int = 100
    head_seconds: float = 10.0
    connections: int = 10_000


def fault(
    method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], version: str, limits: Limits, *, upgrade: bool
) -> OpsBuddyError | None:
    """Return why a request is refused, or None. Names are lower case; `upgrade`: the connection is to speak another protocol."""
    size = len(target)
    once: dict[bytes, bytes] = {}
    wrong: str | None = None
    for name, value in headers:
        size += len(name) + len(value) + 4
        if name in SINGLE:
            if name in once:
                wrong = f"The request has several {name.decode()} header fields; send one."
            once[name] = value
        elif b"_" in name:
            wrong = (
                f"The header field {name.decode('latin-1')} has an underscore, which many programs read as a hyphen; "
                "use a hyphen."
            )
    if len(headers) > limits.head_count or size > limits.head_bytes:
        return HeadersTooLargeError(
            f"The request line ({len(target)} bytes of target) and the header have {len(headers)} fields and {size} bytes; "
            f"at most {limits.head_count} fields and {limits.head_bytes} bytes are read.",
            reason="bad_request",
        )
    if method == b"CONNECT":
        wrong = "CONNECT asks for a tunnel, and there is none here; send the request itself."
    wrong = wrong or _framing(once, version, upgrade=upgrade)
    return MalformedError(wrong, reason="bad_request") if wrong else None


def _framing(once: Mapping[bytes, bytes], version: str, *, upgrade: bool) -> str | None:
    """Return what is wrong with where the request goes and where its body ends."""
    host, length, coding = map(once.get, SINGLE)
    if version not in ("1.1", "1.0"):
        return f"HTTP/{version} is not spoken here; use HTTP/1.1."
    if host is None and version == "1.1":
        return "The request has no Host header field; HTTP/1.1 needs one."
    if host and not _HOST.fullmatch(host):
        return "The Host header field is no host name."
    if coding is not None and (length is not None or version == "1.0" or coding.strip().lower() != b"chunked"):
        return (
            "Transfer-Encoding can only be chunked, in HTTP/1.1 and without a Content-Length; send one way of framing."
        )
    if upgrade and (coding is not None or length not in (None, b"0")):
        return "A request for another protocol cannot have a body."
    return None
