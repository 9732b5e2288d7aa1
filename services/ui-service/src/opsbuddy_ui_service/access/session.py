"""A session: a credential that the gateway took, sealed in a cookie of the browser. The server keeps nothing.

It ends a fixed time after its beginning, however much it is used: open pages ask again by themselves all the time, so one that grew with each
request would never end. A token that ends sooner ends it sooner.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from opsbuddy_ui_service.access.credential import Credential

NAME = "opsbuddy-session"
SECURE_NAME = f"__Host-{NAME}"  # a browser takes it from this host alone, over TLS, for all paths
MOST_BYTES = 4096  # of name and value, which is what browsers keep


class TooLongToKeepError(ValueError):
    """The credential does not fit into a cookie."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and until when, in seconds since 1970."""

    credential: Credential
    until: float


class Sessions:
    """Seals and opens. The first key seals, all of them open, so that keys can be changed without ending what is open."""

    def __init__(self, keys: Sequence[str], lifetime: float, clock: Callable[[], float] = time.time) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys or [Fernet.generate_key().decode()]])
        self.lifetime, self._clock = lifetime, clock

    def begin(self, credential: Credential) -> Session:
        """Return a session that begins now."""
        until = self._clock() + self.lifetime
        return Session(credential, until if credential.ends is None else min(until, credential.ends))

    def left(self, session: Session) -> int:
        """Return the whole seconds that a session has left."""
        return max(0, int(session.until - self._clock()))

    def seal(self, session: Session) -> str:
        """Return the value of the cookie. Raises TooLongToKeepError."""
        given = session.credential
        content = orjson.dumps([given.kind, given.text, given.who, session.until])
        sealed = self._fernet.encrypt(
            zlib.compress(content, 9)
        ).decode()  # base64 again: packed first, it is as long as before
        if len(SECURE_NAME) + len(sealed) > MOST_BYTES:
            raise TooLongToKeepError
        return sealed

    def open(self, sealed: str) -> Session | None:
        """Return the session; None for one that has ended, that was sealed by other keys, or that nobody sealed."""
        try:
            kind, text, who, until = orjson.loads(zlib.decompress(self._fernet.decrypt(sealed.encode())))
        except (InvalidToken, ValueError, zlib.error):
            return None
        return Session(Credential(kind, text, who), until) if until > self._clock() else None
