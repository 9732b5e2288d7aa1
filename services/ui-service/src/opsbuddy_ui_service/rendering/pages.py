"""Turns views into HTML."""

from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request

from opsbuddy_ui_service.access.visitor import visitor
from opsbuddy_ui_service.live.monitor import News
from opsbuddy_ui_service.rendering.assets import Assets
from opsbuddy_ui_service.rendering.rail import RAIL
from opsbuddy_ui_service.rendering.times import ago, clock, iso, seconds
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.views import first_metric
from opsbuddy_ui_service.views.logs import moment_of
from opsbuddy_ui_service.views.state import View

GRACE = 3.0  # seconds that an event may be late on its way before an open page calls itself old


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
            metrics_of=first_metric.way,
            namespace_name=settings.pod_namespace or "",
            rail=RAIL,
            resources=f"kubectl{f' -n {settings.pod_namespace}' if settings.pod_namespace else ''} get opsbuddyservices -o wide",
            release=version("opsbuddy-ui-service"),
            stale_after=round((settings.stale_after + GRACE) * 1000),
        )
        self._environment.filters.update(iso=iso, clock=clock, ago=ago, seconds=seconds)
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
