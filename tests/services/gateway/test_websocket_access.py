"""Who may open a WebSocket: the rules of a route hold for the handshake, and a client sees which one refused it."""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.services.gateway.process import Gateway, route, running
from tests.services.gateway.test_access import KEY, KEYS, REQUIRED, SECRET, bearer, token
from tests.services.gateway.test_websocket import Echo, opened
from tests.services.gateway.test_websocket import echo as echo  # noqa: PLC0414 - a fixture

KEYED = {"jwt_secret": SECRET, "api_keys": KEYS}
ORIGINS = {"cors": {"allowOrigins": ["https://ops.example"]}}


def serving(tmp_path, echo: Echo, spec: dict[str, Any], **settings: Any):
    return running(tmp_path, {"file-service": [f"127.0.0.1:{echo.port}"]}, route(**spec), **settings)


async def speaks(gateway: Gateway, **options: Any) -> bool:
    """Whether a socket can be opened and used."""
    async with opened(gateway, **options) as socket:
        await socket.send("x")
        return await socket.recv() == "x"


async def refused(gateway: Gateway, status: int, reason: str, **options: Any) -> Response:
    """Check that a handshake is refused with a problem that says why, and return the answer."""
    with pytest.raises(InvalidStatus) as raised:
        await opened(gateway, **options)
    return checked(raised.value.response, status, reason)


def checked(response: Response, status: int, reason: str) -> Response:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = json.loads(response.body or b"")
    assert (problem["status"], problem["reason"], response.headers["x-gateway-reason"]) == (status, reason, reason)
    return response


async def test_over_the_limit_a_handshake_is_429_with_the_time_to_wait(tmp_path, echo: Echo):
    async with serving(tmp_path, echo, {"rateLimit": {"requestsPerSecond": 1}}) as gateway:

        async def attempt() -> Response | None:
            try:
                await (await opened(gateway)).close()
            except InvalidStatus as refusal:
                return refusal.response
            return None

        answers = await asyncio.gather(*(attempt() for _ in range(10)))  # at once: a second later one more may pass
    over = [checked(response, 429, "rate_limited") for response in answers if response]
    assert over
    assert len(echo.requests) == len(answers) - len(over)
    assert over[0].headers["retry-after"] == "1"
    assert over[0].headers["ratelimit"].startswith('"client";r=0;')


@pytest.mark.parametrize("headers", [{}, bearer("x.y.z"), bearer(token(exp=1)), {"x-api-key": KEY + "x"}])
async def test_without_a_credential_that_holds_a_handshake_is_401(tmp_path, echo: Echo, headers: dict[str, str]):
    async with serving(tmp_path, echo, REQUIRED, **KEYED) as gateway:
        response = await refused(gateway, 401, "unauthenticated", additional_headers=headers)
    assert "www-authenticate" in response.headers
    assert not echo.requests


@pytest.mark.parametrize(("headers", "who"), [(bearer(token()), "ada"), ({"x-api-key": KEY}, "robot")])
async def test_with_a_credential_the_service_learns_who_opened_it(tmp_path, echo: Echo, headers, who: str):
    async with serving(tmp_path, echo, REQUIRED, **KEYED) as gateway:
        assert await speaks(gateway, additional_headers={**headers, "x-opsbuddy-subject": "root"})
    assert echo.requests[0].headers.get_all("x-opsbuddy-subject") == [who]
    assert echo.requests[0].headers.get_all("x-api-key") == []


async def test_without_the_role_a_handshake_is_403_that_names_it(tmp_path, echo: Echo):
    spec = {"authentication": {"mode": "Required", "roles": ["writer"]}}
    async with serving(tmp_path, echo, spec, **KEYED) as gateway:
        response = await refused(gateway, 403, "forbidden", additional_headers=bearer(token()))
        assert await speaks(gateway, additional_headers={"x-api-key": KEY})
    assert b"lacks the role writer" in (response.body or b"")
    assert len(echo.requests) == 1


async def test_a_refused_handshake_is_one_warning_and_no_error_in_the_log(tmp_path, capsys, echo: Echo):
    async with serving(tmp_path, echo, REQUIRED, **KEYED) as gateway:
        await refused(gateway, 401, "unauthenticated")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert not [line["message"] for line in lines if "handshake" in line["message"]]
    warnings = [line for line in lines if line["level"] == "WARNING" and line["logger"] == "proxy"]
    assert [line["data"]["reason"] for line in warnings] == [
        "unauthenticated"
    ]  # others are of a start that took a while


async def test_without_keys_to_check_with_a_handshake_is_503(tmp_path, echo: Echo):
    spec = {"authentication": {"mode": "Required", "methods": ["JWT"]}}
    async with serving(tmp_path, echo, spec) as gateway:
        await refused(gateway, 503, "no_keys", additional_headers=bearer(token()))


@pytest.mark.parametrize("origin", ["https://ops.example.evil", "http://ops.example", "null"])
async def test_a_page_of_an_origin_that_is_not_allowed_opens_none(tmp_path, echo: Echo, origin: str):
    async with serving(tmp_path, echo, ORIGINS) as gateway:
        response = await refused(gateway, 403, "forbidden", origin=origin)
    assert "access-control-allow-origin" not in response.headers
    assert not echo.requests


async def test_pages_of_allowed_origins_and_of_the_gateway_s_own_open_one_and_so_does_who_is_no_page(
    tmp_path, echo: Echo
):
    async with serving(tmp_path, echo, ORIGINS) as gateway:
        assert await speaks(gateway, origin="https://ops.example")
        assert await speaks(gateway, origin=gateway.url)
        assert await speaks(gateway)


async def test_where_no_origins_are_declared_the_origin_is_the_service_s_own_affair(tmp_path, echo: Echo):
    async with serving(tmp_path, echo, {}) as gateway:
        assert await speaks(gateway, origin="https://any.example")
    assert echo.requests[0].headers["origin"] == "https://any.example"
