"""Which files a page lists: what its address says, and what is asked of the file service for it. No I/O, no clock of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

PAGE = 50
SORTS = {
    "-created": "newest first",
    "created": "oldest first",
    "-updated": "changed last first",
    "name": "name, A to Z",
    "-name": "name, Z to A",
    "-size": "largest first",
    "size": "smallest first",
}
TRASH_SORTS = {"-deleted": "deleted last first", "deleted": "deleted first first"} | SORTS
WITHIN = {
    "1h": ("last hour", 1),
    "24h": ("last 24 hours", 24),
    "7d": ("last 7 days", 168),
    "30d": ("last 30 days", 720),
}
SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt])(i?)b?|b|bytes)?", re.IGNORECASE)
POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
KINDS = frozenset({"text", "image", "audio", "video", "font", "application"})  # typed alone: all of the kind
TEXTS = ("name", "type", "min_size", "max_size", "within", "created_after", "created_before", "sort", "cursor")
CONDITIONS = ("name", "type", "min_size", "max_size", "within", "created_after", "created_before")
MOST_TAGS = 10


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, blank where nothing was; `wrong` has in words what cannot be used, by field."""

    name: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    min_size: str = ""
    max_size: str = ""
    within: str = ""
    created_after: str = ""
    created_before: str = ""
    sort: str = ""
    cursor: str = ""
    trash: bool = False
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def conditions(self) -> int:
        """How many things a file has to be to be found."""
        return sum(bool(getattr(self, name)) for name in CONDITIONS) + len(self.tags)

    @property
    def more(self) -> bool:
        """Whether one of the fields that are folded away is in use."""
        return bool(self.min_size or self.max_size or self.created_after or self.created_before)

    @property
    def sorts(self) -> Mapping[str, str]:
        return TRASH_SORTS if self.trash else SORTS

    @property
    def order(self) -> str:
        return self.sort or next(iter(self.sorts))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address of this search, without what is blank."""
        texts = [(name, getattr(self, name)) for name in TEXTS]
        return (
            [("trash", "true")] * self.trash
            + [("tag", tag) for tag in self.tags]
            + [(name, text) for name, text in texts if text]
        )

    def address(self, path: str = "/files", **changes: Any) -> str:
        """Return the address of this search with some fields changed; from its beginning, unless it is the cursor that changes."""
        changed = replace(self, **{"cursor": ""} | changes).parameters()
        return f"{path}?{urlencode(changed)}" if changed else path

    def with_tag(self, tag: str) -> str:
        """Return the address of the search for this tag as well."""
        return self.address(tags=(*(each for each in self.tags if each != tag), tag))

    def refused(self, reasons: Mapping[str, str]) -> "Search":
        """Return it with what the service says is wrong."""
        return replace(self, wrong={**self.wrong, **reasons})


def read(parameters: Sequence[tuple[str, str]]) -> Search:
    """Read an address. What cannot be used is kept as it was typed and named in `wrong`; then nothing is to be asked."""
    typed: dict[str, Any] = {name: text.strip() for name, text in parameters if name in TEXTS}
    tags = [text.strip() for name, text in parameters if name == "tag" and text.strip()]
    trash = ("trash", "true") in parameters
    search = Search(**typed, tags=tuple(dict.fromkeys(tags)), trash=trash)
    return search.refused(dict(_wrong(search)))


def question(search: Search, now: datetime) -> str:
    """Return what is asked of the file service, as a query."""
    asked = [("limit", str(PAGE)), ("sort", search.order)] + [("tag", tag) for tag in search.tags]
    asked += [("trash", "true")] * search.trash
    asked += [(name, getattr(search, name)) for name in ("name", "created_before", "cursor") if getattr(search, name)]
    if search.type:
        asked.append(("type", _media(search.type)))
    asked += [(name, str(size_of(text))) for name in ("min_size", "max_size") if (text := getattr(search, name))]
    after = search.created_after
    if not after and search.within:
        after = (now - timedelta(hours=WITHIN[search.within][1])).isoformat(timespec="seconds").replace("+00:00", "Z")
    return urlencode(asked + [("created_after", after)] * bool(after))


def size_of(text: str) -> int | None:
    """Return bytes from `1500`, `10 kB` or `1.5 MiB`; None: it is no size."""
    found = SIZE.fullmatch(text)
    if not found:
        return None
    number, unit, binary = found.groups()
    power = POWERS.get((unit or "").lower(), 0)
    return round(float(number) * float((1024 if binary else 1000) ** power))


def _media(text: str) -> str:
    return f"{text.lower()}/*" if text.lower() in KINDS else text


def _wrong(search: Search) -> list[tuple[str, str]]:
    found = []
    if search.type and "/" not in _media(search.type):
        found.append(("type", "write text/*, image/* or a whole type such as application/json"))
    sizes = {name: size_of(text) for name in ("min_size", "max_size") if (text := getattr(search, name))}
    found += [(name, "write a size such as 500, 10 kB or 1.5 MiB") for name, size in sizes.items() if size is None]
    low, high = sizes.get("min_size"), sizes.get("max_size")
    if low is not None and high is not None and low > high:
        found.append(("max_size", "it is smaller than the least size"))
    found += [(name, "write a moment such as 2026-01-31T12:00:00Z") for name in _unreadable(search)]
    if search.within and search.within not in WITHIN:
        found.append(("within", f"choose one of {', '.join(WITHIN)}"))
    if search.sort and search.sort not in search.sorts:
        found.append(("sort", f"choose one of {', '.join(search.sorts)}"))
    if len(search.tags) > MOST_TAGS:
        found.append(("tag", f"{len(search.tags)} tags; at most {MOST_TAGS} can be asked for at once"))
    return found


def _unreadable(search: Search) -> list[str]:
    def fits(text: str) -> bool:
        try:
            return datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            return False

    names = ("created_after", "created_before")
    return [name for name in names if (text := getattr(search, name)) and not fits(text)]
