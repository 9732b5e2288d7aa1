"""Turns views into HTML."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request

from opsbuddy_ui_service import series_search
from opsbuddy_ui_service.assets import Assets
from opsbuddy_ui_service.logs_view import moment_of
from opsbuddy_ui_service.models import View
from opsbuddy_ui_service.monitor import News
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.visitor import visitor

MINUTE, HOUR, DAY = 60, 3600, 86400
GRACE = 3.0  # seconds that an event may be late on its way before an open page calls itself old


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
PAGES = frozenset(entry.name for entry in RAIL) | {"login"}
LIVE = {"home": "_home.html", "system": "_system.html"}  # the part that changes with the state; the others have a strip


class Rendering:
    """The templates, with what all of them need."""

    def __init__(self, settings: UiSettings, assets: Assets) -> None:
        self._assets = assets
        self._environment = Environment(
            loader=PackageLoader("opsbuddy_ui_service"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            asset=assets.url,
            logs_of=moment_of,
            metrics_of=series_search.moment_of,
            namespace_name=settings.pod_namespace or "",
            rail=RAIL,
            resources=f"kubectl{f' -n {settings.pod_namespace}' if settings.pod_namespace else ''} get opsbuddyservices -o wide",
            release=version("opsbuddy-ui-service"),
            stale_after=round((settings.stale_after + GRACE) * 1000),
        )
        self._environment.filters.update(iso=iso, clock=clock, ago=ago)
        self._latest: dict[str, tuple[int, str]] = {}

    def page(self, request: Request, name: str, view: View, template: str | None = None, **shown: Any) -> str:
        """Return a page as a whole; `shown` is what its template needs besides the state of the platform. `name` is its entry in the rail."""
        return self._environment.get_template(template or f"{name}.html").render(
            view=view, page=name, visitor=visitor(request, view), **shown
        )

    def fragment(self, template: str, **shown: Any) -> str:
        """Return a piece of a page."""
        return self._environment.get_template(template).render(**shown)

    def state(self, name: str, news: News) -> str:
        """Return the part of a page that changes with the state; the same text for everyone who has it open."""
        template = LIVE.get(name, "_strip.html")
        number, html = self._latest.get(template, (0, ""))
        if number != news.number:
            html = self.fragment(template, view=news.view)
            self._latest[template] = (news.number, html)
        return html

    def favicon(self, view: View) -> str:
        return self._assets.url(f"icons/{view.tone}.svg")


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(moment: datetime, now: datetime) -> str:
    """Return a moment for people, in UTC: the day only where it is another one."""
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment.day} {moment:%b %H:%M} UTC"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment is: `12 s ago`, `9 min ago`, `3 h 20 min ago`, `2 d 4 h ago`."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min ago"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h ago"
