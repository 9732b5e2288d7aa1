"""The pages in the order of the rail."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the rail. `key` goes there after g; `icon` is the path of a drawing of 24 by 24."""

    name: str
    address: str
    title: str
    key: str
    icon: str


RAIL = (
    Entry("home", "/", "Home", "h", "M3 11 12 4l9 7v9H3z"),
    Entry("files", "/files", "Files", "f", "M3 6h6l2 2.5h10V19H3z"),
    Entry("utility", "/utility", "Utility", "u", "M3 6h10m4 0h4M3 12h4m4 0h10M3 18h12m4 0h2M13 4v4M7 10v4m8 2v4"),
    Entry("system", "/system", "System", "s", "M3 12h4l3-8 4 16 3-8h4"),
    Entry("analytics", "/analytics", "Analytics", "a", "M5 20V10m5 10V4m5 16v-7m5 7V8"),
    Entry("timeseries", "/timeseries", "Time series", "t", "M4 4v16h16M7 15l4-5 3 3 5-7"),
    Entry("services", "/services", "Services", "v", "M4 5h16v5H4zm0 9h16v5H4zM7.5 7.5h.01m-.01 9h.01"),
)
PAGES = frozenset(entry.name for entry in RAIL) | {"login", "missing"}
