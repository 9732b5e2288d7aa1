"""Who may use a route, how often and from which pages, as callers of a running gateway see it."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, raw, route, running, table
from tests.services.gateway.upstream import Upstream
from tests.support.cases import cases
from tests.support.wait import eventually

SECRET = "a secret of the tests, long enough for HS256"
KEY = "k" * 43
KEYS = f"robot:{hashlib.sha256(KEY.encode()).hexdigest()}:writer,reader"
REQUIRED: dict[str, Any] = {"authentication": {"mode": "Required"}}


def token(secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode(
        {"sub": "ada", "exp": time.time() + 3600, "roles": ["reader"]} | claims, secret, algorithm="HS256"
    )


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def asked(gateway, path: str = "/api/files/200", method: str = "GET", **headers: str):
    async with session(gateway) as http, http.request(method, path, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_nothing_is_asked_and_nothing_added_by_default(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route()) as gateway:
        status, headers, _ = await asked(gateway, origin="https://a.example")
    assert status == 200
    assert not {name.lower() for name in headers} & {
        "ratelimit",
        "ratelimit-policy",
        "www-authenticate",
        "access-control-allow-origin",
    }


async def test_over_its_limit_a_client_is_told_when_to_come_back(tmp_path, upstream: Upstream):
    limited = route(rateLimit={"requestsPerSecond": 1, "burst": 2})
    async with running(tmp_path, {"file-service": [upstream.address]}, limited) as gateway:
        first = await asked(gateway)
        await asked(gateway)
        status, headers, body = await asked(gateway)
    assert (first[0], first[1]["RateLimit-Policy"], first[1]["RateLimit"]) == (
        200,
        '"client";q=2;w=2',
        '"client";r=1;t=1',
    )
    assert (status, headers["Retry-After"], headers["X-Gateway-Reason"]) == (429, "1", "rate_limited")
    assert headers["RateLimit"].startswith('"client";r=0;')
    assert json.loads(body)["reason"] == "rate_limited"
    assert len(upstream.requests) == 2


async def test_one_setting_limits_every_route(tmp_path, upstream: Upstream):
    routes = route(), route("/api/more")
    async with running(tmp_path, {"file-service": [upstream.address]}, *routes, rate_limit_per_second=1) as gateway:
        statuses = [(await asked(gateway))[0], (await asked(gateway, "/api/more/200"))[0]]
    assert statuses == [200, 429]


async def test_with_a_limit_by_token_each_caller_has_its_own(tmp_path, upstream: Upstream):
    limited = route(rateLimit={"requestsPerSecond": 1, "by": "Token"}, **REQUIRED)
    async with running(tmp_path, {"file-service": [upstream.address]}, limited, jwt_secret=SECRET) as gateway:
        statuses = [(await asked(gateway, **bearer(token(sub=who))))[0] for who in ("ada", "bob", "ada")]
        guesses = [(await asked(gateway, **bearer(f"guess{n}")))[0] for n in range(2)]
    assert statuses == [200, 200, 429]
    assert guesses == [401, 429]


async def test_a_new_table_does_not_reset_the_counts(tmp_path, upstream: Upstream):
    limited = route(rateLimit={"requestsPerSecond": 1})
    async with running(tmp_path, {"file-service": [upstream.address]}, limited) as gateway:
        before = (await gateway.status())["routes"]["sha256"]
        limited = route(rateLimit={"requestsPerSecond": 1, "burst": 60})
        gateway.write(table(limited))

        async def served() -> bool:
            return (await gateway.status())["routes"]["sha256"] != before

        await eventually(served)
        remaining = (await asked(gateway))[1]["RateLimit"]
        before = (await gateway.status())["routes"]["sha256"]
        gateway.write(table(limited, route("/api/other")))
        await eventually(served)
        after = (await asked(gateway))[1]["RateLimit"]
    assert (remaining[:13], after[:13]) == ('"client";r=59', '"client";r=58')


@pytest.fixture
async def strict(tmp_path, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway that asks for a token of one issuer and one audience."""
    settings = {"jwt_secret": SECRET, "jwt_issuer": "us", "jwt_audience": "we"}
    async with running(tmp_path, {"file-service": [upstream.address]}, route(**REQUIRED), **settings) as gateway:
        yield gateway


