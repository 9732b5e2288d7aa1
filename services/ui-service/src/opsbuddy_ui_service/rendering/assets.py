"""The files that pages load: read once, named by their content, compressed with the first request for each."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

STATIC = Path(__file__).parent.parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
TEXT = (".css", ".js", ".svg")


@dataclass(frozen=True)
class Asset:
    """One file."""

    media_type: str
    body: bytes
    is_text: bool

    @cached_property
    def pressed(self) -> bytes | None:
        """Return its gzip form where that is smaller."""
        return gzip.compress(self.body, 9, mtime=0) if self.is_text else None


class Assets:
    """All files of a folder, under one digest that changes when any of them does."""

    def __init__(self, folder: Path = STATIC) -> None:
        self.files = {
            path.relative_to(folder).as_posix(): Asset(TYPES[path.suffix], path.read_bytes(), path.suffix in TEXT)
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES
        }

    @cached_property
    def digest(self) -> str:
        """Return the digest of names and contents."""
        whole = hashlib.sha256()
        for name, asset in self.files.items():
            whole.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        return whole.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Return the address of a file, for templates; KeyError when there is none of that name."""
        self.files[name]
        return f"/assets/{self.digest}/{name}"
