"""What is shown of files. No I/O, no clock."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from opsbuddy_ui_service.searches.files import Search
from opsbuddy_ui_service.views.figures import size

Kind = Literal["text", "image", "none"]
TEXT = re.compile(
    r"text/|[^;]*\+(json|xml)\b|application/(json|ndjson|x-ndjson|jsonl|xml|yaml|x-yaml|toml|sql|javascript|x-sh|x-shellscript|x-python|x-tex|graphql)\b",
    re.IGNORECASE,
)
IMAGES = frozenset(
    f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "svg+xml", "vnd.microsoft.icon", "bmp")
)
MOST_TEXT = 64 * 1024
MOST_IMAGE = 10_000_000
CHIPS = 5  # tags of a row
CONTROLS = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as it is read, and what finds the files that have it; blank where a search cannot name it."""

    words: str
    wanted: str


@dataclass(frozen=True, slots=True)
class File:
    """One file. `etag` is the header value that names this version of its record; `tags_json` and `metadata_json` are what one edits."""

    id: str
    name: str
    type: str
    bytes: int
    sha256: str
    created: datetime
    updated: datetime
    deleted: datetime | None
    version: int
    tags: tuple[Tag, ...]
    metadata: tuple[tuple[str, str], ...]
    tags_json: str
    metadata_json: str

    @property
    def etag(self) -> str:
        return f'"{self.id}.{self.version}"'

    @property
    def size(self) -> str:
        return size(self.bytes)

    @property
    def exact(self) -> str:
        return f"{self.bytes:,} bytes" if self.bytes != 1 else "1 byte"

    @property
    def page(self) -> str:
        return f"/files/{quote(self.id, safe='')}"

    @property
    def content(self) -> str:
        return f"/api/files/{quote(self.id, safe='')}/download"

    @property
    def chips(self) -> tuple[Tag, ...]:
        return self.tags[:CHIPS]

    @property
    def kind(self) -> Kind:
        """How it can be shown."""
        if TEXT.match(self.type) and not self.type.startswith("image/"):
            return "text"
        return "image" if self.type.partition(";")[0].strip().lower() in IMAGES else "none"

    def curl(self, origin: str) -> str:
        """Return the command that fetches the content."""
        return f"curl -o {shlex.quote(self.name)} {origin}{self.content}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of files, and where the next one is."""

    files: tuple[File, ...]
    following: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a text; `cut`: there is more of it."""

    text: str
    cut: bool


def listing(answer: Mapping[str, Any], search: Search) -> Listing:
    """Return what `GET /files` answered, for people."""
    files = tuple(file_of(record) for record in answer["files"])
    cursor = answer.get("next_cursor")
    return Listing(
        files, search.address(cursor=cursor) if cursor else None, _words(len(files), search, more=bool(cursor))
    )


def file_of(record: Mapping[str, Any]) -> File:
    """Return a record of the file service, for people."""
    deleted = record.get("deleted_at")
    return File(
        id=record["id"],
        name=record["filename"],
        type=record["content_type"],
        bytes=record["size"],
        sha256=record["sha256"],
        created=datetime.fromisoformat(record["created_at"]),
        updated=datetime.fromisoformat(record["updated_at"]),
        deleted=datetime.fromisoformat(deleted) if deleted else None,
        version=record["version"],
        tags=tuple(tag for name, value in record["tags"].items() for tag in _tags(name, value)),
        metadata=tuple((name, _text(value)) for name, value in record["metadata"].items()),
        tags_json=_pretty(record["tags"]),
        metadata_json=_pretty(record["metadata"]),
    )


def preview(file: File, beginning: bytes) -> Preview:
    """Return the beginning of a content as text: line ends as they are read, control characters as their pictures."""
    charset = next((name for mark, name in BOMS if beginning.startswith(mark)), "utf-8")
    text = beginning.decode(charset, "replace")
    cut = file.bytes > len(beginning)
    if cut and text.endswith("\N{REPLACEMENT CHARACTER}"):
        text = text.rstrip("\N{REPLACEMENT CHARACTER}")  # a character that the cut went through
    return Preview(text.replace("\r\n", "\n").translate(CONTROLS), cut)


def command(origin: str) -> str:
    """Return the command that stores a file."""
    return f'curl -X POST {origin}/api/files/upload -F "file=@example.txt" -F "tags={{\\"category\\":\\"logs\\"}}"'


def _words(count: int, search: Search, *, more: bool) -> str:
    what = "file" if count == 1 else "files"
    where = " in the trash" if search.trash else ""
    if more or search.cursor:
        return f"{count} {what}{where} on this page{', more follow' if more else ', the last'}"
    return f"{count} {what}{where}" if count else f"No files{where}"


def _tags(name: str, value: Any) -> Sequence[Tag]:
    if isinstance(value, dict) or not name:
        return [Tag(f"{name}={_text(value)}", "" if "=" in name else name)]
    return [
        Tag(f"{name}={_text(item)}", "" if "=" in name or isinstance(item, dict | list) else f"{name}={_text(item)}")
        for item in (value if isinstance(value, list) else [value])
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if value else ""