@cases(
    ("headers", "words"),
    [
        ({}, "needs a credential"),
        (bearer("x.y.z"), "cannot be read"),
        (bearer(token("another secret that is long enough too")), "signature does not hold"),
        (bearer(token(exp=1)), "has expired"),
        (bearer(token(nbf=time.time() + 3600)), "not valid yet"),
        (bearer(token(iss="else")), "another issuer"),
        (bearer(token(iss="us", aud="else")), "another audience"),
        (bearer(token(iss="us", aud="we", sub="two words")), "subject"),
        (bearer(token(iss="us", aud="we", sub="a\r\nx-opsbuddy-roles: admin")), "subject"),
        (bearer(jwt.encode({"sub": "ada"}, SECRET, algorithm="HS256")), "lacks the claim exp"),
        (bearer(jwt.encode({"sub": "ada", "exp": time.time() + 60}, SECRET + SECRET, algorithm="HS512")), "not accepted"),
        (bearer(jwt.encode({"sub": "ada", "exp": time.time() + 60}, None, algorithm="none")), "not accepted"),
        ({"authorization": "Basic YTpi"}, "needs a credential"),
    ],
)  # fmt: skip
async def test_a_credential_that_does_not_hold_is_401_with_a_challenge(
    strict: Gateway, upstream: Upstream, headers: dict[str, str], words: str
):
    status, given, body = await asked(strict, **headers)
    assert (status, given["X-Gateway-Reason"]) == (401, "unauthenticated")
    assert given["WWW-Authenticate"].startswith("Bearer")
    assert words in json.loads(body)["detail"]
    assert not upstream.requests


async def test_services_learn_who_asks_and_clients_cannot_say_it_themselves(tmp_path, upstream: Upstream):
    routes = route(**REQUIRED), route("/api/open")
    settings = {"jwt_secret": SECRET, "api_keys": KEYS}
    forged = {"x-opsbuddy-subject": "root", "x-opsbuddy-roles": "admin", "connection": "keep-alive, x-opsbuddy-subject"}
    async with running(tmp_path, {"file-service": [upstream.address]}, *routes, **settings) as gateway:
        await asked(gateway, **forged, **bearer(token()))
        await asked(gateway, **forged, **{"x-api-key": KEY})
        await asked(gateway, "/api/open/200", **forged)
    by_token, by_key, nobody = upstream.requests
    names = ("x-opsbuddy-subject", "x-opsbuddy-roles", "x-opsbuddy-auth-method")
    assert [by_token.header(name) for name in names] == ["ada", "reader", "JWT"]
    assert [by_key.header(name) for name in names] == ["robot", "reader,writer", "APIKey"]
    assert by_key.header("x-api-key") is None
    assert [nobody.header(name) for name in names] == [None, None, None]


async def test_the_missing_role_is_named(tmp_path, upstream: Upstream):
    needing = route(authentication={"mode": "Required", "roles": ["writer"]})
    settings = {"jwt_secret": SECRET, "api_keys": KEYS}
    async with running(tmp_path, {"file-service": [upstream.address]}, needing, **settings) as gateway:
        status, _, body = await asked(gateway, **bearer(token()))
        with_key = await asked(gateway, **{"x-api-key": KEY})
        wrong_key = await asked(gateway, **{"x-api-key": KEY + "x"})
    assert status == 403
    assert "lacks the role writer" in json.loads(body)["detail"]
    assert (with_key[0], wrong_key[0]) == (200, 401)


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["writer"]}}),
        ("https://example.org/roles", {"https://example.org/roles": ["writer"]}),
    ],
)
async def test_roles_are_found_inside_of_claims_and_under_names_with_dots(
    tmp_path, upstream: Upstream, claim: str, claims: dict[str, Any]
):
    needing = route(authentication={"mode": "Required", "methods": ["JWT"], "roles": ["writer"]})
    settings = {"jwt_secret": SECRET, "jwt_roles_claim": claim}
    async with running(tmp_path, {"file-service": [upstream.address]}, needing, **settings) as gateway:
        status, _, _ = await asked(gateway, **bearer(token(**claims)))
    assert status == 200


