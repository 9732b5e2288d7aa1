"""Who looks at a page, as its frame shows it: where the gateway asks for it, who is signed in and how one gets in and out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request

from opsbuddy_ui_service.access.session import Session
from opsbuddy_ui_service.access.signed_in import session_of
from opsbuddy_ui_service.clients.gateway import brought
from opsbuddy_ui_service.views.state import View


@dataclass(frozen=True, slots=True)
class Visitor:
    """`asked`: the gateway asks who comes; `door`: where one signs in and comes back from; `shut`: no page is shown before that."""

    asked: bool
    session: Session | None
    door: str
    known: bool
    shut: bool

    @property
    def shown(self) -> bool:
        """Whether a page speaks of it: never where nobody is asked, nor to who comes with a credential of their own, from a proxy or a program."""
        return (self.asked and not self.known) or self.session is not None

    @property
    def name(self) -> str:
        """How it is called that one is signed in."""
        given = self.session.credential if self.session else None
        return "" if given is None else given.who or ("with an API key" if given.kind == "APIKey" else "with a token")

    @property
    def until(self) -> datetime | None:
        return datetime.fromtimestamp(self.session.until, UTC) if self.session else None


def visitor(request: Request, view: View) -> Visitor:
    """Return who looks. A session counts as long as it is not known that nobody is asked."""
    session = session_of(request)
    asked = bool(view.doors)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    door = (
        "/login" if here == "/" or request.url.path in ("/login", "/logout") else f"/login?next={quote(here, safe='/')}"
    )
    known = session is None and brought(request.headers)
    shown = session if asked or view.heard is None else None
    return Visitor(asked, shown, door, known, shut=view.closed and shown is None)
