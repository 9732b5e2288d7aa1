"""TLS from files, such as a mounted Secret: a renewed certificate is used for the next connection, without a restart."""

import asyncio
import ssl
from pathlib import Path

from opsbuddy_core.logs import get_logger

log = get_logger("tls")
LOOK_SECONDS = 5.0


class Certificate:
    """A chain with its key (PEM), TLS 1.2 at least. Raises OSError (of which ssl.SSLError is one) when the files cannot be used at the start."""

    def __init__(self, chain: Path, key: Path, look_seconds: float = LOOK_SECONDS) -> None:
        self._chain, self._key, self._look_seconds = chain, key, look_seconds
        self._loaded = self._content()
        self._refused: tuple[bytes, bytes] | None = None
        self.context = _context(chain, key)

    async def follow(self) -> None:
        """Look at the files again and again; a pair that does not fit, as while it is being replaced, changes nothing."""
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                content = await asyncio.to_thread(self._content)
            except OSError:
                continue
            if content not in (self._loaded, self._refused):
                self._take(content)

    def _take(self, content: tuple[bytes, bytes]) -> None:
        try:
            _context(self._chain, self._key)  # tried on another one: half a pair would spoil the one in use
            self.context.load_cert_chain(self._chain, self._key)
        except OSError:
            self._refused = content
            log.error("The new certificate cannot be used; the old one stays", operation="tls")  # noqa: TRY400 - a trace says no more
            return
        self._loaded, self._refused = content, None
        log.info("Certificate taken over", operation="tls")

    def _content(self) -> tuple[bytes, bytes]:
        return self._chain.read_bytes(), self._key.read_bytes()


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(chain, key, password=_no_password)
    return context


def _no_password() -> str:
    """Have a key with a password fail, instead of asking for it on a terminal that nobody looks at."""
    return ""
