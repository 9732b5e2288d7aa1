"""How much is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsbuddy_core.errors import FieldError, TooLargeError, UnsupportedTypeError
from opsbuddy_file_service.media import matches


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest file in bytes, of each type too (`text/plain`, `text/*`, `*/*`; the closest one holds); uploads at once; bytes of all files."""

    file_bytes: int
    uploads: int
    total_bytes: int | None = None
    type_bytes: Mapping[str, int] = field(default_factory=dict)

    def of(self, kind: str) -> int:
        """Return how large a file of this media type may be, or raise UnsupportedTypeError when none is taken."""
        closest = max((pattern for pattern in self.type_bytes if matches(pattern, kind)), key=_closeness, default=None)
        if closest is None:
            return self.file_bytes
        if self.type_bytes[closest] == 0:
            raise UnsupportedTypeError(
                f"The content is {kind}, which is not taken here, whatever its name says.",
                errors=[FieldError("file", f"{kind} is not taken", "type")],
            )
        return min(self.file_bytes, self.type_bytes[closest])


def too_large(limit: int, kind: str | None = None) -> TooLargeError:
    """Return the error for a file over its limit."""
    of_kind = f" for {kind}" if kind else ""
    return TooLargeError(
        f"The file has more than the {limit} bytes that are taken{of_kind}; send a smaller one.",
        errors=[FieldError("file", f"more than {limit} bytes", "size")],
        limit=limit,
    )


def _closeness(pattern: str) -> int:
    return -pattern.count("*")
