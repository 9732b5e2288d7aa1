"""How the operator asks a gateway which table it serves."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from opsbuddy_operator.reconcile import gateways as module
from opsbuddy_operator.reconcile.gateways import HttpGatewayProbe
from tests.support.certificates import self_signed


@pytest.fixture
async def probe() -> AsyncIterator[HttpGatewayProbe]:
    async with aiohttp.ClientSession() as session:
        yield HttpGatewayProbe(session)


async def port_of(runner: web.AppRunner, tls: ssl.SSLContext | None) -> int:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner.addresses[0][1]


def gateway(answer: object) -> web.AppRunner:
    async def status(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/status", status)
    return web.AppRunner(app)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    for file, text in zip((chain, key), self_signed("gateway"), strict=True):
        file.write_text(text)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    return context


async def test_a_gateway_that_speaks_tls_is_asked_by_its_pods_address(probe, tls):
    runner = gateway({"routes": {"sha256": "abc"}})
    try:
        port = await port_of(runner, tls)
        assert await probe.serves("https", "127.0.0.1", port) == "abc"
        assert await probe.serves("http", "127.0.0.1", port) is None, "plain text says nothing, and raises nothing"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("answer", [{}, [], {"routes": None}, {"routes": {"sha256": 1}}])
async def test_a_gateway_that_answers_something_else_has_not_said(probe, answer):
    runner = gateway(answer)
    try:
        assert await probe.serves("http", "127.0.0.1", await port_of(runner, None)) is None
    finally:
        await runner.cleanup()


async def test_a_long_answer_is_read_to_its_end(probe):
    """One that lists hundreds of services comes in several pieces."""
    runner = gateway({"routes": {"sha256": "abc"}, "upstreams": ["x" * 100] * 5000})
    try:
        assert await probe.serves("http", "127.0.0.1", await port_of(runner, None)) == "abc"
    finally:
        await runner.cleanup()


async def test_an_answer_without_an_end_has_not_said(probe, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER", 1000)
    runner = gateway({"routes": {"sha256": "abc"}, "upstreams": ["x" * 1000]})
    try:
        assert await probe.serves("http", "127.0.0.1", await port_of(runner, None)) is None
    finally:
        await runner.cleanup()
