"""Which pages of other origins may read answers: what the gateway says to a browser, instead of what the service says."""

from collections.abc import Mapping
from dataclasses import dataclass

from opsbuddy_gateway.service.headers import Header

ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ANY = "*"
OURS = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-expose-headers",
        b"access-control-allow-methods",
        b"access-control-allow-headers",
        b"access-control-max-age",
    }
)


@dataclass(frozen=True, slots=True)
class Cors:
    """Origins are compared as they are written. `*` is every origin, and then never with credentials."""

    origins: frozenset[str]
    methods: tuple[str, ...] = ALL_METHODS
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age_seconds: int = 600

    def preflight(self, given: Mapping[bytes, bytes]) -> list[Header]:
        """Return the fields of the answer to a browser that asks first; without the permission where there is none."""
        wanted = given.get(b"access-control-request-headers", b"").decode("latin-1")
        fields = [(b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")]
        allowed = self._permission(given)
        method = given.get(b"access-control-request-method", b"").decode("latin-1")
        if not allowed or method not in self.methods:
            return fields
        headers = {name.lower() for name in self.headers}
        asked = [name.strip() for name in wanted.split(",") if name.strip()]
        if headers and any(name.lower() not in headers for name in asked):
            return fields
        fields += allowed
        fields.append((b"access-control-allow-methods", ", ".join(self.methods).encode()))
        if asked:
            fields.append((b"access-control-allow-headers", ", ".join(asked).encode("latin-1")))
        fields.append((b"access-control-max-age", str(self.max_age_seconds).encode()))
        return fields

    def answer(self, given: Mapping[bytes, bytes]) -> list[Header]:
        """Return what an answer says to the page that asked."""
        fields = self._permission(given)
        if fields and self.exposed:
            fields.append((b"access-control-expose-headers", ", ".join(self.exposed).encode()))
        if self.origins != {ANY}:
            fields.append((b"vary", b"Origin"))
        return fields

    def admits(self, given: Mapping[bytes, bytes]) -> bool:
        """Whether a WebSocket may be opened: browsers send the origin of the page with it, and ask nobody before."""
        origin = given.get(b"origin")
        if origin is None or ANY in self.origins or origin.decode("latin-1") in self.origins:
            return True
        return origin.partition(b"://")[2] == given.get(b"host")  # a page of the gateway's own address

    def _permission(self, given: Mapping[bytes, bytes]) -> list[Header]:
        origin = given.get(b"origin", b"").decode("latin-1")
        if not origin:
            return []
        if ANY in self.origins and not self.credentials:
            return [(b"access-control-allow-origin", b"*")]
        if origin not in self.origins or origin == ANY:
            return []
        fields = [(b"access-control-allow-origin", origin.encode("latin-1"))]
        if self.credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        return fields
