"""Which logs a page shows: what its address says, and what is asked of the analytics service for it. No I/O, no clock of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.time_range import MINUTE, read_range

PAGE = 100
NEIGHBOURS = 50
BUCKETS = 75
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
EXACT = ("service", "level", "logger", "operation", "request_id", "trace_id")
FILTERS = ("text", *EXACT)
ONWARD = ("cursor", "around", "event", "tail")  # where one is within a search; another search begins anew
TEXTS = (*FILTERS, "start", "end", *ONWARD)
LONGEST = 1000

SURROUNDINGS = 15 * MINUTE  # before and after a log around which is looked


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, blank where nothing was; `wrong` has in words what cannot be used, by field. The range is in nanoseconds, its end is not in it."""

    text: str = ""
    service: str = ""
    level: str = ""
    logger: str = ""
    operation: str = ""
    request_id: str = ""
    trace_id: str = ""
    start: str = ""
    end: str = ""
    cursor: str = ""
    around: str = ""
    event: str = ""
    tail: str = ""
    first: int = 0
    last: int = 0
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def begins(self) -> str:
        return timestamps.render(self.first)

    @property
    def ends(self) -> str:
        return timestamps.render(self.last)

    @property
    def filters(self) -> dict[str, str]:
        """What narrows, besides the time."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def hidden(self) -> dict[str, str]:
        """Filters that have no field of their own: they come from facets and links."""
        return {name: value for name, value in self.filters.items() if name not in ("text", "service", "level")}

    def address(self, path: str = "/analytics", **changes: Any) -> str:
        """Return the address of this search with some parts changed; from its beginning, unless that is what changes."""
        changed = replace(self, **dict.fromkeys(ONWARD, "") | changes)
        shown = {name: value for name in TEXTS if (value := getattr(changed, name))}
        return f"{path}?{urlencode(shown)}" if shown else path

    def panel(self, name: str) -> str:
        """Return the address of a panel that shows something of this search; its range stays what it was."""
        kept = {each: getattr(self, each) for each in ONWARD}
        range_ = {} if self.around else {"start": self.begins, "end": self.ends}
        return self.address(f"/panels/analytics/{name}", **kept, **range_)

    def older(self, cursor: str) -> str:
        """Return the address of the next page: the range has to stay what it was."""
        return self.address(start=self.begins, end=self.ends, cursor=cursor)

    @property
    def shared(self) -> str:
        """The address under which others see the same, whenever they look."""
        if self.around:
            return self.address(around=self.around, event=self.event, service=self.service)
        return self.older(self.cursor)

    def question(self, **more: Any) -> dict[str, Any]:
        """Return what is asked about the logs of this search."""
        return {**self.filters, "start": self.begins, "end": self.ends, **more}

    def refused(self, reasons: Mapping[str, str]) -> "Search":
        """Return it with what the service says is wrong."""
        return replace(self, wrong={**self.wrong, **reasons})


def read(parameters: Mapping[str, str], now: int) -> Search:
    """Read an address. What cannot be used is kept as it was typed and named in `wrong`; then nothing is to be asked."""
    typed: dict[str, Any] = {name: text.strip() for name in TEXTS if (text := parameters.get(name, ""))}
    search = Search(**typed)
    wrong = dict(_too_much(search))
    first, last, unclear = read_range(search.start, search.end, now)
    wrong |= unclear
    if search.around:
        at = _around(search.around, now, wrong)
        first, last = at - SURROUNDINGS, at + SURROUNDINGS
    return replace(search, first=first, last=last, wrong=wrong)


def _too_much(search: Search) -> Iterator[tuple[str, str]]:
    for name in TEXTS:
        if len(getattr(search, name)) > LONGEST:
            yield name, f"has more than {LONGEST} characters"
    if search.level and search.level not in LEVELS:
        yield "level", f"is none of {', '.join(LEVELS)}"


def _around(text: str, now: int, wrong: dict[str, str]) -> int:
    try:
        return timestamps.parse(text, now)
    except timestamps.TimestampError as error:
        wrong["around"] = str(error)
        return now
