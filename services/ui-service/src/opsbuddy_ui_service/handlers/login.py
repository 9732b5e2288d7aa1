"""Signing in and out: the credential is checked at the gateway and kept in a cookie that only this service can read."""

import re
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from opsbuddy_core.errors import MalformedError
from opsbuddy_ui_service.access.admission import Admission, NotAdmittedError
from opsbuddy_ui_service.access.credential import LONGEST
from opsbuddy_ui_service.access.session import NAME, SECURE_NAME
from opsbuddy_ui_service.access.signed_in import cleared, is_secure, kept
from opsbuddy_ui_service.handlers.bodies import whole
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering

MOST_BYTES = 128 * 1024  # of a form: the longest credential with each character encoded, and the address to go back to
MOST_FIELDS = 10
OWN = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2047}")  # without a backslash, which browsers take for a slash
NOT_BACK = re.compile(r"/(login|logout)(?![^?#/])")


def router(monitor: Monitor, rendering: Rendering, admission: Admission, lifetime: float) -> APIRouter:
    """Return the routes. `lifetime` of a session in seconds."""
    routes = APIRouter(include_in_schema=False)

    def page(request: Request, back: str, wrong: NotAdmittedError | None = None) -> Response:
        shown = {"back": back, "wrong": wrong, "longest": LONGEST, "lifetime": in_words(lifetime)}
        text = rendering.page(request, "login", monitor.view(), "login.html", **shown)
        answer = html(request, text, wrong.status if wrong else HTTPStatus.OK)
        if wrong and wrong.status is HTTPStatus.UNAUTHORIZED:
            answer.headers["www-authenticate"] = 'ApiKey realm="opsbuddy", Bearer realm="opsbuddy"'
        if wrong and wrong.retry_after:
            answer.headers["retry-after"] = str(wrong.retry_after)
        return answer

    @routes.get("/login")
    async def read_login(request: Request) -> Response:
        return page(request, own(request.query_params.get("next", "")))

    @routes.post("/login")
    async def sign_in(request: Request) -> Response:
        form = form_of(await whole(request, MOST_BYTES))
        back, view = own(form.get("next", "")), monitor.view()
        if view.live and not view.doors:
            return _onward(back)
        try:
            admitted = await admission.admit(form.get("credential", ""), client_of(request))
        except NotAdmittedError as wrong:
            return page(request, back, wrong)
        answer = _onward(back)
        secure = is_secure(request.headers, request.url.scheme)
        answer.headers.append("set-cookie", kept(admitted.sealed, admitted.seconds, secure=secure))
        return answer

    @routes.post("/logout")
    async def sign_out() -> Response:
        answer = _onward("/")
        for name in (NAME, SECURE_NAME):
            answer.headers.append("set-cookie", cleared(name))
        return answer

    return routes


def form_of(body: bytes) -> dict[str, str]:
    """Return the fields of a form; of several of a name the first."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise MalformedError(f"The form is not UTF-8, or has more than {MOST_FIELDS} fields.") from error
    return {name: values[0] for name, values in fields.items()}


def own(address: str) -> str:
    """Return where to go back to: an address of this service, whatever was asked for."""
    return address if OWN.fullmatch(address) and not NOT_BACK.match(address) else "/"


def client_of(request: Request) -> str:
    """Return who tries: the connection's address and what the nearest proxy wrote down.

    Both, so that nobody who comes by another way uses up the attempts of who comes through the proxy.
    """
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    return f"{request.client.host if request.client else 'unknown'} {forwarded[:64]}"


def in_words(seconds: float) -> str:
    """Return a lifetime as people say it."""
    hours, minutes = seconds / 3600, seconds / 60
    number, unit = (hours, "hour") if hours >= 1 else (minutes, "minute")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _onward(address: str) -> Response:
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": address, "cache-control": "no-store"})