async def test_one_setting_asks_on_every_route_but_those_that_are_open(tmp_path, upstream: Upstream):
    routes = route(), route("/api/open", authentication={"mode": "None"})
    settings = {"jwt_secret": SECRET, "authentication": "required"}
    async with running(tmp_path, {"file-service": [upstream.address]}, *routes, **settings) as gateway:
        statuses = [(await asked(gateway))[0], (await asked(gateway, "/api/open/200"))[0]]
    assert statuses == [401, 200]


async def test_without_keys_nobody_passes(tmp_path, upstream: Upstream):
    needing = route(authentication={"mode": "Required", "methods": ["JWT"]})
    async with running(tmp_path, {"file-service": [upstream.address]}, needing) as gateway:
        status, headers, _ = await asked(gateway, **bearer(token()))
    assert (status, headers["X-Gateway-Reason"]) == (503, "no_keys")


async def test_a_refused_upload_is_answered_to_a_client_that_writes_all_before_it_reads(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(**REQUIRED), jwt_secret=SECRET) as gateway:
        head = b"POST /api/files/x HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 20000000\r\n\r\n"
        answer = await raw(gateway.port, head + bytes(20_000_000))
        expecting = await raw(gateway.port, head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 401")
    assert expecting.startswith(b"HTTP/1.1 401")
    assert not upstream.requests


CORS: dict[str, Any] = {"cors": {"allowOrigins": ["https://ops.example"], "allowCredentials": True, "maxAge": "5m"}}
PREFLIGHT = {"access-control-request-method": "PUT", "access-control-request-headers": "Content-Type, X-More"}


async def test_the_gateway_answers_preflights_itself(tmp_path, upstream: Upstream):
    open_to_one = route(methods=["PUT"], **CORS, **REQUIRED)
    async with running(tmp_path, {"file-service": [upstream.address]}, open_to_one) as gateway:
        status, headers, _ = await asked(gateway, method="OPTIONS", origin="https://ops.example", **PREFLIGHT)
        stranger = await asked(gateway, method="OPTIONS", origin="https://ops.example.evil", **PREFLIGHT)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "https://ops.example"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert "PUT" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "Content-Type, X-More"
    assert headers["Access-Control-Max-Age"] == "300"
    assert stranger[0] == 204
    assert not [name for name in stranger[1] if name.lower().startswith("access-control-")]
    assert not upstream.requests


async def test_a_page_can_read_answers_and_refusals(tmp_path, upstream: Upstream):
    routes = route(**CORS), route("/api/shut", **CORS, **REQUIRED)
    async with running(tmp_path, {"file-service": [upstream.address]}, *routes, jwt_secret=SECRET) as gateway:
        answer = await asked(gateway, origin="https://ops.example")
        refusal = await asked(gateway, "/api/shut/200", origin="https://ops.example")
        stranger = await asked(gateway, origin="null")
    assert (answer[0], refusal[0]) == (200, 401)
    assert {a[1]["Access-Control-Allow-Origin"] for a in (answer, refusal)} == {"https://ops.example"}
    assert "Access-Control-Allow-Origin" not in stranger[1]
    assert "Origin" in stranger[1]["Vary"]


async def test_every_origin_is_never_given_credentials(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(), cors_origins="*") as gateway:
        _, headers, _ = await asked(gateway, origin="https://any.example")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


async def test_status_says_on_which_way_a_credential_is_asked_for(tmp_path, upstream: Upstream):
    routes = route(**REQUIRED), route("/api/more", service="more")
    endpoints = {"file-service": [upstream.address], "more": [upstream.address]}
    async with running(tmp_path, endpoints, *routes, api_keys=KEYS, jwt_secret=SECRET) as gateway:
        asked_for = {name: (await gateway.service(name))["credentials"] for name in ("file-service", "more")}
    assert asked_for == {"file-service": ["APIKey", "JWT"], "more": []}
