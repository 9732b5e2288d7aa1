"""Signing in at a gateway that asks who comes: what the browser keeps, and what the gateway gets."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx2
import jwt
import pytest
from cryptography.fernet import Fernet

from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.settings import UiSettings
from tests.support.apps import client
from tests.support.fake_gateway import FakeGateway, service
from tests.support.wait import eventually

KEY = "0f" * 32
FORM = {"content-type": "application/x-www-form-urlencoded"}
OTHERS = "gAAAAABrCISjTNgBpY_Zghbsi3WFhOH0ezc2ugBZVjn30MinbOIP5PhfinC4z_Y4xGA8v_POkywm183bt8PQ0DuQHl63vEcBWg=="  # sealed by another key
PANEL = "/panels/utility/system"
Start = Callable[..., Any]


@pytest.fixture
async def closed(gateway: FakeGateway) -> FakeGateway:
    gateway.key = KEY
    return gateway


@pytest.fixture
def settings(gateway: FakeGateway) -> UiSettings:
    return UiSettings(gateway_url=gateway.url, refresh_seconds=0.05, gateway_timeout=5, sign_in_first=False)


@pytest.fixture
async def http(settings: UiSettings, closed: FakeGateway) -> AsyncIterator[httpx2.AsyncClient]:
    app, _ = build(settings)
    async with client(app) as session:

        async def heard() -> bool:
            return (await session.get("/api/services/status")).json()["live"]

        await eventually(heard)
        yield session


async def sign_in(http: httpx2.AsyncClient, pasted: str = KEY, back: str = "", **headers: str) -> httpx2.Response:
    return await http.post("/login", data={"credential": pasted, "next": back}, headers=headers)


def words(page: httpx2.Response) -> str:
    found = re.search(r'id="credential-wrong" role="alert">([^<]*)<', page.text)
    return unescape(found[1]) if found else ""


def token(**claims: Any) -> str:
    return jwt.encode({"sub": "ada", "exp": int(time.time()) + 600} | claims, "s" * 40, algorithm="HS256")


async def test_what_is_locked_says_so_and_leads_to_the_sign_in(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/utility?q=a%26b")).text
    assert page.count("Locked</span>") == 3
    assert "does not answer here" not in page
    assert 'hx-trigger="every 3s"' not in page
    assert f'href="/login?next={quote("/utility?q=a%26b", safe="/")}"' in page
    assert "Sign out" not in page
    page = (await http.get(PANEL)).text
    assert "The gateway shows what utility-service has to those who say who they are." in page


async def test_who_signs_in_gets_a_cookie_that_opens_everything_and_comes_back(
    http: httpx2.AsyncClient, closed: FakeGateway
) -> None:
    answer = await sign_in(http, f"  {KEY}\n", "/files?q=a%20b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/files?q=a%20b")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"opsbuddy-session=[\w=-]+; Max-Age=(43200|43199); Path=/; HttpOnly; SameSite=Lax", cookie), (
        cookie
    )
    assert KEY not in cookie
    closed.received.clear()
    for path in ("/files", "/api/files", "/panels/timeseries/metrics", "/api/analytics/logs"):
        await http.get(path)
    assert len(closed.received) >= 4
    assert {each.headers.get("x-api-key") for each in closed.received} == {KEY}
    assert not {name for each in closed.received for name in each.headers if name.lower() == "cookie"}
    page = (await http.get("/files")).text
    assert "Signed in with an API key" in page
    assert "Locked</span>" not in page
    assert KEY not in page


async def test_a_token_names_who_it_is_and_ends_the_session_with_itself(
    http: httpx2.AsyncClient, closed: FakeGateway
) -> None:
    closed.key = token(sub="<b>ada</b>")
    answer = await sign_in(http, f"Bearer {closed.key}")
    assert answer.status_code == 303
    assert 590 <= int(re.findall(r"Max-Age=(\d+)", answer.headers["set-cookie"])[0]) <= 600
    page = (await http.get("/")).text
    assert "Signed in as <b><bdi>&lt;b&gt;ada&lt;/b&gt;</bdi></b>" in page
    closed.received.clear()
    await http.get("/api/files")
    assert closed.received[0].headers["Authorization"] == f"Bearer {closed.key}"


@pytest.mark.parametrize(
    "secured", [{"x-forwarded-proto": "https"}, {"origin": "https://test"}, {"x-forwarded-proto": "https,http"}]
)
async def test_over_tls_the_cookie_is_of_this_host_alone(http: httpx2.AsyncClient, secured: dict[str, str]) -> None:
    cookie = (await sign_in(http, **secured)).headers["set-cookie"]
    assert re.fullmatch(r"__Host-opsbuddy-session=\S+; Max-Age=\d+; Path=/; HttpOnly; SameSite=Lax; Secure", cookie)
    sealed = cookie.partition("=")[2].partition(";")[0]
    forwarded = {"x-forwarded-proto": "https"}
    opened = await http.get("/files", headers=forwarded | {"cookie": f"__Host-opsbuddy-session={sealed}"})
    assert "Sign out" in opened.text
    planted = await http.get("/files", headers=forwarded | {"cookie": f"opsbuddy-session={sealed}"})
    assert "Sign out" not in planted.text


async def test_what_does_not_hold_is_said_at_the_field_and_never_shown_again(
    http: httpx2.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = await sign_in(http, "not-the-key-at-all")
    assert (answer.status_code, words(answer)) == (401, "Not signed in. The API key is not known here.")
    assert "set-cookie" not in answer.headers
    assert "ApiKey" in answer.headers["www-authenticate"]
    assert "not-the-key-at-all" not in answer.text
    forged = token(sub="root")
    assert (await sign_in(http, forged)).status_code == 401
    said = capfd.readouterr()
    assert "not-the-key-at-all" not in said.out + said.err
    assert forged not in said.out + said.err


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("", "Paste an API key or a token."),
        ("   ", "Paste an API key or a token."),
        ("two words", "This is more than one word; paste the key or token alone."),
        ("ключ", "This is more than one word; paste the key or token alone."),
        ("a\r\nx-opsbuddy-subject: root", "This is more than one word; paste the key or token alone."),
        ("k" * 20_000, "This has 20,000 characters; a key or token has 16,384 at most."),
    ],
)
async def test_what_cannot_be_a_credential_is_not_sent_to_the_gateway(
    http: httpx2.AsyncClient, closed: FakeGateway, pasted: str, said: str
) -> None:
    answer = await sign_in(http, pasted)
    assert (answer.status_code, words(answer)) == (422, said)
    assert not closed.received


async def test_a_token_that_no_browser_keeps_is_said_to_be_too_long(http: httpx2.AsyncClient) -> None:
    answer = await sign_in(http, token(groups=[Fernet.generate_key().decode() for _ in range(80)]))
    assert answer.status_code == 422
    assert "too long to be kept in a cookie" in words(answer)


async def test_a_gateway_that_does_not_say_keeps_nothing(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    closed.undecided = "no_keys"
    for _ in range(12):  # says nothing of the key, so it does not count
        answer = await sign_in(http)
        assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)
    assert "the gateway did not say whether this holds. The gateway has no keys. Nothing was kept" in words(answer)
    await closed.stop()
    answer = await sign_in(http)
    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)


async def test_a_dead_service_keeps_nobody_out(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    for path in ("files", "utils", "analytics", "timeseries"):
        closed.answers["GET", f"/api/{path}/health"] = (503, {"x-gateway-reason": "no_endpoint"}, b"{}")
    assert (await sign_in(http)).status_code == 303


async def test_a_key_where_only_tokens_are_taken_is_told_apart(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    closed.services = [service("file-service", credentials=["JWT"])]

    async def told() -> bool:
        return words(await sign_in(http)) == "Not signed in. This is an API key; the gateway asks for a token."

    await eventually(told)


async def test_attempts_are_limited_and_the_right_one_is_taken_before(http: httpx2.AsyncClient) -> None:
    for _ in range(9):
        assert (await sign_in(http, "wrong")).status_code == 401
    assert (await sign_in(http)).status_code == 303
    answers = [await sign_in(http, "wrong") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert words(answers[-1]).startswith("Too many attempts; try again in ")
    assert (await sign_in(http, **{"x-forwarded-for": "203.0.113.9"})).status_code == 303


async def test_the_address_that_the_nearest_proxy_wrote_counts_however_many_a_client_makes_up(
    http: httpx2.AsyncClient,
) -> None:
    for number in range(10):
        made_up = [("x-forwarded-for", f"198.51.100.{number}"), ("x-forwarded-for", "203.0.113.9")]
        assert (await http.post("/login", data={"credential": "wrong"}, headers=made_up)).status_code == 401
    assert (await http.post("/login", data={"credential": "wrong"}, headers=made_up)).status_code == 429


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/files?q=1#x", "/files?q=1#x"),
        ("/api/files/7/download", "/api/files/7/download"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/a\\b", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("/login?next=/login", "/"),
        ("/logout", "/"),
        ("/loginx", "/loginx"),
        ("/ключ", "/"),
        ("/" + "a" * 5000, "/"),
        ("", "/"),
    ],
)
async def test_one_comes_back_to_an_address_of_ours_alone(http: httpx2.AsyncClient, asked: str, led: str) -> None:
    page = (await http.get(f"/login?next={quote(asked, safe='')}")).text
    assert f'name="next" value="{led}"' in page
    answer = await sign_in(http, back=asked)
    assert (answer.status_code, answer.headers["location"]) == (303, led)


async def test_the_stream_of_a_page_ends_with_the_session(gateway: FakeGateway, closed: FakeGateway) -> None:
    short = UiSettings(gateway_url=gateway.url, refresh_seconds=0.05, gateway_timeout=5, session_hours=1.5 / 3600)
    async with client(build(short)[0]) as http:
        assert (await sign_in(http)).status_code == 303
        answer = await asyncio.wait_for(http.get("/events"), 15)  # comes when the stream has ended
        assert b"event: state" in answer.content


async def test_signing_out_ends_it(http: httpx2.AsyncClient) -> None:
    await sign_in(http)
    assert "Sign out" in (await http.get("/")).text
    answer = await http.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert sorted(each.partition("=")[0] for each in answer.headers.get_list("set-cookie")) == [
        "__Host-opsbuddy-session",
        "opsbuddy-session",
    ]
    assert "Sign out" not in (await http.get("/")).text
    assert "Locked</span>" in (await http.get(PANEL)).text


@pytest.mark.parametrize("forged", ["x", "", "gAAAAAB", OTHERS, '"'])
async def test_a_forged_cookie_is_as_none_and_goes(http: httpx2.AsyncClient, closed: FakeGateway, forged: str) -> None:
    cookie = {"cookie": f'other={{"a": 1}}; opsbuddy-session={forged}'}
    answer = await http.get("/files", headers=cookie)
    assert "Locked</span>" in answer.text
    assert answer.headers["set-cookie"] == "opsbuddy-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    assert all("x-api-key" not in each.headers for each in closed.received)
    asset = next(iter(re.findall(r"/assets/[^\" ]+", answer.text)))
    assert "set-cookie" not in (await http.get(asset, headers=cookie)).headers


async def test_a_header_of_the_callers_own_wins_over_the_cookie(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    await sign_in(http)
    closed.received.clear()
    assert (await http.get("/api/files", headers={"authorization": "Bearer mine"})).status_code == 401
    assert "x-api-key" not in closed.received[0].headers
    page = (await http.get("/files", headers={"x-api-key": KEY})).text
    assert "Locked</span>" not in page
    assert "Sign in" not in page


@pytest.mark.parametrize("of_a_proxy", [{"authorization": "Basic dTpw"}, {"x-api-key": ""}])
async def test_what_a_proxy_in_front_asked_for_locks_nobody_out(
    http: httpx2.AsyncClient, closed: FakeGateway, of_a_proxy: dict[str, str]
) -> None:
    assert "Sign in" in (await http.get("/files", headers=of_a_proxy)).text
    await sign_in(http)
    closed.received.clear()
    page = (await http.get("/files", headers=of_a_proxy)).text
    assert "Locked</span>" not in page
    assert "Sign out" in page
    assert {request.headers.get("authorization") for request in closed.received} == {None}


@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_a_page_of_another_site_signs_nobody_in_or_out(http: httpx2.AsyncClient, path: str) -> None:
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = await http.post(path, data={"credential": KEY}, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"credential=%ff", 400), (b"a=1&" * 30, 400), (b"credential=" + b"x" * 200_000, 413)],
)
async def test_a_form_that_cannot_be_read_is_refused(http: httpx2.AsyncClient, content: bytes, status: int) -> None:
    assert (await http.post("/login", content=content, headers=FORM)).status_code == status


async def test_where_nobody_is_asked_nothing_of_it_is_shown(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    await sign_in(http)
    closed.key = None

    async def open_to_all() -> bool:
        return "Sign" not in (await http.get("/")).text

    await eventually(open_to_all)
    page = (await http.get("/login?next=/files")).text
    assert "Nobody needs to sign in" in page
    assert "credential" not in page
    answer = await sign_in(http, "anything", "/files")
    assert (answer.status_code, answer.headers["location"], "set-cookie" in answer.headers) == (303, "/files", False)


async def test_who_lacks_a_role_is_told_so(http: httpx2.AsyncClient, closed: FakeGateway) -> None:
    await sign_in(http)
    refusal = b'{"detail": "robot lacks the role oncall.", "reason": "forbidden"}'
    closed.answers["GET", "/api/utils/system/info"] = (403, {"x-gateway-reason": "forbidden"}, refusal)
    panel = (await http.get(PANEL)).text
    assert "Not allowed</span> robot lacks the role oncall." in panel
    assert "Sign in as someone else" in panel


async def test_a_credential_that_holds_no_longer_is_told_with_the_reason(
    http: httpx2.AsyncClient, closed: FakeGateway
) -> None:
    await sign_in(http)
    closed.key = "1e" * 32
    panel = (await http.get(PANEL)).text
    assert "What you signed in with does not hold any more. The API key is not known here." in panel
    assert "Sign in again" in panel


async def test_sessions_outlive_a_start_and_a_change_of_keys_where_keys_are_given(
    settings: UiSettings, closed: FakeGateway
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    async def page_of(keys: str | None, cookie: str = "") -> tuple[str, str]:
        app, _ = build(UiSettings(**(settings.model_dump() | {"session_keys": keys})))
        async with client(app) as http:
            sealed = (await sign_in(http)).headers["set-cookie"].partition(";")[0]
            http.cookies.clear()
            return sealed, (await http.get("/", headers={"cookie": cookie} if cookie else {})).text

    first, _ = await page_of(old)
    assert "Sign out" in (await page_of(f"{new},{old}", first))[1]
    assert "Sign out" not in (await page_of(new, first))[1]
    assert "Sign out" not in (await page_of(None, (await page_of(None))[0]))[1]


def test_keys_that_are_none_are_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="key 2 is no Fernet key") as refused:
        UiSettings(session_keys=f"{Fernet.generate_key().decode()},hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)
